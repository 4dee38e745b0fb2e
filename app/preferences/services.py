"""Keeping and dropping views and phrases. Everybody has their own; nobody touches another's."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode

from sqlalchemy import func, select

from app.kernel.database import LARGEST_KEY
from app.kernel.errors import N_, Invalid, NotFound
from app.kernel.unit_of_work import UnitOfWork
from app.preferences.models import Phrase, SavedView

#: As many as one person keeps of each: more would not be found again.
MOST = 30
#: Parameters that say where in a list somebody is, not what the list shows.
PLACES = frozenset({"page", "after", "back"})


def keep_view(uow: UnitOfWork, page: str, query: str, name: str, shared: bool) -> SavedView:
    """Keep a list under a name; the same name replaces the older view. Raises Invalid."""
    name = name.strip()
    pairs = [(key, value) for key, value in parse_qsl(query) if key not in PLACES]
    kept = urlencode(pairs)
    if not name or len(name) > 40 or len(kept) > 1000 or not name.isprintable():
        raise Invalid("view_name", N_("Please give the view a name of at most 40 characters."))
    user = uow.actor.user_id
    mine = select(SavedView).where(SavedView.user_id == user, SavedView.page == page)
    old = uow.session.scalar(mine.where(SavedView.name == name))
    if old is not None:
        uow.session.delete(old)
        uow.flush()
    elif _count(uow, SavedView) >= MOST:
        raise Invalid("views_full", N_("You keep %(most)s already. Please drop one first."), most=MOST)
    row = SavedView(user_id=user, page=page, name=name, query=kept, shared=shared)
    row.created_by_id = user
    uow.session.add(row)
    uow.flush()
    return row


def drop_view(uow: UnitOfWork, key: int) -> None:
    """Drop an own view. Raises NotFound."""
    uow.session.delete(_own(uow, SavedView, key))


def keep_phrase(uow: UnitOfWork, text: str) -> None:
    """Keep a phrase; what is kept already stays once. Raises Invalid."""
    text = text.strip()
    if not text or len(text) > 500:
        raise Invalid("phrase", N_("A phrase has 1 to 500 characters."))
    user = uow.actor.user_id
    if uow.session.scalar(select(Phrase.id).where(Phrase.user_id == user, Phrase.text == text)) is not None:
        return
    if _count(uow, Phrase) >= MOST:
        raise Invalid("phrases_full", N_("You keep %(most)s already. Please drop one first."), most=MOST)
    uow.session.add(Phrase(user_id=user, text=text, created_by_id=user))
    uow.flush()


def drop_phrase(uow: UnitOfWork, key: int) -> None:
    """Drop an own phrase. Raises NotFound."""
    uow.session.delete(_own(uow, Phrase, key))


def _own(uow: UnitOfWork, model: type[SavedView] | type[Phrase], key: int) -> Any:
    if not 0 < key <= LARGEST_KEY:
        raise NotFound
    row = uow.session.scalar(select(model).where(model.id == key, model.user_id == uow.actor.user_id))
    if row is None:
        raise NotFound
    return row


def _count(uow: UnitOfWork, model: type[SavedView] | type[Phrase]) -> int:
    query = select(func.count()).select_from(model).where(model.user_id == uow.actor.user_id)
    return uow.session.scalar(query) or 0
