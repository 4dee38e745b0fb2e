"""The gate: every request passes here, and an endpoint that the permission table doesn't grant is shut,
whoever forgot to say so.
"""

from __future__ import annotations

from flask import Flask, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.kernel.errors import N_, Forbidden
from app.security.current import actor
from app.security.permissions import holds

#: Routes of Flask-AppBuilder that carry an action's name; the view checks the action itself.
_BY_NAME = frozenset({"action", "action_post"})


def register(app: Flask) -> None:
    """Check every request before its view runs."""
    app.before_request(_check)


def permission_of(app: Flask, endpoint: str) -> tuple[str, str]:
    """(view, action) of an endpoint as the permission table names it. Functions that are no view count as
    ``get``.
    """
    name, _, method = endpoint.rpartition(".")
    for view in app.appbuilder.baseviews:  # type: ignore[attr-defined]
        if getattr(view, "endpoint", None) == name:
            function = getattr(view, method, None)
            action = getattr(function, "_permission_name", method)
            renamed = (getattr(view, "method_permission_name", None) or {}).get(action, action)
            return type(view).__name__, renamed.removeprefix("can_")
    return (name or endpoint), "get"


def _check() -> ResponseReturnValue | None:
    if request.endpoint is None:
        return None  # no such page: 404 answers
    view, action = permission_of(current_app, request.endpoint)  # type: ignore[arg-type]
    permission = "menu_access" if action in _BY_NAME else f"can_{action}"
    if holds(actor().roles, view, permission):
        return None
    if actor().user_id is None:
        following = request.full_path if request.method == "GET" else None
        return redirect(url_for("LoginView.login", next=following))
    raise Forbidden("forbidden", N_("You are not allowed to do this."))
