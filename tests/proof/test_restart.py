"""The database's plug is pulled under load: no decision that was acknowledged is lost, none is doubled."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.audit.verification import verify
from app.kernel.database import db
from tests.proof.test_kills import AGREED, Waiting, _done, _ready
from tests.support.crowds import copy_of
from tests.support.postgres import Server
from tests.support.proof import amount, measured
from tests.support.story import Cast, log_in, token


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_no_acknowledged_decision_is_lost(demo: Flask, cast: Cast, postgres: Server) -> None:
    cases = [_ready(cast) for _ in range(amount(16, 400))]
    before = {case.key: _done(case) for case in cases}
    point = log_in(demo, "point")
    form_token = token(point, "/password/")
    db.session.remove()
    failures: list[int] = []
    started = Event()

    def decide(case: Waiting) -> int:
        """Post until it is acknowledged, as a person would who reads that the bank is not there for a moment."""
        client: FlaskClient = copy_of(demo, point)
        data = {**AGREED, "version": str(case.version), "key": f"key-{case.key}", "csrf_token": form_token}
        for _attempt in range(200):
            started.set()
            try:
                status = client.post(f"/console/recognition/{case.key}/decide", data=data).status_code
            except Exception:  # the session's own query broke: no answer at all
                status = 0
            if status == 302:
                return case.key
            failures.append(status)
            time.sleep(0.1)
        raise AssertionError(f"case {case.key} never got through: {failures[-5:]}")

    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(decide, case) for case in cases]
        started.wait(30)
        for _plug in range(amount(1, 10)):
            time.sleep(0.3)
            postgres.restart()
        acknowledged = [answer.result() for answer in answers]
    with demo.app_context():
        db.engine.dispose()
    assert failures, "control: the restart hit nobody"
    assert len(acknowledged) == len(cases)
    for case in cases:
        gained = tuple(a - b for a, b in zip(_done(case)[:3], before[case.key][:3], strict=True))
        assert gained == (1, 1, 1), case
    assert verify(db.session(), None).flaw is None
    measured(
        "restart",
        f"{len(cases)} decisions, {len(failures)} requests failed meanwhile: none lost, none twice",
        "postgresql",
    )
