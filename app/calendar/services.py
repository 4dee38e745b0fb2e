"""Counting working days of the Chinese calendar 调休 (spec 2), in civil time of China.

The shipped calendar knows the years that the State Council has announced; rows of ``working_day`` override
it day by day. Of a year that is not announced yet only the weekends are known: ``is_announced`` tells, for
pages to mark such a deadline as provisional.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache

import chinese_calendar
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.calendar.models import WorkingDay
from app.kernel.clock import CIVIL, civil

_DAY = timedelta(days=1)
#: Ends a deadline's day: a whole second, so that it prints as the day it belongs to.
_LAST_SECOND = time(23, 59, 59)


@dataclass(frozen=True)
class Calendar:
    """The working calendar with the staff's overrides read in: for pages that count for many rows.

    ``overrides`` says of single days whether people work.
    """

    overrides: Mapping[date, bool]

    def is_working(self, day: date) -> bool:
        """Whether people work on ``day``."""
        return self.overrides.get(day, _works(day))

    def is_announced(self, year: int) -> bool:
        """Whether the holidays of ``year`` are known: shipped, or entered by staff up to the National Day."""
        return _shipped_knows(year) or not self.overrides.get(date(year, 10, 1), True)

    def is_provisional(self, due: datetime) -> bool:
        """Whether holidays of the year of ``due`` are still to come: such a deadline is shown with a mark."""
        return not self.is_announced(civil(due).year)

    def deadline(self, start: datetime, days: int) -> datetime:
        """The end of the civil day that is ``days`` working days after the day of ``start``."""
        if days < 0:
            raise ValueError("a deadline lies ahead")
        day = civil(start).date()
        while days:
            day += _DAY
            days -= self.is_working(day)
        return datetime.combine(day, _LAST_SECOND, CIVIL)

    def between(self, start: datetime, end: datetime) -> int:
        """Working days after the day of ``start``, up to and with that of ``end``; negative if it is first.

        So ``between(start, deadline(start, n)) == n``; ``between(now, due)`` is what is left.
        """
        first, last = civil(start).date(), civil(end).date()
        if last < first:
            return -self._count(last, first)
        return self._count(first, last)

    def _count(self, after: date, until: date) -> int:
        differing = (works - _works(day) for day, works in self.overrides.items() if after < day <= until)
        return _shipped_between(after, until) + sum(differing)


def load(session: Session, first: date, last: date | None = None) -> Calendar:
    """The calendar for days from ``first`` to ``last`` (open: all that staff entered); one query.

    Read from the New Year of ``first`` on, so that its year is known as announced or not.
    """
    rows = select(WorkingDay.day, WorkingDay.is_working).where(WorkingDay.day >= date(first.year, 1, 1))
    if last is not None:
        rows = rows.where(WorkingDay.day <= last)
    return Calendar(dict(session.execute(rows).tuples().all()))


def deadline(session: Session, start: datetime, days: int) -> datetime:
    """See :meth:`Calendar.deadline`."""
    return load(session, civil(start).date()).deadline(start, days)


def working_days_between(session: Session, start: datetime, end: datetime) -> int:
    """See :meth:`Calendar.between`. For many rows :func:`load` the calendar once."""
    first, last = sorted((civil(start).date(), civil(end).date()))
    return load(session, first, last).between(start, end)


def is_announced(session: Session, year: int) -> bool:
    """See :meth:`Calendar.is_announced`."""
    return load(session, date(year, 1, 1), date(year, 12, 31)).is_announced(year)


@cache
def _shipped_knows(year: int) -> bool:
    try:
        chinese_calendar.is_workday(date(year, 1, 1))
    except NotImplementedError:
        return False
    return True


@cache
def _shipped(year: int) -> tuple[date, ...]:
    """Working days of a year, in order, as shipped; Monday to Friday where the year is unknown."""
    known = _shipped_knows(year)
    days = (
        date.fromordinal(number)
        for number in range(date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal() + 1)
    )
    return tuple(day for day in days if (chinese_calendar.is_workday(day) if known else day.weekday() < 5))


def _works(day: date) -> bool:
    days = _shipped(day.year)
    at = bisect_right(days, day)
    return at > 0 and days[at - 1] == day


def _shipped_between(after: date, until: date) -> int:
    years = (_shipped(year) for year in range(after.year, until.year + 1))
    return sum(bisect_right(days, until) - bisect_right(days, after) for days in years)
