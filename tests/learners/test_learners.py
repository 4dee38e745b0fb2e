"""Learner administration: who sees whom, masks, reveals with a purpose, moves within one's own organisation."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from app.audit.models import AuditEvent
from app.kernel.database import db
from app.kernel.errors import Forbidden, Invalid, NotFound
from app.learners import queries, services
from app.learners.models import Learner
from app.security import personal
from tests.support.story import Cast, log_in

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


def _learner(cast: Cast, word: str) -> Learner:
    return db.session.get_one(Learner, cast.learner(word))


def _found(word: str) -> list[str]:
    return [row.name for row in db.session.scalars(queries.named(select(Learner), word).order_by(Learner.id))]


def test_people_are_found_by_name_pinyin_and_initials_and_by_whole_numbers_only(cast: Cast) -> None:
    for word in ("曾炫云", "炫云", "zengxuanyun", "zxy"):
        assert "曾炫云" in _found(word), word
    assert _found("没有的人") == []
    number = personal.reveal(_learner(cast, "learner").person, "identity")
    assert number
    exact = queries.with_identity_or_mobile(select(Learner), number)
    assert [row.name for row in db.session.scalars(exact)] == ["曾炫云"]
    part = queries.with_identity_or_mobile(select(Learner), number[:-1])
    assert db.session.scalars(part).all() == []


@SQLITE
def test_a_reveal_needs_a_purpose_and_leaves_it_in_the_trail(cast: Cast) -> None:
    learner = cast.learner("learner")

    def look(word: str, part: str, purpose: str) -> str | None:
        return cast.act(
            word, lambda uow: services.reveal(uow, uow.session.get_one(Learner, learner), part, purpose)
        )

    with pytest.raises(Invalid, match="what you need it for"):
        look("point", "identity", " x ")
    with pytest.raises(NotFound):
        look("point", "wrapped_key", "核对证件")
    for stranger in ("point2", "committee", "auditor", "admin", "assessor"):
        with pytest.raises(Forbidden):
            look(stranger, "identity", "核对证件")
    shown = look("point", "identity", "核对证件原件")
    assert shown == personal.reveal(_learner(cast, "learner").person, "identity")
    event = db.session.scalars(
        select(AuditEvent.canonical)
        .where(AuditEvent.action == "learner.revealed")
        .order_by(AuditEvent.sequence.desc())
    ).first()
    assert event is not None
    assert "核对证件原件" in event.decode()
    assert str(shown) not in event.decode()


@SQLITE
def test_staff_see_masks_and_only_people_of_their_own(cast: Cast, demo: Flask) -> None:
    mine, theirs = _learner(cast, "learner"), _learner(cast, "learner3")
    number = personal.reveal(mine.person, "identity") or ""
    point = log_in(demo, "point")
    page = point.get(f"/console/records/learner/{mine.id}").text
    assert number not in page
    assert f"{number[:4]}**********{number[-4:]}" in page
    assert point.get(f"/console/records/learner/{theirs.id}").status_code == 404
    assert "王𬭎喆" not in point.get("/console/records/learner/").text
    auditor = log_in(demo, "auditor").get(f"/console/records/learner/{mine.id}").text
    assert "曾炫云" in auditor
    assert number not in auditor
    assert log_in(demo, "committee").get(f"/console/records/learner/{mine.id}").status_code == 403


@SQLITE
def test_a_point_moves_learners_within_its_own_organisation_only(cast: Cast) -> None:
    foreign = _learner(cast, "learner3").home_point_id

    def move(word: str, home: int) -> None:
        def step(uow: object) -> None:
            row = uow.session.get_one(Learner, cast.learner("learner"))  # type: ignore[attr-defined]
            before, row.home_point_id = row.home_point_id, home
            services.check_home(uow, row, before)  # type: ignore[arg-type]

        cast.act(word, step)

    with pytest.raises(Forbidden):
        move("point", foreign)
    move("center", foreign)
    db.session.expire_all()
    assert _learner(cast, "learner").home_point_id == foreign
