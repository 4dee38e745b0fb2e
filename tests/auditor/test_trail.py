"""The explorer: found by person, case, action and time; told in words, in Chinese, for auditors only."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from app.audit.models import AuditEvent
from app.auditor import queries
from app.auditor.queries import Asked
from app.auditor.words import ACTIONS, TABLES
from app.conversion.models import ConversionApplication
from app.kernel.clock import now
from app.kernel.database import db
from app.kernel.unit_of_work import UnitOfWork
from tests.support.story import Cast, log_in


def approved() -> ConversionApplication:
    query = select(ConversionApplication).where(ConversionApplication.state == "approved")
    return db.session.scalars(query.order_by(ConversionApplication.id)).first()  # type: ignore[return-value]


def rows(asked: Asked) -> list[AuditEvent]:
    return list(db.session.scalars(queries.search(db.session(), asked).order_by(AuditEvent.sequence)))


def test_events_are_found_by_person_case_action_and_time(cast: Cast) -> None:
    case = approved()
    mine = rows(Asked(person="林碧莹"))
    assert mine
    assert {row.actor_id for row in mine} <= {cast.account("point"), None, cast.account("admin")} | {
        row.actor_id for row in mine if row.subject_table in ("person", "ab_user", "learner")
    }
    assert any(row.action == "conversion.initial_agree" for row in mine)
    of_case = rows(Asked(case=case.number or ""))
    kinds = {row.subject_table for row in of_case}
    assert {"conversion_application", "review", "attestation", "credit_entry", "conversion_source"} <= kinds
    assert {row.subject_id for row in of_case if row.subject_table == "conversion_application"} == {case.id}
    assert {row.action for row in rows(Asked(action="conversion.submit"))} == {"conversion.submit"}
    assert all(row.action.startswith("security.") for row in rows(Asked(action="security.")))
    assert rows(Asked(since=now() + timedelta(hours=1))) == []
    assert len(rows(Asked(until=now() + timedelta(hours=1)))) == rows(Asked())[-1].sequence
    assert rows(Asked(case="ZH-1900-000001")) == []


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_case_is_told_from_beginning_to_end(demo: Flask, cast: Cast) -> None:
    case = approved()
    page = log_in(demo, "auditor").get(f"/console/audit/conversion/{case.id}").text
    shown = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    places = [shown.index(words) for words in ("提交转换申请", "初审同意", "终审同意")]
    assert places == sorted(places)
    assert "林碧莹 · 教学点管理员 · 广东开放大学直属学院教学点" in shown
    assert "待初审 → 待终审" in shown
    assert "{&#34;" not in page.split("<main", 1)[1]  # no JSON
    assert "hmac:" not in page
    assert "sha256:" not in page


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_one_event_in_words_and_as_it_was_hashed(demo: Flask, cast: Cast) -> None:
    event = db.session.scalars(
        select(AuditEvent).where(AuditEvent.subject_table == "review").order_by(AuditEvent.sequence)
    ).first()
    assert event is not None
    client = log_in(demo, "auditor")
    page = client.get(f"/console/audit/{event.sequence}").text
    assert "审核意见" in page
    assert event.hash.hex() in page
    assert client.get("/console/audit/99999999").status_code == 404
    assert client.get("/console/audit/nonsense/1").status_code == 404
    assert (
        client.get(
            "/console/audit/?person=%F0%9F%98%81&case=%F0%9F%98%80&before=abc&since=9999-12-31&until=x"
        ).status_code
        == 200
    )
    for word in ("center", "admin", "committee", "learner"):
        assert log_in(demo, word).get("/console/audit/").status_code == 403


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_every_act_and_record_of_the_demo_has_words(demo: Flask) -> None:
    found = db.session.execute(select(AuditEvent.action, AuditEvent.subject_table).distinct()).all()
    assert {row.action for row in found} - ACTIONS.keys() - {"catalogue.approved"} == set()
    people_see = {row.subject_table for row in found if not row.action.startswith("record.")}
    assert people_see - TABLES.keys() - {"throttle"} == set()
    assert UnitOfWork.before_commit
