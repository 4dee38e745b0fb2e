"""Public pages, and learners' questions."""

from __future__ import annotations

from typing import Any

from flask import Response, flash, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import BaseView, IndexView, expose, has_access
from flask_babel import gettext as _
from sqlalchemy import or_, select
from sqlalchemy.orm import joinedload, selectinload

from app.accounts.models import KINDS
from app.achievements.views import me
from app.console.pages import numbered
from app.conversion import eligibility
from app.documents import signing, verification
from app.documents.models import DOCUMENT_KINDS, DOCUMENT_STATES
from app.framework.models import DIMENSIONS, FrameworkLevel, IndustryStandard
from app.kernel.clock import now
from app.kernel.database import db
from app.kernel.errors import DomainError, NotFound
from app.kernel.numbering import whole
from app.kernel.unit_of_work import UnitOfWork
from app.portal import services
from app.portal.models import Announcement, Question
from app.rules import queries as rules
from app.security.current import actor
from app.security.models import Terms


class PortalView(IndexView):
    """The front page."""

    route_base = ""

    @expose("/")
    @has_access
    def index(self) -> ResponseReturnValue:
        moment = now()
        shown = select(Announcement).where(
            Announcement.published_at <= moment,
            or_(Announcement.expires_at.is_(None), Announcement.expires_at > moment),
        )
        news = db.session.scalars(
            shown.order_by(Announcement.pinned.desc(), Announcement.published_at.desc()).limit(5)
        ).all()
        return self.render_template("portal/index.html", news=news)


class FrameworkView(BaseView):
    """广东终身教育资历框架等级标准: seven levels by three dimensions."""

    route_base = "/framework"
    default_view = "index"

    @expose("/")
    @has_access
    def index(self) -> ResponseReturnValue:
        levels = db.session.scalars(
            select(FrameworkLevel)
            .order_by(FrameworkLevel.number)
            .options(selectinload(FrameworkLevel.descriptors))
        ).all()
        return self.render_template("portal/framework.html", levels=levels, dimensions=DIMENSIONS)


class StandardsView(BaseView):
    """行业标准查询."""

    route_base = "/standards"
    default_view = "index"

    @expose("/")
    @has_access
    def index(self) -> ResponseReturnValue:
        word = request.args.get("q", "").strip()[:100]
        query = (
            select(IndustryStandard)
            .where(IndustryStandard.active)
            .order_by(IndustryStandard.code)
            .options(joinedload(IndustryStandard.level))
        )
        if word:
            columns = (IndustryStandard.title, IndustryStandard.industry, IndustryStandard.code)
            query = query.where(or_(*(column.contains(word, autoescape=True) for column in columns)))
        return self.render_template(
            "portal/standards.html",
            page=numbered(db.session(), query, sizes=(10, 25, 50), default=10),
            word=word,
        )

    @expose("/<int:pk>")
    @has_access
    def show(self, pk: int) -> ResponseReturnValue:
        query = select(IndustryStandard).where(IndustryStandard.id == pk, IndustryStandard.active)
        standard = (
            db.session.scalar(query.options(joinedload(IndustryStandard.level))) if pk < 2**63 else None
        )
        if standard is None:
            raise NotFound
        return self.render_template("portal/standard.html", standard=standard, dimensions=DIMENSIONS)


class RulesView(BaseView):
    """规则查询, for everyone: the rules that can be applied by today, found as one types; every search has an address."""

    route_base = "/rules"
    default_view = "index"

    @expose("/")
    @has_access
    def index(self) -> ResponseReturnValue:
        session = db.session()
        words, source, term = (request.args.get(key, "").strip()[:100] for key in ("q", "source", "term"))
        institution = whole(request.args.get("institution", ""))
        query = rules.public(words=words, source=source, organisation_id=institution, term=term)
        page = numbered(
            session, query, sizes=(10, 25, 50), default=10, fetch=lambda limited: rules.load(session, limited)
        )
        found = {"page": page, "words": words, "source": source, "term": term, "institution": institution}
        # A page that the browser's history asks for anew has to be whole.
        part = "HX-Request" in request.headers and "HX-History-Restore-Request" not in request.headers
        if part:
            answer = make_response(self.render_template("portal/_rules.html", **found))
        else:
            choices = {"institutions": rules.granting(session), "terms": rules.terms(session)}
            answer = make_response(self.render_template("portal/rules.html", **found, **choices))
        answer.vary.add("HX-Request")
        return answer

    @expose("/<int:pk>")
    @has_access
    def show(self, pk: int) -> ResponseReturnValue:
        rule = rules.published(db.session(), pk) if pk < 2**63 else None
        if rule is None or rule.current_version is None:
            raise NotFound
        version = rule.current_version
        return self.render_template(
            "portal/rule.html", rule=rule, version=version, reasons=eligibility.in_force(rule, version)
        )


class HelpView(BaseView):
    """在线解答: published questions and answers."""

    route_base = "/help"
    default_view = "index"

    @expose("/")
    @has_access
    def index(self) -> ResponseReturnValue:
        word = request.args.get("q", "").strip()[:100]
        query = select(Question).where(Question.published).order_by(Question.topic, Question.id)
        if word:
            query = query.where(
                or_(
                    Question.text.contains(word, autoescape=True),
                    Question.answer.contains(word, autoescape=True),
                )
            )
        return self.render_template(
            "portal/help.html", page=numbered(db.session(), query, sizes=(20, 50), default=20), word=word
        )


class VerifyView(BaseView):
    """What a paper says and whether it stands, by its code or by the file itself."""

    route_base = "/verify"
    default_view = "index"

    @expose("/", methods=["GET", "POST"])
    @has_access
    def index(self) -> ResponseReturnValue:
        if request.method == "POST":
            return self._file()
        code = request.args.get("code", "").strip()[:40]
        return redirect(url_for("VerifyView.show", code=code)) if code else self._page()

    @expose("/seal.pem")
    @has_access
    def seal(self) -> ResponseReturnValue:
        """The certificates of the seal, for readers that want to trust it."""
        return Response(signing.certificates(), mimetype="application/x-pem-file")

    @expose("/<code>")
    @has_access
    def show(self, code: str) -> ResponseReturnValue:
        paper = verification.find(db.session(), code[:40])
        return self._page(code=code[:40], paper=paper), 200 if paper else 404

    def _file(self) -> ResponseReturnValue:
        """Is this file a paper of ours, and unaltered? It is looked at and forgotten."""
        upload = request.files.get("file")
        content = upload.read(verification.LARGEST + 1) if upload else b""
        if not content:
            return self._page(problem=_("Please choose a file.")), 422
        if len(content) > verification.LARGEST:
            return self._page(problem=_("The file is larger than %(limit)s MB.", limit=32)), 413
        verdict = verification.check_file(db.session(), content)
        return self._page(
            code=verdict.paper.code if verdict.paper else "", paper=verdict.paper, verdict=verdict
        )

    def _page(self, code: str = "", paper: Any = None, **more: Any) -> str:
        return self.render_template(
            "portal/verify.html",
            code=code,
            paper=paper,
            told=verification.told(paper) if paper else None,
            kinds=DOCUMENT_KINDS,
            states=DOCUMENT_STATES,
            credit_kinds=KINDS,
            **more,
        )


class TermsView(BaseView):
    """服务条款, the edition in force."""

    route_base = "/terms"
    default_view = "index"

    @expose("/")
    @has_access
    def index(self) -> ResponseReturnValue:
        terms = db.session.scalars(
            select(Terms).where(Terms.published_at <= now()).order_by(Terms.published_at.desc())
        ).first()
        if terms is None:
            raise NotFound
        return self.render_template("portal/terms.html", terms=terms)


class MyQuestionView(BaseView):
    """在线解答 for learners: ask, and read the answers."""

    route_base = "/me/questions"
    default_view = "index"

    @expose("/", methods=["GET", "POST"])
    @has_access
    def index(self) -> ResponseReturnValue:
        if request.method == "POST":
            try:
                with UnitOfWork(db.session, actor()) as uow:
                    services.ask(uow, request.form.get("text", ""), bool(request.form.get("consented")))
                flash(_("Your question has been sent to the centre."), "success")
            except DomainError as error:
                flash(_(error.message, **error.params), "danger")
            return redirect(url_for("MyQuestionView.index"))
        query = select(Question).where(Question.learner_id == me().id).order_by(Question.id.desc())
        return self.render_template("portal/questions.html", page=numbered(db.session(), query))
