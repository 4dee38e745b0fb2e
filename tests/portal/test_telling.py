"""Announcements to an audience: each of them once, in pieces, also when a worker dies in the middle."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.audit.models import AuditEvent
from app.kernel.actor import SYSTEM
from app.kernel.clock import now
from app.kernel.database import db
from app.kernel.unit_of_work import UnitOfWork
from app.notices import services as notices
from app.notices.models import Notice, NoticeTemplate
from app.portal.models import Announcement
from app.portal.telling import tell_audiences
from app.security.models import Account, Person
from tests.support.story import Cast, log_in, post

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


def _announce(audience: str, **columns: object) -> int:
    with UnitOfWork(db.session, SYSTEM) as uow:
        row = Announcement(
            title="认定工作通知", body="自9月1日起受理。", audience=audience,
            **{"published_at": now() - timedelta(hours=1), **columns},
        )  # fmt: skip
        uow.session.add(row)
        uow.flush()
        return row.id


def _told(channel: str = "in_app") -> list[int]:
    db.session.rollback()
    query = select(Notice.person_id).where(Notice.template_code == "announcement", Notice.channel == channel)
    return sorted(db.session.scalars(query))


def _run(size: int = 2000) -> int:
    with UnitOfWork(db.session, SYSTEM) as uow:
        return tell_audiences(uow, size)


def _person(cast: Cast, word: str) -> int:
    person = db.session.get_one(Account, cast.account(word)).person_id
    assert person is not None
    return person


def test_each_is_told_once_in_pieces(cast: Cast) -> None:
    key = _announce("everybody")
    told = 0
    while count := _run(3):
        assert count <= 3
        told += count
    people = _told()
    assert len(people) == len(set(people)) == told > 9
    assert {_person(cast, word) for word in ("learner", "point", "auditor")} <= set(people)
    row = db.session.get_one(Announcement, key)
    assert row.told_at is not None
    assert _run() == 0
    events = select(func.count()).select_from(AuditEvent).where(AuditEvent.action == "announcement.told")
    assert db.session.scalar(events) == -(-told // 3)


def test_a_worker_that_dies_leaves_nothing_half(cast: Cast) -> None:
    _announce("learners")

    def die() -> None:
        with UnitOfWork(db.session, SYSTEM) as uow:
            tell_audiences(uow, 2)
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        die()
    assert _told() == []
    while _run(2):
        pass
    assert len(_told()) == len(set(_told())) > 1


@SQLITE
def test_who_is_meant(cast: Cast) -> None:
    _announce("learners", organisation_id=cast.by("point").organisation_id)
    _run()
    people = set(_told())
    assert {_person(cast, "learner"), _person(cast, "learner2")} <= people
    assert not {_person(cast, word) for word in ("learner3", "point", "center")} & people


@SQLITE
@pytest.mark.parametrize(
    "columns",
    [
        {"published_at": None},
        {"published_at": now() + timedelta(days=1)},
        {"published_at": now() - timedelta(days=9), "expires_at": now() - timedelta(days=1)},
    ],
)
def test_not_before_and_not_after(cast: Cast, columns: dict[str, object]) -> None:
    _announce("everybody", **columns)
    _announce("none")
    assert _run() == 0


@SQLITE
def test_by_e_mail_to_those_who_want_it(cast: Cast) -> None:
    eager, tired = _person(cast, "point"), _person(cast, "point2")
    with UnitOfWork(db.session, SYSTEM) as uow:
        uow.session.scalars(
            select(NoticeTemplate).where(NoticeTemplate.code == "announcement")
        ).one().by_email = True
        for key in (eager, tired):
            uow.session.get_one(Person, key).email_verified_at = now()
        for person in uow.session.scalars(select(Person).where(Person.id.not_in((eager, tired)))):
            person.email_verified_at = None
    with UnitOfWork(db.session, cast.by("point2")) as uow:
        notices.prefer(uow, by_sms=True, by_email=False)
    _announce("staff")
    _run()
    assert _told("email") == [eager]


@SQLITE
def test_the_centre_chooses_the_audience(demo: Flask, cast: Cast) -> None:
    client = log_in(demo, "center")
    page = client.get("/console/records/announcement/add").text
    assert "学习者和工作人员" in page
    key = _announce("everybody")
    _run()
    assert "认定工作通知" in log_in(demo, "learner2").get("/me/notices/").text
    shown = client.get(f"/console/records/announcement/{key}")
    assert shown.status_code == 200
    assert post(log_in(demo, "point"), "/console/records/announcement/add", {}).status_code == 403
