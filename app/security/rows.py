"""Row policies: which rows of a record an actor may see. One function answers for lists, pages, look-ups,
actions and posted ids.

The permission table names a :class:`Scope` per grant; each model says in ``__rows__`` by which column it
belongs to whom. From both comes one SQL condition. A record that the table doesn't name for the actor has no
rows.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, false, inspect, or_, select, true
from sqlalchemy.orm import Session

from app.kernel.actor import Actor
from app.kernel.database import Model
from app.kernel.errors import NotFound
from app.kernel.numbering import whole
from app.kernel.rows import Rows

Statement = TypeVar("Statement", bound=Any)


class Scope(StrEnum):
    """Whose rows a grant is about."""

    ALL = "all"
    BELOW = "own organisation and those below"
    COMMITTEE = "routed to the actor's committee"
    ASSESSOR = "assigned to the actor's organisation"
    LEARNER = "the learner's own"
    USER = "the account's own"


def restrict(statement: Statement, model: type[Any], actor: Actor) -> Statement:
    """``statement`` (a Select or a legacy Query over ``model``) narrowed to the rows that ``actor`` may
    read.
    """
    return statement.where(readable(model, actor))


def readable(model: type[Any], actor: Actor) -> ColumnElement[bool]:
    """The condition under which ``actor`` may read a row of ``model``."""
    from app.security.permissions import read_scopes  # whose table names this module's scopes

    if actor.is_system:
        return true()
    return _any(model, actor, read_scopes(model.__name__, actor.roles))


def visible(session: Session, model: type[Any], key: int | str, actor: Actor) -> Any:
    """The row with this key if ``actor`` may read it. Raises NotFound otherwise, whatever the reason."""
    number = whole(str(key))
    if number is None:
        raise NotFound
    row = session.scalar(select(model).where(model.id == number, readable(model, actor)))
    if row is None:
        raise NotFound
    return row


def covers(row: Any, actor: Actor, scopes: frozenset[Scope]) -> bool:
    """Whether ``row`` lies in one of ``scopes`` for ``actor``; asked of the database, so that lists and
    decisions agree.
    """
    if Scope.ALL in scopes or actor.is_system:
        return True
    session = inspect(row).session
    if session is None or not scopes:
        return False
    model = type(row)
    return bool(session.scalar(select(model.id).where(model.id == row.id, _any(model, actor, scopes))))


def _any(model: type[Any], actor: Actor, scopes: frozenset[Scope]) -> ColumnElement[bool]:
    if Scope.ALL in scopes:
        return true()
    return or_(false(), *(condition(model, actor, scope) for scope in sorted(scopes)))


def condition(model: type[Any], actor: Actor, scope: Scope) -> ColumnElement[bool]:
    """The SQL condition of one scope on one model."""
    if scope is Scope.ALL:
        return true()
    rows: Rows | None = getattr(model, "__rows__", None)
    if rows is None:
        return false()
    owner = {
        Scope.BELOW: rows.organisation,
        Scope.COMMITTEE: rows.committee,
        Scope.ASSESSOR: rows.assessor,
        Scope.LEARNER: rows.learner,
        Scope.USER: rows.user,
    }[scope]
    if owner is not None:
        return _owned(getattr(model, owner), actor, scope)
    if rows.through is None:
        return false()
    relation = inspect(model).relationships[rows.through]
    parent = relation.mapper.class_
    (local,) = relation.local_columns
    column = getattr(model, inspect(model).get_property_by_column(local).key)
    inner: ColumnElement[bool] = column.in_(select(parent.id).where(condition(parent, actor, scope)))
    return inner


def _owned(column: Any, actor: Actor, scope: Scope) -> ColumnElement[bool]:
    own: Any = {
        Scope.COMMITTEE: actor.committee_ids or None,
        Scope.ASSESSOR: actor.organisation_id,
        Scope.LEARNER: actor.learner_id,
        Scope.USER: actor.user_id,
        Scope.BELOW: actor.organisation_path or None,
    }[scope]
    if own is None:
        return false()
    if scope is Scope.COMMITTEE:
        return column.in_(own)  # type: ignore[no-any-return]
    if scope is Scope.BELOW:
        organisation = Model.metadata.tables["organisation"]
        # Paths are ids between slashes: no wildcard can stand in them.
        return column.in_(select(organisation.c.id).where(organisation.c.path.startswith(own)))  # type: ignore[no-any-return]
    return column == own  # type: ignore[no-any-return]
