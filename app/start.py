"""``make run``: database, demo data the first time, then web server and worker until Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from types import FrameType

import click


def main() -> None:
    """Deploy, load the demo where there is none yet, and run server and worker as children."""
    from app import create_app
    from app.demo.services import greeting, is_loaded, load
    from app.deployment import deploy_all
    from app.kernel.settings import settings

    app = create_app()
    with app.app_context():
        for line in deploy_all():
            click.echo(line)
        if settings().demo and not is_loaded():
            click.echo("Loading demo data …")
            load()
        if settings().demo:
            click.echo(greeting())
    port = os.environ.get("PORT", "8080")
    click.secho(f"\n  http://127.0.0.1:{port}\n", bold=True)
    _run_children()


def _run_children() -> None:
    commands = ([sys.executable, "run.py"], [sys.executable, "-m", "flask", "--app", "run", "worker"])
    children = [subprocess.Popen(command) for command in commands]  # noqa: S603

    def stop(_signal: int, _frame: FrameType | None) -> None:
        for child in children:
            child.terminate()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    status = children[0].wait()
    stop(0, None)
    children[1].wait()
    sys.exit(max(status, 0))


if __name__ == "__main__":
    main()
