"""Commands: ``import KIND FILE`` and ``export KIND -o FILE``."""

from __future__ import annotations

import re
from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext
from flask_babel import force_locale

from app.console import export
from app.exchange import imports
from app.jobs import runner
from app.jobs.models import Job
from app.kernel.actor import SYSTEM
from app.kernel.database import db
from app.kernel.errors import DomainError
from app.kernel.storage import store
from app.kernel.unit_of_work import UnitOfWork


@click.command("import")
@click.argument("kind", type=click.Choice(list(imports.IMPORTS)))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Check only; write nothing.")
@with_appcontext
def import_command(kind: str, file: Path, dry_run: bool) -> None:
    """Load a workbook (.xlsx or .csv) of this KIND. Refused rows go to FILE.errors.xlsx; exit status 1 if there are any.

    Columns are found by their heads. Loading the same workbook again adds nothing.
    """
    chosen = imports.kind_of(kind)
    try:
        digest = store().put(file.read_bytes())
        found = imports.preview(db.session(), chosen, digest, file.name)
        with UnitOfWork(db.session, SYSTEM) as uow:
            job = imports.ask(uow, chosen, digest, file.name, found.mapping, dry_run=dry_run).id
    except DomainError as error:
        raise click.ClickException(str(error)) from error
    done = _carry_out(job)
    click.echo(
        f"{done.place.get('new', 0)} {'would be new' if dry_run else 'new'}, {done.place.get('known', 0)} there already, "
        f"{done.bad} refused"
    )
    if done.state != "done":
        raise click.ClickException(done.error % done.error_parameters if done.error else done.state)
    if done.file_digest:
        errors = file.with_suffix(".errors.xlsx")
        with store().open(done.file_digest) as content:
            errors.write_bytes(content.read())
        raise click.ClickException(f"refused rows: {errors}")


@click.command("export")
@click.argument("kind")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The .xlsx or .csv to write.",
)
@click.option("--filter", "query", default="", help="As in the address of the list: state=published&name=CET")
@with_appcontext
def export_command(kind: str, output: Path, query: str) -> None:
    """Write a list of this KIND (learner, achievement, catalogue-item, rule, initial-review …) to a workbook."""
    lists = {
        re.sub(r"(?<=[a-z])(?=[A-Z])", "-", re.sub("(View|Desk)$", "", view.endpoint)).lower(): view.endpoint
        for view in current_app.appbuilder.baseviews  # type: ignore[attr-defined]
        if hasattr(view, "export_table")
    }
    if kind not in lists:
        raise click.ClickException(f"KIND is one of {', '.join(sorted(lists))}")
    count = [0]
    with export.standing_in(SYSTEM, lists[kind], query) as view, force_locale("zh"):
        suffix = "csv" if output.suffix.lower() == ".csv" else "xlsx"
        output.write_bytes(export.written(view.export_table(False), suffix, count))
        with UnitOfWork(db.session, SYSTEM) as uow:
            export.record(uow, lists[kind], suffix, count[0], False, "", query)
    click.echo(f"{output}: {count[0]}")


def _carry_out(job_id: int) -> Job:
    """Do one job here and now, with a bar; returns it as it ended."""
    with click.progressbar(length=100, label="Rows") as bar:

        def shown() -> bool:
            db.session.rollback()
            job = db.session.get_one(Job, job_id, populate_existing=True)
            bar.update((job.progress or 0) - bar.pos)
            return False

        runner.carry_out_one(current_app, job_id, shown)
        bar.update(100 - bar.pos)
    db.session.rollback()
    return db.session.get_one(Job, job_id, populate_existing=True)
