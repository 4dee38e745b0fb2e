"""The month as staff see it: holidays and swapped days by name, their own days on top."""

from __future__ import annotations

from datetime import date

from app.calendar import queries
from app.calendar.models import WorkingDay
from app.kernel.unit_of_work import UnitOfWork


def test_month_with_holidays_and_own_days(system: UnitOfWork) -> None:
    system.session.add(WorkingDay(day=date(2026, 10, 15), is_working=False, name="台风停工"))
    system.flush()
    weeks = queries.month(system.session, 2026, 10)
    days = {day.day: day for week in weeks for day in week}
    assert len(weeks) == 5
    assert min(days) == date(2026, 9, 28)
    assert [days[date(2026, 10, number)].works for number in (1, 7, 8, 9, 10, 11)] == [
        False,
        False,
        True,
        True,
        True,
        False,
    ]
    assert days[date(2026, 10, 1)].name == "国庆节"
    assert days[date(2026, 10, 10)].swapped
    assert not days[date(2026, 10, 11)].swapped
    storm = days[date(2026, 10, 15)]
    assert (storm.works, storm.name, storm.entered is not None) == (False, "台风停工", True)
    assert not days[date(2026, 9, 30)].in_month


def test_month_nobody_has_announced(system: UnitOfWork) -> None:
    days = {day.day: day for week in queries.month(system.session, 2027, 10, "en") for day in week}
    assert days[date(2027, 10, 1)].works
    assert days[date(2027, 10, 1)].name == ""
    assert not days[date(2027, 10, 2)].works
