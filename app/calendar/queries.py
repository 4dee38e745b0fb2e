"""The working calendar month by month, as its page shows it."""

from __future__ import annotations

from calendar import Calendar as Weeks
from dataclasses import dataclass
from datetime import date

import chinese_calendar
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.calendar import services
from app.calendar.models import WorkingDay


@dataclass(frozen=True)
class Day:
    """One square of the page. ``entered`` is the staff's row that overrides the shipped calendar."""

    day: date
    works: bool
    name: str
    entered: WorkingDay | None
    in_month: bool

    @property
    def swapped(self) -> bool:
        """Whether it differs from an ordinary week."""
        return self.works != (self.day.weekday() < 5)


def month(session: Session, year: int, number: int, language: str = "zh") -> list[list[Day]]:
    """The weeks of a month, Monday first, with the days of its neighbours that fill them up."""
    weeks = Weeks().monthdatescalendar(year, number)
    rows = session.scalars(select(WorkingDay).where(WorkingDay.day.between(weeks[0][0], weeks[-1][-1])))
    entered = {row.day: row for row in rows}
    calendar = services.Calendar({day: row.is_working for day, row in entered.items()})
    return [
        [
            Day(
                day,
                calendar.is_working(day),
                entered[day].name if day in entered else _holiday(day, language),
                entered.get(day),
                day.month == number,
            )
            for day in week
        ]
        for week in weeks
    ]


def _holiday(day: date, language: str) -> str:
    """The holiday that a day off, or a day worked for it, belongs to; empty where there is none."""
    try:
        name = chinese_calendar.get_holiday_detail(day)[1]
    except NotImplementedError:
        return ""
    if name is None:
        return ""
    return str(chinese_calendar.Holiday(name).chinese if language == "zh" else name)
