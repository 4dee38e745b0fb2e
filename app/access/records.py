"""Pages of whoever is logged in: safety (sessions, second factor), contacts; and of learners: their particulars."""

from __future__ import annotations

from typing import Any

import segno
from flask import Response, flash, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import BaseView, expose, has_access
from flask_babel import get_locale
from flask_babel import gettext as _
from sqlalchemy import delete, select

from app.access import closing, contacts, copies, profile, standing
from app.access.models import CORRECTABLE, Correction
from app.access.services import Proof
from app.access.views import refuse
from app.achievements.views import me
from app.evidence import services as evidence
from app.kernel.clock import now, today
from app.kernel.database import db
from app.kernel.errors import DomainError, NotFound
from app.kernel.settings import settings
from app.kernel.unit_of_work import UnitOfWork
from app.learners import nations, regions
from app.learners.models import STANDINGS, Learner
from app.security import codes, flows, personal, services, totp
from app.security.current import actor
from app.security.forms import CodeForm, ContactForm, FactorForm
from app.security.models import GENDERS, Account, UserSession
from app.security.sessions import token_digest
from app.security.views import ask_password


def shell() -> str:
    """The frame of the actor's pages."""
    return "learner.html" if actor().roles <= {"Learner"} else "console.html"


def account() -> Account:
    """The actor's own account."""
    return db.session.get_one(Account, actor().user_id)


class SafetyView(BaseView):
    """账户安全: where one is logged in, and the second factor."""

    route_base = "/safety"
    default_view = "index"

    @expose("/")
    @has_access
    def index(self) -> ResponseReturnValue:
        mine = (
            select(UserSession)
            .where(UserSession.user_id == actor().user_id, UserSession.expires_at > now())
            .order_by(UserSession.seen_at.desc())
        )
        here = token_digest(session.token or "")  # type: ignore[attr-defined]
        return self.render_template(
            "access/safety.html",
            shell=shell(),
            sessions=db.session.scalars(mine).all(),
            here=here,
            account=account(),
            may_remove=not settings().require_totp or actor().roles <= {"Learner"},
        )

    @expose("/end", methods=["POST"])
    @has_access
    def end(self) -> ResponseReturnValue:
        """End one session of one's own, or all others."""
        here = token_digest(session.token or "")  # type: ignore[attr-defined]
        mine = delete(UserSession).where(
            UserSession.user_id == actor().user_id, UserSession.token_hash != here
        )
        wanted = request.form.get("session", "")
        if wanted.isdigit() and len(wanted) < 19:
            mine = mine.where(UserSession.id == int(wanted))
        elif wanted != "others":
            raise NotFound
        with UnitOfWork(db.session, actor()) as uow:
            uow.session.execute(mine)
            uow.record("security.sessions_ended", uow.session.get_one(Account, actor().user_id))
        flash(_("Ended. Whoever used it has to log in again."), "success")
        return redirect(url_for("SafetyView.index"))

    @expose("/factor", methods=["GET", "POST"])
    @has_access
    def factor(self) -> ResponseReturnValue:
        """Set the second factor up: secret, first code, recovery codes (shown once)."""
        row, form, status = account(), FactorForm(), 200
        if row.totp_sealed is not None:
            return redirect(url_for("SafetyView.index"))
        flow = flows.find("totp") or flows.begin("totp", secret=totp.fresh_secret())
        secret = flow.content["secret"]
        if form.validate_on_submit():
            try:
                with UnitOfWork(db.session, actor()) as uow:
                    own = uow.session.get_one(Account, row.id)
                    recovery = totp.set_up(uow, own, secret, form.code.data)
                flows.end("totp")
                session["factor_at"] = now().isoformat()
                return self._recovery(recovery)
            except DomainError as error:
                status = refuse(form, "code", error)
        address = totp.uri(
            secret, services.login_of(row) or actor().name, _("Guangdong Credit Bank for Lifelong Learning")
        )
        picture = segno.make(address).svg_data_uri(scale=5)
        page = self.render_template(
            "access/factor.html", shell=shell(), form=form, secret=secret, picture=picture,
            required=settings().require_totp,
        )  # fmt: skip
        return page, status

    @expose("/recovery", methods=["POST"])
    @has_access
    def recovery(self) -> ResponseReturnValue:
        """New recovery codes, or no second factor any more; both want a present code."""
        with UnitOfWork(db.session, actor()) as uow:
            own = uow.session.get_one(Account, actor().user_id)
            right = totp.verify(uow, own, request.form.get("code", ""))
        if not right:
            flash(_("This code is not right. Please check the clock of your device."), "danger")
            return redirect(url_for("SafetyView.index"))
        with UnitOfWork(db.session, actor()) as uow:
            own = uow.session.get_one(Account, actor().user_id)
            if "remove" in request.form and not (settings().require_totp and services.is_staff(own)):
                totp.remove(uow, own)
                return redirect(url_for("LoginView.login"))
            fresh = totp.renew_recovery(uow, own)
        return self._recovery(fresh)

    def _recovery(self, fresh: list[str]) -> ResponseReturnValue:
        return str(self.render_template("access/recovery.html", shell=shell(), codes=fresh))


class ContactView(BaseView):
    """更换手机, 更换邮箱: proved at the new one, told to the old one."""

    route_base = "/contact"
    default_view = "index"

    @expose("/", methods=["GET", "POST"])
    @has_access
    def index(self) -> ResponseReturnValue:
        form, code, status = ContactForm(), CodeForm(), 200
        flow = flows.find("change")
        if request.method == "POST" and "send" in request.form:
            status = self._send(form) if form.validate() else 422
            flow = flows.find("change")
        elif request.method == "POST" and flow is not None:
            status = 422
            if code.validate() and self._change(flow, code):
                flash(_("Changed. The old address has been told."), "success")
                return redirect(url_for("ContactView.index"))
        person = account().person
        masks = {part: personal.masked(person, part) for part in ("mobile", "email")} if person else {}
        return self.render_template(
            "access/contact.html", shell=shell(), form=form, code=code, masks=masks, sent=flow is not None
        ), status

    def _send(self, form: ContactForm) -> int:
        try:
            ask_password(form.password.data)
            channel = form.channel.data
            address = contacts.normal(channel, form.address.data)
            flow = flows.begin("change", channel=channel, address=address)
            flow.target = address
            whom = {"channel": channel, "address": address, "person": actor().person_id}
            with UnitOfWork(db.session, actor()) as uow:
                codes.ask(uow, "change", address, flow.binding, whom)
            flow.keep()
        except DomainError as error:
            return refuse(
                form, "password" if error.code in ("password_wrong", "locked") else "address", error
            )
        flash(_("A code is on its way to the new address."), "info")
        return 200

    def _change(self, flow: flows.Flow, code: CodeForm) -> bool:
        with UnitOfWork(db.session, actor()) as uow:
            proof = codes.redeem(uow, "change", flow.target, flow.binding, code.code.data)
        if proof is None:
            code.code.errors = [_("This code is not right, or no longer valid.")]
            return False
        with UnitOfWork(db.session, actor()) as uow:
            own = uow.session.get_one(Account, actor().user_id)
            channel, address = flow.content["channel"], flow.content["address"]
            contacts.change(uow, own, channel, address, Proof(proof, "change", flow.target, flow.binding))
        flows.end("change")
        return True


class ProfileView(BaseView):
    """个人资料: picture, 个人简介, address, corrections under review, a copy of everything, closing the account."""

    route_base = "/me/profile"
    default_view = "index"

    @expose("/")
    @has_access
    def index(self) -> ResponseReturnValue:
        return self._page(me())

    @expose("/introduction", methods=["POST"])
    @has_access
    def introduction(self) -> ResponseReturnValue:
        return self._written(
            lambda uow, own: profile.describe(uow, own, request.form.get("introduction", ""))
        )

    @expose("/address", methods=["POST"])
    @has_access
    def address(self) -> ResponseReturnValue:
        region = (
            request.form.get("province", ""),
            request.form.get("city", ""),
            request.form.get("district", ""),
        )
        return self._written(lambda uow, own: profile.move(uow, own, region, request.form.get("address", "")))

    @expose("/picture", methods=["POST"])
    @has_access
    def picture(self) -> ResponseReturnValue:
        file = request.files.get("picture")
        content = file.read() if file is not None and file.filename else None
        return self._written(lambda uow, own: profile.picture(uow, own, content))

    @expose("/photo")
    @has_access
    def photo(self) -> ResponseReturnValue:
        own = me()
        if own.picture is None:
            raise NotFound
        answer = Response(evidence.read_digest(own.picture), mimetype="image/jpeg")
        answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
        return answer

    @expose("/correct", methods=["POST"])
    @has_access
    def correct(self) -> ResponseReturnValue:
        file = request.files.get("file")
        upload = (file.filename, file.read()) if file is not None and file.filename else None
        part, reason = request.form.get("part", ""), request.form.get("reason", "")
        value = request.form.get(f"value_{part}", request.form.get("value", ""))
        return self._written(lambda uow, own: profile.ask(uow, own, part, value, reason, upload))

    @expose("/copy", methods=["POST"])
    @has_access
    def copy(self) -> ResponseReturnValue:
        own = me()
        with UnitOfWork(db.session, actor()) as uow:
            content = copies.copy(uow, uow.session.get_one(Learner, own.id))
        answer = Response(content, mimetype="application/zip")
        answer.headers["Content-Disposition"] = f'attachment; filename="credit-bank-{today():%Y%m%d}.zip"'
        return answer

    @expose("/close", methods=["GET", "POST"])
    @has_access
    def close(self) -> ResponseReturnValue:
        """Ask twice, and for the password: this can't be undone."""
        own, problem, status = me(), "", 200
        if request.method == "POST":
            try:
                if "sure" not in request.form:
                    problem, status = _("Please confirm that you have understood."), 422
                else:
                    ask_password(request.form.get("password", ""))
                    with UnitOfWork(db.session, actor()) as uow:
                        closing.close(uow, uow.session.get_one(Learner, own.id))
                    session.clear()
                    flash(_("Your account is closed, and your personal data is erased."), "success")
                    return redirect("/")
            except DomainError as error:
                problem, status = _(error.message, **error.params), error.status
                own = me()
        busy = closing.under_way(db.session(), own.id)
        return self.render_template("access/close.html", problem=problem, busy=busy), status

    def _written(self, step: Any) -> ResponseReturnValue:
        try:
            with UnitOfWork(db.session, actor()) as uow:
                step(uow, uow.session.get_one(Learner, actor().learner_id))
        except DomainError as error:
            db.session.rollback()
            db.session.expire_all()
            return self._page(me(), str(_(error.message, **error.params))), error.status
        flash(_("Saved."), "success")
        return redirect(url_for("ProfileView.index"))

    def _page(self, own: Learner, problem: str = "") -> str:
        person, english = own.person, str(get_locale()) == "en"
        countries = nations.nationalities("en" if english else "zh")
        asked = db.session.scalars(
            select(Correction).where(Correction.learner_id == own.id).order_by(Correction.id.desc()).limit(10)
        ).all()
        parts = ("identity", "mobile", "email", "birth_date", "address")
        plain = {part: personal.masked(person, part) for part in ("identity", "mobile", "email")}
        plain |= {part: personal.reveal(person, part) or "-" for part in ("birth_date", "address")}
        return str(
            self.render_template(
                "access/profile.html", learner=own, plain={part: plain[part] for part in parts}, problem=problem,
                asked=[(row, profile.wanted(row)) for row in asked], correctable=CORRECTABLE, genders=GENDERS,
                countries=countries, ethnicities=nations.ETHNICITIES, provinces=regions.below(),
                standing=STANDINGS[own.standing], measure=standing.last(db.session(), own.id),
            )
        )  # fmt: skip
