"""Bringing a database up to date: tables, roles, reference data. Safe to run again, and on a database in use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from alembic import command
from alembic.config import Config
from flask_appbuilder.security.sqla.models import Role as FabRole
from sqlalchemy import select

from app.catalogue import reference as catalogue
from app.framework import reference as framework
from app.kernel.actor import SYSTEM
from app.kernel.database import db
from app.kernel.unit_of_work import UnitOfWork
from app.notices import reference as notices
from app.organisations import reference as organisations
from app.portal import reference as portal
from app.security import reference as security
from app.security.permissions import Role

#: In the order in which one refers to the other.
INSTALLERS = (organisations, framework, catalogue, security, notices, portal)


def deploy_all() -> Iterator[str]:
    """Do everything; yields a line per thing done."""
    _upgrade()
    yield "Tables are up to date."
    with UnitOfWork(db.session, SYSTEM) as uow:
        present = set(uow.session.scalars(select(FabRole.name)))
        uow.session.add_all(FabRole(name=role.value) for role in Role if role not in present)
        uow.flush()
        for room in INSTALLERS:
            added = room.install(uow)
            if added:
                yield f"Reference data: {added} added in {room.__name__.split('.')[1]}."


def _upgrade() -> None:
    home = Path(__file__).resolve().parent.parent
    config = Config(str(home / "migrations/alembic.ini"))
    config.set_main_option("script_location", str(home / "migrations"))
    command.upgrade(config, "head")
