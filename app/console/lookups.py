"""Remote selects: related records searched as one types, under the row policy, twenty at a time (spec 6).

Nothing that can grow is ever sent whole. What a form offers and what it takes are one query, so a posted id that
wasn't on offer is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import url_for
from sqlalchemy import Select, inspect, or_, select

from app.console.filters import matching
from app.console.interface import Records
from app.console.texts import storable
from app.kernel.rows import Rows
from app.security.current import actor
from app.security.rows import Scope, condition, restrict

if TYPE_CHECKING:
    from app.console.reading import Reading

#: As many as one answer holds.
MOST = 20
#: Columns that name a record, where its model doesn't say ``__lookup__ = (…)``.
_USUAL = (
    "name",
    "name_zh",
    "name_en",
    "label_zh",
    "label_en",
    "title",
    "subject",
    "edition",
    "code",
    "number",
)


@dataclass(frozen=True)
class Lookup:
    """Look-ups for one relation of a view; ``writes`` is the action ("add", "edit") of the form that asks, "" for a filter."""

    view: Reading
    column: str
    writes: str = ""

    @property
    def model(self) -> type[Any]:
        return inspect(self.view.datamodel.obj).relationships[self.column].mapper.class_

    @property
    def url(self) -> str:
        purpose: dict[str, Any] = {"for": self.writes} if self.writes else {}
        return url_for(f"{self.view.endpoint}.lookup", column=self.column, **purpose)

    def search(self, word: str) -> Sequence[Any]:
        """Records that match ``word``, at most :data:`MOST`."""
        if not storable(word):
            return []
        model, paths = self.model, searched(self.model)
        statement = self.offered()
        if word:
            statement = statement.where(matching(model, paths, word))
        order = [getattr(model, path) for path in paths if "." not in path][:1]
        records = Records(model)
        loads = records.loads(paths)
        rows = records.session.scalars(statement.order_by(*order, records.key).limit(MOST).options(*loads))
        return list(rows.unique())

    def rows(self, keys: Iterable[Any]) -> Sequence[Any]:
        """The offered records with these keys."""
        records = Records(self.model)
        return [row for row in records.some(keys) if not self.writes or self._is_offered(records, row)]

    def offered(self) -> Select[Any]:
        """What may be chosen: what the actor may read; in forms only what is in use, and lies where the actor may write."""
        statement: Select[Any] = restrict(select(self.model), self.model, actor())
        if not self.writes:
            return statement
        active = getattr(self.model, "active", None)
        if active is not None:
            statement = statement.where(active)
        narrowed = self._within_scope(statement)
        return self.view.offered(self.column, narrowed)

    def _within_scope(self, statement: Select[Any]) -> Select[Any]:
        scopes = self.view.scopes(self.writes)
        if Scope.ALL in scopes or actor().is_system or not self._is_owner(scopes):
            return statement
        return statement.where(or_(*(condition(self.model, actor(), scope) for scope in sorted(scopes))))

    def _is_owner(self, scopes: Iterable[Scope]) -> bool:
        """Whether this relation decides whose the record is, so that it can't be handed to somebody else's."""
        rows: Rows | None = getattr(self.view.datamodel.obj, "__rows__", None)
        if rows is None or getattr(self.model, "__rows__", None) is None:
            return False
        (local, *_) = inspect(self.view.datamodel.obj).relationships[self.column].local_columns
        return self.column == rows.through or (Scope.BELOW in scopes and local.key == rows.organisation)

    def _is_offered(self, records: Records, row: Any) -> bool:
        key = records.key_of(row)
        found = records.session.scalar(
            self.offered().where(records.key == key).with_only_columns(records.key)
        )
        return found is not None


def searched(model: type[Any]) -> tuple[str, ...]:
    """The columns that a look-up searches. Raises TypeError where a model has none."""
    declared: tuple[str, ...] | None = getattr(model, "__lookup__", None)
    columns = inspect(model).column_attrs
    found = declared or tuple(
        name for name in _USUAL if name in columns and columns[name].columns[0].type.python_type is str
    )
    if not found:
        raise TypeError(f"{model.__name__} can't be looked up: give it __lookup__ = (columns that name it)")
    return found
