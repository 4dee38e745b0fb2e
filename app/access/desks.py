"""Staff's pages: invitations with a second administrator's approval, learners' corrections; and where a link leads."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import BaseView, expose, has_access
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.access import invitations, profile
from app.access.forms import InvitationForm, NewPasswordForm
from app.access.models import CORRECTABLE, Correction, Invitation
from app.access.views import refuse
from app.console.pages import numbered
from app.kernel.clock import now
from app.kernel.database import LARGEST_KEY, db
from app.kernel.errors import DomainError, NotFound
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner
from app.security import services
from app.security.current import actor
from app.security.permissions import ROLE_LABELS, allowed
from app.security.rows import readable, visible


class InvitationDesk(BaseView):
    """工作人员邀请."""

    route_base = "/console/invitations"
    default_view = "queue"

    @expose("/")
    @has_access
    def queue(self) -> ResponseReturnValue:
        page = numbered(
            db.session(), select(Invitation).order_by(Invitation.id.desc()), sizes=(25, 50, 100), default=25
        )
        return self.render_template(
            "access/invitations.html", page=page, labels=ROLE_LABELS, waits=invitations.waits, now=now(),
            login_of=services.login_of, may_approve=allowed(actor(), "InvitationDesk.approve"),
        )  # fmt: skip

    @expose("/invite", methods=["GET", "POST"])
    @has_access
    def invite(self) -> ResponseReturnValue:
        form, status = InvitationForm(), 200
        if form.validate_on_submit():
            try:
                with UnitOfWork(db.session, actor()) as uow:
                    waiting = invitations.waits(invitations.invite(uow, form.guest()))
                flash(
                    _("A second administrator has to approve this before the link goes out.")
                    if waiting
                    else _("Invited: the link is on its way and works for 24 hours."),
                    "success",
                )
                return redirect(url_for("InvitationDesk.queue"))
            except DomainError as error:
                db.session.rollback()
                status = refuse(form, "login", error)
        status = 422 if form.errors and status == 200 else status
        return self.render_template("access/invite.html", form=form), status

    @expose("/<int:pk>/approve", methods=["POST"])
    @has_access
    def approve(self, pk: int) -> ResponseReturnValue:
        return self._step(pk, invitations.approve)

    @expose("/<int:pk>/refuse", methods=["POST"])
    @has_access
    def refuse(self, pk: int) -> ResponseReturnValue:
        return self._step(pk, invitations.refuse)

    @expose("/<int:pk>/renew", methods=["POST"])
    @has_access
    def renew(self, pk: int) -> ResponseReturnValue:
        return self._step(pk, invitations.renew)

    def _step(self, pk: int, step: Any) -> ResponseReturnValue:
        try:
            with UnitOfWork(db.session, actor()) as uow:
                row = uow.session.get(Invitation, pk, with_for_update=True) if pk <= LARGEST_KEY else None
                if row is None:
                    raise NotFound
                step(uow, row)
            flash(_("Done."), "success")
        except NotFound:
            raise
        except DomainError as error:
            flash(_(error.message, **error.params), "danger")
        return redirect(url_for("InvitationDesk.queue"))


class InvitedView(BaseView):
    """Where the one-time link leads: the password is set, and the link used up, by POST."""

    route_base = "/invited"
    default_view = "index"

    @expose("/<token>", methods=["GET", "POST"])
    @has_access
    def index(self, token: str) -> ResponseReturnValue:
        form, status = NewPasswordForm(), 200
        open_one = invitations.find(db.session(), token[:100]) is not None
        if not open_one:
            return self.render_template("access/invited.html", form=None), 404
        if form.validate_on_submit():
            try:
                with UnitOfWork(db.session, actor()) as uow:
                    invitations.accept(uow, token[:100], form.new.data)
                flash(_("Your password is set. Please log in with your user name."), "success")
                return redirect(url_for("LoginView.login"))
            except DomainError as error:
                db.session.rollback()
                status = refuse(form, "new", error)
        return self.render_template("access/invited.html", form=form), 422 if form.errors else status


class CorrectionDesk(BaseView):
    """更正申请: particulars that learners say are wrong, beside the document that shows it."""

    route_base = "/console/corrections"
    default_view = "queue"

    @expose("/")
    @has_access
    def queue(self) -> ResponseReturnValue:
        state = "done" if request.args.get("state") == "done" else "open"
        wanted = Correction.decided_at.is_not(None) if state == "done" else Correction.decided_at.is_(None)
        query = (
            select(Correction)
            .where(readable(Correction, actor()), wanted)
            .order_by(Correction.id)
            .options(joinedload(Correction.learner).joinedload(Learner.person), joinedload(Correction.file))
        )
        page = numbered(db.session(), query, sizes=(10, 25, 50), default=10)
        return self.render_template(
            "access/corrections.html", page=page, wanted=profile.wanted, parts=CORRECTABLE, state=state,
            may_decide=allowed(actor(), "CorrectionDesk.decide"),
        )  # fmt: skip

    @expose("/<int:pk>/decide", methods=["POST"])
    @has_access
    def decide(self, pk: int) -> ResponseReturnValue:
        accepted = request.form.get("decision") == "accept"
        try:
            with UnitOfWork(db.session, actor()) as uow:
                row = visible(uow.session, Correction, pk, actor())
                profile.decide(uow, row, accepted, request.form.get("answer", ""))
            flash(_("Decided; the learner has been told."), "success")
        except NotFound:
            raise
        except DomainError as error:
            flash(_(error.message, **error.params), "danger")
        return redirect(url_for("CorrectionDesk.queue"))
