"""Kept views and phrases: one's own, shared where one says so, never another's to drop; the done page; ⌘K."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from app.kernel.database import db
from app.preferences.models import Phrase, SavedView
from tests.support.story import log_in, post

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
QUEUE = "/console/conversion/initial/"


def _keep(client: object, name: str, query: str, shared: bool = False) -> None:
    data: dict[str, object] = {"page": "InitialReviewDesk.queue", "name": name, "query": query, "back": QUEUE}
    answer = post(client, "/console/mine/views/keep", data | ({"shared": "1"} if shared else {}))  # type: ignore[arg-type]
    assert answer.location == QUEUE


def test_a_view_is_kept_shared_and_dropped_by_its_owner_alone(demo: Flask) -> None:
    point, center = log_in(demo, "point"), log_in(demo, "center")
    _keep(point, "法学", "rule=法学&after=x&columns=Name")
    _keep(point, "电子商务", "rule=电子商务", shared=True)
    assert "法学" in point.get(QUEUE).text
    theirs = center.get(QUEUE).text
    assert "电子商务</a>" in theirs
    assert "法学</a>" not in theirs
    kept = db.session.scalars(select(SavedView).order_by(SavedView.id)).all()
    assert "after" not in kept[0].query, "a place in the list is no part of a view"
    assert post(center, f"/console/mine/views/{kept[1].id}/drop", {}).status_code == 404
    post(point, f"/console/mine/views/{kept[1].id}/drop", {"back": "//evil.example"})
    assert "电子商务</a>" not in center.get(QUEUE).text


def test_views_of_pages_that_one_may_not_open_are_refused(demo: Flask) -> None:
    data: dict[str, object] = {"page": "AccountView.list", "name": "x", "query": ""}
    assert post(log_in(demo, "point"), "/console/mine/views/keep", data).status_code == 404
    assert (
        post(log_in(demo, "point"), "/console/mine/views/keep", {"page": "no.such", "name": "x"}).status_code
        == 404
    )


def test_columns_are_chosen_and_kept(demo: Flask) -> None:
    point = log_in(demo, "point")
    page = point.get(f"{QUEUE}?columns=Name&columns=Rule").text
    head = page.split("<thead>")[1].split("</thead>")[0]
    assert "规则名称" in head
    assert "协议名称" not in head
    assert "协议名称" not in point.get(QUEUE).text.split("<thead>")[1].split("</thead>")[0]
    assert "协议名称" in point.get(f"{QUEUE}?columns=*").text.split("<thead>")[1].split("</thead>")[0]


def test_phrases_are_ones_own(demo: Flask) -> None:
    point, center = log_in(demo, "point"), log_in(demo, "center")
    back = f"{QUEUE}5"
    for _twice in range(2):
        post(point, "/console/mine/phrases/keep", {"opinion": "材料齐全，同意。", "back": back})
    assert len(db.session.scalars(select(Phrase)).all()) == 1
    assert 'data-phrase="材料齐全，同意。"' in point.get(back).text
    assert "材料齐全" not in center.get(back).text
    key = db.session.scalars(select(Phrase.id)).one()
    assert post(center, f"/console/mine/phrases/{key}/drop", {}).status_code == 404
    post(point, f"/console/mine/phrases/{key}/drop", {})
    assert "材料齐全" not in point.get(back).text


def test_the_palette_finds_what_the_actor_may_read(demo: Flask) -> None:
    point, point2 = log_in(demo, "point"), log_in(demo, "point2")
    found = point.get("/console/lookup/everything?q=李怀").json["results"]  # type: ignore[index]
    assert any(one["text"].startswith("李怀宇") for one in found)
    assert point2.get("/console/lookup/everything?q=李怀").json["results"] == []  # type: ignore[index]
    cases = point.get("/console/lookup/everything?q=zh-2026").json["results"]  # type: ignore[index]
    assert {one["kind"] for one in cases} == {"转换初审"}


def test_the_done_page_says_how_much_was_done(demo: Flask) -> None:
    page = log_in(demo, "point").get("/console/conversion/initial/done").text
    assert "这里已全部办完" in page
