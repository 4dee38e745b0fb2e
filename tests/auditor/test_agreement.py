"""Agreement, drift and signals on reviewing: figures as counted by hand, and the page for the auditor alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import insert, select

from app.audit.models import AuditSample, SampledCase
from app.auditor import agreement
from app.conversion.models import ConversionApplication
from app.kernel.clock import now, today
from app.kernel.database import db
from app.kernel.unit_of_work import UnitOfWork
from app.recognition.models import RecognitionApplication
from app.review.models import Review
from tests.support.story import Cast, log_in


def _pairs(both: int, only_first: int, only_second: int, neither: int) -> list[tuple[str, str]]:
    marks = ("agree", "agree"), ("agree", "refuse"), ("refuse", "agree"), ("refuse", "refuse")
    counts = both, only_first, only_second, neither
    return [pair for pair, count in zip(marks, counts, strict=True) for _ in range(count)]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ((20, 5, 10, 15), 0.4),  # observed 0.70, by chance 0.50
        ((45, 15, 25, 15), 0.1304),  # observed 0.60, by chance 0.54
        ((10, 0, 0, 10), 1.0),
        ((5, 5, 5, 5), 0.0),
        ((0, 10, 10, 0), -1.0),
    ],
)
def test_kappa_is_what_counting_by_hand_gives(table: tuple[int, ...], expected: float) -> None:
    assert agreement.kappa(_pairs(*table)) == pytest.approx(expected, abs=1e-4)


def test_kappa_says_nothing_where_chance_alone_agrees() -> None:
    assert agreement.kappa([]) is None
    assert agreement.kappa(_pairs(7, 0, 0, 0)) is None


def test_shares_are_compared_only_where_enough_was_counted() -> None:
    assert agreement.apart(1, 19, 50, 100) is None
    assert agreement.apart(10, 20, 50, 100) == pytest.approx(0)
    # pooled 0.4, error √(0.24 · (1/100 + 1/100)) = 0.06928
    assert agreement.apart(30, 100, 50, 100) == pytest.approx(-2.8868, abs=1e-3)
    assert agreement.apart(0, 40, 0, 40) == 0


def test_decisions_taken_together_are_not_faster_than_reading() -> None:
    start = datetime(2026, 3, 2, 9, tzinfo=UTC)
    at = [start + timedelta(seconds=s) for s in (0, 0.1, 0.2, 10, 100, 110, 400)]
    assert agreement._quick(at) == (2, 4)


def test_the_auditor_sees_agreement_and_nobody_else_does(cast: Cast, demo: Flask) -> None:
    decided = (
        select(ConversionApplication)
        .join(Review, Review.conversion_id == ConversionApplication.id)
        .where(Review.stage == "performance", Review.decision == "refuse")
    )
    case = db.session.scalars(decided).first()
    assert case is not None
    name, key = case.committee.name, case.id
    with UnitOfWork(db.session, cast.by("auditor")) as uow:
        sample = AuditSample(
            number="CY-1", seed="s", size=1, population=1, confidence=9500, tolerable=500,
            period_from=today(), period_to=today(), drawn_at=now(),
        )  # fmt: skip
        sample.lines = [SampledCase(place=1, conversion_id=key, result="error")]
        uow.session.add(sample)
    row = next(one for one in agreement.standings(db.session(), now()) if one.committee == name)
    assert row.read_twice == 1
    assert row.agreement == 0
    assert row.recent[1] >= 2  # the story's agreement and refusal
    page = log_in(demo, "auditor").get("/console/audit/agreement/")
    assert page.status_code == 200
    assert name in page.text
    assert "一致性与偏移" in page.text
    assert log_in(demo, "committee3").get("/console/audit/agreement/").status_code == 403


def test_a_reviewer_far_from_peers_and_too_fast_is_listed(cast: Cast) -> None:
    case = db.session.scalars(select(RecognitionApplication)).first()
    assert case is not None
    start, rows = now() - timedelta(days=30), []
    for word, decision, gap in (("point", "refuse", 5), ("center", "agree", 600)):
        rows += [
            {
                "recognition_id": case.id, "stage": "recognition", "turn": 1000 + len(rows) + n,
                "decision": decision, "opinion": "x", "reviewer_id": cast.account(word), "role": "x",
                "department": "", "created_at": start + timedelta(seconds=gap * n),
            }
            for n in range(40)
        ]  # fmt: skip
    db.session.execute(insert(Review.__table__), rows)
    at = now()
    far = {
        one.reviewer_id for one in agreement.far_from_peers(db.session(), at) if one.stage == "recognition"
    }
    assert {cast.account("point"), cast.account("center")} <= far
    fast = {one.reviewer_id for one in agreement.faster_than_reading(db.session(), at)}
    assert cast.account("point") in fast
    assert cast.account("center") not in fast
    db.session.rollback()
