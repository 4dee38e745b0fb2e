"""Deadlines on the Chinese working calendar, with days swapped for holidays, and years not announced yet."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event

from app.calendar import services
from app.calendar.models import WorkingDay
from app.kernel.clock import CIVIL, civil
from app.kernel.database import db
from app.kernel.unit_of_work import UnitOfWork


def at(year: int, month: int, day: int, hour: int = 10) -> datetime:
    """A moment on the clocks of China."""
    return datetime(year, month, day, hour, tzinfo=CIVIL)


def due(start: datetime, days: int) -> date:
    return civil(services.deadline(db.session(), start, days)).date()


def enter(uow: UnitOfWork, day: date, is_working: bool) -> None:
    uow.session.add(WorkingDay(day=day, is_working=is_working, name="test"))
    uow.flush()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.usefixtures("app")
class TestShippedYears:
    def test_spring_festival_2026(self) -> None:
        # Holiday 15 to 23 February; the Saturdays 14 and 28 February are worked.
        assert due(at(2026, 2, 12), 1) == date(2026, 2, 13)
        assert due(at(2026, 2, 12), 2) == date(2026, 2, 14)
        assert due(at(2026, 2, 12), 3) == date(2026, 2, 24)
        assert due(at(2026, 2, 24), 4) == date(2026, 2, 28)

    def test_national_day_2026(self) -> None:
        # Holiday 1 to 7 October; Sunday 20 September and Saturday 10 October are worked.
        assert due(at(2026, 9, 18), 1) == date(2026, 9, 20)
        assert due(at(2026, 9, 30), 1) == date(2026, 10, 8)
        assert due(at(2026, 9, 30), 3) == date(2026, 10, 10)
        assert due(at(2026, 10, 10), 1) == date(2026, 10, 12)

    def test_initial_review_across_both(self) -> None:
        # 10 working days from Monday, 21 September: 22 23 24, 28 29 30, 8 9 10, 12 (25 to 27 is Mid-Autumn).
        assert due(at(2026, 9, 21), 10) == date(2026, 10, 12)

    def test_ends_with_the_civil_day(self) -> None:
        assert services.deadline(db.session(), at(2026, 11, 2), 1) == datetime(
            2026, 11, 3, 15, 59, 59, tzinfo=UTC
        )

    def test_day_begins_in_china(self) -> None:
        late_on_sunday_in_utc = datetime(2026, 11, 1, 20, tzinfo=UTC)  # Monday, 4 o'clock, in China
        assert due(late_on_sunday_in_utc, 1) == date(2026, 11, 3)

    def test_no_days_is_today(self) -> None:
        assert due(at(2026, 10, 3), 0) == date(2026, 10, 3)

    def test_days_left_and_overdue(self) -> None:
        session = db.session()
        assert services.working_days_between(session, at(2026, 9, 30), at(2026, 10, 10)) == 3
        assert services.working_days_between(session, at(2026, 10, 10), at(2026, 9, 30)) == -3
        assert services.working_days_between(session, at(2026, 9, 30, 1), at(2026, 9, 30, 23)) == 0

    def test_one_query_however_many_rows(self) -> None:
        session = db.session()
        session.execute(db.text("SELECT 1"))
        statements: list[str] = []
        event.listen(db.engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
        calendar = services.load(session, date(2026, 1, 1))
        for day in range(1, 29):
            calendar.between(at(2026, 2, day), calendar.deadline(at(2026, 9, day), 10))
        assert len(statements) == 1


def test_staff_override_the_shipped_calendar(system: UnitOfWork) -> None:
    enter(system, date(2026, 11, 3), False)  # a typhoon on a Tuesday
    enter(system, date(2026, 11, 7), True)  # made good on the Saturday
    assert due(at(2026, 11, 2), 1) == date(2026, 11, 4)
    assert due(at(2026, 11, 6), 1) == date(2026, 11, 7)
    days = services.working_days_between(system.session, at(2026, 11, 2), at(2026, 11, 9))
    assert days == 5


def test_year_not_announced(system: UnitOfWork) -> None:
    session = system.session
    assert services.is_announced(session, 2026)
    assert not services.is_announced(session, 2027)
    assert due(at(2027, 9, 30), 1) == date(2027, 10, 1), "only the weekends are known"
    assert due(at(2027, 10, 1), 1) == date(2027, 10, 4)
    enter(system, date(2027, 3, 1), False)
    assert not services.is_announced(session, 2027), "one day is not yet the year's notice"
    enter(system, date(2027, 10, 1), False)
    assert services.is_announced(session, 2027)
    assert due(at(2027, 9, 30), 1) == date(2027, 10, 4)


def test_deadline_in_a_year_not_announced_is_provisional(system: UnitOfWork) -> None:
    late = services.deadline(system.session, at(2026, 12, 1), 30)
    assert services.load(system.session, date(2026, 12, 1)).is_provisional(late)
    assert not services.load(system.session, date(2026, 12, 1)).is_provisional(at(2026, 12, 31))
    enter(system, date(2027, 10, 1), False)
    assert not services.load(system.session, date(2027, 11, 5)).is_provisional(at(2027, 12, 1))


def test_across_new_year_into_the_unknown(system: UnitOfWork) -> None:
    enter(system, date(2027, 1, 1), False)
    assert due(at(2026, 12, 30), 2) == date(2027, 1, 4)


@given(
    start=st.dates(date(2004, 1, 1), date(2029, 12, 31)),
    hour=st.integers(0, 23),
    days=st.integers(0, 60),
    overrides=st.dictionaries(st.dates(date(2004, 1, 1), date(2030, 6, 1)), st.booleans(), max_size=30),
)
def test_deadline_and_count_agree(start: date, hour: int, days: int, overrides: dict[date, bool]) -> None:
    calendar = services.Calendar(overrides)
    moment = at(start.year, start.month, start.day, hour)
    end = calendar.deadline(moment, days)
    assert calendar.between(moment, end) == days
    assert calendar.between(end, moment) == -days
    assert days == 0 or calendar.is_working(civil(end).date())
