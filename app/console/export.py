"""Exports: a list of the console as a workbook, with the filters in force.

Small ones are answered at once, long ones become a job that asks for the same list with the rights that the asker has
then. Text that Excel would take for a formula is escaped; personal data stays masked unless somebody may see it and
says what for; every export is in the audit trail.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any, BinaryIO

import rustpy_xlsxwriter
from flask import current_app, flash, redirect, request, send_file, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale, gettext
from markupsafe import Markup
from sqlalchemy import Select

from app.jobs import services as jobs
from app.jobs.kinds import Kind, Work
from app.kernel.actor import Actor
from app.kernel.clock import civil, now
from app.kernel.database import db
from app.kernel.errors import N_, Invalid, NotFound
from app.kernel.unit_of_work import UnitOfWork
from app.security.current import actor
from app.security.models import Account
from app.security.permissions import authorise, holds

#: As many rows are answered at once.
AT_ONCE = 2000
#: Rows that are asked for together.
_PART = 1000
#: What Excel takes for the beginning of a formula (spec 5).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"-?\d{1,12}(\.\d{1,4})?")

Cell = str | int | float | None


@dataclass(frozen=True)
class Table:
    """A list to be written out: its title, column heads, its rows as a statement, and how a row reads.

    ``key`` is the id that rows are walked by, ``options`` what to load along.
    """

    title: str
    heads: Sequence[str]
    statement: Select[Any]
    key: Any
    options: Sequence[Any]
    read: Any


def respond(view: Any) -> ResponseReturnValue:
    """Answer a request for an export: the file, or the page of the job that makes it."""
    kind = "csv" if request.form.get("format") == "csv" else "xlsx"
    plain, purpose = "plain" in request.form, request.form.get("purpose", "").strip()[:300]
    try:
        _check(view, plain, purpose)
    except Invalid as error:
        flash(gettext(error.message), "warning")
        return redirect(f"{url_for(f'{view.endpoint}.{view.default_view}')}?{_query()}")
    if view.export_count() > AT_ONCE:
        parameters = {
            "view": view.endpoint,
            "query": _query(),
            "format": kind,
            "plain": plain,
            "purpose": purpose,
        }
        with UnitOfWork(db.session, actor()) as uow:
            language = "en" if str(get_locale()) == "en" else "zh"
            job = jobs.ask(uow, KIND.name, parameters, name=_title(view), language=language)
        flash(
            gettext("This list is long, so the file is being prepared. This page shows when it is ready."),
            "info",
        )
        return redirect(url_for("ExportJobView.show", pk=job.id))
    table = view.export_table(plain)
    count = [0]
    content = written(table, kind, count)
    with UnitOfWork(db.session, actor()) as uow:
        record(uow, view.endpoint, kind, count[0], plain, purpose)
    return send_file(io.BytesIO(content), as_attachment=True, download_name=_name(table.title, kind))


def written(table: Table, kind: str, count: list[int], tick: Any = lambda _done: None) -> bytes:
    """The table as a file; ``count`` is set to the number of rows, ``tick`` is called between parts."""
    out = io.BytesIO()
    rows = _rows(table, count, tick)
    if kind == "csv":
        text = io.TextIOWrapper(out, "utf-8-sig", newline="", write_through=True)
        writer = csv.writer(text)
        writer.writerow([safe(head) for head in table.heads])
        writer.writerows(rows)
        text.detach()
    else:
        workbook(table, rows, out)
    return out.getvalue()


def workbook(table: Table, rows: Iterator[list[Cell]], out: BinaryIO) -> None:
    """Write ``rows`` under the table's heads as an .xlsx, holding one row at a time."""
    heads = list(table.heads)
    records = (dict(zip(heads, row, strict=True)) for row in rows)
    first = next(records, None) or dict.fromkeys(heads)
    rustpy_xlsxwriter.write_worksheet(
        chain([first], records), out, sheet_name=_sheet(table.title), freeze_row=1, bold_headers=True
    )


def _rows(table: Table, count: list[int], tick: Any) -> Iterator[list[Cell]]:
    """Rows in the order of their ids, part by part: no cursor stays open, and no part is slower than the first."""
    last = 0
    statement = table.statement.order_by(None).order_by(table.key).limit(_PART).options(*table.options)
    while True:
        part = list(db.session.scalars(statement.where(table.key > last)).unique())
        if not part:
            return
        last = getattr(part[-1], table.key.key)
        cells = [[cell(value) for value in table.read(row)] for row in part]
        count[0] += len(cells)
        yield from cells
        db.session.rollback()
        db.session.expunge_all()
        tick(count[0])


def cell(value: Any) -> Cell:
    """What stands in a cell: plain text, or a number that people may add up."""
    if isinstance(value, bool) or value is None or not isinstance(value, int | float):
        text = "" if value is None else _text(value)
        return safe(text)
    return value


def number(text: str) -> Cell:
    """A number that was written for people, as a number again; anything else as text."""
    plain = text.replace(",", "").removesuffix("%").strip()
    if _NUMBER.fullmatch(plain):
        return float(plain) if "." in plain else int(plain)
    return text


def safe(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) and text != "-" else text


def _text(value: Any) -> str:
    return value.striptags() if isinstance(value, Markup) else str(value)


def _check(view: Any, plain: bool, purpose: str) -> None:
    if plain:
        authorise(actor(), f"{type(view).__name__}.reveal")
        if len(purpose) < 4:
            raise Invalid("no_purpose", N_("Please say what you need it for."))


def may_unmask(view: Any) -> bool:
    """Whether the list holds personal data that the actor may see plain, for a purpose."""
    return bool(getattr(view, "export_masked", ())) and holds(
        actor().roles, type(view).__name__, "can_reveal"
    )


def _query() -> str:
    return request.query_string.decode("utf-8", "replace")[:2000]


def _title(view: Any) -> str:
    return str(getattr(view, "list_title", None) or view.title)


def _name(title: str, kind: str) -> str:
    return f"{title}-{civil(now()):%Y%m%d-%H%M}.{kind}"


def _sheet(title: str) -> str:
    return re.sub(r"[\[\]:*?/\\]", " ", title)[:31] or "1"


def record(
    uow: UnitOfWork, endpoint: str, kind: str, rows: int, plain: bool, purpose: str, query: str | None = None
) -> None:
    """Remember an export: which list, by which filters, how many rows, and what for."""
    account = uow.session.get(Account, uow.actor.user_id) if uow.actor.user_id else None
    filters = _query() if query is None else query
    uow.record(
        "list.exported", account if account is not None else ("ab_user", None), why=purpose,
        list=endpoint, format=kind, rows=rows, plain=plain, filters=filters,
    )  # fmt: skip


# --- as a job, and by command


def run(work: Work) -> Iterator[None]:
    """The job: the same list, asked for again in the asker's name."""
    parameters = work.parameters
    with standing_in(work.actor, parameters["view"], parameters["query"]) as view:
        # Rights may have been taken away since.
        authorise(work.actor, f"{type(view).__name__}.export")
        if parameters["plain"]:
            authorise(work.actor, f"{type(view).__name__}.reveal")
        table = view.export_table(parameters["plain"])
        work.total = view.export_count()
        count = [0]

        def tick(done: int) -> None:
            work.done = done
            work.tick()

        content = written(table, parameters["format"], count, tick)
    with work.unit() as uow:
        work.done = work.total = count[0]
        work.give(_name(table.title, parameters["format"]), content)
        record(
            uow, parameters["view"], parameters["format"], count[0], parameters["plain"], parameters["purpose"],
            parameters["query"],
        )  # fmt: skip
    yield


@contextmanager
def standing_in(who: Actor, endpoint: str, query: str = "") -> Iterator[Any]:
    """The view as it would answer ``who``'s request; outside of any request. Raises NotFound."""
    views = {view.endpoint: view for view in current_app.appbuilder.baseviews}  # type: ignore[attr-defined]
    view = views.get(endpoint)
    if view is None or not hasattr(view, "export_table"):
        raise NotFound
    with current_app.test_request_context(f"/?{query}"):
        session.actor = who  # type: ignore[attr-defined]
        session["_user_id"] = str(who.user_id)
        yield view


KIND = Kind("export.list", N_("Export of a list"), run, family="export")
