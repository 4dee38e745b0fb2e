"""The centre's measures against an account: 限期改正, 暂停使用, 注销登记, and taking them back (spec 1.2)."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.access.models import StandingChange
from app.kernel.clock import today
from app.kernel.errors import N_, Conflict, Invalid
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import STANDINGS, Learner
from app.notices import services as notices
from app.security import services
from app.security.permissions import authorise

#: From which standing which measures lead where.
MEASURES: dict[str, tuple[str, ...]] = {
    "active": ("correction", "suspended", "closed"),
    "correction": ("active", "suspended", "closed"),
    "suspended": ("active", "correction", "closed"),
    "closed": ("active",),
}


def change(
    uow: UnitOfWork, learner: Learner, after: str, reason: str, until: date | None = None
) -> StandingChange:
    """Take a measure, with a reason that the learner is told. Raises Forbidden, Conflict, Invalid.

    A suspended learner can log in and read; a deregistered one can't log in. Sessions end, so that it holds at once.
    """
    authorise(uow.actor, "LearnerView.standing", learner)
    reason = reason.strip()
    if learner.person.erased_at is not None or after not in MEASURES.get(learner.standing, ()):
        raise Conflict("standing", N_("This measure is not possible: the account's standing has changed."))
    if not 4 <= len(reason) <= 300:
        raise Invalid("reason", N_("Please give the reason: the learner will read it."))
    if (after == "correction") != (until is not None) or (until is not None and until <= today()):
        raise Invalid("until", N_("Please give the day by which it has to be corrected."))
    row = StandingChange(
        learner_id=learner.id,
        before=learner.standing,
        after=after,
        reason=reason,
        until=until,
        created_by_id=uow.actor.user_id,
    )
    uow.session.add(row)
    learner.standing = after
    if learner.user is not None:
        learner.user.active = after != "closed"
        services.end_sessions(uow, learner.user)
    uow.flush()
    uow.record("learner.standing", learner, why=reason, after=after)
    notices.post(
        uow,
        "standing_changed",
        learner.person_id,
        variables={
            "standing": STANDINGS[after],
            "reason": reason,
            "until": until if until is not None else "-",
        },
        link="/me/profile/" if after != "closed" else "",
    )
    return row


def last(session: Session, learner_id: int) -> StandingChange | None:
    """The measure in force, or the last one."""
    return session.scalar(
        select(StandingChange)
        .where(StandingChange.learner_id == learner_id)
        .order_by(StandingChange.id.desc())
        .limit(1)
    )


def past(session: Session, learner_id: int) -> list[StandingChange]:
    """Every measure, newest first."""
    found = select(StandingChange).where(StandingChange.learner_id == learner_id)
    return list(session.scalars(found.order_by(StandingChange.id.desc())))
