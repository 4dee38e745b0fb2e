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

from app.console.interface import Records
from app.console.views import RecordView
from app.kernel.database import db
from app.kernel.errors import N_, Conflict, Forbidden, Invalid
from app.kernel.unit_of_work import UnitOfWork
from app.security import services
from app.security.current import SignedIn, actor, actor_of
from app.security.forms import LoginForm, PasswordForm
from app.security.models import Account
from app.security.permissions import Role


def home_of(roles: frozenset[str]) -> str:
    """Where somebody begins: learners at their own pages, staff at their work."""
    return "/me/" if roles <= {"Learner"} else "/console/"


def sign_in(account: Account, database: Session) -> SignedIn:
    """Begin a new session for ``account``; nothing of the visitor's goes along but the language."""
    locale = session.get("locale")
    session.clear()
    session.token = None  # type: ignore[attr-defined]
    found = actor_of(database, account.id, request.remote_addr or "")
    session.actor = found  # type: ignore[attr-defined]
    session["_epoch"] = account.epoch
    if locale:
        session["locale"] = locale
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
                with UnitOfWork(db.session, actor()) as uow:
                    account = services.authenticate(uow, form.username.data, form.password.data)
                if account is not None:
                    user = sign_in(account, db.session())
                    return redirect(_local(request.args.get("next", "")) or home_of(user.actor.roles))
                flash(_("Account or password is not right."), "danger")
                status = 401
            except Conflict as error:
                flash(_(error.message, **error.params), "danger")
                status = 429
        return (
            self.render_template(
                "appbuilder/general/security/login_db.html",
                form=form,
                title=_("Log in"),
                appbuilder=self.appbuilder,
            ),
            status,
        )

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
                with UnitOfWork(db.session, me) as uow:
                    account = services.change_password(
                        uow, me.user_id, form.old.data, form.new.data, staff=not me.roles <= {"Learner"}
                    )
                sign_in(account, db.session())
                flash(_("Your password has been changed. Other sessions have ended."), "success")
                return redirect(home_of(me.roles))
            except Invalid as error:
                field = form.old if error.code == "password_wrong" else form.new
                field.errors = [*field.errors, _(error.message, **error.params)]
                status = 422
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
        # Whatever the account may do now, it has to log in for it: its sessions end.
        row.epoch += 1
        super().change(uow, row, values)
