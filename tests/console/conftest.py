"""The lab: the real application with the lab's views and tables beside its own, on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select
from sqlalchemy.engine import Engine

from app.demo.people import POINT, POINT2
from app.demo.world import OPEN_UNIVERSITY
from app.kernel.actor import SYSTEM
from app.kernel.database import db
from app.kernel.unit_of_work import UnitOfWork
from app.organisations.models import Organisation
from app.security import permissions
from tests.console import lab
from tests.support.house import House
from tests.support.story import log_in

_labs: dict[str, Lab] = {}


class Lab(House):
    """The house, with the lab in it; state ``lab`` has the demo's people and no books."""

    def __init__(self, folder: Path, house: House, worker: str) -> None:
        super().__init__(folder, house.server, f"lab_{worker}", like=house)
        lab.register(self.app)
        self.app.jinja_loader.searchpath.append(str(Path(__file__).parent / "templates"))  # type: ignore[union-attr]
        self.reset("demo")
        with (
            self.app.app_context(),
            db.engine.connect().execution_options(writes=True) as connection,
            connection.begin(),
        ):
            lab.METADATA.create_all(connection, tables=lab.tables())
        self._keep("lab")


@pytest.fixture(autouse=True)
def lab_grants(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The lab's rows of the permission table, for these tests only."""
    monkeypatch.setattr(permissions, "TABLE", (*permissions.TABLE, *lab.TABLE))
    lab.forget_grants()
    yield
    monkeypatch.undo()
    lab.forget_grants()


@pytest.fixture
def library(
    backend: str,
    house: House,
    tmp_path_factory: pytest.TempPathFactory,
    worker_id: str,
    lab_grants: None,
) -> Iterator[Flask]:
    """The application with the lab in it, on a fresh database, inside an application context."""
    if backend not in _labs:
        _labs[backend] = Lab(tmp_path_factory.mktemp(f"lab-{backend}"), house, worker_id)
    app = _labs[backend].reset("lab")
    with app.app_context():
        yield app
        db.session.rollback()
        db.session.remove()


@dataclass(frozen=True)
class Places:
    """Ids of the demo's organisations: a teaching point, its institution, a sibling point."""

    point: int
    institution: int
    sibling: int


@pytest.fixture
def places(library: Flask) -> Places:
    ids = {row.name: row.id for row in db.session.scalars(select(Organisation))}
    return Places(ids[POINT], ids[OPEN_UNIVERSITY], ids[POINT2])


@pytest.fixture
def center(library: Flask) -> FlaskClient:
    return log_in(library, "center")


@pytest.fixture
def point(library: Flask) -> FlaskClient:
    return log_in(library, "point")


def put(*rows: Any) -> None:
    """Write rows as the system."""
    with UnitOfWork(db.session, SYSTEM) as uow:
        uow.session.add_all(rows)


def fresh(model: type[Any], key: int) -> Any:
    """A row as the database has it now."""
    db.session.rollback()
    return db.session.get(model, key, populate_existing=True)


def every(model: type[Any]) -> list[Any]:
    """All rows as the database has them now, by key."""
    db.session.rollback()
    return list(
        db.session.scalars(select(model).order_by(model.id).execution_options(populate_existing=True))
    )


def one(model: type[Any]) -> Any:
    """The only row there is."""
    (row,) = every(model)
    return row


class Queries:
    """Counts the statements that reach the database."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def __enter__(self) -> Queries:
        event.listen(Engine, "before_cursor_execute", self._note)
        return self

    def __exit__(self, *_: object) -> None:
        event.remove(Engine, "before_cursor_execute", self._note)

    def _note(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "INSERT", "UPDATE", "DELETE")):
            self.statements.append(statement)


@pytest.fixture
def typed(places: Places) -> dict[str, object]:
    """What a browser posts for a book that is filled in well enough."""
    return {
        "title": "The new one",
        "organisation": str(places.institution),
        "kind": "novel",
        "ratio": "100",
        "copies": "1",
        "values_": "{}",
        "active": "y",
    }
