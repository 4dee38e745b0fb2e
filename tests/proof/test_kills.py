"""kill -9 at every moment of a decision: afterwards all of it is there, or nothing; asked again, it is done once."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, func, select
from sqlalchemy.engine import Engine

from app.accounts.models import CreditEntry
from app.audit.models import AuditEvent
from app.audit.verification import verify
from app.kernel.database import db
from app.kernel.unit_of_work import UnitOfWork
from app.notices.models import Notice
from app.recognition import services
from app.recognition.models import RecognitionApplication
from app.review.models import Review
from tests.support.proof import amount, measured
from tests.support.servers import die, forked
from tests.support.story import Cast, log_in, token

WORK = {"name": "物流行业工作5年", "issuer": "粤通物流有限公司", "obtained_on": "2021-03-01"}
AGREED = {"decision": "agree", "opinion": "同意", "credits": "2"}


@dataclass(frozen=True)
class Waiting:
    """A round that only waits for its decision, and the version that its page showed."""

    achievement: int
    key: int
    version: int


def _ready(cast: Cast) -> Waiting:
    achievement = cast.add("learner", "performance_work", WORK)
    case = cast.recognise("learner", achievement, "")
    cast.act("point", lambda uow: services.attest(uow, case, cast._seen(uow, RecognitionApplication, case)))
    db.session.rollback()
    return Waiting(achievement, case, db.session.get_one(RecognitionApplication, case).version)


def _done(case: Waiting) -> tuple[int, int, int, int]:
    """How many decisions, postings, events and notices this case has."""
    db.session.rollback()
    count = select(func.count())
    return (
        db.session.scalar(count.select_from(Review).where(Review.recognition_id == case.key)) or 0,
        db.session.scalar(
            count.select_from(CreditEntry).where(CreditEntry.achievement_id == case.achievement)
        )
        or 0,
        db.session.scalar(
            count.select_from(AuditEvent).where(
                AuditEvent.subject_table == "recognition_application",
                AuditEvent.subject_id == case.key,
                AuditEvent.action.like("recognition.%"),
                AuditEvent.action.not_like("%submit%"),
                AuditEvent.action.not_like("%attest%"),
            )
        )
        or 0,
        db.session.scalar(
            count.select_from(Notice).where(Notice.template_code == "recognised", Notice.channel == "in_app")
        )
        or 0,
    )


class _Grave:
    """Kills this process before its n-th statement (counted from the request on), or right after its commit."""

    def __init__(self, at: int) -> None:
        self.at, self.seen = at, 0

    def statement(self, *_: Any) -> None:
        self.seen += 1
        if self.seen == self.at:
            die()


def _decide(app: Flask, cookie: str, form_token: str, case: Waiting, at: int | None) -> int:
    """POST the decision in this process, which dies at statement ``at`` (None: lives)."""
    client = app.test_client()
    client.set_cookie("session", cookie)
    grave = _Grave(at or -1)
    event.listen(Engine, "before_cursor_execute", grave.statement)
    answer = client.post(
        f"/console/recognition/{case.key}/decide",
        data={**AGREED, "version": str(case.version), "key": f"key-{case.key}", "csrf_token": form_token},
    )
    return 0 if answer.status_code == 302 else 1


def _cookie(app: Flask) -> tuple[str, str]:
    client = log_in(app, "point")
    form_token = token(client, "/password/")
    (cookie,) = [one.value for one in client._cookies.values() if one.key == "session"]  # type: ignore[attr-defined]
    return cookie, form_token


def _statements(app: Flask, cookie: str, form_token: str, case: Waiting) -> int:
    """How many statements a decision takes: counted on one that lives."""
    grave = _Grave(-1)
    event.listen(Engine, "before_cursor_execute", grave.statement)
    try:
        assert _decide(app, cookie, form_token, case, None) == 0
    finally:
        event.remove(Engine, "before_cursor_execute", grave.statement)
    return grave.seen


def _die_everywhere(app: Flask, cast: Cast, step: int) -> list[tuple[int, ...]]:
    """Decide one case after the other in processes that die ever later; what each left behind, and after asking again."""
    cookie, form_token = _cookie(app)
    whole = _statements(app, cookie, form_token, _ready(cast))
    assert whole > 10
    left = []
    for at in range(1, whole + 1, step):
        case = _ready(cast)
        before = _done(case)
        assert forked(lambda at=at, case=case: _decide(app, cookie, form_token, case, at)) == -9
        half = _done(case)
        assert forked(lambda case=case: _decide(app, cookie, form_token, case, None)) == 0
        again = _done(case)
        left.append(
            (
                *(a - b for a, b in zip(half, before, strict=True)),
                *(a - b for a, b in zip(again, before, strict=True)),
            )
        )
    return left


def test_a_killed_process_leaves_all_or_nothing(demo: Flask, cast: Cast, backend: str) -> None:
    left = _die_everywhere(demo, cast, amount(6, 1))
    assert {row[:4] for row in left} <= {(0, 0, 0, 0), (1, 1, 1, 1)}, left
    assert {row[4:6] for row in left} == {(1, 1)}, left
    assert {row[6] for row in left} == {1}, left
    assert verify(db.session(), None).flaw is None
    measured(
        "kills",
        f"{len(left)} kills at successive statements: decisions = postings = events, none half, none twice",
        backend,
    )


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_decision_in_several_commits_would_be_left_half_mutant(
    demo: Flask, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: with a commit at every flush the same kills leave halves."""
    flush = UnitOfWork.flush

    def committing(self: UnitOfWork) -> None:
        flush(self)
        self.session.commit()
        self.session.connection(execution_options={"writes": True})

    monkeypatch.setattr(UnitOfWork, "flush", committing)
    found = []
    with contextlib.suppress(AssertionError):  # it may not even come to a decision when asked again
        found = _die_everywhere(demo, cast, 5)
    assert not found or not {row[:4] for row in found} <= {(0, 0, 0, 0), (1, 1, 1, 1)}
