"""What lists and desks show of people's own set-up."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, literal, or_, select
from sqlalchemy.orm import Session

from app.preferences.models import Phrase, SavedView


def views(session: Session, page: str, user_id: int | None) -> Sequence[SavedView]:
    """The kept views of a list: own ones first, then those that colleagues share."""
    return views_and(session, page, user_id, literal(0))[1]


def views_and(
    session: Session, page: str, user_id: int | None, beside: ColumnElement[int]
) -> tuple[int, Sequence[SavedView]]:
    """A number that every page shows, and the kept views of this one: a single query, lists have few to spare."""
    mine = and_(SavedView.page == page, or_(SavedView.user_id == user_id, SavedView.shared))
    always = select(literal(1).label("row")).subquery()
    query = select(beside, SavedView).select_from(always).outerjoin(SavedView, mine)
    order = ((SavedView.user_id != user_id), SavedView.name, SavedView.id)
    found = session.execute(query.order_by(*order).limit(20)).all()
    return found[0][0], [row[1] for row in found if row[1] is not None]


def phrases(session: Session, user_id: int | None) -> Sequence[Phrase]:
    """A reviewer's own phrases, oldest first."""
    if user_id is None:
        return []
    return session.scalars(select(Phrase).where(Phrase.user_id == user_id).order_by(Phrase.id)).all()
