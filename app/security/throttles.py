"""Counting what people do too often, in the database, so that it holds across processes and hosts (spec 5)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.kernel.clock import now
from app.kernel.settings import settings
from app.security import personal
from app.security.models import Throttle

#: Doubling ends here: about eleven days.
_MOST_LOCKS = 10
#: After so long without a failure, locks begin at the first length again.
_FORGET = timedelta(days=1)


def key(kind: str, value: str) -> str:
    """What is counted, without saying it: ``kind`` and a keyed digest of ``value``."""
    digest = personal.keyed("throttle", f"{kind}\0{value}")
    return f"{kind}:{digest.hex()}"


def locked(session: Session, name: str) -> Throttle:
    """The row that counts ``name``, locked for this transaction; made when absent."""
    dialect: Any = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    fresh = dialect.insert(Throttle).values(key=name, failures=0, locks=0)
    session.execute(fresh.on_conflict_do_nothing(index_elements=["key"]))
    return session.scalars(
        select(Throttle)
        .where(Throttle.key == name)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def allow(session: Session, name: str, limit: int, within: timedelta) -> bool:
    """Count one more of ``name``; False when that makes more than ``limit`` in the window."""
    row, moment = locked(session, name), now()
    if row.since is None or moment >= row.since + within:
        row.since, row.failures = moment, 0
    if row.failures >= limit:
        return False
    row.failures += 1
    return True


def until(row: Throttle) -> datetime | None:
    """When the lock on ``row`` ends; None where there is none now."""
    return row.locked_until if row.locked_until is not None and row.locked_until > now() else None


def fail(row: Throttle, limit: int) -> bool:
    """Count a failure; True when it locks. Each lock is twice as long as the one before (spec 5)."""
    first, moment = timedelta(minutes=settings().policies.lock), now()
    if row.since is None or moment >= row.since + first:
        if row.since is None or moment >= row.since + _FORGET:
            row.locks = 0
        row.failures = 0
    row.since = moment
    row.failures += 1
    if row.failures < limit:
        return False
    row.locked_until = moment + first * 2**row.locks
    row.locks, row.failures = min(row.locks + 1, _MOST_LOCKS), 0
    return True


def forgive(row: Throttle) -> None:
    """Begin to count anew."""
    row.failures = row.locks = 0
    row.locked_until = row.since = None
