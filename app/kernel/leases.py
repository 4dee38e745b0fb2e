"""Leased rows: work that any number of workers on any hosts take one at a time from our own database.

A worker claims by a conditional UPDATE and holds the row until ``lease_until``; if it dies, the next one
takes over.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Integer, String
from sqlalchemy.orm import Mapped, declarative_mixin, declared_attr, mapped_column

from app.kernel.clock import now
from app.kernel.database import Moment


@declarative_mixin
class Leased:
    """Columns of a row that workers lease. ``key`` makes writing the row twice impossible."""

    @declared_attr
    def key(cls) -> Mapped[str]:
        return mapped_column(String(128), unique=True, nullable=False, comment="idempotency key")

    @declared_attr
    def due_at(cls) -> Mapped[datetime]:
        return mapped_column(Moment, default=now, nullable=False, comment="not before (UTC)")

    @declared_attr
    def lease_owner(cls) -> Mapped[str | None]:
        return mapped_column(String(64), comment="worker that holds it")

    @declared_attr
    def lease_until(cls) -> Mapped[datetime | None]:
        return mapped_column(Moment, comment="free again after (UTC)")

    @declared_attr
    def attempts(cls) -> Mapped[int]:
        return mapped_column(Integer, default=0, nullable=False, comment="times tried")
