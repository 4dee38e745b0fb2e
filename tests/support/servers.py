"""Processes of the application that may be killed: forked off this one, so that they stand in milliseconds."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from flask import Flask

from app.kernel.database import db


def _own_connections(app: Flask) -> None:
    """The parent's connections are the parent's: a child that used or closed them would cut into its conversation."""
    with app.app_context():
        db.session.registry.clear() if hasattr(db.session.registry, "clear") else None
        db.engine.dispose(close=False)


def forked(app: Flask, work: Callable[[], int]) -> int:
    """Run ``work`` in a process of its own; its exit status, or minus the signal that killed it."""
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    child = os.fork()
    if child == 0:
        status = 70
        try:
            _own_connections(app)
            status = work()
        finally:
            os._exit(status)
    _pid, ended = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(ended)


def die() -> None:
    """As the kernel would end us when memory runs out: nothing is cleaned up."""
    os.kill(os.getpid(), signal.SIGKILL)
