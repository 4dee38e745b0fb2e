"""Fixtures that every test may use: the real application on real SQLite and real PostgreSQL.

``app`` runs a test on both; mark a test ``@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)``
where one is enough.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.kernel.actor import SYSTEM
from app.kernel.database import db
from app.kernel.unit_of_work import UnitOfWork
from tests.support.house import House
from tests.support.postgres import Server, programs
from tests.support.story import Cast

_houses: dict[str, House] = {}


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server for this run."""
    if programs() is None:
        pytest.fail("PostgreSQL's programs are absent: `make test` installs them, or says why it can't")
    server = Server()
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def house(
    backend: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> House:
    """The deployed application of this backend, made once per test process."""
    server = request.getfixturevalue("postgres") if backend == "postgresql" else None
    return house_of(backend, server, tmp_path_factory, worker_id)


def house_of(
    backend: str, server: Server | None, tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> House:
    """The house of this backend; the same one for the whole test process."""
    if backend not in _houses:
        folder: Path = tmp_path_factory.mktemp(f"house-{backend}")
        _houses[backend] = House(folder, server, worker_id)
    return _houses[backend]


@pytest.fixture
def app(house: House) -> Iterator[Flask]:
    """The application on a fresh copy of the deployed database, inside an application context."""
    app = house.reset()
    with app.app_context():
        yield app
        db.session.rollback()
        db.session.remove()


@pytest.fixture
def demo(house: House) -> Iterator[Flask]:
    """The application with the demo's people and cases, inside an application context."""
    app = house.reset("demo")
    with app.app_context():
        yield app
        db.session.rollback()
        db.session.remove()


@pytest.fixture
def cast(demo: Flask) -> Cast:
    """The demo's people, ready to act."""
    return Cast()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def system(app: Flask) -> Iterator[UnitOfWork]:
    """An open unit of work of the system itself; commits when the test ends well."""
    with UnitOfWork(db.session, SYSTEM) as uow:
        yield uow
