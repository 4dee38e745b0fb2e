"""Alembic's environment: our metadata, the owner's database."""

from __future__ import annotations

import os
from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection, create_engine, event, inspect, pool

from app import models as models
from app.kernel import appendonly, database
from app.kernel.settings import settings
from app.security import grams


def render_item(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """Migrations must not depend on our column types: write what they are to the database."""
    if kind == "type":
        if isinstance(item, database.Moment):
            return "sa.DateTime()"
        if isinstance(item, (database.Hundredths, database.BasisPoints)):
            return "sa.Integer()"
        if isinstance(item, database.Code):
            return "sa.String(length=32)"
    return False


def _migrate(connection: Connection, options: dict[str, Any]) -> None:
    context.configure(connection=connection, **options)
    with context.begin_transaction():
        context.run_migrations()
    # Each time: on SQLite a migration may make a table anew, without its triggers.
    if set(appendonly.tables()) <= set(inspect(connection).get_table_names()):
        appendonly.guard(connection)
    grams.guard(connection)


def run() -> None:
    """Run against the connection handed over (tests), else against the owner's URL."""
    options: dict[str, Any] = {
        "target_metadata": database.Model.metadata,
        "render_as_batch": True,
        "compare_type": True,
        "render_item": render_item,
    }
    given = context.config.attributes.get("connection")
    if given is not None:
        _migrate(given, options)
        return
    url = os.environ.get("CREDITBANK_OWNER_URL") or settings().database_url
    engine = create_engine(url, poolclass=pool.NullPool)
    if engine.dialect.name == "sqlite":
        # A table that is made anew is dropped first: its rows' dependants must stay (SQLite's own procedure).
        event.listen(engine, "connect", lambda raw, _record: raw.execute("PRAGMA foreign_keys = OFF"))
    with engine.connect().execution_options(writes=True) as connection:
        _migrate(connection, options)
        if engine.dialect.name == "sqlite" and (
            lost := connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        ):
            raise RuntimeError(f"a row of {lost[0]} refers to nothing in {lost[2]}")
        connection.commit()


run()
