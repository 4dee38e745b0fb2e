"""Forms that keep and drop views and phrases, and the page of one's phrases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from flask import current_app, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import BaseView, expose, has_access
from flask_babel import gettext as _

from app.kernel.database import db
from app.kernel.errors import DomainError, NotFound
from app.kernel.unit_of_work import UnitOfWork
from app.preferences import queries, services
from app.security.current import actor
from app.security.gate import permission_of
from app.security.permissions import holds


class PreferencesView(BaseView):
    """/console/mine: a person's own set-up."""

    route_base = "/console/mine"
    default_view = "phrases"

    @expose("/phrases")
    @has_access
    def phrases(self) -> ResponseReturnValue:
        found = queries.phrases(db.session(), actor().user_id)
        return self.render_template("preferences/phrases.html", phrases=found)

    @expose("/views/keep", methods=["POST"])
    @has_access
    def keep(self) -> ResponseReturnValue:
        page = request.form.get("page", "")
        if page not in current_app.view_functions or not self._may_open(page):
            raise NotFound
        words = (request.form.get("query", ""), request.form.get("name", ""), "shared" in request.form)
        self._act(lambda uow: services.keep_view(uow, page, *words), _("The view has been kept."))
        return redirect(_back())

    @expose("/views/<int:pk>/drop", methods=["POST"])
    @has_access
    def drop(self, pk: int) -> ResponseReturnValue:
        self._act(lambda uow: services.drop_view(uow, pk), _("The view has been dropped."))
        return redirect(_back())

    @expose("/phrases/keep", methods=["POST"])
    @has_access
    def keep_phrase(self) -> ResponseReturnValue:
        text = request.form.get("opinion", "")
        self._act(lambda uow: services.keep_phrase(uow, text), _("The phrase has been kept."))
        return redirect(_back())

    @expose("/phrases/<int:pk>/drop", methods=["POST"])
    @has_access
    def drop_phrase(self, pk: int) -> ResponseReturnValue:
        self._act(lambda uow: services.drop_phrase(uow, pk), _("The phrase has been dropped."))
        return redirect(url_for("PreferencesView.phrases"))

    def _act(self, step: Callable[[UnitOfWork], Any], done: str) -> None:
        try:
            with UnitOfWork(db.session, actor()) as uow:
                step(uow)
        except NotFound:
            raise
        except DomainError as error:
            flash(_(error.message, **error.params), "danger")
        else:
            flash(done, "success")

    def _may_open(self, endpoint: str) -> bool:
        view, action = permission_of(current_app, endpoint)
        return holds(actor().roles, view, f"can_{action}")


def _back() -> str:
    """The page that the form stood on; only ever one of ours."""
    asked = request.form.get("back", "")
    parts = urlsplit(asked)
    fits = asked.startswith("/") and not asked.startswith("//") and "\\" not in asked and not parts.netloc
    return asked if fits and asked.isprintable() else url_for("WorkView.index")
