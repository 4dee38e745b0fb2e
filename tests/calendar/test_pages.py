"""The working calendar on screen."""

from __future__ import annotations

import re
from datetime import date

import pytest
from flask import Flask
from sqlalchemy import select

from app.calendar.models import WorkingDay
from app.kernel.database import db
from tests.notices.conftest import MakePerson, Reader
from tests.notices.conftest import make_person as make_person

DAYS = "/console/records/working-day/"


@pytest.fixture
def center(app: Flask, make_person: MakePerson) -> Reader:
    return Reader(app, make_person(), "Center")


def test_month_with_its_holidays(center: Reader) -> None:
    page = center.get(f"{DAYS}month?month=2026-10")
    assert page.count("国庆节") == 8, "seven days off, and the Saturday worked for them"
    assert "上班" in page
    assert "尚未公布" not in page
    assert f"{DAYS}month?month=2026-11" in page


def test_unannounced_year_is_marked_until_it_is_entered(center: Reader) -> None:
    assert "尚未公布" in center.get(f"{DAYS}month?month=2027-10")
    center.post(f"{DAYS}add?day=2027-10-01", f"{DAYS}add", day="2027-10-01", name="国庆节")
    assert "尚未公布" not in center.get(f"{DAYS}month?month=2027-10")
    db.session.rollback()
    row = db.session.scalars(select(WorkingDay)).one()
    assert (row.day, row.is_working, row.name) == (date(2027, 10, 1), False, "国庆节")


def test_a_click_on_a_day_begins_with_it(center: Reader) -> None:
    form = center.get(f"{DAYS}add?day=2026-11-03")
    assert re.search(r'name="day"[^>]*value="2026-11-03"|value="2026-11-03"[^>]*name="day"', form)
    center.get(f"{DAYS}add?day=nonsense")


def test_a_day_stands_once(center: Reader) -> None:
    center.post(f"{DAYS}add", f"{DAYS}add", day="2026-11-03", name="台风停工")
    center.post(f"{DAYS}add", f"{DAYS}add", status=422, day="2026-11-03", is_working="y", name="again")


@pytest.mark.parametrize("nonsense", ["abc", "2026-13", "0001-01", "9999-12", "", "2026-10-05", "²"])
def test_nonsense_is_this_month(center: Reader, nonsense: str) -> None:
    center.get(f"{DAYS}month?month={nonsense}")


def test_staff_look_the_centre_writes(app: Flask, make_person: MakePerson) -> None:
    point = Reader(app, make_person(), "TeachingPoint")
    page = point.get(f"{DAYS}month?month=2026-10")
    assert f"{DAYS}add" not in page
    point.get(f"{DAYS}add", status=403)
    Reader(app, make_person(), "Learner").get(f"{DAYS}month", status=403)
