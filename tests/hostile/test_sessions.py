"""A session that ended is worth nothing: replay after log-out, password change, role change (spec 5, security)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.kernel.database import db
from app.kernel.unit_of_work import UnitOfWork
from app.security.models import Account
from app.security.sessions import ServerSessions
from tests.support.forms import filled
from tests.support.proof import measured
from tests.support.story import Cast, log_in, post

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


def _cookie(client: FlaskClient) -> str:
    (found,) = [one.value for one in client._cookies.values() if one.key == "session"]  # type: ignore[attr-defined]
    return str(found)


def _replay(app: Flask, cookie: str, address: str = "/console/") -> int:
    """What a thief's browser gets for a cookie that was copied earlier."""
    thief = app.test_client()
    thief.set_cookie("session", cookie)
    return thief.get(address).status_code


def _log_out(app: Flask, cast: Cast, client: FlaskClient) -> None:
    assert post(client, "/logout/", {}).status_code == 302


def _change_password(app: Flask, cast: Cast, client: FlaskClient) -> None:
    new = "另一个很长的口令 2027"
    page = client.get("/password/").text
    sent = {name: new for name in filled(page) if name not in ("csrf_token", "old")}
    assert post(client, "/password/", {**sent, "old": "Demo-center-2026"}).status_code == 302


def _change_role(app: Flask, cast: Cast, client: FlaskClient) -> None:
    admin = log_in(app, "admin")
    address = f"/console/records/account/{cast.account('center')}/edit"
    form = dict(filled(admin.get(address).text, "version"))
    form["roles"] = form["roles"][:1] + [key for key in _all_roles() if key not in form["roles"]][:1]
    assert post(admin, address, dict(form)).status_code == 302


def _shut(app: Flask, cast: Cast, client: FlaskClient) -> None:
    def step(uow: UnitOfWork) -> None:
        uow.session.get_one(Account, cast.account("center")).active = False

    cast.act("", step)


def _all_roles() -> list[str]:
    with db.engine.connect() as connection:
        return [
            str(key) for (key,) in connection.exec_driver_sql("SELECT id FROM ab_role WHERE name = 'Auditor'")
        ]


ENDS: dict[str, Callable[[Flask, Cast, FlaskClient], None]] = {
    "log-out": _log_out,
    "password change": _change_password,
    "role change": _change_role,
    "account shut": _shut,
}


@SQLITE
@pytest.mark.parametrize("end", ENDS)
def test_a_copied_cookie_is_refused_after(demo: Flask, cast: Cast, end: str) -> None:
    client = log_in(demo, "center")
    cookie = _cookie(client)
    assert _replay(demo, cookie) == 200, "control: the copy works before"
    ENDS[end](demo, cast, client)
    assert _replay(demo, cookie) == 302
    measured("sessions", f"{end}: refused")


@SQLITE
def test_without_the_epoch_the_copy_would_live_mutant(
    demo: Flask, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = log_in(demo, "center")
    cookie = _cookie(client)

    def keep_epoch(uow: UnitOfWork) -> None:
        account = uow.session.get_one(Account, cast.account("center"))
        account.department = "别处"

    cast.act("", keep_epoch)  # a change that raises no epoch ends nothing: it is the epoch that does
    assert _replay(demo, cookie) == 200
    monkeypatch.setattr(ServerSessions, "save_session", lambda *arguments: None)
    _log_out(demo, cast, client)
    assert _replay(demo, cookie) == 200


@SQLITE
def test_logging_in_makes_a_new_cookie(demo: Flask) -> None:
    """No session fixation: what a visitor had isn't what the signed-in have, nor is it kept for the next."""
    client = demo.test_client()
    client.get("/login/")
    client.set_cookie("session", "s1.chosen-by-the-attacker-0000000000000000000")
    again = log_in(demo, "center")
    first = _cookie(again)
    _log_out(demo, None, again)  # type: ignore[arg-type]
    assert _cookie(log_in(demo, "center")) != first
    assert "chosen" not in first


@SQLITE
def test_a_signed_cookie_says_nothing_about_who_one_is(demo: Flask) -> None:
    """Whoever learns the key that signs forms still has no session."""
    from flask.sessions import SecureCookieSessionInterface

    forged = (
        SecureCookieSessionInterface().get_signing_serializer(demo).dumps({"_user_id": "1", "_fresh": True})
    )  # type: ignore[union-attr]
    assert _replay(demo, forged) == 302
    assert _replay(demo, forged, "/me/") == 302


@SQLITE
def test_cookies_are_hidden_from_scripts_and_other_sites(demo: Flask) -> None:
    client = demo.test_client()
    answer = post(client, "/login/", {"username": "center", "password": "Demo-center-2026"})
    (cookie,) = [one for one in answer.headers.getlist("Set-Cookie") if one.startswith("session=")]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    personal = client.get("/console/")
    assert personal.headers["Cache-Control"] == "no-store"
    for name in ("Content-Security-Policy", "X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy"):
        assert personal.headers[name]
    policy = personal.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
