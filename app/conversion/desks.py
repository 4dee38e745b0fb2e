"""转换: the three review desks, assessments, and the queue 未分派."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import BaseView, expose, has_access
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload

from app.achievements import services as achievements
from app.achievements import signals, values
from app.appeals.models import Appeal, Reversal
from app.console.desk import Column, Desk, Filter
from app.console.interface import Records
from app.console.pages import capped_count, keyset
from app.console.posted import posted_key, uploads
from app.console.views import FactView
from app.conversion import precedents, queries, services
from app.conversion.assessments import workflow as assessments
from app.conversion.models import (
    ADVICE,
    ASSESSMENT_STATES,
    STATES,
    Assessment,
    ConsumptionEntry,
    ConversionApplication,
)
from app.conversion.states import unconfirmed
from app.kernel.database import db
from app.kernel.errors import N_, DomainError
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner
from app.organisations.models import Committee, Organisation
from app.review import services as review
from app.security.current import actor
from app.security.grams import named_like
from app.security.models import Person
from app.security.permissions import allowed
from app.security.rows import readable, visible


def _person_named(query: Select[Any], word: str) -> Select[Any]:
    people = select(Learner.id).join(Person, Person.id == Learner.person_id).where(named_like(word))
    return query.where(ConversionApplication.learner_id.in_(people))


_NAME = Filter("name", N_("Name"), _person_named)


def _keys(form: Any, name: str) -> list[int]:
    """The ids of a form's ticked boxes; none where several cases are decided at once."""
    posted = form.getlist(name) if hasattr(form, "getlist") else []
    return [int(text) for text in posted if text.isdigit() and len(text) < 19]


class ConversionDesk(Desk):
    """What the three desks have in common."""

    model = ConversionApplication
    states = STATES
    title: Any = ""
    decided_message = _l("Reviewed")
    details_template = "conversion/_details.html"
    options = queries.QUEUE
    queue_options: Sequence[Any] | None = queries.NAMES
    columns: Sequence[Column] = (
        Column(N_("Name"), lambda case: case.learner.name),
        Column(N_("Agreement"), lambda case: case.rule_version.rule.agreement if case.rule_version else None),
        Column(N_("Rule"), lambda case: case.rule_version.name if case.rule_version else None),
        Column(N_("Applied on"), lambda case: case.submitted_at),
    )
    filters: Sequence[Filter] = (
        _NAME,
        Filter("agreement", N_("Agreement"), queries.agreement_named),
        Filter("rule", N_("Rule"), queries.rule_named),
    )
    extra_template = ""
    bulk_complete = True
    kind = "rule"

    def base(self, query: Select[Any]) -> Select[Any]:
        # The states that wait belong to one kind each (CHECK): counting them stays inside the queue's index.
        return query if self._state() == "waiting" else query.where(ConversionApplication.kind == self.kind)

    def decide_case(
        self, uow: UnitOfWork, pk: int, decision: str, opinion: str, version: int | None, form: Any, key: str
    ) -> Any:
        return services.decide(
            uow,
            pk,
            self.stage,
            decision,
            opinion,
            version,
            fault=form.get("fault") or None,
            idempotency_key=key or None,
            confirmed=_keys(form, "named"),
        )

    def claim_case(self, uow: UnitOfWork, pk: int) -> None:
        services.claim(uow, pk)

    def release_case(self, uow: UnitOfWork, pk: int) -> None:
        services.release(uow, pk)

    def details(self, case: Any) -> dict[str, Any]:
        files = {
            role: [row.file for row in case.files if row.role == role] for role in ("related", "initial")
        }
        return {
            "files": files,
            "signals": [sign for a in case.achievements for sign in signals.of(db.session(), a)],
            "unconfirmed": unconfirmed(case) if self.stage == "initial" else (),
            "shown": {a.id: values.shown(a) for a in case.achievements},
            "tools_template": self.tools(case),
            "asked": db.session.scalars(
                select(Assessment)
                .where(Assessment.application_id == case.id)
                .options(joinedload(Assessment.organisation))
            ).all(),
            "advice": ADVICE,
            "assessment_states": ASSESSMENT_STATES,
            "reversal": db.session.scalar(
                select(Reversal).where(Reversal.conversion_id == case.id, Reversal.state != "rejected")
            ),
            "may_propose": case.state == "approved" and allowed(actor(), "ReversalView.propose", case),
            "pdf": url_for("DocumentView.conversion", pk=case.id),
        }

    def tools(self, case: Any) -> str:
        """A template of further tools beside the decision."""
        return ""

    def unready(self, case: Any) -> str | None:
        for source in unconfirmed(case):
            return _(
                "The rule knows %(name)s by its name only: please confirm that it is what the rule means.",
                name=source.achievement.name,
            )
        for a in case.achievements:
            if not achievements.accepted(a) or a.suspect:
                return _("%(name)s is no longer recognised, or is under review.", name=a.name)
        for target in case.targets:
            if (
                self.stage != "initial"
                and target.item_credits is None
                and target.catalogue_item.credits is None
            ):
                return _(
                    "The credits of %(target)s are not known yet. Staff must fill them in first.",
                    target=target.catalogue_item.name,
                )
        if self.kind == "rule" and not review.attestations(db.session(), case):
            return _("The original has not been attested yet: please attest it first.")
        return None


class InitialReviewDesk(ConversionDesk):
    """转换初审."""

    route_base = "/console/conversion/initial"
    waiting = ("initial_review",)
    done = (
        "final_review",
        "initial_refused",
        "returned",
        "approved",
        "refused",
        "withdrawn",
        "lapsed",
        "reversed",
    )
    stage = "initial"
    extra_template = "conversion/_named.html"
    title = _l("Initial review of conversions")
    attests = True

    def attest_case(self, uow: UnitOfWork, pk: int, seen: review.Seen) -> None:
        services.attest(uow, pk, seen)

    def tools(self, case: Any) -> str:
        return (
            "conversion/_material.html"
            if case.state == "initial_review" and self._may("attest", case)
            else ""
        )

    @expose("/<int:pk>/material", methods=["POST"])
    @has_access
    def material(self, pk: int) -> ResponseReturnValue:
        """转换初审材料上传 (PDF)."""
        visible(db.session(), ConversionApplication, pk, actor())
        files = uploads(request.files.getlist("material"))
        if not files:
            return self._page(pk, status=422, problem=_("Please upload a PDF file."))
        try:
            with UnitOfWork(db.session, actor()) as uow:
                for upload in files:
                    services.add_initial_material(uow, pk, upload)
        except DomainError as error:
            return self._page(pk, status=error.status, problem=_(error.message, **error.params))
        flash(_("The material has been added."), "success")
        return redirect(self._url("case", pk=pk))


class FinalReviewDesk(ConversionDesk):
    """转换终审."""

    route_base = "/console/conversion/final"
    exclude_route_methods = frozenset({"attest"})
    waiting = ("final_review",)
    done = ("approved", "refused", "returned", "reversed")
    stage = "final"
    title = _l("Final review of conversions")


class PerformanceReviewDesk(ConversionDesk):
    """业绩类转换审核."""

    route_base = "/console/conversion/performance"
    waiting = ("performance_review",)
    done = ("approved", "refused", "returned", "withdrawn", "lapsed", "reversed")
    stage = "performance"
    kind = "performance"
    queue_options = None
    title = _l("Review of performance conversions")

    def attest_case(self, uow: UnitOfWork, pk: int, seen: review.Seen) -> None:
        services.attest(uow, pk, seen)

    columns = (
        Column(N_("Name"), lambda case: case.learner.name),
        Column(N_("Source achievement"), lambda case: case.source_name),
        Column(N_("Source type"), lambda case: case.achievements[0].category if case.achievements else None),
        Column(N_("Target achievement"), lambda case: case.target_name),
        Column(N_("Added"), lambda case: case.submitted_at),
    )
    filters = (_NAME,)

    def tools(self, case: Any) -> str:
        return "conversion/_performance.html"

    def details(self, case: Any) -> dict[str, Any]:
        reviewers = db.session.scalars(
            select(Organisation)
            .where(Organisation.kind == "reviewer", Organisation.active)
            .order_by(Organisation.name)
        ).all()
        return {
            **super().details(case),
            "reviewers": reviewers,
            "may_ask": case.state == "performance_review" and self._may("ask", case),
            "precedents": precedents.of(db.session(), case, actor()),
            "precedent_reasons": precedents.REASONS,
        }

    @expose("/<int:pk>/ask", methods=["POST"])
    @has_access
    def ask(self, pk: int) -> ResponseReturnValue:
        """Ask a third party for an assessment."""
        visible(db.session(), ConversionApplication, pk, actor())
        try:
            with UnitOfWork(db.session, actor()) as uow:
                services.ask_assessment(uow, pk, posted_key("organisation"), request.form.get("question", ""))
        except DomainError as error:
            return self._page(pk, status=error.status, problem=_(error.message, **error.params))
        flash(_("The assessment has been asked for."), "success")
        return redirect(self._url("case", pk=pk))


class AssessmentDesk(BaseView):
    """第三方评审: evidence without the learner's name; advice only."""

    route_base = "/console/assessments"
    default_view = "queue"
    title = _l("Assessments")

    @staticmethod
    def waiting_now() -> int:
        """How many assessments the actor's organisation still owes, counted up to the cap."""
        asked = select(Assessment.id).where(readable(Assessment, actor()), Assessment.state == "asked")
        return capped_count(db.session(), asked)

    @expose("/")
    @has_access
    def queue(self) -> ResponseReturnValue:
        query = select(Assessment).where(readable(Assessment, actor()))
        rows = keyset(
            db.session(),
            query,
            Assessment.due_at,
            Assessment.id,
            options=(joinedload(Assessment.application), joinedload(Assessment.organisation)),
        )
        return self.render_template("conversion/assessments.html", slice=rows, states=ASSESSMENT_STATES)

    @expose("/<int:pk>", methods=["GET", "POST"])
    @has_access
    def case(self, pk: int) -> ResponseReturnValue:
        row: Assessment = visible(db.session(), Assessment, pk, actor())
        problem, status = "", 200
        if request.method == "POST":
            try:
                with UnitOfWork(db.session, actor()) as uow:
                    services.give_assessment(
                        uow,
                        pk,
                        request.form.get("advice", ""),
                        request.form.get("grounds", ""),
                        posted_key("version"),
                    )
                flash(_("Your assessment has been given."), "success")
                return redirect(url_for("AssessmentDesk.queue"))
            except DomainError as error:
                problem, status = str(_(error.message, **error.params)), error.status
                row = visible(db.session(), Assessment, pk, actor())
        achievements = row.application.achievements
        return (
            self.render_template(
                "conversion/assessment.html",
                row=row,
                achievements=[(a, values.shown(a)) for a in achievements],
                states=ASSESSMENT_STATES,
                advice=ADVICE,
                problem=problem,
                may_give=row.state == "asked" and allowed(actor(), "AssessmentDesk.give", row),
                steps=assessments.transitions,
            ),
            status,
        )


class UnassignedView(BaseView):
    """未分派: cases that no committee covers, or that two cover equally; Center assigns them."""

    route_base = "/console/unassigned"
    default_view = "queue"
    title = _l("Unassigned cases")

    @staticmethod
    def waiting_now() -> int:
        """How many conversions have no committee, counted up to the cap."""
        waiting = ConversionApplication.state.in_(("final_review", "performance_review"))
        loose = select(ConversionApplication.id).where(waiting, ConversionApplication.committee_id.is_(None))
        return capped_count(db.session(), loose)

    @expose("/")
    @has_access
    def queue(self) -> ResponseReturnValue:
        query = select(ConversionApplication).where(
            ConversionApplication.committee_id.is_(None),
            ConversionApplication.state.in_(("final_review", "performance_review")),
            readable(ConversionApplication, actor()),
        )
        rows = keyset(
            db.session(),
            query,
            ConversionApplication.submitted_at,
            ConversionApplication.id,
            options=queries.QUEUE,
        )
        committees = db.session.scalars(
            select(Committee).where(Committee.active).order_by(Committee.name)
        ).all()
        appeals = db.session.scalars(
            select(Appeal).where(
                Appeal.state == "filed", Appeal.body == "committee", Appeal.committee_id.is_(None)
            )
        ).all()
        return self.render_template(
            "conversion/unassigned.html", slice=rows, committees=committees, states=STATES, appeals=appeals
        )

    @expose("/<int:pk>/assign", methods=["POST"])
    @has_access
    def assign(self, pk: int) -> ResponseReturnValue:
        visible(db.session(), ConversionApplication, pk, actor())
        try:
            with UnitOfWork(db.session, actor()) as uow:
                services.assign_committee(uow, pk, posted_key("committee"), posted_key("version"))
            flash(_("The case has been assigned."), "success")
        except DomainError as error:
            flash(_(error.message, **error.params), "danger")
        return redirect(url_for("UnassignedView.queue"))


class ConsumptionEntryView(FactView):
    """使用流水: reservations, uses and releases."""

    datamodel = Records(ConsumptionEntry)
    label, label_plural = _l("Entry of use"), _l("Ledger of use")
    list_columns = ["created_at", "kind", "achievement", "application", "purpose"]
    search_columns = ["kind", "purpose"]
    show_columns = ["created_at", "kind", "achievement", "application", "purpose"]
