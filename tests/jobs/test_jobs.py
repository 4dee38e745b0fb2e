"""Jobs: taken once by any number of workers, carried on after a crash, cancelled, planned once a day."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select, update

from app.audit.models import AuditEvent
from app.jobs import kinds, runner, services
from app.jobs.kinds import Kind, Work
from app.jobs.models import ExportJob, Job
from app.kernel.actor import SYSTEM
from app.kernel.clock import CIVIL, now
from app.kernel.database import db
from app.kernel.errors import N_, Conflict, Invalid
from app.kernel.settings import settings
from app.kernel.storage import store
from app.kernel.unit_of_work import UnitOfWork
from app.portal.models import Announcement
from tests.support.story import Cast, log_in, post

HOME = Path(__file__).resolve().parents[2]
SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)

#: What the process of the crash test does: a piece is a row, written with the progress.
WRITER = """
import os, sys, time
import config
from app import create_app, worker
from app.jobs import kinds, runner
from app.portal.models import Announcement
from app.kernel.clock import now

def write(work):
    work.total = 40
    for number in range(work.done, 40):
        with work.unit() as uow:
            uow.session.add(Announcement(title=str(number), body=""))
            work.done = number + 1
        yield
        time.sleep(float(os.environ["PAUSE"]))

app = create_app(config.load(os.environ))
kinds.register(kinds.Kind("test.write", "Write", write))
print("ready", flush=True)
app.extensions["worker"] = [worker.Task("jobs", lambda app: runner.carry_out(app, worker.stopping.is_set), lane="long")]
worker.run_forever(app, poll=0.05)
"""


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    before = dict(kinds._kinds)
    yield
    kinds._kinds.clear()
    kinds._kinds.update(before)


def counting(work: Work) -> Iterator[None]:
    """Five pieces, each noted where one can look."""
    work.total = 5
    for number in range(work.done, 5):
        with work.unit():
            work.done = number + 1
            work.place = {"last": number}
        yield
    work.give("five.txt", b"five")


def ask(kind: str = "test.count", **more: object) -> int:
    with UnitOfWork(db.session, SYSTEM) as uow:
        return services.ask(uow, kind, **more).id  # type: ignore[arg-type]


def job(key: int) -> Job:
    db.session.rollback()
    return db.session.get_one(Job, key, populate_existing=True)


def pieces() -> list[int]:
    """The rows that jobs of these tests wrote."""
    db.session.rollback()
    return [int(title) for title in db.session.scalars(select(Announcement.title)) if title.isdigit()]


def lease_runs_out(key: int) -> None:
    """As if the worker had not been heard of for a minute."""
    with UnitOfWork(db.session, SYSTEM) as uow:
        uow.session.execute(update(Job).where(Job.id == key).values(due_at=now(), lease_until=now()))


def test_a_job_is_done_with_its_file_and_its_event(app: Flask) -> None:
    kinds.register(Kind("test.count", N_("Count"), counting, family="export"))
    key = ask(name="five")
    assert runner.carry_out(app) == 1
    found = job(key)
    assert (found.state, found.done, found.total, found.progress) == ("done", 5, 5, 100)
    assert isinstance(found, ExportJob)
    assert found.lease_owner is None
    with store().open(found.file_digest or "") as file:
        assert file.read() == b"five"
    actions = db.session.scalars(select(AuditEvent.action).where(AuditEvent.subject_table == "job")).all()
    assert list(actions) == ["job.asked", "job.done"]


def test_the_same_key_is_the_same_job(app: Flask) -> None:
    kinds.register(Kind("test.count", N_("Count"), counting))
    assert ask(key="once") == ask(key="once")


def test_two_workers_take_two_jobs(app: Flask) -> None:
    kinds.register(Kind("test.count", N_("Count"), counting))
    first, second = ask(), ask()
    one, other = runner.claim(db.session()), runner.claim(db.session())
    assert one
    assert other
    assert {one[0].id, other[0].id} == {first, second}
    assert runner.claim(db.session()) is None


def writing(work: Work) -> Iterator[None]:
    """Five pieces, each a row."""
    for number in range(work.done, 5):
        with work.unit() as uow:
            uow.session.add(Announcement(title=str(number), body=""))
            work.done = number + 1
        yield


@pytest.mark.parametrize("guarded", [True, False])
def test_whoever_has_lost_the_lease_writes_nothing(
    app: Flask, guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mutant, whose pieces don't look at the lease, writes over the other worker's."""
    kinds.register(Kind("test.write", N_("Count"), writing))
    key = ask("test.write")
    slow = runner.claim(db.session())
    assert slow
    db.session.expunge(slow[0])  # the other worker is another process
    lease_runs_out(key)
    assert runner.carry_out(app) == 1
    if not guarded:
        monkeypatch.setattr(runner._Held, "_write", lambda *_, **__: None)
    runner.run(*slow, lambda: False)
    assert job(key).state == "done"
    written = len(pieces())
    assert (written == 5) is guarded


def test_a_worker_asked_to_end_gives_the_job_back(app: Flask) -> None:
    kinds.register(Kind("test.count", N_("Count"), counting))
    key = ask()
    claimed = runner.claim(db.session())
    assert claimed
    runner.run(*claimed, lambda: True)
    assert (job(key).state, job(key).done) == ("waiting", 1)
    runner.carry_out(app)
    assert (job(key).state, job(key).done) == ("done", 5)


@SQLITE
def test_cancelling(app: Flask) -> None:
    kinds.register(Kind("test.count", N_("Count"), counting))
    waiting, running = ask(due_at=now() + timedelta(hours=1)), ask()
    claimed = runner.claim(db.session())
    assert claimed
    assert claimed[0].id == running
    for key in (waiting, running):
        with UnitOfWork(db.session, SYSTEM) as uow:
            services.cancel(uow, uow.session.get_one(Job, key))
    assert job(waiting).state == "cancelled"
    runner.run(*claimed, lambda: False)
    assert (job(running).state, job(running).done) == ("cancelled", 0)
    with pytest.raises(Conflict), UnitOfWork(db.session, SYSTEM) as uow:
        services.cancel(uow, uow.session.get_one(Job, running))


@SQLITE
def test_a_refusal_is_told_and_an_error_is_tried_again(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    def refuse(_work: Work) -> Iterator[None]:
        raise Invalid("no", N_("At most %(longest)s characters."), longest=3)
        yield

    def break_off(_work: Work) -> Iterator[None]:
        raise RuntimeError("unheard of")
        yield

    kinds.register(Kind("test.refuse", "r", refuse), Kind("test.break", "b", break_off))
    refused, broken = ask("test.refuse"), ask("test.break")
    assert runner.carry_out(app) == 2
    assert (job(refused).state, job(refused).error_parameters) == ("failed", {"longest": 3})
    for _ in range(2):
        assert job(broken).state == "waiting"
        lease_runs_out(broken)
        assert runner.carry_out(app) == 1
    assert job(broken).state == "failed"
    assert "unheard of" in caplog.text


@SQLITE
def test_a_job_that_kills_its_workers_is_given_up(app: Flask) -> None:
    kinds.register(Kind("test.count", N_("Count"), counting))
    key = ask()
    for _ in range(runner.TRIES):
        assert runner.claim(db.session())
        lease_runs_out(key)
    assert runner.claim(db.session()) is None
    assert job(key).state == "failed"


@SQLITE
def test_daily_jobs_are_asked_for_once_a_day(app: Flask) -> None:
    from datetime import time as clock_time

    kinds._kinds.clear()
    kinds.register(Kind("test.daily", N_("Count"), counting, daily=clock_time(3)))

    def plan() -> int:
        with UnitOfWork(db.session, SYSTEM) as uow:
            return services.plan(uow)

    day = datetime(2026, 3, 2, tzinfo=CIVIL)
    for moment, expected in ((2, 0), (4, 1), (9, 0), (26, 0), (28, 1)):
        with time_machine.travel(day + timedelta(hours=moment), tick=False):
            assert plan() == expected, moment


def test_killed_at_random_moments_every_piece_is_written_once(app: Flask) -> None:
    """kill -9, twice over; then two workers at once finish what is left."""
    kinds.register(Kind("test.write", "Write", counting))
    key = ask("test.write")
    for _ in range(2):
        process = start("0.02")
        reached = job(key).done + 4
        until(lambda reached=reached: job(key).done >= reached)
        process.send_signal(signal.SIGKILL)
        process.wait()
        lease_runs_out(key)
    last = [start("0"), start("0")]
    until(lambda: job(key).state == "done")
    for process in last:
        process.terminate()
        assert process.wait(90) == 0
    assert sorted(pieces()) == list(range(40))


def start(pause: str) -> subprocess.Popen[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(HOME),
        "PAUSE": pause,
        "CREDITBANK_DATABASE_URL": settings().database_url,
        "CREDITBANK_DATA_DIR": str(settings().data_dir),
    }
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER], env=environment, cwd=HOME, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def until(condition: object) -> None:
    end = time.monotonic() + 90
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.02)


@SQLITE
def test_pages(demo: Flask, cast: Cast) -> None:
    """Whoever asked sees the job and takes its file; others don't know of it; the administrator sees no content."""
    kinds.register(Kind("test.count", N_("Count"), counting, family="export"))
    with UnitOfWork(db.session, cast.by("center")) as uow:
        key = services.ask(uow, "test.count", name="五个").id
    center, other, admin = (log_in(demo, word) for word in ("center", "center2", "admin"))
    page = f"/console/records/export-job/{key}"
    assert "五个" in center.get("/console/records/export-job/").text
    assert "hx-get" in center.get(page).text
    assert other.get(page).status_code == 404
    runner.carry_out(demo)
    assert center.get(f"{page}/progress").headers["HX-Refresh"] == "true"
    assert center.get(f"{page}/file").data == b"five"
    assert other.get(f"{page}/file").status_code == 404
    assert admin.get(f"/console/records/job/{key}").status_code == 200
    assert admin.get(f"/console/records/job/{key}/file").status_code == 404
    answer = post(center, "/console/records/export-job/cancel", {"rowid": key, "confirmed": "1"})
    assert answer.status_code == 302
    assert job(key).state == "done"
