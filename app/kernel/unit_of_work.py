"""The one write path: a unit of work is one database transaction, and nothing else commits.

Everything that a change brings with it (audit events, notices, postings) is written inside the same
transaction, so all of it happens or none. A flush outside a unit of work raises: no view, job or library can
slip past.

When *not* to use it: reading. Pages read on the request's session without opening a unit of work.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from sqlalchemy import event, inspect
from sqlalchemy.orm import Session, UOWTransaction, scoped_session
from sqlalchemy.orm.exc import StaleDataError

from app.kernel.actor import Actor
from app.kernel.errors import N_, Conflict, DomainError, Forbidden, NoSpace


@dataclass
class Event:
    """Something to be remembered in the audit trail. ``subject`` is a mapped row, or (table, id); ``body`` holds
    plain JSON values.
    """

    action: str
    subject: Any
    body: dict[str, Any] = field(default_factory=dict)
    why: str = ""


@dataclass
class Change:
    """One row that a flush inserted, changed or deleted, with ``{column: (before, after)}``."""

    kind: str
    subject: Any
    columns: dict[str, tuple[Any, Any]]


Hook = Callable[["UnitOfWork"], None]


class UnitOfWork:
    """``with UnitOfWork(session, actor) as uow: service(uow, …)``. Commits at the end, rolls back on any
    exception.

    ``before_commit`` (class-wide, filled once by ``create_app``) runs inside the transaction with everything
    flushed: there the audit room appends its events. ``after_commit`` callbacks run when the rows are safe;
    ``on_failure`` callbacks, newest first, when something was refused: still under the transaction's locks, to undo what
    lies outside the database.

    ``on_refusal`` (class-wide too) is told what an actor was not allowed to do, or what there was no room for, once that
    has rolled back: the audit room remembers it in a unit of its own.

    Raises Conflict when a row was changed by someone else since it was read.
    """

    before_commit: list[Hook] = []
    on_refusal: list[Callable[[Actor, DomainError], None]] = []

    def __init__(self, session: Session | scoped_session[Session], actor: Actor) -> None:
        self.session: Session = session() if isinstance(session, scoped_session) else session
        self.actor = actor
        self.events: list[Event] = []
        self.changes: list[Change] = []
        self.after_commit: list[Callable[[], None]] = []
        self.on_failure: list[Callable[[], None]] = []

    def record(self, action: str, subject: Any, *, why: str = "", **body: Any) -> None:
        """Remember an act in the audit trail, beyond the changes of rows that are remembered by themselves."""
        self.events.append(Event(action, subject, body, why))

    def flush(self) -> None:
        """Send pending changes to the database, so that ids and constraints speak."""
        try:
            self.session.flush()
        except StaleDataError as error:
            raise Conflict(
                "stale", N_("Someone else changed this record meanwhile. Please look at it again.")
            ) from error

    def __enter__(self) -> Self:
        if "uow" in self.session.info:
            raise RuntimeError("a unit of work is already open on this session; pass it on instead")
        self.session.rollback()  # ends the read transaction: decisions rest on what is true now
        self.session.info["uow"] = self
        self.session.connection(execution_options={"writes": True})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is not None:
                self._undo()
                return
            self._finish()
            self.session.commit()
        finally:
            self.session.rollback()
            del self.session.info["uow"]
            if isinstance(error, Forbidden | NoSpace):
                for told in self.on_refusal:
                    told(self.actor, error)
        for callback in self.after_commit:
            callback()

    def _finish(self) -> None:
        try:
            self.flush()
            for hook in self.before_commit:
                hook(self)
            self.flush()
        except BaseException:
            self._undo()
            raise

    def _undo(self) -> None:
        for callback in reversed(self.on_failure):
            callback()


def _is_ours(row: Any) -> bool:
    # Roles and permissions of Flask-AppBuilder are generated from the permission table at deployment.
    return not type(row).__module__.startswith("flask_appbuilder.")


@event.listens_for(Session, "before_flush")
def _forbid_stray_writes(session: Session, _context: UOWTransaction, _instances: Any) -> None:
    if "uow" in session.info:
        return
    for row in (*session.new, *session.dirty, *session.deleted):
        if _is_ours(row) and (row not in session.dirty or session.is_modified(row)):
            raise RuntimeError(f"{type(row).__name__} written outside a unit of work")


@event.listens_for(Session, "after_flush")
def _note_changes(session: Session, context: UOWTransaction) -> None:
    uow: UnitOfWork | None = session.info.get("uow")
    if uow is None:
        return
    # Rows taken out of a collection that owns them are deleted too, but the session doesn't list them.
    orphans = [
        row
        for state, (gone, unchanged) in context.states.items()
        if gone and not unchanged and (row := state.obj()) is not None and row not in session.deleted
    ]
    for kind, rows in (
        ("created", session.new),
        ("changed", [row for row in session.dirty if row not in orphans]),
        ("deleted", [*session.deleted, *orphans]),
    ):
        for row in rows:
            columns = _columns(row, kind)
            if columns and getattr(row, "__audited__", _is_ours(row)):
                uow.changes.append(Change(kind, row, columns))


def _columns(row: Any, kind: str) -> dict[str, tuple[Any, Any]]:
    state = inspect(row)
    found: dict[str, tuple[Any, Any]] = {}
    for attribute in state.mapper.column_attrs:
        history = state.attrs[attribute.key].history
        if kind == "created":
            value = state.dict.get(attribute.key)
            if value is not None:
                found[attribute.key] = (None, value)
        elif kind == "deleted":
            found[attribute.key] = (state.dict.get(attribute.key), None)
        elif history.has_changes():
            found[attribute.key] = (
                history.deleted[0] if history.deleted else None,
                history.added[0] if history.added else None,
            )
    return found
