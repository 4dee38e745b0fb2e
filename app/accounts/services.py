"""Posting credits. Entries are only ever added; a mistake is undone by its counter-entry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from app.accounts.models import CreditEntry
from app.kernel.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from app.achievements.models import Achievement


def post(uow: UnitOfWork, achievement: Achievement, *, conversion_id: int | None = None) -> CreditEntry:
    """Post an achievement's credits once: 积累, or 转换 where a conversion granted it (spec 2.2). Needs known
    credits; 0 posts a zero entry.
    """
    entry = CreditEntry(
        learner_id=achievement.learner_id,
        kind="conversion" if conversion_id else "accumulation",
        credits=achievement.credits,
        category_id=achievement.category_id,
        level_id=achievement.level_id,
        achievement_id=achievement.id,
        conversion_id=conversion_id,
        created_by_id=uow.actor.user_id,
    )
    uow.session.add(entry)
    uow.flush()
    return entry


def reverse(uow: UnitOfWork, achievement_id: int) -> None:
    """Counter every entry of an achievement that stands."""
    for entry in standing(uow, achievement_id):
        uow.session.add(
            CreditEntry(
                learner_id=entry.learner_id,
                kind=entry.kind,
                credits=-entry.credits,
                category_id=entry.category_id,
                level_id=entry.level_id,
                achievement_id=entry.achievement_id,
                conversion_id=entry.conversion_id,
                reverses_id=entry.id,
                created_by_id=uow.actor.user_id,
            )
        )
    uow.flush()


def standing(uow: UnitOfWork, achievement_id: int) -> list[CreditEntry]:
    """The postings of an achievement that no counter-entry undoes."""
    undone = select(CreditEntry.reverses_id).where(CreditEntry.reverses_id.is_not(None))
    return list(
        uow.session.scalars(
            select(CreditEntry).where(
                CreditEntry.achievement_id == achievement_id,
                CreditEntry.reverses_id.is_(None),
                CreditEntry.id.not_in(undone),
            )
        )
    )
