"""The worker: a failing task stops nobody; it ends gracefully when asked; killed, it loses nothing."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from app import worker
from app.kernel.actor import SYSTEM
from app.kernel.clock import now
from app.kernel.database import db
from app.kernel.settings import settings
from app.kernel.unit_of_work import UnitOfWork
from app.notices import services
from app.notices.models import Notice
from tests.notices.conftest import MakePerson

HOME = Path(__file__).resolve().parents[2]

#: A worker process of its own, on the test's database.
PROCESS = """
import os, sys
import config
from app import create_app, worker
from app.notices.delivery import deliver

app = create_app(config.load(os.environ))
app.extensions["worker"] = [worker.Task("deliver", lambda app: deliver(app, worker.stopping.is_set))]
print("ready", flush=True)
worker.run_forever(app, poll=0.05)
print("ended", flush=True)
"""


def start(**environment: str) -> subprocess.Popen[str]:
    given = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(HOME),
        "CREDITBANK_DATABASE_URL": settings().database_url,
        "CREDITBANK_DATA_DIR": str(settings().data_dir),
    }
    process = subprocess.Popen(
        [sys.executable, "-c", PROCESS], env=given | environment, cwd=HOME, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def post_sms(make_person: MakePerson, count: int) -> None:
    person = make_person()
    with UnitOfWork(db.session, SYSTEM) as uow:
        for _ in range(count):
            services.post(uow, "recognised", person.id, variables={"source": "密码学"})


def sms_in(state: str) -> int:
    db.session.rollback()
    found = select(func.count()).where(Notice.channel == "sms", Notice.state == state)
    return db.session.scalar(found) or 0


def wait_until(state: str, count: int) -> None:
    end = time.monotonic() + 20
    while sms_in(state) < count:
        assert time.monotonic() < end, f"never {count} {state}"
        time.sleep(0.05)


def test_failing_task_stops_nobody(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    ran: list[str] = []

    def fails(_app: Flask) -> int:
        ran.append("fails")
        raise RuntimeError("broken")

    def works(uow: UnitOfWork) -> int:
        assert uow.actor is SYSTEM
        ran.append("works")
        return 2

    tasks = [worker.Task("first", fails), worker.Task("second", worker.in_unit(works))]
    worker.stopping.clear()
    with caplog.at_level(logging.ERROR):
        assert worker.run_once(app, tasks) == 2
    assert ran == ["fails", "works"]
    assert "task first failed" in caplog.text


def test_failing_unit_writes_nothing(app: Flask, make_person: MakePerson) -> None:
    person = make_person()

    def half(uow: UnitOfWork) -> int:
        services.post(uow, "recognised", person.id, variables={"source": "密码学"})
        raise RuntimeError("broken")

    worker.stopping.clear()
    assert worker.run_once(app, [worker.Task("half", worker.in_unit(half))]) == 0
    assert db.session.scalar(select(func.count()).select_from(Notice)) == 0


def test_ends_when_asked_with_its_message_finished(app: Flask, make_person: MakePerson) -> None:
    post_sms(make_person, 200)
    db.session.remove()
    process = start(CREDITBANK_SMS_GATEWAY="tests.notices.gateways:Slow")
    try:
        wait_until("sent", 3)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=20)
    finally:
        process.kill()
    assert output == "ended\n"
    assert process.returncode == 0
    assert sms_in("sending") == 0, "nothing is left half done"
    assert 0 < sms_in("pending") == 200 - sms_in("sent")


def test_killed_after_the_message_left(app: Flask, make_person: MakePerson, tmp_path: Path) -> None:
    post_sms(make_person, 1)
    db.session.remove()
    log = tmp_path / "sms.log"
    gateway = {"CREDITBANK_SMS_GATEWAY": "tests.notices.gateways:Deadly", "SMS_LOG": str(log)}
    for _ in range(3):
        process = start(**gateway)
        assert process.wait(timeout=20) == -signal.SIGKILL
        _lease_runs_out()
    process = start(**gateway)
    try:
        wait_until("unknown", 1)
    finally:
        process.kill()
        process.wait()
    sent = log.read_text().splitlines()
    assert len(sent) == 3, "repeats are bounded"
    assert len(set(sent)) == 1, "all under one key, by which the gateway can tell"


def _lease_runs_out() -> None:
    with UnitOfWork(db.session, SYSTEM) as uow:
        uow.session.execute(
            update(Notice).where(Notice.state == "sending").values(due_at=now() - timedelta(seconds=1))
        )
    db.session.remove()


def test_killed_at_random_each_arrives(app: Flask, make_person: MakePerson) -> None:
    """Files are written under the notice's key: whatever the number of deaths, each stands once."""
    post_sms(make_person, 150)
    db.session.remove()
    for delay in (0.02, 0.1, 0.2):
        process = start()
        time.sleep(delay)
        process.kill()
        process.wait()
        _lease_runs_out()
    process = start()
    try:
        wait_until("sent", 150)
    finally:
        process.terminate()
        process.wait(timeout=20)
    assert len(list((settings().data_dir / "outbox").glob("*.json"))) == 150
