"""Pages of logging in and out, and the administration of accounts."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import flash, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import BaseView, expose, has_access
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import login_user, logout_user
from sqlalchemy import Select
from sqlalchemy.orm import Session

from app.access import invitations
from app.access.invitations import POWERFUL
from app.console.interface import Records
from app.console.views import RecordView
from app.kernel.clock import now
from app.kernel.database import db
from app.kernel.errors import N_, DomainError, Forbidden, Invalid, TooMany
from app.kernel.unit_of_work import UnitOfWork
from app.security import flows, pace, services, totp
from app.security.current import SignedIn, actor, actor_of
from app.security.forms import FactorForm, LoginForm, PasswordForm
from app.security.models import Account
from app.security.permissions import Role


def home_of(roles: frozenset[str]) -> str:
    """Where somebody begins: learners at their own pages, staff at their work."""
    return "/me/" if roles <= {"Learner"} else "/console/"


def sign_in(account: Account, database: Session, *, factor: bool = False) -> SignedIn:
    """Begin a new session for ``account``; nothing of the visitor's goes along but the language.

    ``factor``: a second factor was given just now.
    """
    locale = session.get("locale")
    session.clear()
    session.token = None  # type: ignore[attr-defined]
    found = actor_of(database, account.id, request.remote_addr or "")
    session.actor = found  # type: ignore[attr-defined]
    session["_epoch"] = account.epoch
    if locale:
        session["locale"] = locale
    if factor:
        session["factor_at"] = now().isoformat()
    user = SignedIn(found)
    login_user(user)
    return user


class LoginView(BaseView):
    """登录 and 退出."""

    route_base = ""
    default_view = "login"

    @expose("/login/", methods=["GET", "POST"])
    @has_access
    def login(self) -> ResponseReturnValue:
        if actor().user_id is not None:
            return redirect(home_of(actor().roles))
        form = LoginForm()
        status = 200
        if form.validate_on_submit():
            try:
                account = self._authenticated(form)
                if account is not None:
                    following = _local(request.args.get("next", "")) or ""
                    if account.totp_sealed is not None:
                        flows.begin("factor", account=account.id, epoch=account.epoch, next=following)
                        return redirect(url_for("LoginView.factor"))
                    user = sign_in(account, db.session())
                    return redirect(following or home_of(user.actor.roles))
                flash(_("Account or password is not right."), "danger")
                status = 401
            except TooMany as error:
                flash(_(error.message, **error.params), "danger")
                status = error.status
        return (
            self.render_template(
                "appbuilder/general/security/login_db.html",
                form=form,
                title=_("Log in"),
                appbuilder=self.appbuilder,
            ),
            status,
        )

    def _authenticated(self, form: LoginForm) -> Account | None:
        account = None
        # Only a refusal could tell something by its time; a right password may answer at once.
        with pace.level(lambda: account is None), UnitOfWork(db.session, actor()) as uow:
            account = services.authenticate(uow, form.username.data, form.password.data, form.kind.data)
            if account is not None and account.totp_sealed is None:
                services.entered(uow, account)
        return account

    @expose("/login/code/", methods=["GET", "POST"])
    @has_access
    def factor(self) -> ResponseReturnValue:
        """The second factor, after the password."""
        flow = flows.find("factor")
        if flow is None:
            return redirect(url_for("LoginView.login"))
        form, status = FactorForm(), 200
        if form.validate_on_submit():
            try:
                with UnitOfWork(db.session, actor()) as uow:
                    account = uow.session.get_one(Account, flow.content["account"])
                    same = account.active and account.epoch == flow.content["epoch"]
                    right = same and totp.verify(uow, account, form.code.data)
                    if right:
                        services.entered(uow, account)
                if right:
                    user = sign_in(account, db.session(), factor=True)
                    return redirect(flow.content["next"] or home_of(user.actor.roles))
                form.code.errors = [_("This code is not right. Please check the clock of your device.")]
                status = 401
            except TooMany as error:
                form.code.errors = [_(error.message, **error.params)]
                status = error.status
        note = _("Please enter the code that your authenticator app shows.")
        return self.render_template("security/factor.html", form=form, kept=(), note=note), status

    @expose("/login/again/", methods=["GET", "POST"])
    @has_access
    def again(self) -> ResponseReturnValue:
        """The second factor once more, before something that weighs (the gate leads here and takes the code)."""
        following = _local(request.args.get("next", "")) or home_of(actor().roles)
        form, status = FactorForm(), 200
        if form.validate_on_submit() and actor().user_id is not None:
            try:
                with UnitOfWork(db.session, actor()) as uow:
                    right = totp.verify(uow, uow.session.get_one(Account, actor().user_id), form.code.data)
                if right:
                    session["factor_at"] = now().isoformat()
                    return redirect(following)
                form.code.errors = [_("This code is not right. Please check the clock of your device.")]
                status = 401
            except TooMany as error:
                form.code.errors = [_(error.message, **error.params)]
                status = error.status
        note = _("This weighs: please enter a code of your authenticator app again.")
        return self.render_template("security/factor.html", form=form, kept=(), note=note), status

    @expose("/logout/", methods=["GET", "POST"])
    @has_access
    def logout(self) -> ResponseReturnValue:
        if request.method == "GET":
            return self.render_template("security/logout.html")
        if actor().user_id is not None:
            with UnitOfWork(db.session, actor()) as uow:
                uow.record("security.logout", uow.session.get_one(Account, actor().user_id))
        locale = session.get("locale")
        logout_user()
        session.clear()
        if locale:
            session["locale"] = locale
        return redirect("/")


def ask_password(given: str) -> None:
    """Make sure that whoever sits here knows the account's password, in a transaction that keeps the count of wrong
    ones. Raises Invalid, TooMany.
    """
    me = actor()
    with UnitOfWork(db.session, me) as uow:
        right = me.user_id is not None and services.is_password(uow, me.user_id, given)
    if not right:
        raise Invalid("password_wrong", N_("The present password is not right."))


class PasswordView(BaseView):
    """修改密码."""

    route_base = "/password"
    default_view = "change"

    @expose("/", methods=["GET", "POST"])
    @has_access
    def change(self) -> ResponseReturnValue:
        form = PasswordForm()
        me = actor()
        status = 200
        if form.validate_on_submit() and me.user_id is not None:
            try:
                ask_password(form.old.data)
                with UnitOfWork(db.session, me) as uow:
                    account = services.change_password(
                        uow, me.user_id, form.new.data, staff=not me.roles <= {"Learner"}
                    )
                sign_in(account, db.session(), factor="factor_at" in session)
                flash(_("Your password has been changed. Other sessions have ended."), "success")
                return redirect(home_of(me.roles))
            except DomainError as error:
                field = form.old if error.code in ("password_wrong", "locked") else form.new
                field.errors = [*field.errors, _(error.message, **error.params)]
                status = error.status
        shell = "learner.html" if me.roles <= {"Learner"} else "console.html"
        return self.render_template(
            "security/password.html", form=form, shell=shell, home=home_of(me.roles)
        ), status


def _local(address: str) -> str | None:
    """``address`` if it is a path of ours, so that a link can't lead a fresh log-in elsewhere."""
    parts = urlsplit(address)
    if (
        not address.startswith("/")
        or address.startswith(("//", "/\\"))
        or parts.scheme
        or parts.netloc
        or "\\" in address
    ):
        return None
    return address if address != url_for("LoginView.logout") else None


class AccountView(RecordView):
    """账号管理: accounts with their roles, for the system administrator; personal data isn't shown."""

    datamodel = Records(Account)
    label, label_plural = _l("Account"), _l("Accounts")
    add = delete = None
    list_columns = ["person", "organisation", "department", "roles", "active", "last_login"]
    search_columns = ["organisation", "roles", "active"]
    add_columns: Any = []
    show_columns = [
        "person",
        "organisation",
        "department",
        "employer",
        "roles",
        "active",
        "last_login",
        "login_count",
    ]
    edit_columns = ["organisation", "department", "employer", "roles", "active"]
    label_columns = {
        "employer": _l("Employer, if another"),
        "last_login": _l("Last log-in"),
        "login_count": _l("Log-ins"),
    }

    def offered(self, column: str, statement: Select[Any]) -> Select[Any]:
        """Nobody is given the visitors' role."""
        if column != "roles":
            return statement
        return statement.where(self.datamodel.get_related_model("roles").name != Role.PUBLIC)

    def change(self, uow: UnitOfWork, row: Account, values: dict[str, Any]) -> None:
        if row.id == uow.actor.user_id:
            raise Forbidden("own_account", N_("Nobody changes the rights of their own account."))
        held = {role.name for role in row.roles}
        added = {role.name for role in values.get("roles") or ()} - held
        weighty = tuple(Role(name) for name in sorted(added & POWERFUL))
        if weighty:
            # One administrator alone doesn't hand these out: they wait for a second one.
            invitations.ask_roles(uow, row, weighty, "")
            values["roles"] = [role for role in values["roles"] or () if role.name not in weighty]
            flash(_("A second administrator has to approve the new roles, under “Invitations”."), "info")
        # Whatever the account may do now, it has to log in for it: its sessions end.
        services.end_sessions(uow, row)
        super().change(uow, row, values)
