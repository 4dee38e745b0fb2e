"""Facts: rows that are only ever added (spec 1.4). A mistake is corrected by an entry that names what it reverses.

A model says so by ``__append_only__ = True``. From then on the session refuses to change or delete its rows, in bulk
too, and so does the database, whoever asks: :func:`guard` puts the triggers there after every migration.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, event, text
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction

from app.kernel.database import Model


class Sealed(RuntimeError):
    """Somebody tried to change what may only be added to: a fault of the program, never of a person."""

    def __init__(self, model: type[Any]) -> None:
        super().__init__(f"{model.__name__} is only ever added")


def tables() -> list[str]:
    """The names of the tables of facts."""
    return sorted(mapper.local_table.name for mapper in Model.registry.mappers if _is_fact(mapper.class_))


def guard(connection: Connection) -> None:
    """Put the triggers on every table of facts that has none yet. Safe to repeat, also while in use.

    They refuse UPDATE, DELETE, TRUNCATE (PostgreSQL) and INSERT OR REPLACE (SQLite, which would delete unseen).
    """
    statements = _postgresql if connection.dialect.name == "postgresql" else _sqlite
    for statement in statements(connection):
        connection.execute(text(statement))


def _is_fact(model: type[Any]) -> bool:
    return bool(getattr(model, "__append_only__", False))


def _sqlite(connection: Connection) -> list[str]:
    found = []
    for table in tables():
        key = next(iter(Model.metadata.tables[table].primary_key)).name
        refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is only ever added to'); END"
        again = f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key})"  # noqa: S608
        found += [
            f"CREATE TRIGGER IF NOT EXISTS {table}_no_update BEFORE UPDATE ON {table} {refuse}",
            f"CREATE TRIGGER IF NOT EXISTS {table}_no_delete BEFORE DELETE ON {table} {refuse}",
            f"CREATE TRIGGER IF NOT EXISTS {table}_no_replace BEFORE INSERT ON {table} {again} {refuse}",
        ]
    return found


_FUNCTION = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '% is only ever added to', TG_TABLE_NAME; END $$
"""


def _postgresql(connection: Connection) -> list[str]:
    """A trigger is made only where it is absent: making one waits for everybody who uses the table."""
    named = "SELECT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE t.tgname = 'only_added_to'"
    guarded = set(connection.scalars(text(named)))
    found = [_FUNCTION]
    for table in tables():
        if table not in guarded:
            found += [
                f"CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION refuse_change()",
                f"CREATE TRIGGER never_emptied BEFORE TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
            ]
    return found


@event.listens_for(Session, "before_flush")
def _refuse_change(session: Session, _context: UOWTransaction, _instances: Any) -> None:
    changed = [row for row in session.dirty if _is_fact(type(row)) and session.is_modified(row)]
    for row in (*changed, *(row for row in session.deleted if _is_fact(type(row)))):
        raise Sealed(type(row))


@event.listens_for(Session, "do_orm_execute")
def _refuse_in_bulk(state: ORMExecuteState) -> None:
    if (state.is_update or state.is_delete) and state.bind_mapper is not None:
        model = state.bind_mapper.class_
        if _is_fact(model):
            raise Sealed(model)
