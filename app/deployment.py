"""Bringing a database up to date: tables, rights, roles, reference data. Safe to repeat, also while in use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from alembic import command
from alembic.config import Config
from flask_appbuilder.security.sqla.models import Role as FabRole
from sqlalchemy import create_engine, make_url, pool, select

from app.catalogue import reference as catalogue
from app.framework import reference as framework
from app.kernel.actor import SYSTEM
from app.kernel.database import db
from app.kernel.settings import settings
from app.kernel.unit_of_work import UnitOfWork
from app.notices import reference as notices
from app.organisations import reference as organisations
from app.portal import reference as portal
from app.security import reference as security
from app.security.permissions import Role

#: In the order in which one refers to the other.
INSTALLERS = (organisations, framework, catalogue, security, notices, portal)

#: What the application's own role may only add to (spec 3: it can't alter audit rows).
APPEND_ONLY = ("audit_event", "audit_checkpoint")


def deploy_all() -> Iterator[str]:
    """Do everything; yields a line per thing done."""
    _upgrade()
    yield "Tables are up to date."
    yield from _grant(os.environ.get("CREDITBANK_OWNER_URL", ""), settings().database_url)
    yield from _fill()


def _upgrade() -> None:
    home = Path(__file__).resolve().parent.parent
    config = Config(str(home / "migrations/alembic.ini"))
    config.set_main_option("script_location", str(home / "migrations"))
    command.upgrade(config, "head")


def _grant(owner_url: str, application_url: str) -> Iterator[str]:
    """Where an owner holds the tables, let the application's role use them.

    Of the audit trail it may only add rows: what is written is out of its reach (spec 3).
    """
    role = make_url(application_url).username
    if (
        not owner_url
        or make_url(owner_url).get_backend_name() != "postgresql"
        or make_url(owner_url).username == role
    ):
        return
    engine = create_engine(owner_url, poolclass=pool.NullPool)
    name = engine.dialect.identifier_preparer.quote_identifier(role or "")
    tables = ", ".join(APPEND_ONLY)
    with engine.begin() as connection:
        for statement in (
            f"GRANT USAGE ON SCHEMA public TO {name}",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name}",
            f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {name}",
            f"REVOKE UPDATE, DELETE ON {tables} FROM {name}",
        ):
            connection.exec_driver_sql(statement)
    yield "The application's role may use the tables, and only add to the audit trail."


def _fill() -> Iterator[str]:
    """Roles and every room's reference data, all or none."""
    lines = []
    with UnitOfWork(db.session, SYSTEM) as uow:
        present = set(uow.session.scalars(select(FabRole.name)))
        missing = [role.value for role in Role if role not in present]
        uow.session.add_all(FabRole(name=name) for name in missing)
        uow.flush()
        if missing:
            lines.append(f"Roles: {len(missing)} added.")
        for room in INSTALLERS:
            added = room.install(uow)
            if added:
                lines.append(f"Reference data: {added} added in {room.__name__.split('.')[1]}.")
    yield from lines
