"""The worker: what the house does by itself, over and over, beside the web server.

Any number of workers may run on any number of hosts: each task takes its work from the database in a way
that bears that. A task that fails is logged, and the others go on.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType

from flask import Flask

from app.kernel.actor import SYSTEM
from app.kernel.database import db
from app.kernel.unit_of_work import UnitOfWork

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """Something to do every ``every`` seconds (0: each turn). ``run`` returns how much it did.

    Tasks of one ``lane`` take turns; lanes go on beside each other, so that long work delays no message.
    """

    name: str
    run: Callable[[Flask], int]
    every: float = 0
    lane: str = "short"


#: Set when the worker was asked to end; long tasks look at it between two pieces of work.
stopping = threading.Event()


def in_unit(step: Callable[[UnitOfWork], int]) -> Callable[[Flask], int]:
    """A task that is one unit of work of the system."""

    def run(_app: Flask) -> int:
        with UnitOfWork(db.session, SYSTEM) as uow:
            return step(uow)

    return run


def register(app: Flask, *tasks: Task) -> None:
    """Give the worker its tasks; called by ``create_app``."""
    app.extensions.setdefault("worker", []).extend(tasks)


def run_once(app: Flask, tasks: list[Task] | None = None) -> int:
    """Run each task (of ``tasks``, else all) once; returns how much was done."""
    done = 0
    for task in app.extensions.get("worker", []) if tasks is None else tasks:
        if stopping.is_set():
            break
        with app.app_context():
            try:
                count = task.run(app)
            except Exception:
                log.exception("task %s failed", task.name)
                continue
            finally:
                db.session.remove()
        if count:
            log.info("%s: %s", task.name, count)
        done += count
    return done


def run_forever(app: Flask, poll: float = 2.0) -> None:
    """Run the tasks, each at its own pace, until SIGTERM or SIGINT; what is at hand is finished first."""
    stopping.clear()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    lanes: dict[str, list[Task]] = {}
    for task in app.extensions.get("worker", []):
        lanes.setdefault(task.lane, []).append(task)
    threads = [
        threading.Thread(target=_run_lane, args=(app, tasks, poll), name=lane)
        for lane, tasks in lanes.items()
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        threads[0].join(0.2)  # signals are heard between two waits of the main thread only
        for thread in threads[1:]:
            thread.join(0.05)


def _run_lane(app: Flask, tasks: list[Task], poll: float) -> None:
    ready_at: dict[str, float] = {}
    while not stopping.is_set():
        ready = [task for task in tasks if ready_at.get(task.name, 0) <= time.monotonic()]
        done = run_once(app, ready)
        ready_at |= {task.name: time.monotonic() + task.every for task in ready}
        if not done:
            stopping.wait(poll)


def _stop(_number: int, _frame: FrameType | None) -> None:
    stopping.set()
