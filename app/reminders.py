"""Reminders that look over several rooms: reviewers are told of cases that wait for them (spec 2.8)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_appbuilder.security.sqla.models import Role as RoleRow
from sqlalchemy import ColumnElement, func, or_, select

from app.appeals.models import Appeal
from app.calendar import services as calendars
from app.conversion.models import Assessment
from app.conversion.models import ConversionApplication as Conversion
from app.kernel.choices import Choice
from app.kernel.clock import civil, now, today
from app.kernel.errors import N_
from app.kernel.settings import settings
from app.kernel.unit_of_work import UnitOfWork
from app.notices.services import post
from app.notices.words import Value
from app.organisations.models import CommitteeMember
from app.recognition.models import RecognitionApplication as Recognition
from app.review.models import STAGES
from app.security.models import Account
from app.security.permissions import Role

#: Nobody is woken by it.
FIRST_HOUR = 9


@dataclass(frozen=True)
class Queue:
    """Cases of ``model`` in ``states``, waiting for whom the column ``owner`` names; for Center if None."""

    name: Choice
    link: str
    model: Any
    states: tuple[str, ...]
    owner: Any = None
    only: ColumnElement[bool] | None = None

    def due(self, uow: UnitOfWork, until: datetime) -> Iterator[tuple[int | None, int]]:
        """Each owner with the number of cases whose deadline passes by ``until``, or has passed."""
        conditions = [self.model.state.in_(self.states), self.model.due_at <= until]
        conditions += [] if self.only is None else [self.only]
        if self.owner is None:
            waiting = uow.session.scalar(select(func.count()).select_from(self.model).where(*conditions)) or 0
            yield from [(None, waiting)] if waiting else []
            return
        counted = (
            select(self.owner, func.count()).where(*conditions, self.owner.is_not(None)).group_by(self.owner)
        )
        yield from uow.session.execute(counted).tuples().all()


QUEUES = (
    Queue(
        STAGES["recognition"], "/console/recognition/", Recognition, ("submitted",), Recognition.home_point_id
    ),
    Queue(
        STAGES["initial"],
        "/console/conversion/initial/",
        Conversion,
        ("initial_review",),
        Conversion.home_point_id,
    ),
    Queue(
        STAGES["final"], "/console/conversion/final/", Conversion, ("final_review",), Conversion.committee_id
    ),
    Queue(
        STAGES["performance"],
        "/console/conversion/performance/",
        Conversion,
        ("performance_review",),
        Conversion.committee_id,
    ),
    Queue(STAGES["appeal"], "/console/appeals/", Appeal, ("filed",), Appeal.committee_id),
    Queue(STAGES["appeal"], "/console/appeals/", Appeal, ("filed",), only=Appeal.committee_id.is_(None)),
    Queue(
        Choice("assessment", N_("Assessments")),
        "/console/assessments/",
        Assessment,
        ("asked",),
        Assessment.organisation_id,
    ),
    Queue(
        Choice("unassigned", N_("Unassigned cases")),
        "/console/unassigned/",
        Conversion,
        ("final_review", "performance_review"),
        only=Conversion.committee_id.is_(None),
    ),
)


def remind_reviewers(uow: UnitOfWork) -> int:
    """Tell reviewers, once on each working day, how many of their cases are due within the reminder period.

    Returns how many notices were written.
    """
    moment = now()
    calendar = calendars.load(uow.session, today())
    if not calendar.is_working(today()) or civil(moment).hour < FIRST_HOUR:
        return 0
    until = calendar.deadline(moment, settings().periods.reminder)
    written = 0
    for queue in QUEUES:
        for owner, count in queue.due(uow, until):
            event = f"{today()} {queue.link} {owner}"
            for person_id in _people(uow, queue, owner):
                words: dict[str, Value] = {"queue": queue.name, "count": count}
                written += len(
                    post(uow, "review_due", person_id, variables=words, link=queue.link, event=event)
                )
    return written


def _people(uow: UnitOfWork, queue: Queue, owner: int | None) -> list[int]:
    """Who works on the queue: Center, the committee's members, or the staff of a teaching point or of a third-party reviewer."""
    people = select(Account.person_id).where(Account.active, Account.person_id.is_not(None)).distinct()
    if queue.owner is None:
        people = people.where(Account.roles.any(RoleRow.name == Role.CENTER))
    elif queue.owner.key == "committee_id":
        people = people.join(CommitteeMember, CommitteeMember.user_id == Account.id).where(
            CommitteeMember.committee_id == owner,
            CommitteeMember.since <= today(),
            or_(CommitteeMember.until.is_(None), CommitteeMember.until >= today()),
        )
    else:
        people = people.where(
            Account.organisation_id == owner,
            Account.roles.any(RoleRow.name.in_([Role.POINT, Role.CENTER, Role.ASSESSOR])),
        )
    return [person_id for person_id in uow.session.scalars(people) if person_id is not None]
