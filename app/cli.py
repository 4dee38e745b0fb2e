"""Commands: ``flask --app run …``. Each is a thin door to a service; what goes wrong is said in one line."""

from __future__ import annotations

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from app.audit.commands import audit
from app.kernel.commands import plain


def register_commands(app: Flask) -> None:
    """Hang every command on the application."""
    from app.access.commands import keys, user
    from app.auditor import commands as _auditors  # noqa: F401 -- hangs its commands on report and audit
    from app.backup import backup, restore
    from app.conversion.commands import decision, rules
    from app.documents.commands import report
    from app.exchange.commands import export_command, import_command
    from app.notices.commands import notices

    house = (deploy, demo, worker, rules, decision, report, audit, notices)
    for command in (*house, user, keys, backup, restore, import_command, export_command):
        app.cli.add_command(command)


@click.command()
@with_appcontext
def deploy() -> None:
    """Bring the database up to date: tables, roles, reference data. Safe to run again."""
    from app.deployment import deploy_all

    for line in deploy_all():
        click.echo(line)


@click.group()
def demo() -> None:
    """Fictional people and cases."""


@demo.command("load")
@click.option(
    "--learners", default=0, show_default=True, help="This many learners more, for load work (bulk)."
)
@click.option("--seed", default=1, show_default=True, help="The same seed makes the same learners.")
@with_appcontext
@plain
def demo_load(learners: int, seed: int) -> None:
    """Load the demo where it is not there yet; with --learners, a crowd beside it."""
    from app.demo import crowd, services

    services.load()
    if learners:
        with click.progressbar(length=learners, label="Learners") as bar:
            crowd.load(learners, seed, bar.update)
    click.echo(services.greeting())


@click.command()
@click.option("--once", is_flag=True, help="Do what is due now, and end.")
def worker(once: bool) -> None:
    """Deliver notices, let overdue corrections lapse, remind people. Ends gently on SIGTERM."""
    from app import worker as loop
    from app.operations import configure_logs

    configure_logs()
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    if once:
        click.echo(f"{loop.run_once(app)} done.")
    else:
        loop.run_forever(app)


worker.callback = with_appcontext(worker.callback)  # type: ignore[type-var, assignment]
