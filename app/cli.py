"""Commands: ``flask --app run …``. Each is a thin door to a service."""

from __future__ import annotations

import click
from flask import Flask
from flask.cli import with_appcontext

from app.kernel.database import db


def register_commands(app: Flask) -> None:
    """Hang every command on the application."""
    for command in (deploy, audit):
        app.cli.add_command(command)


@click.command()
def deploy() -> None:
    """Bring the database up to date: tables, permissions, reference data. Safe to run again."""
    from app.deployment import deploy_all

    for line in deploy_all():
        click.echo(line)


@click.group()
def audit() -> None:
    """The audit trail."""


@audit.command("verify")
@with_appcontext
def audit_verify() -> None:
    """Check the whole chain; exit status 1 and the row's name on any flaw."""
    from app.audit.services import verify

    flaw = verify(db.session())
    if flaw:
        raise click.ClickException(f"event {flaw.sequence}: {flaw.what}")
    click.echo("The audit trail is whole.")
