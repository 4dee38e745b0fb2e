"""Whoever is turned away leaves a trace: refusals and reads of identity data are events."""

from __future__ import annotations

import json

import pytest
from flask import Flask, url_for
from sqlalchemy import select

from app.audit.models import AuditEvent
from app.conversion.models import ConversionApplication
from app.kernel.database import db
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner
from tests.support.story import Cast, log_in, post

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


def refusals() -> list[tuple[int | None, str]]:
    """(account, what) of every refusal so far."""
    db.session.rollback()
    rows = db.session.execute(
        select(AuditEvent.actor_id, AuditEvent.canonical)
        .where(AuditEvent.action == "security.refused")
        .order_by(AuditEvent.sequence)
    )
    return [(row.actor_id, json.loads(row.canonical)["body"]["what"]) for row in rows]


def test_a_page_that_is_not_for_them(demo: Flask, cast: Cast) -> None:
    client = log_in(demo, "learner")
    assert client.get("/console/recognition/").status_code == 403
    assert refusals() == [(cast.account("learner"), "GET /console/recognition/")]


def test_a_case_that_is_not_theirs(demo: Flask, cast: Cast) -> None:
    case = db.session.scalars(
        select(ConversionApplication.id)
        .join(Learner)
        .where(Learner.id == cast.learner("learner"), ConversionApplication.kind == "rule")
    ).first()
    client = log_in(demo, "point2")
    assert client.get(f"/console/conversion/initial/{case}").status_code == 404
    assert refusals() == [(cast.account("point2"), f"GET /console/conversion/initial/{case}")]


def test_a_decision_that_is_refused_inside_the_page(demo: Flask, cast: Cast) -> None:
    """The desk shows the refusal itself; it is noted all the same, once."""
    case = db.session.scalars(
        select(ConversionApplication).where(ConversionApplication.state == "initial_review")
    ).first()
    assert case is not None
    client = log_in(demo, "auditor")
    form = {"decision": "agree", "opinion": "x", "version": case.version, "key": "k"}
    assert post(client, f"/console/conversion/initial/{case.id}/decide", form).status_code == 403
    assert refusals() == [(cast.account("auditor"), f"POST /console/conversion/initial/{case.id}/decide")]


def test_nobody_is_named_for_a_visitor(demo: Flask) -> None:
    assert demo.test_client().get("/console/").status_code == 302
    assert refusals() == []


def test_without_the_hook_nothing_would_be_noted(demo: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mutant control of the tests above."""
    monkeypatch.setattr("app.web.note_refusal", lambda who, error: None)
    monkeypatch.setattr(UnitOfWork, "on_refusal", [])
    assert log_in(demo, "learner").get("/console/recognition/").status_code == 403
    assert refusals() == []


def test_opening_evidence_and_revealing_identity_are_events(demo: Flask, cast: Cast) -> None:
    client = log_in(demo, "center")
    learner = cast.learner("learner")
    file = db.session.scalars(
        select(AuditEvent.subject_id).where(AuditEvent.subject_table == "evidence_file")
    ).first()
    assert client.get(f"/evidence/{file}").status_code == 200
    with demo.test_request_context():
        url = url_for("LearnerView.reveal", pk=learner)
    reveal = {"part": "identity", "purpose": "核对来信"}
    assert post(client, url, reveal).status_code == 200
    db.session.rollback()
    rows = db.session.scalars(
        select(AuditEvent)
        .where(AuditEvent.actor_id == cast.account("center"))
        .order_by(AuditEvent.sequence.desc())
    ).all()
    seen = {row.action: json.loads(row.canonical) for row in rows}
    assert seen["evidence.opened"]["subject"] == ["evidence_file", file]
    assert seen["learner.revealed"]["why"] == "核对来信"
    assert seen["learner.revealed"]["subject"] == ["learner", learner]
    assert seen["learner.revealed"]["from"] == "127.0.0.1"
    assert "4401" not in rows[0].canonical.decode()
