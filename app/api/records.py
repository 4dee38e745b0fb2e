"""我的接口密钥: staff issue and revoke the keys with which programs act as they do; the administrator revokes any."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import BaseView, expose, has_access
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.api import services
from app.api.models import AccessKey
from app.api.scopes import SCOPES
from app.console.pages import numbered
from app.kernel.database import db
from app.kernel.errors import N_, DomainError, Invalid
from app.kernel.unit_of_work import UnitOfWork
from app.security.current import actor
from app.security.permissions import allowed
from app.security.rows import restrict, visible


class AccessKeyView(BaseView):
    """Keys of the REST API."""

    route_base = "/console/api-keys"
    default_view = "list"

    @expose("/")
    @has_access
    def list(self) -> ResponseReturnValue:
        """The keys that the actor may see."""
        return self._page()

    @expose("/create", methods=["POST"])
    @has_access
    def create(self) -> ResponseReturnValue:
        """A new key. Its token stands on this one answer and nowhere else."""
        form = request.form
        try:
            days = form.get("days", "")
            if not (days.isascii() and days.isdigit() and len(days) < 5):
                raise Invalid(
                    "days", N_("A key lasts between 1 and %(longest)s days."), longest=services.LONGEST
                )
            with UnitOfWork(db.session, actor()) as uow:
                key, token = services.issue(uow, form.get("name", ""), form.getlist("scope"), int(days))
        except DomainError as error:
            return self._page(problem=_(error.message, **error.params)), error.status
        return self._page(new=key, token=token)

    @expose("/<int:pk>/revoke", methods=["POST"])
    @has_access
    def revoke(self, pk: int) -> ResponseReturnValue:
        """Make a key worthless."""
        visible(db.session(), AccessKey, pk, actor())
        with UnitOfWork(db.session, actor()) as uow:
            services.revoke(uow, pk)
        flash(_("The key has been revoked."), "success")
        return redirect(url_for("AccessKeyView.list"))

    def _page(self, **more: Any) -> str:
        query = restrict(select(AccessKey), AccessKey, actor()).order_by(AccessKey.id.desc())
        page = numbered(
            db.session(), query.options(joinedload(AccessKey.user)), sizes=(10, 25, 50), default=25
        )
        offered = [SCOPES[code] for code in services.usable_scopes(actor().roles)]
        html: str = self.render_template(
            "api/keys.html",
            page=page,
            scopes={scope.code: scope for scope in SCOPES},
            offered=offered if allowed(actor(), "AccessKeyView.create") else [],
            usual=services.USUAL,
            longest=services.LONGEST,
            form=request.form,
            me_id=actor().user_id,
            **{"problem": "", "new": None, "token": "", **more},
        )
        return html
