"""Exports: what the list shows under its filters, safe to open, remembered, long ones as a job."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from flask import Flask
from openpyxl import load_workbook
from sqlalchemy import select

from app.audit.models import AuditEvent
from app.console import export
from app.jobs import runner
from app.kernel.actor import SYSTEM
from app.kernel.database import db
from app.kernel.unit_of_work import UnitOfWork
from app.security import personal
from app.security.models import Person
from tests.exchange.support import LEARNER_HEADS, job, learners, loaded, workbook
from tests.support.story import Cast, log_in, post

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
LEARNERS = "/console/records/learner"


def rows_of(content: bytes) -> list[list[object]]:
    return [list(row) for row in load_workbook(io.BytesIO(content)).worksheets[0].iter_rows(values_only=True)]


def told() -> dict[str, object]:
    db.session.rollback()
    found = (
        select(AuditEvent.canonical)
        .where(AuditEvent.action == "list.exported")
        .order_by(AuditEvent.sequence.desc())
    )
    event: dict[str, object] = json.loads(db.session.scalars(found.limit(1)).one())
    return event


def test_a_list_with_its_filter(demo: Flask) -> None:
    center = log_in(demo, "center")
    everybody = rows_of(post(center, f"{LEARNERS}/export", {"format": "xlsx"}).data)
    some = rows_of(post(center, f"{LEARNERS}/export?standing=imported", {"format": "xlsx"}).data)
    assert [row[0] for row in some[1:]] == ["龚江琳"]
    assert len(everybody) == 5
    assert told()["body"] == {
        "list": "LearnerView", "format": "xlsx", "rows": 1, "plain": False, "filters": "standing=imported",
    }  # fmt: skip


@SQLITE
def test_only_ones_own_rows(demo: Flask) -> None:
    seen = rows_of(post(log_in(demo, "point2"), f"{LEARNERS}/export", {"format": "xlsx"}).data)
    assert [row[0] for row in seen[1:]] == ["王𬭎喆"]
    assert post(log_in(demo, "assessor"), f"{LEARNERS}/export", {}).status_code == 403
    assert log_in(demo, "center").get(f"{LEARNERS}/export").status_code in (404, 405)


@SQLITE
def test_personal_data_is_masked_unless_it_may_be_seen_for_a_purpose(demo: Flask) -> None:
    number = (
        personal.reveal(db.session.scalars(select(Person).where(Person.name == "龚江琳")).one(), "identity")
        or ""
    )
    center = log_in(demo, "center")
    where = f"{LEARNERS}/export?standing=imported"
    assert number not in str(rows_of(post(center, where, {}).data))
    assert f"{number[:4]}**********{number[-4:]}" in str(rows_of(post(center, where, {}).data))
    assert post(center, where, {"plain": "1"}).status_code == 302  # no purpose
    assert number in str(rows_of(post(center, where, {"plain": "1", "purpose": "核对九月新生名单"}).data))
    assert (told()["why"], told()["body"]["plain"]) == ("核对九月新生名单", True)  # type: ignore[index]
    assert (
        post(log_in(demo, "auditor"), where, {"plain": "1", "purpose": "核对九月新生名单"}).status_code == 403
    )


@SQLITE
def test_nothing_in_it_is_a_formula(demo: Flask) -> None:
    with UnitOfWork(db.session, SYSTEM) as uow:
        for number, person in enumerate(
            uow.session.scalars(select(Person).where(Person.name.in_(("龚江琳", "曾炫云"))))
        ):
            personal.rename(person, ("=HYPERLINK(1)", "@SUM(1)")[number])
    center = log_in(demo, "center")
    names = {row[0] for row in rows_of(post(center, f"{LEARNERS}/export", {}).data)}
    assert {"'=HYPERLINK(1)", "'@SUM(1)"} <= names
    text = post(center, f"{LEARNERS}/export", {"format": "csv"}).data.decode("utf-8-sig")
    assert {"'=HYPERLINK(1)", "'@SUM(1)"} <= {row[0] for row in csv.reader(io.StringIO(text))}
    assert [export.safe(text) for text in ("-1", "+x", "\tx", "-", "a")] == ["'-1", "'+x", "'\tx", "-", "a"]


def test_a_long_list_is_a_job(demo: Flask, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "AT_ONCE", 2)
    monkeypatch.setattr(export, "_PART", 4)
    loaded(demo, "learners", workbook(LEARNER_HEADS, learners(9)))
    point = log_in(demo, "point")
    answer = post(point, f"{LEARNERS}/export?standing=imported", {"format": "xlsx"})
    page = answer.headers["Location"]
    runner.carry_out(demo)
    key = int(page.rsplit("/", 1)[1])
    assert (job(key).state, job(key).error, job(key).done) == ("done", "", 10)
    names = [row[0] for row in rows_of(point.get(f"{page}/file").data)[1:]]
    assert len(names) == 10
    assert "龚江琳" in names
    assert log_in(demo, "center").get(f"{page}/file").status_code == 404


@SQLITE
def test_queues_too(demo: Flask) -> None:
    point = log_in(demo, "point")
    table = rows_of(post(point, "/console/conversion/initial/export", {"format": "xlsx"}).data)
    assert len(table) > 1
    assert all(len(row) == len(table[0]) for row in table)
    waiting = point.get("/console/conversion/initial/?size=100").text
    assert all(str(row[0]) in waiting for row in table[1:])


@SQLITE
def test_the_command(demo: Flask, tmp_path: Path) -> None:
    run = demo.test_cli_runner().invoke
    answer = run(args=["export", "catalogue-item", "-o", str(tmp_path / "x.xlsx")])
    assert answer.exit_code == 0, answer.output
    assert len(rows_of((tmp_path / "x.xlsx").read_bytes())) > 10
    assert run(args=["export", "nothing", "-o", str(tmp_path / "y.xlsx")]).exit_code == 1
