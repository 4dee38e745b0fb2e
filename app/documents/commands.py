"""``report …``: papers from the command line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from flask.cli import with_appcontext
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.documents import figures, registers, services
from app.documents.models import IssuedDocument
from app.kernel.actor import SYSTEM
from app.kernel.commands import plain
from app.kernel.database import db
from app.kernel.errors import NotFound
from app.kernel.unit_of_work import UnitOfWork
from app.organisations.models import Committee, Organisation

_output = click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The PDF to write."
)
_language = click.option("--language", type=click.Choice(["zh", "en"]), default="zh", show_default=True)


@click.group()
def report() -> None:
    """Papers as PDF: sealed, numbered, with a code that anyone can verify."""


def _sheet(kind: str) -> None:
    @report.command(kind, help=f"The audit sheet of a {kind} (CASE: its id or number).")
    @click.argument("case")
    @_output
    @_language
    @with_appcontext
    @plain
    def sheet(case: str, output: Path, language: str) -> None:
        with UnitOfWork(db.session, SYSTEM) as uow:
            paper, content = services.report(uow, kind, case, language)
            output.write_bytes(content)
        _say(output, paper)


for _kind in services.SHEETS:
    _sheet(_kind)


@report.command("register")
@click.option(
    "--from", "start", type=click.DateTime(["%Y-%m-%d"]), required=True, help="First day, of submission."
)
@click.option("--to", "end", type=click.DateTime(["%Y-%m-%d"]), required=True, help="Last day, included.")
@click.option("--organisation", default="", help="Only of this organisation and those below it (its code).")
@click.option("--committee", default="", help="Only of this committee (its name): conversions.")
@_output
@_language
@with_appcontext
@plain
def register(
    start: datetime, end: datetime, organisation: str, committee: str, output: Path, language: str
) -> None:
    """A register: one line per case submitted in a period, with totals."""
    session = db.session()
    scope = registers.Scope(
        start.date(),
        end.date(),
        _key(session, Organisation, Organisation.code, organisation),
        _key(session, Committee, Committee.name, committee),
    )
    registers.check(scope, SYSTEM, session)
    with click.progressbar(length=registers.count(session, scope), label="Cases") as bar:
        paper, content = registers.issue(session, SYSTEM, scope, language, _steps(bar))
    output.write_bytes(content)
    _say(output, paper)


@report.command("statistics")
@click.option(
    "--from", "start", type=click.DateTime(["%Y-%m-%d"]), required=True, help="First day, of submission."
)
@click.option("--to", "end", type=click.DateTime(["%Y-%m-%d"]), required=True, help="Last day, included.")
@_output
@_language
@with_appcontext
@plain
def statistics(start: datetime, end: datetime, output: Path, language: str) -> None:
    """Review statistics of a period, with charts."""
    scope = registers.Scope(start.date(), end.date())
    paper, content = figures.issue(db.session(), SYSTEM, scope, language)
    output.write_bytes(content)
    _say(output, paper)


def _steps(bar: Any) -> Callable[[int], None]:
    return lambda done: bar.update(done - bar.pos)


def _key(session: Session, model: type[Any], column: Any, value: str) -> int | None:
    if not value:
        return None
    key: int | None = session.scalar(select(model.id).where(column == value))
    if key is None:
        raise NotFound
    return key


def _say(output: Path, paper: IssuedDocument) -> None:
    click.echo(f"{output}: {paper.number}, code {paper.code}")
