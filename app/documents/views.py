"""Papers on screen: audit sheets from the case page, a learner's statements and transcripts, papers under review.

Issued by POST, handed out again by GET.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from flask import Response, flash, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import BaseView, expose, has_access
from flask_babel import get_locale
from flask_babel import gettext as _

from app.achievements.models import Achievement
from app.achievements.views import me
from app.documents import badges, doubts, figures, registers, services, statements
from app.documents.models import (
    CREDENTIAL_STATES,
    DISCLOSURES,
    DOCUMENT_KINDS,
    DOCUMENT_STATES,
    Credential,
    IssuedDocument,
)
from app.documents.services import SHEETS
from app.jobs import services as jobs
from app.kernel.clock import today
from app.kernel.database import LARGEST_KEY, db
from app.kernel.errors import N_, DomainError, Invalid, NotFound
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner
from app.security.current import actor
from app.security.permissions import allowed


class DocumentView(BaseView):
    """审核表 of a case, 学分证明 of a learner, as PDF."""

    route_base = "/console/documents"
    default_view = "conversion"

    @expose("/recognition/<int:pk>.pdf", methods=["GET", "POST"])
    @has_access
    def recognition(self, pk: int) -> Response:
        return self._sheet("recognition", pk)

    @expose("/conversion/<int:pk>.pdf", methods=["GET", "POST"])
    @has_access
    def conversion(self, pk: int) -> Response:
        return self._sheet("conversion", pk)

    @expose("/learner/<int:pk>", methods=["GET", "POST"])
    @has_access
    def learner(self, pk: int) -> ResponseReturnValue:
        """A learner's statements and transcripts; POST issues one, which tells others nothing until its holder agrees."""
        learner = _permitted(Learner, pk, "DocumentView.learner")
        if request.method == "POST":
            return _issue(learner, "none", url_for("DocumentView.learner", pk=pk))
        return self.render_template("documents/learner.html", learner=learner, **_papers(learner))

    @expose("/paper/<int:pk>.pdf")
    @has_access
    def paper(self, pk: int) -> Response:
        """A statement or transcript as it was issued."""
        row = _permitted(IssuedDocument, pk, "DocumentView.paper")
        if row.kind not in statements.PREFIXES:
            raise NotFound
        return _answer(row, services.read(row))

    def _sheet(self, kind: str, pk: int) -> Response:
        if request.method == "POST":
            with UnitOfWork(db.session, actor()) as uow:
                case = _permitted(SHEETS[kind][0], pk, f"DocumentView.{kind}")
                return _answer(*SHEETS[kind][1](uow, case, _language()))
        case = _permitted(SHEETS[kind][0], pk, f"DocumentView.{kind}")
        # A sheet that another reader drew may show more than this one is to see (the masked identity number).
        whole = allowed(actor(), "LearnerView.show", case.learner)
        row = services.last_issued(db.session(), case, by_account=None if whole else actor().user_id)
        if row is None:
            raise NotFound
        return _answer(row, services.read(row))


class RegisterView(BaseView):
    """登记册与统计: registers and statistics of a period, an organisation, a committee. Short ones at once, long ones as
    a job.
    """

    route_base = "/console/registers"
    default_view = "index"

    @expose("/", methods=["GET", "POST"])
    @has_access
    def index(self) -> ResponseReturnValue:
        if request.method == "POST":
            return self._order()
        me_ = actor()
        everything = bool(me_.roles & _READ_ALL)
        return self.render_template(
            "documents/registers.html",
            papers=registers.issued(db.session(), None if everything else me_.user_id),
            kinds=DOCUMENT_KINDS,
            everything=everything,
            start=today().replace(day=1),
            end=today(),
        )

    @expose("/<int:pk>.pdf")
    @has_access
    def paper(self, pk: int) -> Response:
        """One of the papers that the page lists."""
        row = db.session.get(IssuedDocument, pk) if pk <= LARGEST_KEY else None
        mine = row is not None and (row.created_by_id == actor().user_id or actor().roles & _READ_ALL)
        if row is None or not mine or row.kind not in registers.KINDS:
            raise NotFound
        return _answer(row, services.read(row))

    @expose("/lookup/<what>")
    @has_access
    def lookup(self, what: str) -> Response:
        """Organisations and committees as one types, those that the actor may ask about."""
        found = registers.search(db.session(), actor(), what, request.args.get("q", "")[:100])
        return jsonify(results=[{"id": key, "text": name} for key, name in found])

    def _order(self) -> ResponseReturnValue:
        session, me_ = db.session(), actor()
        try:
            scope = _scope(request.form)
            if request.form.get("kind") == "statistics":
                return _answer(*figures.issue(session, me_, scope, _language()))
            registers.check(scope, me_, session)
            if registers.count(session, scope) <= registers.AT_ONCE:
                return _answer(*registers.issue(session, me_, scope, _language()))
            with UnitOfWork(db.session, me_) as uow:
                name = _("Register %(start)s to %(end)s", start=scope.start, end=scope.end)
                job = jobs.ask(uow, "register", scope.kept(), name=name, language=_language())
        except DomainError as error:
            flash(_(error.message, **error.params), "danger")
            return redirect(url_for("RegisterView.index"))
        flash(_("The register is long: it is being made. You find it here when it is done."), "info")
        return redirect(url_for("ExportJobView.show", pk=job.id))


#: Who reads every register and every statistic.
_READ_ALL = frozenset({"Center", "Auditor"})


def _scope(form: Mapping[str, str]) -> registers.Scope:
    """What was asked for. Raises Invalid."""
    try:
        start, end = (date.fromisoformat(form.get(name, "")) for name in ("start", "end"))
    except ValueError as error:
        raise Invalid("days", N_("Please give both days.")) from error
    keys = [form.get(name, "") for name in ("organisation", "committee")]
    organisation, committee = (int(key) if key.isdigit() and len(key) < 19 else None for key in keys)
    return registers.Scope(start, end, organisation, committee)


class DoubtView(BaseView):
    """待复核: statements and transcripts built on something withdrawn; the centre lets each stand or revokes it."""

    route_base = "/console/documents/doubts"
    default_view = "queue"

    @expose("/")
    @has_access
    def queue(self) -> ResponseReturnValue:
        papers = doubts.under_review(db.session())
        grounds = {paper.id: doubts.doubtful(db.session(), paper) for paper in papers}
        return self.render_template(
            "documents/doubts.html",
            papers=papers,
            grounds=grounds,
            kinds=DOCUMENT_KINDS,
            may_decide=allowed(actor(), "DoubtView.decide"),
        )

    @expose("/<int:pk>/decide", methods=["POST"])
    @has_access
    def decide(self, pk: int) -> ResponseReturnValue:
        _permitted(IssuedDocument, pk, "DoubtView.decide")
        decision, reason = request.form.get("decision", ""), request.form.get("reason", "")
        return _try(
            lambda uow: doubts.decide(uow, pk, decision, reason), _("Decided."), url_for("DoubtView.queue")
        )


class MyDocumentView(BaseView):
    """学分证明 for the learner: issue, take along, and say what others may see."""

    route_base = "/me/documents"
    default_view = "index"

    @expose("/", methods=["GET", "POST"])
    @has_access
    def index(self) -> ResponseReturnValue:
        learner = me()
        if request.method == "POST":
            return _issue(learner, request.form.get("disclosure", ""), url_for("MyDocumentView.index"))
        return self.render_template(
            "documents/mine.html",
            disclosures=DISCLOSURES,
            credentials=badges.of_learner(db.session(), learner.id),
            credential_states=CREDENTIAL_STATES,
            **_papers(learner),
        )

    @expose("/<int:pk>.pdf")
    @has_access
    def paper(self, pk: int) -> Response:
        row = _mine(pk)
        return _answer(row, services.read(row))

    @expose("/credentials/<int:pk>", methods=["POST"])
    @has_access
    def credential(self, pk: int) -> ResponseReturnValue:
        """Issue the credential of one of the learner's achievements."""
        return _try(
            lambda uow: badges.issue(uow, _my(Achievement, pk)),
            _("The credential has been issued."),
            url_for("MyDocumentView.index") + "#credentials",
        )

    @expose("/credentials/<int:pk>.jwt")
    @has_access
    def token(self, pk: int) -> Response:
        """A credential to take along."""
        row = _my(Credential, pk)
        answer = Response(row.token, mimetype="application/vc+jwt")
        answer.headers["Content-Disposition"] = f'attachment; filename="{row.uid}.jwt"'
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @expose("/<int:pk>/disclose", methods=["POST"])
    @has_access
    def disclose(self, pk: int) -> ResponseReturnValue:
        """What whoever has the code may see of the paper from now on."""
        disclosure = request.form.get("disclosure", "")
        return _try(
            lambda uow: statements.disclose(uow, _mine(pk), disclosure),
            _("From now on this is what others see."),
            url_for("MyDocumentView.index"),
        )


class CredentialView(BaseView):
    """Who issues credentials, with which key, and which of them stand: for people and for other people's software."""

    route_base = "/credentials"
    default_view = "index"

    @expose("/")
    @has_access
    def index(self) -> ResponseReturnValue:
        return self.render_template(
            "documents/issuer.html", issuer=badges.profile(), keys=badges.key_set()["keys"]
        )

    @expose("/issuer")
    @has_access
    def issuer(self) -> Response:
        return _json(badges.profile())

    @expose("/keys")
    @has_access
    def keys(self) -> Response:
        return _json(badges.key_set())

    @expose("/status/<purpose>/<int:number>")
    @has_access
    def status(self, purpose: str, number: int) -> Response:
        """A signed status list; the same for everybody who asks, so that asking tells nothing."""
        answer = Response(badges.status_list(db.session(), purpose, number), mimetype="application/vc+jwt")
        answer.headers["Cache-Control"] = f"public, max-age={int(badges.FRESH.total_seconds())}"
        return answer

    @expose("/<uid>")
    @has_access
    def show(self, uid: str) -> ResponseReturnValue:
        """Whether a credential stands; nothing about whom it is of."""
        row = badges.find(db.session(), uid)
        return self.render_template("documents/credential.html", row=row, states=CREDENTIAL_STATES)


class WellKnownView(BaseView):
    """Where software looks up what our ``did:web`` identifier stands for."""

    route_base = "/.well-known"
    default_view = "did"

    @expose("/did.json")
    @has_access
    def did(self) -> Response:
        return _json(badges.did_document())


def _json(body: dict[str, Any]) -> Response:
    answer = jsonify(body)
    answer.headers["Access-Control-Allow-Origin"] = "*"
    return answer


def _papers(learner: Learner) -> dict[str, Any]:
    return {
        "papers": statements.of_learner(db.session(), learner.id),
        "kinds": DOCUMENT_KINDS,
        "states": DOCUMENT_STATES,
        "offered": [DOCUMENT_KINDS[kind] for kind in ("transcript", "statement")],
    }


def _issue(learner: Learner, disclosure: str, back: str) -> ResponseReturnValue:
    kind = request.form.get("kind", "")
    return _try(
        lambda uow: statements.issue(
            uow, kind, uow.session.get_one(Learner, learner.id), _language(), disclosure
        ),
        _("The paper has been issued."),
        back,
    )


def _my(model: type[Any], pk: int) -> Any:
    """One of the learner's own rows. Raises NotFound."""
    row = db.session.get(model, pk) if pk <= LARGEST_KEY else None
    if row is None or row.learner_id != me().id:
        raise NotFound
    return row


def _mine(pk: int) -> IssuedDocument:
    """One of the learner's own statements and transcripts; never an audit sheet. Raises NotFound."""
    row: IssuedDocument = _my(IssuedDocument, pk)
    if row.kind not in statements.PREFIXES:
        raise NotFound
    return row


def _permitted(model: type[Any], pk: int, permission: str) -> Any:
    """The row, if the actor may do this with it. Raises NotFound whatever the reason."""
    row = db.session.get(model, pk) if pk <= LARGEST_KEY else None
    if row is None or not allowed(actor(), permission, row):
        raise NotFound
    return row


def _language() -> str:
    return request.values.get("language", "") or str(get_locale() or "zh")


def _answer(row: IssuedDocument, content: bytes) -> Response:
    answer = Response(content, mimetype="application/pdf")
    answer.headers["Content-Disposition"] = f'inline; filename="{row.number}.pdf"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _try(step: Callable[[UnitOfWork], Any], message: str, back: str) -> ResponseReturnValue:
    try:
        with UnitOfWork(db.session, actor()) as uow:
            step(uow)
        flash(message, "success")
    except NotFound:
        raise
    except DomainError as error:
        flash(_(error.message, **error.params), "danger")
    return redirect(back)
