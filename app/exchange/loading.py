"""The job of an import: check a workbook row by row, and load it chunk by chunk.

Every row is recognised by its key, so loading the same workbook again adds nothing. A chunk's rows, its audit event with
the Merkle root over them, its refused rows and how far the job is commit together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.exchange import imports, reading, workbooks
from app.exchange.fields import Field, Loader, Made, Problem, Row
from app.exchange.models import ImportChunk, ImportRowError
from app.jobs.kinds import Kind, Work
from app.kernel.clock import now
from app.kernel.database import db
from app.kernel.errors import N_
from app.kernel.unit_of_work import UnitOfWork
from app.security.permissions import authorise
from verifier import merkle

#: Rows that are written together.
CHUNK = 1000
#: As many refusals as one job keeps; the others are counted.
MOST_ERRORS = 20_000


def run(work: Work) -> Iterator[None]:
    """The job: check, and load unless it is a dry run."""
    parameters = work.parameters
    kind = imports.kind_of(work.kind.removeprefix("import."))
    authorise(work.actor, f"ImportKind.{kind.code}")
    session = db.session()
    fields = imports.fields_of(session, kind)
    loader = kind.loader(session, work.actor)
    with reading.opened(parameters["digest"], parameters["file"]) as sheet:
        known = imports.names(fields)
        start, _heads = reading.head(sheet, set().union(*known.values()))
        work.total = max(sheet.height - start, work.done)
        rows = _rows(sheet, parameters["mapping"], {field.code for field in fields})
        seen: dict[str, int] = {}
        for number, chunk in enumerate(_chunks(rows)):
            _check_cells(loader, fields, chunk, seen)
            if number < work.place.get("chunk", 0):
                continue
            yield from _chunk(work, loader, sheet.name, number, chunk)
    work.total = work.done
    if work.bad:
        with work.unit() as uow:
            errors = _errors(uow.session, work.id)
        work.give(
            f"错误-{parameters['file'].rsplit('.', 1)[0][:80]}.xlsx",
            workbooks.error_workbook(parameters["digest"], parameters["file"], fields, errors),
        )
        yield


def _chunk(work: Work, loader: Loader, sheet: str, number: int, rows: list[Row]) -> Iterator[None]:
    session = db.session()
    loader.prepare([row for row in rows if not row.problems])
    session.rollback()  # what was read need not be held while writing
    place = dict(work.place)
    made = Made()
    with work.unit() as uow:
        good = [row for row in rows if not row.problems and row.ready is not None]
        loader.session = uow.session
        if good:
            loader.find(good)
        fresh = [row for row in good if not row.problems and not row.known]
        if fresh and not work.parameters["dry_run"]:
            made = loader.write(uow, fresh)
            _remember(uow, work, loader, number, fresh, made)
        bad = [row for row in rows if row.problems]
        _keep_errors(uow, work, sheet, bad, place)
        place["known"] = place.get("known", 0) + sum(1 for row in rows if row.known and not row.problems)
        place["new"] = place.get("new", 0) + sum(1 for row in fresh if not row.problems)
        work.place = place | {"chunk": number + 1}
        work.done += len(rows)
        work.bad += len(bad)
    yield


def _rows(sheet: reading.Sheet, mapping: dict[str, int], codes: set[str]) -> Iterator[Row]:
    columns = [(code, at) for code, at in mapping.items() if code in codes]
    for number, cells in sheet.rows:
        width = len(cells)
        found = {code: cells[at] for code, at in columns if at < width}
        if any(found.values()):
            yield Row(number, found)


def _chunks(rows: Iterator[Row]) -> Iterator[list[Row]]:
    chunk: list[Row] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _check_cells(loader: Loader, fields: Sequence[Field], rows: list[Row], seen: dict[str, int]) -> None:
    """What every import looks at: required cells, lengths, formulas as text, rows that say the same twice."""
    for row in rows:
        for field in fields:
            text = row.get(field.code)
            if not text:
                if field.required:
                    row.refuse(field.code, N_("Please fill in this field."))
            elif len(text) > field.longest:
                row.refuse(field.code, N_("At most %(longest)s characters."), longest=field.longest)
            elif text[0] in "=@\t":
                row.refuse(field.code, N_("This looks like a formula. Please enter plain text."))
        if not row.problems:
            row.key = loader.key(row)
            first = seen.setdefault(row.key, row.number) if row.key else row.number
            if first != row.number:
                row.refuse(fields[0].code, N_("Row %(row)s says the same already."), row=first)


def _remember(
    uow: UnitOfWork, work: Work, loader: Loader, number: int, rows: Sequence[Row], made: Made
) -> None:
    written = [row for row in rows if row.made is not None]
    if not written:
        return
    chunk = ImportChunk(
        job_id=work.id,
        number=number,
        rows={str(row.made): row.number for row in written},
        made=made.ids,
        root=merkle.root([bytes.fromhex(root) for root in made.roots]).hex(),
        created_by_id=uow.actor.user_id,
    )
    uow.session.add(chunk)
    uow.flush()
    uow.record(
        "import.chunk", chunk, job=work.id, kind=work.kind, table=loader.table, rows=len(written),
        first=written[0].number, last=written[-1].number, root=chunk.root,
    )  # fmt: skip


def _keep_errors(uow: UnitOfWork, work: Work, sheet: str, rows: Sequence[Row], place: dict[str, Any]) -> None:
    kept = place.get("errors", 0)
    found: dict[tuple[int, str], Problem] = {}
    for row in rows:
        for problem in row.problems:
            found.setdefault((row.number, problem.field), problem)
    values = [
        {
            "job_id": work.id, "sheet": sheet, "row": number, "column": field[:64], "reason": problem.message[:200],
            "parameters": {key: str(value)[:200] for key, value in problem.parameters.items()},
            "created_at": now(), "created_by_id": uow.actor.user_id,
        }
        for (number, field), problem in found.items()
    ][: max(0, MOST_ERRORS - kept)]  # fmt: skip
    if values:
        uow.session.execute(insert(ImportRowError.__table__), values)  # type: ignore[arg-type]
    place["errors"] = kept + len(values)


def _errors(session: Session, job_id: int) -> list[ImportRowError]:
    return list(
        session.scalars(
            select(ImportRowError)
            .where(ImportRowError.job_id == job_id)
            .order_by(ImportRowError.row, ImportRowError.id)
        )
    )


KINDS = tuple(Kind(f"import.{one.code}", one.label, run, family="import") for one in imports.IMPORTS.values())
