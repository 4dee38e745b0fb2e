"""What a learner's account shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from app.accounts.models import CreditEntry


@dataclass(frozen=True)
class Balance:
    """Hundredths of a credit of one kind, in one category, at one level (None: no level)."""

    kind: str
    category_id: int
    level_id: int | None
    credits: int


def balances(session: Session, learner_id: int) -> list[Balance]:
    """The account per kind, category and level; the two kinds are never summed together (spec 2.2)."""
    columns = (CreditEntry.kind, CreditEntry.category_id, CreditEntry.level_id)
    rows = session.execute(
        select(*columns, func.sum(CreditEntry.credits))
        .where(CreditEntry.learner_id == learner_id)
        .group_by(*columns)
        .order_by(*columns)
    )
    return [Balance(*row) for row in rows]


def totals(found: list[Balance]) -> dict[str, int]:
    """Hundredths per kind."""
    sums = {"accumulation": 0, "conversion": 0}
    for balance in found:
        sums[balance.kind] += balance.credits
    return sums


def entries(learner_id: int) -> Any:
    """Select a learner's postings, newest first."""
    return (
        select(CreditEntry)
        .where(CreditEntry.learner_id == learner_id)
        .order_by(CreditEntry.id.desc())
        .options(
            joinedload(CreditEntry.achievement),
            joinedload(CreditEntry.category),
            joinedload(CreditEntry.level),
        )
    )
