"""Two web servers and two workers, with folders of their own, over one PostgreSQL and one store: as two hosts stand.

A session begun on one goes on on the other; a worker killed in the middle of an import is taken over by the other; one
host can be taken out and put back under load without a lost request.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from http.cookiejar import CookieJar
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from app.audit import verification
from app.jobs.models import Job
from app.kernel.actor import SYSTEM
from app.kernel.clock import now
from app.kernel.database import db
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner
from tests.exchange.support import LEARNER_HEADS, asked, learners, workbook
from tests.support.house import House

HOME = Path(__file__).resolve().parents[2]
#: A worker that takes its time over each chunk, so that it can be killed in one.
SLOW = """
import os, time
import config
from app import create_app, worker
from app.exchange import loading
loading.CHUNK = 20
chunk = loading._chunk
def slowly(*given):
    yield from chunk(*given)
    time.sleep(0.15)
loading._chunk = slowly
app = create_app(config.load(os.environ))
print("ready", flush=True)
worker.run_forever(app, poll=0.05)
"""


class Host:
    """One host: its own folder, the shared database, store and keys."""

    def __init__(self, house: House, name: str, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        folder.mkdir()
        for key in ("secret_key", "data_keys"):
            shutil.copyfile(house.folder / key, folder / key)
        self.environment = {
            **{key: value for key, value in os.environ.items() if key != "PROMETHEUS_MULTIPROC_DIR"},
            "PORT": str(self.port), "WEB_CONCURRENCY": "1", "CREDITBANK_DATA_DIR": str(folder), "PYTHONPATH": str(HOME),
            "CREDITBANK_DATABASE_URL": house.settings.database_url, "CREDITBANK_STORAGE_URL": house.settings.storage_url,
            "CREDITBANK_LOG_FORMAT": "json",
        }  # fmt: skip
        self.log = folder / f"{name}.log"
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.web = subprocess.Popen(
                [sys.executable, "run.py"], cwd=HOME, env=self.environment, stdout=log, stderr=log
            )

    def worker(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", SLOW], cwd=HOME, env=self.environment, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        return process

    def get(self, path: str, opener: urllib.request.OpenerDirector | None = None) -> str:
        with (opener or urllib.request.build_opener()).open(
            f"http://127.0.0.1:{self.port}{path}", timeout=20
        ) as answer:
            return str(answer.read().decode())

    def ready(self) -> bool:
        try:
            return self.get("/readyz") == "ready\n"
        except OSError:
            return False


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture
def hosts(house: House, tmp_path: Path) -> Iterator[tuple[Host, Host]]:
    house.reset("demo")
    pair = Host(house, "a", tmp_path / "a"), Host(house, "b", tmp_path / "b")
    yield pair
    for host in pair:
        host.web.terminate()
        host.web.wait(20)


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_two_hosts(hosts: tuple[Host, Host], house: House) -> None:
    a, b = hosts
    workers = [a.worker(), b.worker()]
    with house.app.app_context():
        for process in workers:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        until(lambda: a.ready() and b.ready())
        somebody = logged_in(a)
        _an_import_survives_its_worker(workers)
        assert "学习者管理" in b.get("/console/records/learner/", somebody)
        _a_host_is_exchanged_under_load(a, b, somebody)
        figures = b.get("/metrics")
        assert 'creditbank_jobs{state="waiting"}' not in figures or "creditbank_audit_events" in figures
        assert re.search(
            r'creditbank_requests_total\{method="GET",status="200",view="LearnerView.list"\} [1-9]', figures
        )
        for process in workers:
            process.terminate()
            process.wait(20)
    lines = [json.loads(line) for line in b.log.read_text().splitlines() if line.startswith("{")]
    asked_for = [line for line in lines if line.get("path") == "/console/records/learner/"]
    assert asked_for[0]["status"] == 200
    assert asked_for[0]["request"]


def logged_in(host: Host) -> urllib.request.OpenerDirector:
    """The centre's session, begun on this host; cookies know no ports, so it holds on the other too."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', host.get("/login/", opener))
    assert token
    form = {"csrf_token": token[1], "username": "center", "password": "Demo-center-2026"}
    data = urllib.parse.urlencode(form).encode()
    opener.open(f"http://127.0.0.1:{host.port}/login/", data, timeout=20).read()
    return opener


def _an_import_survives_its_worker(workers: list[subprocess.Popen[str]]) -> None:
    before = db.session.scalar(select(func.count()).select_from(Learner)) or 0
    key = asked("learners", workbook(LEARNER_HEADS, learners(200)))

    def job() -> Job:
        db.session.rollback()
        return db.session.get_one(Job, key, populate_existing=True)

    until(lambda: job().done >= 40)
    holder = int((job().lease_owner or "").split(":")[1])
    next(one for one in workers if one.pid == holder).send_signal(signal.SIGKILL)
    with UnitOfWork(db.session, SYSTEM) as uow:  # as if its lease had run out
        uow.session.execute(update(Job).where(Job.id == key).values(due_at=now()))
    until(lambda: job().state == "done")
    db.session.rollback()
    assert (db.session.scalar(select(func.count()).select_from(Learner)) or 0) == before + 200
    assert verification.verify(db.session(), None).flaw is None
    db.session.rollback()


def _a_host_is_exchanged_under_load(a: Host, b: Host, somebody: urllib.request.OpenerDirector) -> None:
    """As a proxy would: each request goes to a host that is ready; whoever is told to end finishes what it has."""
    failures: list[str] = []
    answered = {a.port: 0, b.port: 0}
    enough = threading.Event()
    draining = threading.Event()

    def load() -> None:
        while not enough.is_set():
            for host in (a, b):
                if host is a and draining.is_set():
                    continue
                try:
                    host.get("/console/records/learner/", somebody)
                    answered[host.port] += 1
                except (OSError, urllib.error.HTTPError) as error:
                    failures.append(f"{host.port}: {error}")

    thread = threading.Thread(target=load)
    thread.start()
    until(lambda: answered[a.port] > 2)
    draining.set()  # the proxy takes it out; then it is told to end
    time.sleep(0.3)
    a.web.terminate()
    assert a.web.wait(30) == 0
    served = answered[b.port]
    until(lambda: answered[b.port] > served + 3)
    a.start()
    until(a.ready)
    served = answered[a.port]
    draining.clear()
    until(lambda: answered[a.port] > served + 2)
    enough.set()
    thread.join(20)
    assert failures == []
