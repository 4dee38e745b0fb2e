"""Tables' common ground: naming, column types, mixins, and how a connection behaves.

The base is Flask-AppBuilder's ``Model``, so that its tables and ours live in one metadata and one migration
history.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask_appbuilder.models.sqla import Model as Model
from flask_appbuilder.models.sqla.base import SQLA
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Dialect,
    Engine,
    ForeignKey,
    Integer,
    String,
    TypeDecorator,
    event,
)
from sqlalchemy.orm import Mapped, declarative_mixin, declared_attr, mapped_column

from app.kernel.clock import now

# Set before any table is declared: constraints get their names when they are attached to a table.
Model.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

db = SQLA(metadata=Model.metadata, session_options={"expire_on_commit": False, "autoflush": False})

#: 64-bit keys; SQLite only counts up by itself in a column that is exactly INTEGER.
Key = BigInteger().with_variant(Integer(), "sqlite")

#: Largest id either database can hold: anything above is "not found", never an error.
LARGEST_KEY = 2**63 - 1


class Moment(TypeDecorator[datetime]):
    """An aware moment, kept as naive UTC (SQLite knows no zones, and text order must be time order)."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a zone")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class Hundredths(TypeDecorator[int]):
    """Credits as integer hundredths: 300 is 3 credits. Shown and typed with up to two decimals."""

    impl = Integer
    cache_ok = True


class BasisPoints(TypeDecorator[int]):
    """A ratio as integer hundredths of a per cent: 10000 is 100 %."""

    impl = Integer
    cache_ok = True


class Code(TypeDecorator[str]):
    """One of a closed list of codes, with the words that the screen shows (see
    :class:`app.kernel.choices.Choices`).

    The list is also a CHECK on the column: add ``choices.check("column")`` to the table's arguments.
    """

    impl = String
    cache_ok = True

    def __init__(self, choices: Any) -> None:
        super().__init__(32)
        self.choices = choices

    def __repr__(self) -> str:
        return "String(32)"


@declarative_mixin
class Identified:
    """A surrogate key."""

    @declared_attr
    def id(cls) -> Mapped[int]:
        return mapped_column(Key, primary_key=True, sort_order=-10)


@declarative_mixin
class Recorded(Identified):
    """A fact: written once. ``created_by`` is NULL where the system itself acted."""

    @declared_attr
    def created_at(cls) -> Mapped[datetime]:
        return mapped_column(Moment, default=now, nullable=False, sort_order=90, comment="written at (UTC)")

    @declared_attr
    def created_by_id(cls) -> Mapped[int | None]:
        return mapped_column(
            Key, ForeignKey("ab_user.id"), sort_order=91, comment="written by; NULL: the system"
        )


@declarative_mixin
class Editable(Recorded):
    """A record that people edit: counts its versions, so that a stale save is noticed."""

    @declared_attr
    def changed_at(cls) -> Mapped[datetime]:
        return mapped_column(
            Moment, default=now, onupdate=now, nullable=False, sort_order=92, comment="last change (UTC)"
        )

    @declared_attr
    def version(cls) -> Mapped[int]:
        return mapped_column(Integer, default=1, nullable=False, sort_order=99, comment="counts every change")

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:
        return (
            {"version_id_col": cls.__table__.c.version}
            if hasattr(cls, "__table__")
            else {"version_id_col": cls.version}
        )


def positive(column: str) -> CheckConstraint:
    """CHECK that an amount is not negative."""
    return CheckConstraint(f"{column} >= 0", name=f"{column}_not_negative")


@event.listens_for(Engine, "connect")
def _configure_sqlite(connection: Any, _record: Any) -> None:
    if type(connection).__module__.startswith("sqlite3"):
        connection.isolation_level = None  # we say BEGIN ourselves, see _begin
        cursor = connection.cursor()
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA busy_timeout = 15000")
        cursor.execute(
            "PRAGMA recursive_triggers = ON"
        )  # or INSERT OR REPLACE slips past append-only triggers
        cursor.close()


@event.listens_for(Engine, "begin")
def _begin(connection: Any) -> None:
    if connection.dialect.name == "sqlite":
        writes = connection.get_execution_options().get("writes", False)
        # A writer takes the lock at once: two readers that later both want to write would deadlock.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
