"""Workbooks as people make them, and loading them as the pages and the worker would."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import rustpy_xlsxwriter
from flask_babel import force_locale

from app.demo.people import identity_number
from app.exchange import imports
from app.jobs import runner
from app.jobs.models import Job
from app.kernel.actor import SYSTEM, Actor
from app.kernel.database import db
from app.kernel.storage import store
from app.kernel.unit_of_work import UnitOfWork

POINT = "广东开放大学直属学院教学点"
LEARNER_HEADS = ("姓名*", "证件号码*", "手机", "所属教学点*", "专业")


def workbook(heads: Sequence[str], rows: Iterable[Sequence[Any]], sheet: str = "数据") -> bytes:
    """An .xlsx with these column heads and rows."""
    out = io.BytesIO()
    records = [dict(zip(heads, row, strict=True)) for row in rows]
    rustpy_xlsxwriter.write_worksheet(records or [dict.fromkeys(heads)], out, sheet_name=sheet)
    return out.getvalue()


def person(number: int) -> str:
    """The identity number of a made-up learner."""
    return identity_number(date(1990 + number % 10, 1 + number % 12, 1 + number % 28), number % 1000)


def learners(count: int, start: int = 0) -> list[list[Any]]:
    """Rows of good learners."""
    return [
        [f"张小{'一二三四五六七八九十'[at % 10]}", person(at), f"1381{at:07d}", POINT, "电子商务(2019春)(本)"]
        for at in range(start, start + count)
    ]


def loaded(
    app: Any, kind: str, content: bytes, *, name: str = "f.xlsx", actor: Actor = SYSTEM, dry_run: bool = False
) -> Job:
    """Ask for an import of this file and carry it out; the job as it ended."""
    key = asked(kind, content, name=name, actor=actor, dry_run=dry_run)
    runner.carry_out(app)
    return job(key)


def asked(
    kind: str, content: bytes, *, name: str = "f.xlsx", actor: Actor = SYSTEM, dry_run: bool = False
) -> int:
    chosen = imports.kind_of(kind)
    digest = store().put(content)
    with force_locale("zh"):
        found = imports.preview(db.session(), chosen, digest, name)
        with UnitOfWork(db.session, actor) as uow:
            return imports.ask(uow, chosen, digest, name, found.mapping, dry_run=dry_run).id


def job(key: int) -> Job:
    db.session.rollback()
    return db.session.get_one(Job, key, populate_existing=True)
