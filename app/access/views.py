"""Public pages of accounts: 激活账号, 立即注册, 找回密码, and what helps on them."""

from __future__ import annotations

from typing import Any

from flask import flash, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import BaseView, expose, has_access
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from app.access import services
from app.access.forms import (
    ChannelForm,
    IdentityForm,
    NameForm,
    NewPasswordForm,
    RegistrationForm,
)
from app.access.services import Proof
from app.kernel.clock import now
from app.kernel.database import db
from app.kernel.errors import DomainError, Invalid
from app.kernel.unit_of_work import UnitOfWork
from app.learners import regions
from app.security import codes, flows, passwords
from app.security.current import actor
from app.security.flows import Flow
from app.security.forms import CodeForm
from app.security.models import Terms
from app.security.pace import level
from app.security.personal import normal_identity, normal_mobile


def refuse(form: Any, field: str, error: DomainError) -> int:
    """Show a refusal at the field that it names, else at ``field``; returns the status to answer with."""
    named = getattr(error, "fields", None) or {field: [error]}
    shown = getattr(form, "SHOWN", {})
    for name, found in named.items():
        place = form[shown.get(name, name)] if shown.get(name, name) in form else form[field]
        place.errors = [*place.errors, *(_(one.message, **one.params) for one in found)]
    return error.status


class StepsView(BaseView):
    """Three steps: who, proof by code, new password. Base of activation and recovery."""

    purpose = ""
    default_view = "index"
    first_form: type[Any]
    title: Any = ""
    first_hint: Any = ""

    def remember(self, form: Any) -> Flow:
        """Begin the walk with what the first step says."""
        raise NotImplementedError

    def whom(self, flow: Flow) -> dict[str, Any]:
        """Whom the worker is to send the code to."""
        raise NotImplementedError

    def finish(self, uow: UnitOfWork, flow: Flow, password: str) -> None:
        """Set the password."""
        raise NotImplementedError

    @expose("/", methods=["GET", "POST"])
    @has_access
    def index(self) -> ResponseReturnValue:
        form = self.first_form()
        if form.validate_on_submit():
            self.remember(form)
            return redirect(url_for(f"{self.endpoint}.verify"))
        return self._page("access/who.html", 0, form=form, hint=self.first_hint), 422 if form.errors else 200

    @expose("/verify/", methods=["GET", "POST"])
    @has_access
    def verify(self) -> ResponseReturnValue:
        """Ask for a code, and enter it. Whether anybody is known is never looked at here."""
        flow = flows.find(self.purpose)
        if flow is None:
            return redirect(url_for(f"{self.endpoint}.index"))
        channel, form, status = (
            ChannelForm(data={"channel": flow.content.get("channel", "sms")}),
            CodeForm(),
            200,
        )
        if request.method == "POST" and "send" in request.form and channel.validate():
            flow.content["channel"] = channel.channel.data
            flow.target = f"{flow.content['key']}\0{channel.channel.data}"
            flow.keep()
            try:
                with UnitOfWork(db.session, actor()) as uow:
                    codes.ask(uow, self.purpose, flow.target, flow.binding, self.whom(flow))
                flash(_("If these particulars are right, a code is on its way to you."), "info")
            except DomainError as error:
                status = refuse(channel, "channel", error)
        elif request.method == "POST" and "send" not in request.form and form.validate():
            with UnitOfWork(db.session, actor()) as uow:
                flow.proof = codes.redeem(uow, self.purpose, flow.target, flow.binding, form.code.data)
            if flow.proof is not None:
                flow.keep()
                return redirect(url_for(f"{self.endpoint}.password"))
            form.code.errors = [_("This code is not right, or no longer valid.")]
        status = 422 if form.code.errors else status
        sent = bool(flow.target)
        return self._page("access/verify.html", 1, channel=channel, form=form, sent=sent), status

    @expose("/password/", methods=["GET", "POST"])
    @has_access
    def password(self) -> ResponseReturnValue:
        flow = flows.find(self.purpose)
        if flow is None or flow.proof is None:
            return redirect(url_for(f"{self.endpoint}.index"))
        form, status = NewPasswordForm(), 200
        if form.validate_on_submit():
            try:
                with UnitOfWork(db.session, actor()) as uow:
                    self.finish(uow, flow, form.new.data)
                flows.end(self.purpose)
                return redirect(url_for("LoginView.login"))
            except DomainError as error:
                status = refuse(form, "new", error)
        status = 422 if form.errors and status == 200 else status
        return self._page("access/password.html", 2, form=form), status

    def _page(self, template: str, step: int, **context: Any) -> str:
        names = (_("Account"), _("Proof of identity"), _("Set password"))
        return str(self.render_template(template, title=self.title, names=names, step=step, **context))

    def proof(self, flow: Flow) -> Proof:
        return Proof(flow.proof, self.purpose, flow.target, flow.binding)


class ActivateView(StepsView):
    """激活账号, for learners whom an institution or the centre imported."""

    route_base = "/activate"
    purpose = "activate"
    first_form = IdentityForm
    title = _l("Activate account")
    first_hint = _l("For learners who were imported by their institution or by the management centre.")

    def remember(self, form: Any) -> Flow:
        return flows.begin(self.purpose, key=normal_identity(form.identity.data))

    def whom(self, flow: Flow) -> dict[str, Any]:
        return {"identity": flow.content["key"], "channel": flow.content["channel"]}

    def finish(self, uow: UnitOfWork, flow: Flow, password: str) -> None:
        services.activate(uow, flow.content["key"], flow.content["channel"], password, self.proof(flow))
        flash(_("Activated. You can log in with your identity number and password now."), "success")


class RecoverView(StepsView):
    """找回密码."""

    route_base = "/recover"
    purpose = "recover"
    first_form = NameForm
    title = _l("Recover password")
    first_hint = _l("The code goes to the verified mobile or mailbox of the account.")

    def remember(self, form: Any) -> Flow:
        name = form.name.data.strip()
        return flows.begin(
            self.purpose, key=f"{form.kind.data}\0{name.casefold()}", name=name, kind=form.kind.data
        )

    def whom(self, flow: Flow) -> dict[str, Any]:
        content = flow.content
        return {"name": content["name"], "kind": content["kind"], "channel": content["channel"]}

    def finish(self, uow: UnitOfWork, flow: Flow, password: str) -> None:
        services.recover(uow, flow.content["name"], flow.content["kind"], password, self.proof(flow))
        flash(_("Your password has been set. You can log in now; all sessions have ended."), "success")


class JoinView(BaseView):
    """立即注册: terms, then everything else on one page."""

    route_base = "/register"
    default_view = "index"

    @expose("/", methods=["GET", "POST"])
    @has_access
    def index(self) -> ResponseReturnValue:
        terms = _terms()
        if request.method == "POST" and request.form.get("agree") == terms.edition:
            flows.begin("register", terms=terms.id)
            return redirect(url_for("JoinView.form"))
        return self.render_template("access/terms.html", terms=terms, late=request.method == "POST")

    @expose("/form/", methods=["GET", "POST"])
    @has_access
    def form(self) -> ResponseReturnValue:
        flow = flows.find("register")
        if flow is None:
            return redirect(url_for("JoinView.index"))
        form, code, status = RegistrationForm(), CodeForm(), 200
        if request.method == "POST" and request.form.get("send") == "region":
            pass  # without scripts: the form comes back with the places below the chosen one
        elif request.method == "POST" and "send" in request.form:
            status = self._send(flow, form)
            if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
                message = (
                    form.mobile.errors[0] if form.mobile.errors else _("A code is on its way to this mobile.")
                )
                return jsonify(message=message), status
        elif request.method == "POST":
            valid = form.validate()
            proved = self._prove(flow, form, code)
            status = 422
            if valid and proved:
                try:
                    with level(), UnitOfWork(db.session, actor()) as uow:
                        terms = uow.session.get_one(Terms, flow.content["terms"])
                        proof = Proof(flow.proof, "register", flow.target, flow.binding)
                        services.register(uow, form.given(), terms, proof)
                    flows.end("register")
                    flash(
                        _("Your registration has been received. Please log in with user name and password."),
                        "success",
                    )
                    return redirect(url_for("LoginView.login"))
                except DomainError as error:
                    status = refuse(form, "login", error)
        return self.render_template(
            "access/register.html",
            form=form,
            code=code,
            proved=flow.proof is not None,
            sent=bool(flow.target),
        ), status

    def _send(self, flow: Flow, form: RegistrationForm) -> int:
        """A code to the mobile that was typed, whoever has it."""
        try:
            mobile = normal_mobile(form.mobile.data or "")
            flow.target, flow.proof = mobile, None
            with UnitOfWork(db.session, actor()) as uow:
                codes.ask(uow, "register", mobile, flow.binding, {"channel": "sms", "address": mobile})
            flow.keep()
        except DomainError as error:
            flow.keep()
            return refuse(form, "mobile", error)
        return 200

    def _prove(self, flow: Flow, form: RegistrationForm, code: CodeForm) -> bool:
        """Whether the mobile in the form is proved, by this code or one before."""
        try:
            mobile = normal_mobile(form.mobile.data or "")
        except Invalid:
            return False  # said at the field
        if flow.proof is not None and flow.target == mobile:
            return True
        if not code.validate() or flow.target != mobile:
            code.code.errors = code.code.errors or [_("Please get a code for this mobile first.")]
            return False
        with UnitOfWork(db.session, actor()) as uow:
            flow.proof = codes.redeem(uow, "register", mobile, flow.binding, code.code.data)
        if flow.proof is None:
            code.code.errors = [_("This code is not right, or no longer valid.")]
            return False
        flow.keep()
        return True


class RegionView(BaseView):
    """省市区: what lies below a place."""

    route_base = "/regions"
    default_view = "below"

    @expose("/<int:code>")
    @has_access
    def below(self, code: int) -> ResponseReturnValue:
        answer = jsonify(regions.below(f"{code:06d}"))
        answer.headers["Cache-Control"] = "public, max-age=86400"
        return answer


class StrengthView(BaseView):
    """弱, 中, 强 while a password is typed; nothing of it is kept."""

    route_base = "/strength"
    default_view = "index"

    @expose("/", methods=["POST"])
    @has_access
    def index(self) -> ResponseReturnValue:
        found = passwords.strength(request.form.get("password", "")[:64])
        return jsonify(strength=found.value)


def _terms() -> Terms:
    in_force = select(Terms).where(Terms.published_at <= now()).order_by(Terms.published_at.desc()).limit(1)
    return db.session.scalars(in_force).one()
