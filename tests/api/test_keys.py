"""Keys: issued and revoked by staff, shown once, kept as a hash; tokens only; scopes that are enforced."""

from __future__ import annotations

import re

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select, text

from app.api.models import AccessKey
from app.api.openapi import operations
from app.api.views import APIS
from app.kernel.database import db
from tests.api.conftest import Program, Programs
from tests.support.story import Cast, log_in, post

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
PATHS = {"pk": "1"}


def _issue(app: Flask, word: str, *scopes: str, days: str = "30") -> tuple[int, str]:
    """Issue a key as a person would; the answer's status, and the token that it shows."""
    form = {"name": "教务系统", "days": days, "scope": list(scopes)}
    answer = post(log_in(app, word), "/console/api-keys/create", form)
    shown = re.search(r'value="(cbk_[^"]+)"', answer.text)
    return answer.status_code, shown[1] if shown else ""


@SQLITE
def test_a_key_is_shown_once_and_kept_as_a_hash(demo: Flask) -> None:
    status, token = _issue(demo, "point", "learners:read")
    assert status == 200
    assert token
    assert token not in log_in(demo, "point").get("/console/api-keys/").text
    secret = token.rpartition("_")[2]
    for table in ("access_key", "audit_event", "user_session"):
        for row in db.session.execute(text(f"SELECT * FROM {table}")):
            assert secret not in str([bytes(v) if isinstance(v, memoryview) else v for v in row])
    answer = Program(demo, token).get("/learners")
    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["items"]


@SQLITE
@pytest.mark.parametrize(
    ("days", "scopes"), [("0", ["rules:read"]), ("9999", ["rules:read"]), ("30", []), ("x", [])]
)
def test_a_key_needs_a_scope_and_an_end(demo: Flask, days: str, scopes: list[str]) -> None:
    assert _issue(demo, "point", *scopes, days=days) == (422, "")


@SQLITE
def test_nobody_issues_a_scope_that_their_role_lacks(demo: Flask) -> None:
    assert _issue(demo, "institution", "decisions:write") == (422, "")
    assert log_in(demo, "assessor").get("/console/api-keys/").status_code == 403
    assert log_in(demo, "learner").get("/console/api-keys/").status_code == 403


@SQLITE
def test_a_revoked_an_expired_and_a_dismissed_key_are_shut_out(
    demo: Flask, program: Programs, cast: Cast
) -> None:
    mine = program("point")
    assert mine.get("/caller").status_code == 200
    key = db.session.scalars(select(AccessKey)).one()
    assert post(log_in(demo, "point2"), f"/console/api-keys/{key.id}/revoke", {}).status_code == 404
    with time_machine.travel(key.expires_at, tick=False):
        assert mine.get("/caller").status_code == 401
    assert post(log_in(demo, "admin"), f"/console/api-keys/{key.id}/revoke", {}).status_code == 302
    answer = mine.get("/caller")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    other = program("committee")
    assert other.get("/caller").status_code == 200
    db.session.rollback()
    with db.engine.connect().execution_options(writes=True) as connection, connection.begin():
        connection.execute(
            text("UPDATE ab_user SET active = :no WHERE id = :id"),
            {"no": False, "id": cast.account("committee")},
        )
    assert other.get("/caller").status_code == 401


@SQLITE
def test_a_session_is_no_key_and_a_key_is_no_session(demo: Flask, program: Programs) -> None:
    browser = log_in(demo, "center")
    answer = browser.get("/api/v1/learners")
    assert answer.status_code == 401
    assert answer.mimetype == "application/problem+json"
    mine = program("center")
    assert "Set-Cookie" not in mine.get("/learners").headers
    page = demo.test_client().get("/console/", headers={"Authorization": f"Bearer {mine.token}"})
    assert page.status_code == 302


@SQLITE
def test_every_operation_is_shut_without_its_scope(program: Programs) -> None:
    """The control: with the scope the same request gets past the check."""
    bare, full = program("center", ["rules:read"]), program("center")
    seen = 0
    for api, name, declared in operations(APIS):
        path = f"{api.route_base}{declared.path}".removeprefix("/api/v1").replace("<int:pk>", "1")
        asked = "post" if declared.method == "POST" else "get"
        arguments = [{}] if asked == "post" else []
        shut = getattr(bare, asked)(path, *arguments)
        opened = getattr(full, asked)(path, *arguments)
        if declared.scope in ("", "rules:read"):
            assert shut.status_code in (200, 404), (api, name)
            continue
        assert declared.scope
        assert shut.status_code == 403, (api, name)
        assert shut.json["code"] == "scope"
        assert opened.status_code in (200, 404, 422), (api, name)
        seen += 1
    assert seen > 10
