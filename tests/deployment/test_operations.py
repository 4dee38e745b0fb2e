"""Health, readiness, metrics, logs; and that the files for deployment say what there is."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from app import operations
from app.kernel.database import db
from tests.support.house import House
from tests.support.story import log_in

HOME = Path(__file__).resolve().parents[2]
SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@SQLITE
def test_ready_while_the_tables_are_not_older(app: Flask) -> None:
    """Newer tables are well: older hosts go on while versions are exchanged."""

    def answer(version: str) -> int:
        with db.engine.connect().execution_options(writes=True) as connection, connection.begin():
            connection.execute(text("UPDATE alembic_version SET version_num = :one"), {"one": version})
        return app.test_client().get("/readyz").status_code

    assert app.test_client().get("/readyz").status_code == 200
    assert answer("9999_from_tomorrow") == 200
    assert answer("0001") == 503
    assert app.test_client().get("/healthz").status_code == 200


@SQLITE
def test_metrics_are_for_this_host_or_by_token(house: House) -> None:
    app = house.reset("deployed")
    assert "creditbank_audit_events" in app.test_client().get("/metrics").text
    elsewhere = {"REMOTE_ADDR": "203.0.113.7"}
    assert app.test_client().get("/metrics", environ_overrides=elsewhere).status_code == 403
    app = house.reset("deployed", metrics_token="open sesame")
    assert app.test_client().get("/metrics").status_code == 403
    shown = {"Authorization": "Bearer open sesame"}
    assert app.test_client().get("/metrics", headers=shown, environ_overrides=elsewhere).status_code == 200


@SQLITE
def test_a_request_is_one_line_without_what_was_searched(
    demo: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    center = log_in(demo, "center")
    with caplog.at_level(logging.INFO, "creditbank.requests"):
        answer = center.get("/console/records/learner/?name=龚江琳", headers={"X-Request-Id": "abc123"})
    assert answer.headers["X-Request-Id"] == "abc123"
    found = [record for record in caplog.records if record.name == "creditbank.requests"]
    assert [record.fields["view"] for record in found] == ["LearnerView.list"]  # type: ignore[attr-defined]
    line = json.loads(operations.JsonLines().format(found[0]))
    assert (line["status"], line["path"]) == (200, "/console/records/learner/")
    assert "龚江琳" not in json.dumps(line, ensure_ascii=False)


def test_an_error_is_one_line_too() -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "f", 1, "failed %s", ("a",), sys.exc_info())
    line = json.loads(operations.JsonLines().format(record))
    assert line["message"] == "failed a"
    assert "ValueError: broken" in line["error"]


def test_what_the_example_sets_exists() -> None:
    """Every setting in the example of the environment is one that config.py documents."""
    documented = (HOME / "config.py").read_text("utf-8")
    example = (HOME / "deployment/env.example").read_text("utf-8")
    names = [line.partition("=")[0] for line in example.splitlines() if line.startswith("CREDITBANK_")]
    assert len(names) > 8
    assert [name for name in names if name not in documented] == []


def test_the_files_name_what_is_there() -> None:
    compose = (HOME / "deployment/compose.yaml").read_text("utf-8")
    for command in ("deploy", "worker"):
        assert f"[flask, --app, run, {command}]" in compose
    for unit in (HOME / "deployment/systemd").iterdir():
        assert "ExecStart=/srv/creditbank/.venv/bin/" in unit.read_text("utf-8")
    assert (HOME / "deployment/gunicorn.conf.py").exists()
