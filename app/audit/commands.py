"""Commands of the audit trail: verify, checkpoint, export."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from flask.cli import with_appcontext
from sqlalchemy import func, select

from app.audit import checkpoints, verification
from app.audit.models import AuditEvent
from app.kernel.database import db
from app.kernel.errors import DomainError
from verifier.checkpoint import Unreadable
from verifier.signature import public_key


@click.group()
def audit() -> None:
    """The audit trail: every change and every decision, in one chain."""


@audit.command("verify")
@click.option(
    "--public-key",
    "key",
    metavar="KEY",
    help="The public key (a file, or the key itself). Default: this host's.",
)
@click.option("--chain-only", is_flag=True, help="Leave out whether every record is as its events left it.")
@with_appcontext
def verify(key: str | None, chain_only: bool) -> None:
    """Check chain, checkpoints and records; exit status 1 and the row's name on any flaw."""
    try:
        public = _key(key)
        kept = checkpoints.kept()
    except (Unreadable, ValueError, DomainError) as error:
        raise click.ClickException(str(error)) from error
    session = db.session()
    total = session.scalar(select(func.count()).select_from(AuditEvent)) or 0
    with click.progressbar(length=total, label="Events") as bar:
        report = verification.verify(session, public, kept, bar.update)
    _say(report.flaw)
    click.echo(
        f"The chain is whole: {report.events} events, {report.signed} of them under a signed checkpoint."
    )
    if public is None:
        click.echo("Checkpoints were not checked: there is no public key here (--public-key).")
    if not chain_only:
        records = verification.verify_records(session)
        _say(records.flaw)
        click.echo(f"The records are as their events left them: {records.records} rows.")


def _say(flaw: Any) -> None:
    if flaw:
        raise click.ClickException(str(flaw))


def _key(given: str | None) -> bytes | None:
    if given is None:
        return checkpoints.known_public_key()
    path = Path(given)
    return public_key(path.read_text(encoding="ascii") if path.is_file() else given)


@audit.command("checkpoint")
@with_appcontext
def checkpoint() -> None:
    """Sign how far the trail has come, and keep that here and in its own place. Needs the worker's key."""
    made = _plainly(lambda: checkpoints.write(db.session()))
    if made is None:
        click.echo("Nothing was added since the last checkpoint.")
    else:
        click.echo(f"Signed: {made.sequence} events, kept in {checkpoints.place()}.")


@audit.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@with_appcontext
def export(file: Path) -> None:
    """Write the whole trail to FILE for `python -m verifier FILE --public-key KEY`."""
    session = db.session()
    if checkpoints.can_sign():
        _plainly(lambda: checkpoints.write(session))
    total = session.scalar(select(func.count()).select_from(AuditEvent)) or 0
    with file.open("wb") as opened, click.progressbar(length=total, label="Events") as bar:
        count = verification.write_export(session, opened, bar.update)
    click.echo(f"{file}: {count} events.")


def _plainly(step: Callable[[], Any]) -> Any:
    try:
        return step()
    except (DomainError, Unreadable) as error:
        raise click.ClickException(str(error)) from error
