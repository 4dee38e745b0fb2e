"""The one place that tells the time."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

#: Civil time of the bank: days, deadlines and everything printed are reckoned in it.
CIVIL = ZoneInfo("Asia/Shanghai")


def now() -> datetime:
    """The present moment, aware, in UTC, to the microsecond."""
    return datetime.now(UTC)


def today() -> date:
    """The civil date in China, whatever the host's time zone."""
    return civil(now()).date()


def civil(moment: datetime) -> datetime:
    """``moment`` (aware) on the clocks of China."""
    return moment.astimezone(CIVIL)


def start_of(day: date) -> datetime:
    """The first moment of a civil day."""
    return datetime.combine(day, time(), CIVIL)
