"""Pages of lists: numbered ones for what one person holds, keyset ones for queues that grow without end."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from flask import request, session
from sqlalchemy import Select, func, select, tuple_
from sqlalchemy.orm import Session

from app.kernel.numbering import whole

#: Counting stops here; above it the screen says "10,000+".
CAP = 10_000


def page_size(sizes: Sequence[int], default: int) -> int:
    """The page size asked for, kept for next time; never one that isn't offered."""
    asked = request.args.get("size", "")
    if asked in map(str, sizes):
        if session.get("size") != int(asked):
            session["size"] = int(asked)
        return int(asked)
    kept: Any = session.get("size")
    return kept if kept in sizes else default


def chosen_columns(page: str, offered: Sequence[str], default: Sequence[str]) -> list[str]:
    """Which of the ``offered`` columns a list shows: those asked for, kept for next time; ``*`` is the list's own choice."""
    asked = request.args.getlist("columns")
    kept: dict[str, list[str]] = session.get("columns") or {}
    if "*" in asked:
        kept = {name: columns for name, columns in kept.items() if name != page}
    elif any(column in offered for column in asked):
        kept = {**kept, page: [column for column in offered if column in asked]}
    if kept != (session.get("columns") or {}):
        session["columns"] = kept
    return [column for column in offered if column in kept.get(page, ())] or list(default)


def address(**changes: Any) -> str:
    """This page's address with some of its parameters changed; None takes one away."""
    kept = {key: request.args.getlist(key) for key in request.args}
    kept.update({key: [] if value is None else [value] for key, value in changes.items()})
    return f"{request.path}?{urlencode([(key, value) for key, values in kept.items() for value in values])}"


def capped_count(database: Session, query: Select[Any]) -> int:
    """How many rows a query has, counted up to one above the cap."""
    limited = query.order_by(None).with_only_columns(query.selected_columns[0]).limit(CAP + 1).subquery()
    return database.scalar(select(func.count()).select_from(limited)) or 0


def count_text(number: int) -> str:
    """A capped count as people read it."""
    return f"{CAP:,}+" if number > CAP else f"{number:,}"


@dataclass(frozen=True)
class Page:
    """One numbered page of rows."""

    rows: list[Any]
    number: int
    size: int
    total: int
    sizes: Sequence[int] = (6, 12, 24, 48)

    @property
    def first(self) -> int:
        return (self.number - 1) * self.size + 1 if self.rows else 0

    @property
    def last(self) -> int:
        return (self.number - 1) * self.size + len(self.rows)

    @property
    def has_next(self) -> bool:
        return self.last < self.total

    @property
    def total_text(self) -> str:
        return count_text(self.total)

    def link(self, number: int) -> str:
        return address(page=number)


def numbered(
    database: Session,
    query: Select[Any],
    *,
    sizes: Sequence[int] = (6, 12, 24, 48),
    default: int = 6,
    fetch: Callable[[Select[Any]], list[Any]] | None = None,
) -> Page:
    """The page of ``query`` that the address asks for; nonsense means the first, beyond the end the last.

    ``fetch`` gets the rows of the limited query, where a list has a way of its own.
    """
    size = page_size(sizes, default)
    total = capped_count(database, query)
    asked = request.args.get("page", "1")
    wanted = int(asked) if re.fullmatch(r"[0-9]{1,6}", asked) else 1
    number = min(max(wanted, 1), max(-(-total // size), 1))
    limited = query.limit(size).offset((number - 1) * size)
    if total == 0:
        rows = []
    elif fetch is not None:
        rows = fetch(limited)
    else:
        rows = list(database.scalars(limited).unique())
    return Page(rows, number, size, total, sizes)


@dataclass(frozen=True)
class Slice:
    """Some rows of an endless list, and how to go on from there."""

    rows: list[Any]
    size: int
    total: int
    next_link: str | None
    first_link: str | None
    sizes: Sequence[int] = (10, 25, 50, 100)

    @property
    def total_text(self) -> str:
        return count_text(self.total)


def keyset(
    database: Session,
    query: Select[Any],
    when: Any,
    key: Any,
    *,
    options: Sequence[Any] = (),
    default: int = 25,
) -> Slice:
    """Rows of ``query`` after the place that ``?after=`` names, ordered by (``when``, ``key``): as fast on
    the last page as on the first.
    """
    sizes = (10, 25, 50, 100)
    size = page_size(sizes, default)
    total = capped_count(database, query)
    after = _place(request.args.get("after", ""))
    if after is not None:
        query = query.where(tuple_(when, key) > tuple_(*after))
    rows = list(database.scalars(query.order_by(when, key).limit(size + 1).options(*options)).unique())
    more = len(rows) > size
    rows = rows[:size]
    last = rows[-1] if rows else None
    following = (
        address(after=f"{getattr(last, when.key).isoformat()}~{last.id}")
        if more and last is not None
        else None
    )
    return Slice(rows, size, total, following, address(after=None) if after else None, sizes)


def _place(text: str) -> tuple[datetime, int] | None:
    moment, _, key = text.partition("~")
    number = whole(key)
    try:
        # At the ends of time there is no other time zone: OverflowError.
        found = datetime.fromisoformat(moment).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return None if number is None else (found, number)
