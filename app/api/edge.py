"""The door of the API: who calls is known by their token alone, no cookie is read or set, and the rate is counted."""

from __future__ import annotations

from flask import Flask, Response, g, request, session

from app.api import problems, services
from app.api.services import Caller, Rate, TooMany, Unauthorised
from app.kernel.database import db
from app.kernel.settings import settings

#: The description is for everybody: it says nothing about anybody.
OPEN = "DescriptionApi.document"


def register(app: Flask) -> None:
    """Look at every request to the API before the gate does. To be called before the gate's own ``register``."""
    app.before_request(_enter)
    app.after_request(_leave)


def caller() -> Caller:
    """Who calls the API in this request."""
    found: Caller = g.api_caller
    return found


def _enter() -> None:
    if not problems.asked() or request.endpoint == OPEN:
        return
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    address = request.remote_addr or ""
    limit = settings().api_rate
    try:
        if scheme.lower() != "bearer":
            raise Unauthorised
        found = services.authenticate(db.engine, token.strip(), address)
    except Unauthorised:
        services.take(db.engine, services.address_key(address), limit)
        raise
    g.api_rate = services.take(db.engine, f"key:{found.key_id}", limit)
    g.api_caller = found
    session.actor = found.actor  # type: ignore[attr-defined]
    session["_user_id"] = str(found.actor.user_id)


def _leave(response: Response) -> Response:
    if not problems.asked():
        return response
    if request.endpoint != OPEN:
        response.headers["Cache-Control"] = "no-store"
        response.vary.add("Authorization")
    rate: Rate | None = g.get("api_rate")
    if rate is not None:
        response.headers["RateLimit-Limit"] = str(rate.limit)
        response.headers["RateLimit-Remaining"] = str(rate.remaining)
        response.headers["RateLimit-Reset"] = str(rate.reset)
    if response.status_code == TooMany.status:
        response.headers["Retry-After"] = "60"
    return response
