"""Commands of the outbox."""

from __future__ import annotations

from typing import BinaryIO

import click
from flask.cli import with_appcontext

from app.kernel.actor import SYSTEM
from app.kernel.database import db
from app.kernel.unit_of_work import UnitOfWork
from app.notices import bounces


@click.group()
def notices() -> None:
    """Notices that were sent."""


@notices.command("bounce")
@click.argument("report", type=click.File("rb"), default="-")
@with_appcontext
def bounce(report: BinaryIO) -> None:
    """Mark the notice that a mail server's delivery REPORT is about (standard input: hang it on the sender's alias).

    Exit status 0 also where the report is about nothing of ours: a mail server would only bounce it again.
    """
    with UnitOfWork(db.session, SYSTEM) as uow:
        notice = bounces.record(uow, report.read(bounces.LARGEST))
    click.echo(f"Notice {notice.id} came back." if notice else "No notice of ours.")
