"""Facts are only ever added: the session refuses a change, and so does the database, whoever asks (spec 1.4)."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DBAPIError

from app.accounts.models import CreditEntry
from app.kernel import appendonly
from app.kernel.actor import SYSTEM
from app.kernel.database import Model, db
from app.kernel.unit_of_work import UnitOfWork
from app.recognition.models import RecognitionApplication
from app.review import services as review
from app.review.models import Review
from tests.support.story import Cast

#: Facts that the demo has rows of; the triggers are tried on them.
FILLED = ["attestation", "audit_event", "consumption_entry", "credit_entry", "recusal", "review"]
FACTS = sorted([*FILLED, "audit_checkpoint", "closure", "document_source", "standing_change"])


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_every_fact_of_the_spec_is_one(app: Flask) -> None:
    assert appendonly.tables() == FACTS
    with db.engine.connect() as connection:
        made = set(connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")))
    assert {f"{table}_no_{act}" for table in FACTS for act in ("update", "delete", "replace")} <= made


def test_the_session_refuses_to_change_or_delete_a_fact(cast: Cast) -> None:
    def change(uow: UnitOfWork) -> None:
        uow.session.scalars(select(CreditEntry).limit(1)).one().credits = 99_00

    def remove(uow: UnitOfWork) -> None:
        uow.session.delete(uow.session.scalars(select(Review).limit(1)).one())

    def in_bulk(uow: UnitOfWork) -> None:
        uow.session.execute(update(CreditEntry).values(credits=0))

    def remove_in_bulk(uow: UnitOfWork) -> None:
        uow.session.execute(delete(Review))

    for step in (change, remove, in_bulk, remove_in_bulk):
        with pytest.raises(appendonly.Sealed), UnitOfWork(db.session, SYSTEM) as uow:
            step(uow)


@pytest.mark.parametrize("table", FILLED)
def test_the_database_refuses_to_change_or_delete_a_fact(cast: Cast, table: str) -> None:
    key = next(iter(Model.metadata.tables[table].primary_key)).name
    if table == "recusal":
        _block(cast)
    statements = [f"UPDATE {table} SET {key} = {key}", f"DELETE FROM {table}"]
    if db.engine.dialect.name == "sqlite":
        statements.append(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")
    else:
        statements.append(f"TRUNCATE {table} CASCADE")
    before = _rows(table)
    assert before
    for statement in statements:
        with pytest.raises(DBAPIError, match="only ever added to"):
            _execute(statement)
    assert _rows(table) == before


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_foreign_connection_cannot_replace_a_fact_either(cast: Cast) -> None:
    """Without our pragma REPLACE deletes without firing the trigger on DELETE; the one on INSERT stands in its way."""
    db.session.remove()
    foreign = sqlite3.connect(str(db.engine.url.database))
    with pytest.raises(sqlite3.IntegrityError, match="only ever added to"):
        foreign.execute("INSERT OR REPLACE INTO credit_entry SELECT * FROM credit_entry")
    foreign.close()


@pytest.mark.parametrize("table", ["credit_entry"])
def test_without_its_triggers_the_table_is_open(cast: Cast, table: str) -> None:
    """The mutant: it is the triggers that hold, and ``guard`` puts them back."""
    if db.engine.dialect.name == "sqlite":
        for name in ("update", "delete", "replace"):
            _execute(f"DROP TRIGGER {table}_no_{name}")
    else:
        _execute(f"DROP TRIGGER only_added_to ON {table}")
        _execute(f"DROP TRIGGER never_emptied ON {table}")
    _execute(f"UPDATE {table} SET credits = credits")
    with db.engine.connect().execution_options(writes=True) as connection, connection.begin():
        appendonly.guard(connection)
        appendonly.guard(connection)
    with pytest.raises(DBAPIError, match="only ever added to"):
        _execute(f"UPDATE {table} SET credits = credits")


def _block(cast: Cast) -> None:
    case = db.session.scalars(select(RecognitionApplication).limit(1)).one()
    with UnitOfWork(db.session, cast.by("point")) as uow:
        review.log_block(uow, review.Blocked(case, "recognition", "own_case"))


def _rows(table: str) -> list[Any]:
    with db.engine.connect() as connection:
        return list(connection.execute(text(f"SELECT * FROM {table}")))


def _execute(statement: str) -> None:
    db.session.remove()
    with db.engine.connect().execution_options(writes=True) as connection, connection.begin():
        connection.execute(text(statement))
