"""Commands of the auditor: ``report sample`` draws one or prints it, ``audit pack`` seals it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import click
from flask.cli import with_appcontext
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit.commands import audit
from app.audit.models import AuditSample
from app.auditor import packs, papers, services
from app.auditor.services import Plan
from app.documents.commands import report
from app.kernel.actor import SYSTEM
from app.kernel.commands import plain
from app.kernel.database import LARGEST_KEY, db
from app.kernel.errors import N_, Invalid, NotFound
from app.kernel.numbering import whole
from app.kernel.unit_of_work import UnitOfWork

_DAY = click.DateTime(["%Y-%m-%d"])
_language = click.option("--language", type=click.Choice(["zh", "en"]), default="zh", show_default=True)


@report.command("sample")
@click.argument("sample", required=False)
@click.option(
    "--cases", type=click.Choice(["conversion", "recognition"]), default="conversion", show_default=True
)
@click.option("--from", "start", type=_DAY, help="First day of the decisions.")
@click.option("--to", "end", type=_DAY, help="Last day of the decisions, included.")
@click.option(
    "--by", "strata", type=click.Choice(["organisation", "reviewer", "rule", "month"]), help="Stratified by."
)
@click.option("--confidence", default=95.0, show_default=True, help="Per cent.")
@click.option("--tolerable", default=5.0, show_default=True, help="Tolerable share of errors, per cent.")
@click.option("--expected", default=0, show_default=True, help="Errors that may be found.")
@click.option("--seed", default="", help="The same seed draws the same cases. Default: by chance.")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The PDF to write."
)
@_language
@with_appcontext
@plain
def report_sample(
    sample: str | None,
    cases: str,
    start: datetime | None,
    end: datetime | None,
    strata: str | None,
    confidence: float,
    tolerable: float,
    expected: int,
    seed: str,
    output: Path,
    language: str,
) -> None:
    """The working paper of SAMPLE (its id or number); without one, draw a sample by the options first."""
    with UnitOfWork(db.session, SYSTEM) as uow:
        if sample is not None:
            found = _sample(uow.session, sample)
        elif start is None or end is None:
            raise Invalid("period", N_("Please say from which day to which."))
        else:
            plan = Plan(cases, start.date(), end.date(), strata, expected=expected, seed=seed)
            found = services.draw(
                uow, replace(plan, confidence=round(confidence * 100), tolerable=round(tolerable * 100))
            )
        paper, content = papers.issue_working_paper(uow, found, language)
        output.write_bytes(content)
        click.echo(
            f"{output}: {paper.number}, sample {found.number}, {found.size} of {found.population} cases, seed {found.seed}"
        )


@audit.command("pack")
@click.argument("sample")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The ZIP to write."
)
@_language
@with_appcontext
@plain
def audit_pack(sample: str, output: Path, language: str) -> None:
    """Seal SAMPLE (its id or number): papers, events, digests of evidence, checkpoint and verifier. Needs the worker's key."""
    session = db.session()
    found = _sample(session, sample)
    with click.progressbar(length=len(found.lines) + 1, label="Papers") as bar:
        content = packs.seal_now(session, SYSTEM, found.id, language, bar.update)
    output.write_bytes(content)
    click.echo(f"{output}: {len(content):,} bytes.")


def _sample(session: Session, text: str) -> AuditSample:
    key = whole(text)
    condition = (
        AuditSample.id == key if key is not None and key <= LARGEST_KEY else AuditSample.number == text
    )
    found = session.scalar(select(AuditSample).where(condition))
    if found is None:
        raise NotFound
    return found
