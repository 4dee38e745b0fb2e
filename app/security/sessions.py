"""Sessions on the server, for whoever is logged in.

The cookie holds a random token, the table its SHA-256: log-out deletes the row, and the token is worth
nothing anywhere. Visitors have a signed cookie of the same name without any identity (form token, language).
Logging in always makes a new token.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from datetime import timedelta
from typing import Any

from flask import Flask, Request, Response, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from sqlalchemy import delete, insert, update

from app.kernel.actor import Actor
from app.kernel.clock import now
from app.kernel.database import db
from app.kernel.settings import settings
from app.security.current import actor_from, actor_query
from app.security.models import Account, UserSession

_MARK = "s1."
#: Addresses that know callers by a token alone: no cookie is read there, and none is set.
WITHOUT_COOKIES = "/api/"
_TOUCH = timedelta(minutes=1)


class ServerSession(SecureCookieSession):
    """A session; ``token`` and ``actor`` are set when it is backed by a row."""

    token: str | None = None
    actor: Actor | None = None
    stale: bool = False

    def __setitem__(self, key: str, value: Any) -> None:
        # Flask-AppBuilder writes every page into the session; nobody reads it here, and each would be a write
        # to the database.
        if key != "page_history":
            super().__setitem__(key, value)


class ServerSessions(SecureCookieSessionInterface):
    """Flask's session interface over the table ``user_session``."""

    session_class = ServerSession

    def get_cookie_name(self, app: Flask) -> str:
        return "session" if settings().demo else "__Host-session"

    def get_cookie_secure(self, app: Flask) -> bool:
        return not settings().demo

    def get_cookie_samesite(self, app: Flask) -> str:
        return "Lax"

    def open_session(self, app: Flask, request: Request) -> ServerSession | None:
        if request.path.startswith(WITHOUT_COOKIES):
            return ServerSession()
        value = request.cookies.get(self.get_cookie_name(app), "")
        if not value.startswith(_MARK):
            found = super().open_session(app, request)
            if found is not None:
                found.pop("_user_id", None)  # a signed cookie never says who somebody is
            return found  # type: ignore[return-value]
        return self._load(value.removeprefix(_MARK), request.remote_addr or "")

    def save_session(self, app: Flask, session: Any, response: Response) -> None:
        if request.path.startswith(WITHOUT_COOKIES):
            return
        name = self.get_cookie_name(app)
        if "_user_id" not in session:
            if session.token:
                end_session(session.token)
                session.modified = True
            super().save_session(app, session, response)
            return
        response.vary.add("Cookie")
        if session.token is None:
            session.token = self._create(session)
            response.set_cookie(
                name,
                _MARK + session.token,
                httponly=True,
                samesite="Lax",
                secure=self.get_cookie_secure(app),
                path="/",
            )
        elif session.modified or session.stale:
            _write(
                update(UserSession)
                .where(UserSession.token_hash == token_digest(session.token))
                .values(content=json.dumps(dict(session)), seen_at=now())
            )

    def _load(self, token: str, address: str) -> ServerSession:
        query = (
            actor_query(
                UserSession.content,
                UserSession.seen_at,
                UserSession.expires_at,
                UserSession.epoch,
                Account.epoch.label("current"),
            )
            .join(UserSession, UserSession.user_id == Account.id)
            .where(UserSession.token_hash == token_digest(token), Account.active)
        )
        with db.engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return ServerSession()
        actor = actor_from(row, address)
        moment = now()
        if row.epoch != row.current or moment >= row.expires_at or moment >= row.seen_at + idle(actor):
            end_session(token)
            return ServerSession()
        session = ServerSession(json.loads(row.content))
        session.token, session.actor, session.stale = token, actor, moment >= row.seen_at + _TOUCH
        session.modified = False
        return session

    def _create(self, session: ServerSession) -> str:
        token = secrets.token_urlsafe(32)
        moment = now()
        actor: Actor = session.actor  # type: ignore[assignment]
        _write(
            insert(UserSession).values(
                token_hash=token_digest(token),
                user_id=actor.user_id,
                epoch=session.pop("_epoch"),
                content=json.dumps(dict(session)),
                created_at=moment,
                seen_at=moment,
                expires_at=moment + longest(actor),
                address=(request.remote_addr or "")[:64],
                agent=request.user_agent.string[:200],
            )
        )
        return token


def idle(actor: Actor) -> timedelta:
    """How long a session may rest."""
    policy = settings().policies
    return timedelta(minutes=policy.learner_idle if actor.roles <= {"Learner"} else policy.staff_idle)


def longest(actor: Actor) -> timedelta:
    """How long a session may last."""
    policy = settings().policies
    return timedelta(minutes=policy.learner_session if actor.roles <= {"Learner"} else policy.staff_session)


def end_session(token: str) -> None:
    """Make a token worthless."""
    _write(delete(UserSession).where(UserSession.token_hash == token_digest(token)))


def token_digest(token: str) -> bytes:
    """What the table holds of a token."""
    return hashlib.sha256(token.encode()).digest()


def _write(statement: Any) -> None:
    # A transaction of its own: a session is not part of what a request does to the bank's records.
    with db.engine.connect().execution_options(writes=True) as connection, connection.begin():
        connection.execute(statement)
