"""The gate: every request passes here, and an endpoint that the permission table doesn't grant is shut,
whoever forgot to say so.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import Flask, abort, current_app, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy import column, select, table

from app.kernel.actor import Actor
from app.kernel.clock import now
from app.kernel.database import db
from app.kernel.errors import N_, Forbidden
from app.kernel.settings import settings
from app.kernel.unit_of_work import UnitOfWork
from app.security import totp
from app.security.current import actor
from app.security.models import Account
from app.security.permissions import holds

#: Routes of Flask-AppBuilder that carry an action's name; the view checks the action itself.
_BY_NAME = frozenset({"action", "action_post"})


def register(app: Flask) -> None:
    """Check every request before its view runs."""
    app.before_request(_readable)
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


#: Of the room above, by name: security knows no learners.
learner = table("learner", column("id"), column("standing"))

#: Actions before which the second factor is asked for again (spec 5).
WEIGHTY = frozenset({"bulk", "reveal", "export", "exports"})
#: And of these views: taking a finished export away.
_WEIGHTY_OF = frozenset({("ExportJobView", "file")})
#: Where staff without a second factor still get to.
_BEFORE_FACTOR = frozenset(
    {"LoginView", "SafetyView", "LocaleView", "StrengthView", "static", "vendor", "health"}
)
#: What a learner may still send while their account is suspended.
_SUSPENDED = frozenset(
    {"LoginView", "PasswordView", "SafetyView", "ContactView", "ProfileView", "MyNoticeView"}
)


def _second_factor(view: str, action: str) -> ResponseReturnValue | None:
    """Staff set a second factor up first, and give it again before what weighs."""
    me = actor()
    if me.user_id is None or getattr(session, "token", None) is None or me.roles <= {"Learner"}:
        return None
    given = session.get("factor_at")
    if given is None:
        if settings().require_totp and view not in _BEFORE_FACTOR:
            return redirect(url_for("SafetyView.factor"))
        return None
    fresh = now() - datetime.fromisoformat(given) < timedelta(minutes=settings().policies.fresh)
    if fresh or (action not in WEIGHTY and (view, action) not in _WEIGHTY_OF):
        return None
    if request.method == "GET":
        return redirect(url_for("LoginView.again", next=request.full_path))
    return _again(me)


def _again(me: Actor) -> ResponseReturnValue | None:
    """Of a form that weighs: take the code that came with it, else show the form's content with a field for one."""
    message = ""
    if "factor_code" in request.form:
        with UnitOfWork(db.session, me) as uow:
            account = uow.session.get_one(Account, me.user_id)
            right = totp.verify(uow, account, request.form["factor_code"])
        if right:
            session["factor_at"] = now().isoformat()
            return None
        message = gettext("This code is not right. Please check the clock of your device.")
    kept = [
        (name, value)
        for name, value in request.form.items(multi=True)
        if name not in ("factor_code", "csrf_token")
    ]
    return render_template("security/again.html", kept=kept, message=message), 403


def _check_standing(view: str) -> None:
    """A learner whose account is suspended reads, and does nothing. Raises Forbidden."""
    me = actor()
    if request.method == "GET" or me.learner_id is None or view in _SUSPENDED:
        return
    standing = db.session.scalar(select(learner.c.standing).where(learner.c.id == me.learner_id))
    if standing in ("suspended", "closed"):
        raise Forbidden("suspended", N_("Your account is suspended; the reason stands in your profile."))


def _readable() -> None:
    """No address and no word holds NUL: file systems and PostgreSQL fail over it. Records and the API say so in their own
    way, at the field.
    """
    if "\0" in request.path:
        abort(404)
    if request.path.startswith(("/console/records/", "/api/")):
        return
    given = (*request.args.items(multi=True), *request.form.items(multi=True))
    if any("\0" in word for pair in given for word in pair):
        abort(400)


def _check() -> ResponseReturnValue | None:
    if request.endpoint is None:
        return None  # no such page: 404 answers
    view, action = permission_of(current_app, request.endpoint)  # type: ignore[arg-type]
    permission = "menu_access" if action in _BY_NAME else f"can_{action}"
    if holds(actor().roles, view, permission):
        _check_standing(view)
        return _second_factor(view, action)
    if actor().user_id is None:
        following = request.full_path if request.method == "GET" else None
        return redirect(url_for("LoginView.login", next=following))
    raise Forbidden("forbidden", N_("You are not allowed to do this."))
