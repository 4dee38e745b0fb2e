"""Reading: the rows of the screen and no others, page by page, and refusals that programs understand."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.achievements.models import Achievement
from app.conversion.models import ConversionApplication
from app.kernel.database import db
from app.learners.models import Learner
from app.security.rows import restrict
from tests.api.conftest import Program, Programs
from tests.support.story import Cast

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


def _all(program: Program, path: str) -> list[dict[str, Any]]:
    """Every row, following ``next`` to the end."""
    found: list[dict[str, Any]] = []
    address: str | None = path
    while address:
        answer = program.get(address)
        assert answer.status_code == 200, answer.text
        found += answer.json["items"]  # type: ignore[index]
        address = answer.json["next"]  # type: ignore[index]
        address = address and address.removeprefix("/api/v1")
    return found


@pytest.mark.parametrize("word", ["center", "institution", "point", "point2", "auditor"])
def test_rows_are_those_of_the_screen(demo: Flask, cast: Cast, program: Programs, word: str) -> None:
    mine = program(word)
    for path, model in (("/learners", Learner), ("/achievements", Achievement)):
        rows = _all(mine, f"{path}?limit=3")
        keys = [row["id"] for row in rows]
        assert keys == sorted(set(keys))
        may = restrict(select(model.id), model, cast.by(word))
        assert set(keys) == set(db.session.scalars(may))
    if word != "institution":
        rows = _all(mine, "/conversions?limit=2")
        may = restrict(select(ConversionApplication.id), ConversionApplication, cast.by(word))
        assert {row["id"] for row in rows} == set(db.session.scalars(may))


@SQLITE
def test_another_points_rows_do_not_exist(cast: Cast, program: Programs) -> None:
    mine = program("point")
    foreign = cast.learner("learner3")
    assert mine.get(f"/learners/{foreign}").status_code == 404
    assert mine.get(f"/learners/{cast.learner('learner2')}").status_code == 200
    theirs = db.session.scalars(select(Achievement.id).where(Achievement.learner_id == foreign)).first()
    assert mine.get(f"/achievements/{theirs}").status_code == 404
    assert _all(mine, f"/achievements?learner={foreign}") == []


@SQLITE
def test_roles_hold_although_a_key_has_the_scope(program: Programs, cast: Cast) -> None:
    """What the account may not do, no scope gives."""
    committee = program("committee")
    assert committee.get("/learners").status_code == 403
    assert program("point").get("/decisions").status_code == 403
    assert len(_all(program("auditor"), "/decisions?limit=5")) > 3


@SQLITE
def test_filters_narrow_and_unknown_ones_are_refused(program: Programs) -> None:
    mine = program("center")
    rows = _all(mine, "/catalogue/items?category=course&limit=7")
    assert rows
    assert {row["category"]["code"] for row in rows} == {"course"}
    assert {row["state"] for row in _all(mine, "/conversions?state=approved")} == {"approved"}
    word = rows[0]["name"][:2]
    assert all(word in row["name"] for row in _all(mine, f"/catalogue/items?q={word}"))
    for query in ("colour=red", "limit=0", "limit=x", "after=-1", "state=lost", "limit=1&limit=2", "q=%00"):
        answer = mine.get(f"/conversions?{query}")
        assert answer.status_code == 422, query
        assert answer.json["errors"][0]["pointer"].startswith("/")  # type: ignore[index]


@SQLITE
def test_rules_come_with_the_version_in_force(program: Programs) -> None:
    mine = program("institution")
    rule = next(row for row in _all(mine, "/rules?state=published") if "CET" in row["name"])
    assert rule["version"]["targets"][0]["ratio"] == "100"
    item = rule["version"]["sources"][0]["item"]["id"]
    assert rule["id"] in {row["id"] for row in _all(mine, f"/rules?source={item}")}
    assert mine.get(f"/rules/{rule['id']}").json == rule


@SQLITE
def test_sealed_data_stays_inside(program: Programs) -> None:
    text = program("center").get("/learners?limit=200").text
    for word in ("mobile", "email", "identity", "birth", "address"):
        assert word not in text


@SQLITE
def test_refusals_are_problem_details(program: Programs, demo: Flask) -> None:
    mine = program("point")
    for path, status in (
        ("/nothing", 404),
        ("/learners/999999", 404),
        ("/learners/99999999999999999999", 404),
    ):
        answer = mine.get(path)
        assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
        assert answer.json["status"] == status  # type: ignore[index]
        assert answer.json["instance"].startswith("/api/v1/")  # type: ignore[index]
    answer = mine._send("DELETE", "/learners")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


@SQLITE
def test_a_page_costs_few_queries(program: Programs, demo: Flask) -> None:
    from sqlalchemy import event

    mine = program("center")
    mine.get("/conversions")
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith(("BEGIN", "ROLLBACK", "COMMIT")):
            asked.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        for path in (
            "/learners",
            "/achievements",
            "/conversions",
            "/rules",
            "/recognitions",
            "/catalogue/items",
        ):
            asked.clear()
            assert mine.get(path).status_code == 200
            # the key, the rate, the page, and at most two lists that hang on its rows
            assert len(asked) <= 5, (path, asked)
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert db.session.scalar(select(func.count()).select_from(Learner))
