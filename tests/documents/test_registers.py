"""Registers: which cases stand in one, for whom, and that a long one takes no more room than a short one."""

from __future__ import annotations

import io
import re
import tracemalloc
from collections.abc import Iterator
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from flask import Flask, url_for
from pypdf import PdfReader
from sqlalchemy import func, select

from app.conversion.models import ConversionApplication
from app.documents import figures, registers, verification
from app.documents.models import IssuedDocument
from app.documents.registers import Scope
from app.documents.words import Words
from app.jobs.models import ExportJob
from app.jobs.runner import carry_out
from app.kernel.actor import SYSTEM
from app.kernel.clock import today
from app.kernel.database import db
from app.kernel.errors import Invalid
from app.organisations.models import Committee, Organisation
from app.recognition.models import RecognitionApplication
from app.review.models import Review
from reports.records import Cover, RegisterRow
from reports.register import register
from tests.reports.samples import NOON, RARE
from tests.support.story import Cast, log_in, post

NEW_YEAR = date(2026, 1, 1)


def _text(pdf: bytes) -> str:
    return re.sub(r"\s", "", "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages))


def test_every_case_of_the_period_stands_in_it_once(demo: Flask) -> None:
    scope = Scope(NEW_YEAR, today())
    row, pdf = registers.issue(db.session(), SYSTEM, scope)
    text = _text(pdf)
    numbers = [
        *db.session.scalars(select(RecognitionApplication.number)),
        *db.session.scalars(select(ConversionApplication.number)),
    ]
    assert len(numbers) == registers.count(db.session(), scope) > 15
    for number in numbers:
        assert text.count(str(number)) == 1, number
    assert f"合计-{len(numbers)}" in text
    assert (row.kind, row.standing, row.scope) == ("register", "valid", scope.kept())
    assert Scope.read(scope.kept()) == scope
    assert row.number in text
    assert "王𬭎喆" in text


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_days_are_civil_days_and_both_ends_are_included(demo: Flask) -> None:
    case = db.session.scalars(select(ConversionApplication)).first()
    assert case is not None
    day = case.submitted_at.astimezone(registers.CIVIL).date()
    session = db.session()
    assert registers.count(session, Scope(day, day)) == registers.count(session, Scope(NEW_YEAR, day))
    assert registers.count(session, Scope(day + timedelta(1), day + timedelta(9))) == 0
    _row, pdf = registers.issue(session, SYSTEM, Scope(day + timedelta(1), day + timedelta(9)), "en")
    assert "Nocaseinthisrange." in _text(pdf)
    with pytest.raises(Invalid):
        registers.issue(session, SYSTEM, Scope(day, day - timedelta(1)))


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_chunks_neither_lose_nor_double_a_case(demo: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    scope, words = Scope(NEW_YEAR, today()), Words("zh")
    whole = list(registers.rows(db.session(), scope, words))
    monkeypatch.setattr(registers, "CHUNK", 3)
    assert list(registers.rows(db.session(), scope, words)) == whole
    assert [row.submitted_at for row in whole[:5]] == sorted(row.submitted_at for row in whole[:5])


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_an_organisation_s_and_a_committee_s_register(demo: Flask, cast: Cast) -> None:
    session, words = db.session(), Words("zh")
    open_university = session.scalars(select(Organisation).where(Organisation.name == "广东开放大学")).one()
    point = session.scalars(select(ConversionApplication)).first().home_point  # type: ignore[union-attr]
    below = {row.organisation for row in registers.rows(session, Scope(NEW_YEAR, today(), point.id), words)}
    assert below == {point.name}
    above = {
        row.organisation
        for row in registers.rows(session, Scope(NEW_YEAR, today(), open_university.id), words)
    }
    assert above > below
    committee = session.scalars(select(Committee).where(Committee.name.contains("外国语言"))).one()
    scope = Scope(NEW_YEAR, today(), committee_id=committee.id)
    expected = select(func.count()).where(ConversionApplication.committee_id == committee.id)
    assert registers.count(session, scope) == session.scalar(expected)
    mine = cast.by("point")
    registers.check(Scope(NEW_YEAR, today(), mine.organisation_id), mine, session)
    for foreign in (None, open_university.id):
        with pytest.raises(Invalid):
            registers.check(Scope(NEW_YEAR, today(), foreign), mine, session)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_command_writes_a_register_and_names_it(demo: Flask, tmp_path: Path) -> None:
    paper = tmp_path / "register.pdf"
    runner = demo.test_cli_runner()
    day = today().isoformat()
    done = runner.invoke(args=["report", "register", "--from", day, "--to", day, "-o", str(paper)])
    assert done.exit_code == 0, done.output
    row = db.session.scalars(select(IssuedDocument).order_by(IssuedDocument.id.desc())).first()
    assert row is not None
    assert str(row.number) in done.output
    assert _text(paper.read_bytes()).count(str(row.number)) >= 2
    bad = runner.invoke(args=["report", "register", "--from", day, "--to", "2020-01-01", "-o", str(paper)])
    assert (bad.exit_code, "last day" in bad.output, "Traceback" in bad.output) == (1, True, False)


def _many(count: int) -> Iterator[RegisterRow]:
    for n in range(count):
        at = NOON + timedelta(minutes=n)
        yield RegisterRow(
            "转换",
            f"2026-{n * 6 // count + 1:02d}",
            f"ZH-2026-{n:06d}",
            RARE,
            "四级证书",
            "学位外语",
            "教学点",
            at,
            at,
            "审核通过",
            100,
        )


def _cover() -> Cover:
    return Cover(
        "DJ-2026-000001",
        "A" * 16,
        "https://bank.example/verify/" + "A" * 16,
        NOON,
        "审计员",
        (),
        (1, "ab" * 32),
        (0, ""),
    )


def test_memory_does_not_grow_with_the_register() -> None:
    """The same peak for four times the cases (bench/papers.py shows it for 20,000)."""
    peaks = []
    for count in (400, 1600):
        with io.BytesIO() as out:
            tracemalloc.start()
            assert list(register(_cover(), _many(count), out))[-1] == count
            peaks.append(tracemalloc.get_traced_memory()[1] - out.tell())
            tracemalloc.stop()
            reader = PdfReader(out)
            pages = len(reader.pages)
            last = re.sub(r"\s", "", reader.pages[-1].extract_text())
            assert f"第{pages}页共{pages}页" in last
            assert f"合计-{count:,}" in last
            titles = [entry.title for entry in _flat(reader.outline)]
            assert titles == ["转换", *(f"2026-0{month}" for month in range(1, 7)), "汇总"]
    assert peaks[1] < peaks[0] * 1.5, peaks


def _flat(outline: object) -> Iterator[object]:
    for entry in outline:  # type: ignore[attr-defined]
        if isinstance(entry, list):
            yield from _flat(entry)
        else:
            yield entry


ORDER = {"kind": "register", "start": NEW_YEAR.isoformat(), "language": "zh"}


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_page_answers_short_ones_at_once_and_makes_long_ones_as_a_job(
    demo: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    auditor = log_in(demo, "auditor")
    order = {**ORDER, "end": today().isoformat()}
    at_once = post(auditor, "/console/registers/", order)
    assert at_once.mimetype == "application/pdf"
    monkeypatch.setattr(registers, "AT_ONCE", 3)
    monkeypatch.setattr(registers, "CHUNK", 4)
    asked = post(auditor, "/console/registers/", order)
    assert asked.status_code == 302
    assert carry_out(demo) == 1
    job = db.session.scalars(select(ExportJob)).one()
    assert (job.state, job.error, job.done) == (
        "done",
        "",
        registers.count(db.session(), Scope(NEW_YEAR, today())),
    )
    with demo.test_request_context():
        file = url_for("ExportJobView.file", pk=job.id)
    assert sha256(auditor.get(file).data).hexdigest() == job.file_digest
    first, second = db.session.scalars(
        select(IssuedDocument).where(IssuedDocument.kind == "register").order_by(IssuedDocument.id)
    )
    assert second.digest == job.file_digest
    page = auditor.get("/console/registers/").text
    assert str(first.number) in page
    assert str(second.number) in page
    for who, status in (("center", 200), ("auditor", 200), ("point", 404), ("committee", 403)):
        assert log_in(demo, who).get(f"/console/registers/{second.id}.pdf").status_code == status, who
    assert verification.check_file(db.session(), at_once.data).kind == "ours"


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_point_asks_about_itself_only(demo: Flask, cast: Cast) -> None:
    point, mine = log_in(demo, "point"), cast.by("point")
    order = {**ORDER, "end": today().isoformat()}
    for organisation in ("", "1", "x", str(2**70)):
        answer = post(point, "/console/registers/", {**order, "organisation": organisation})
        assert answer.status_code == 302, organisation
    own = post(point, "/console/registers/", {**order, "organisation": str(mine.organisation_id)})
    assert own.mimetype == "application/pdf"
    names = [row["text"] for row in point.get("/console/registers/lookup/organisation?q=").json["results"]]  # type: ignore[index]
    assert names == [mine.organisation_name]
    assert point.get("/console/registers/lookup/committee?q=").json == {"results": []}
    assert point.get("/console/registers/lookup/person?q=").status_code == 404


def test_statistics_count_what_the_register_lists(demo: Flask) -> None:
    session, scope = db.session(), Scope(NEW_YEAR, today())
    row, pdf = figures.issue(session, SYSTEM, scope)
    record = figures.gather(session, scope, Words("zh"), _cover())
    cases = registers.count(session, scope)
    assert record.totals[0][1] == str(cases)
    submitted, outcomes, stages, days, points = record.charts
    for chart in (submitted, outcomes, points):
        assert sum(sum(series.values) for series in chart.series) == cases, chart.title
    assert sum(sum(series.values) for series in stages.series) == session.scalar(
        select(func.count()).select_from(Review)
    )
    assert not days.stacked
    text = _text(pdf)
    for words in ("审核统计", str(row.number), *(chart.title for chart in record.charts), "第1页共"):
        assert re.sub(r"\s", "", words) in text, words
    with pytest.raises(Invalid):
        figures.issue(session, SYSTEM, Scope(date(2020, 1, 1), today()))
