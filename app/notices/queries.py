"""What the bell and the list of one's own notices need."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ScalarSelect, func, select
from sqlalchemy.orm import Session

from app.kernel.database import LARGEST_KEY
from app.kernel.errors import NotFound
from app.notices.models import Notice

#: Beyond this the bell says "99+".
MOST_UNREAD = 99


def unread_count(session: Session, person_id: int | None) -> int:
    """Unread notices in the platform, counted up to one more than MOST_UNREAD."""
    if person_id is None:
        return 0
    return session.scalar(select(unread(person_id))) or 0


def unread(person_id: int) -> ScalarSelect[int]:
    """The count of :func:`unread_count`, for queries that fetch more beside it."""
    found = (
        select(Notice.id)
        .where(Notice.person_id == person_id, Notice.channel == "in_app", Notice.read_at.is_(None))
        .limit(MOST_UNREAD + 1)
    )
    return select(func.count()).select_from(found.subquery()).scalar_subquery()


def own(session: Session, person_id: int | None, notice_id: int) -> Notice:
    """One of a person's own notices in the platform. Raises NotFound."""
    notice: Notice | None = None
    if notice_id <= LARGEST_KEY:
        mine = (Notice.id == notice_id, Notice.person_id == person_id, Notice.channel == "in_app")
        notice = session.scalar(select(Notice).where(*mine))
    if notice is None:
        raise NotFound
    return notice


def mine(
    session: Session, person_id: int | None, *, before: int = LARGEST_KEY, size: int = 20
) -> tuple[Sequence[Notice], int | None]:
    """A page of a person's notices in the platform, newest first, and the ``before`` of the next page."""
    rows = session.scalars(
        select(Notice)
        .where(Notice.person_id == person_id, Notice.channel == "in_app", Notice.id < before)
        .order_by(Notice.id.desc())
        .limit(size + 1)
    ).all()
    return rows[:size], rows[size - 1].id if len(rows) > size else None
