"""Figures and the lists behind them: the same cases, and nobody else's."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from flask import Flask
from openpyxl import load_workbook
from sqlalchemy import event, func, select, text

from app.audit.models import AuditEvent
from app.conversion.models import ConversionApplication
from app.kernel.actor import Actor
from app.kernel.clock import today
from app.kernel.database import db
from app.recognition.models import RecognitionApplication
from app.statistics import queries
from app.statistics.cases import KINDS, Filter
from app.statistics.export import csv_lines
from app.statistics.queries import Figures
from tests.support.story import Cast, log_in

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


def _count(model: Any, *conditions: Any) -> int:
    return db.session.scalar(select(func.count()).select_from(model).where(*conditions)) or 0


def _cells(found: Figures, wanted: Filter) -> Iterator[tuple[int, Filter]]:
    """Every number of the dashboard that counts cases, with the filter of its list."""
    yield found.count(), wanted
    yield found.overdue, replace(wanted, overdue=True)
    for month in found.months:
        yield month.submitted, replace(wanted, month=month.month)
        yield month.decided, replace(wanted, decided=month.month)
    for name, groups in (("kind", found.outcomes), ("point", found.points), ("committee", found.committees)):
        for group in groups:
            for outcome, count in group.counts.items():
                yield count, replace(wanted, **{name: group.key, "outcome": outcome})  # type: ignore[arg-type]
    for group in found.ages:
        for kind in KINDS.codes:
            yield group.counts.get(kind, 0), replace(wanted, age=group.key, kind=kind)


@pytest.mark.parametrize("word", ["center", "point", "point2", "institution", "auditor"])
def test_every_number_is_the_length_of_its_list(cast: Cast, word: str) -> None:
    _spread()
    me, wanted = cast.by(word), queries.usual()
    found = queries.figures(db.session(), me, wanted)
    seen = 0
    for number, asked in _cells(found, wanted):
        assert queries.count_cases(db.session(), me, asked) == number, asked
        assert len(db.session.execute(queries.listed(me, asked)).all()) == number
        seen += bool(number)
    assert seen > (2 if word == "point2" else 8)


def _spread() -> None:
    """Some cases are older than others, and some are overdue."""
    moment = datetime.now(UTC).replace(tzinfo=None)
    for table in ("conversion_application", "recognition_application"):
        for key in db.session.scalars(text(f"SELECT id FROM {table}")).all():
            day = moment - timedelta(days=int(key) * 5 % 60)
            with db.engine.connect().execution_options(writes=True) as connection, connection.begin():
                connection.execute(
                    text(f"UPDATE {table} SET submitted_at = :day, due_at = :due WHERE id = :key"),
                    {"day": day, "due": day + timedelta(days=20), "key": key},
                )
    db.session.rollback()


def test_whose_cases_count(cast: Cast) -> None:
    wanted = queries.usual()

    def count(actor: Actor) -> int:
        return queries.figures(db.session(), actor, wanted).count()

    every = _count(ConversionApplication) + _count(RecognitionApplication)
    point, point2 = cast.by("point"), cast.by("point2")
    assert count(cast.by("center")) == every
    own = [
        _count(model, model.home_point_id == point.organisation_id)
        for model in (ConversionApplication, RecognitionApplication)
    ]
    assert count(point) == sum(own) > 0
    assert count(cast.by("institution")) >= count(point)
    assert count(point) + count(point2) <= every
    for word in ("committee", "learner", "assessor", "admin"):
        assert count(cast.by(word)) == 0
    # whoever narrows to a stranger's organisation still sees only their own
    asked = Filter(wanted.first, wanted.last, organisation=point2.organisation_id)
    assert queries.count_cases(db.session(), point, asked) == 0


def test_a_month_is_one_of_china(cast: Cast) -> None:
    """Five in the afternoon in UTC on the last day of a month is the next month in China."""
    case = db.session.scalars(select(ConversionApplication.id)).first()
    db.session.rollback()
    first = today().replace(day=1)
    evening = datetime.combine(first, time(0, 30)) - timedelta(hours=8)
    with db.engine.connect().execution_options(writes=True) as connection, connection.begin():
        connection.execute(
            text("UPDATE conversion_application SET submitted_at = :day WHERE id = :key"),
            {"day": evening, "key": case},
        )
    wanted = queries.usual()
    me = cast.by("center")
    months = {m.month: m.submitted for m in queries.figures(db.session(), me, wanted).months}
    assert sum(months.values()) == months[f"{first:%Y-%m}"]
    asked = Filter(wanted.first, wanted.last, month=f"{first:%Y-%m}")
    rows = db.session.execute(queries.listed(me, asked)).all()
    assert case in {row.id for row in rows if row.kind != "recognition"}


@SQLITE
def test_the_dashboard_and_its_links(demo: Flask) -> None:
    client = log_in(demo, "center")
    page = client.get("/console/statistics/").text
    links = re.findall(r'<a href="(/console/statistics/cases[^"]*)">(\d+)</a>', page)
    assert len(links) > 12
    for link, number in links[:6]:
        shown = client.get(link.replace("&amp;", "&") + "&size=100").text
        assert shown.count('<th scope="row">') == int(number)
    for word in ("committee", "assessor", "admin", "learner"):
        assert log_in(demo, word).get("/console/statistics/").status_code == 403
    for nonsense in ("first=x", "organisation=-1", "month=2026-13", "age=9", "first=0001-01-01&last=2199-01-01",
                     "point=99999999999999999999", "page=abc", "outcome=x"):  # fmt: skip
        assert client.get(f"/console/statistics/?{nonsense}").status_code == 200
        assert client.get(f"/console/statistics/cases?{nonsense}").status_code == 200


@SQLITE
def test_it_can_be_taken_out_and_that_is_remembered(demo: Flask) -> None:
    client = log_in(demo, "point")
    answer = client.get("/console/statistics/export?list=1")
    assert answer.mimetype == "text/csv"
    assert answer.text.startswith("\ufeff")
    rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    page = client.get("/console/statistics/cases?size=100").text
    assert len(rows) - 1 == page.count('<th scope="row">')
    figures = client.get("/console/statistics/export").text
    assert len(figures.splitlines()) > 20
    book = client.get("/console/statistics/export?list=1&format=xlsx")
    sheet = load_workbook(io.BytesIO(book.data)).active
    assert sheet is not None
    assert sheet.max_row == len(rows)
    assert [cell.value for cell in sheet[1]] == rows[0]
    assert client.get("/console/statistics/export?format=xlsx").data.startswith(b"PK")
    assert _count(AuditEvent, AuditEvent.action == "statistics.exported") == 4


def test_formulas_are_quoted() -> None:
    rows = "".join(csv_lines([["=1+1", "@x", "-3", -3, None, "普通"]]))
    assert rows == "\ufeff'=1+1,'@x,'-3,-3,,普通\r\n"


@SQLITE
def test_the_dashboard_asks_few_questions(cast: Cast) -> None:
    asked: list[str] = []
    me = cast.by("center")

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith(("BEGIN", "ROLLBACK", "COMMIT")):
            asked.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        queries.figures(db.session(), me, queries.usual())
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert len(asked) == 8
