"""Records with rules over several columns, which a room's services look at before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import inspect

from app.console.views import RecordView
from app.kernel.unit_of_work import UnitOfWork


class CheckedView(RecordView):
    """Rooms implement :meth:`verify`; it sees the row as it is going to be, with the keys of its relations."""

    def verify(self, uow: UnitOfWork, row: Any, before: Mapping[str, Any]) -> None:
        """Raises DomainError to refuse; ``before``: the columns as they were, empty for a new record."""
        raise NotImplementedError

    def create(self, uow: UnitOfWork, values: dict[str, Any]) -> Any:
        row = self.datamodel.obj(**self.keyed(values))
        self.verify(uow, row, {})
        self.datamodel.add(row)
        self.post_add(row)
        return row

    def change(self, uow: UnitOfWork, row: Any, values: dict[str, Any]) -> None:
        before = {column.key: getattr(row, column.key) for column in inspect(type(row)).column_attrs}
        for name, value in self.keyed(values).items():
            setattr(row, name, value)
        self.verify(uow, row, before)
        self.datamodel.edit(row)

    def keyed(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """``values`` with the foreign key beside each related row: before a flush only the relation would be set."""
        found = dict(values)
        for name, value in values.items():
            relation = self.datamodel.relation(name)
            if relation is not None and not relation.uselist:
                (local, *_) = relation.local_columns
                key = inspect(self.datamodel.obj).get_property_by_column(local).key
                found[key] = None if value is None else value.id
        return found
