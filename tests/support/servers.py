"""Processes of the application that may be killed: forked off this one, so that they stand in milliseconds."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from app.kernel.database import db


def forked(work: Callable[[], int]) -> int:
    """Run ``work`` in a process of its own; its exit status, or minus the signal that killed it.

    Call it inside the application context whose session has been used: its connection must be closed before. A child
    that inherited it would cut into the parent's conversation, and one left open would outlive the database file.
    """
    db.session.remove()
    db.engine.dispose()
    child = os.fork()
    if child == 0:
        status = 70
        try:
            status = work()
        finally:
            os._exit(status)
    _pid, ended = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(ended)


def die() -> None:
    """As the kernel would end us when memory runs out: nothing is cleaned up."""
    os.kill(os.getpid(), signal.SIGKILL)
