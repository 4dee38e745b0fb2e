"""Announcements to an audience: a notice to each, in pieces, however many they are.

Each piece is one unit of work that writes its notices, moves the mark on, and leaves one event in the audit trail; a
worker that dies in the middle leaves nothing half, and the next one goes on from the mark.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, insert, or_, select
from sqlalchemy.orm import aliased

from app.kernel.clock import now
from app.kernel.settings import settings
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner
from app.notices import services as notices
from app.notices.models import Notice, NoticePreference
from app.organisations.models import Organisation
from app.portal.models import Announcement
from app.security.models import Account, Person

#: People told in one transaction.
PIECE = 2000


def tell_audiences(uow: UnitOfWork, size: int = PIECE) -> int:
    """Tell the next people of the first announcement that is due; returns how many. For the worker."""
    moment = now()
    due = select(Announcement).where(
        Announcement.audience != "none",
        Announcement.told_at.is_(None),
        Announcement.published_at <= moment,
        or_(Announcement.expires_at.is_(None), Announcement.expires_at > moment),
    )
    row = uow.session.scalar(due.order_by(Announcement.id).limit(1).with_for_update(skip_locked=True))
    if row is None:
        return 0
    people = uow.session.execute(audience(row).limit(size)).all()
    words = notices.words_of(uow, "announcement", {"title": row.title, "body": row.body})
    fresh = [
        _notice(row, person.id, channel, words, moment)
        for person in people
        for channel in _channels(person, words.by_email)
    ]
    if fresh:
        uow.session.execute(insert(Notice), fresh)
        row.told_after = people[-1].id
    if len(people) < size:
        row.told_at = moment
    uow.flush()
    if people:
        reached = {"people": len(people), "first": people[0].id, "last": people[-1].id}
        uow.record("announcement.told", row, **reached)
    return len(people)


def audience(row: Announcement) -> Select[Any]:
    """The people who are still to be told, by key: id, whether they can be reached by e-mail, and want to be."""
    wants = aliased(NoticePreference)
    query: Any = (
        select(Person.id, Person.email_verified_at, wants.by_email)
        .outerjoin(wants, wants.person_id == Person.id)
        .where(Person.id > row.told_after, Person.erased_at.is_(None))
        .order_by(Person.id)
    )
    learners = select(Learner.person_id).where(Learner.user_id.is_not(None), Learner.standing != "closed")
    staff = select(Account.person_id).where(Account.active, Account.organisation_id.is_not(None))
    if row.organisation_id is not None:
        path = select(Organisation.path).where(Organisation.id == row.organisation_id).scalar_subquery()
        below = select(Organisation.id).where(Organisation.path.startswith(path))
        learners = learners.where(Learner.home_point_id.in_(below))
        staff = staff.where(Account.organisation_id.in_(below))
    groups = {"learners": (learners,), "staff": (staff,), "everybody": (learners, staff)}[row.audience]
    narrowed: Select[Any] = query.where(or_(*(Person.id.in_(group) for group in groups)))
    return narrowed


def _channels(person: Any, by_email: bool) -> tuple[str, ...]:
    reachable = by_email and person.email_verified_at is not None and person.by_email is not False
    return ("in_app", "email") if reachable else ("in_app",)


def _notice(row: Announcement, person_id: int, channel: str, words: Any, moment: Any) -> dict[str, Any]:
    shown = channel == "in_app"
    return {
        "key": f"announcement.{row.id}.{person_id}.{channel}",
        "template_code": "announcement",
        "person_id": person_id,
        "channel": channel,
        "state": "sent" if shown else "pending",
        "sent_at": moment if shown else None,
        "due_at": moment,
        "language": settings().locale,
        "variables": {"title": row.title},
        "subject": words.subject[:200],
        "body": words.body,
        "link": "/",
        "resendable": not shown,
        "attempts": 0,
        "error": "",
        "version": 1,
        "created_at": moment,
        "changed_at": moment,
    }
