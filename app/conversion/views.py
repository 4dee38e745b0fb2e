"""转换: learners' pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import BaseView, expose, has_access
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.achievements import queries as achievement_queries
from app.achievements.models import ORIGINS, Achievement
from app.achievements.models import STATES as ACHIEVEMENT_STATES
from app.achievements.views import me
from app.appeals.models import STATES as APPEAL_STATES
from app.appeals.models import Appeal
from app.catalogue.models import Programme
from app.console.pages import numbered
from app.console.posted import posted_key, uploads
from app.conversion import consumption, eligibility, planner, queries, services
from app.conversion.models import (
    OPEN,
    STATES,
    ConversionApplication,
)
from app.kernel.clock import today
from app.kernel.database import db
from app.kernel.errors import DomainError, NotFound
from app.kernel.numbering import whole
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner
from app.review import services as review
from app.review.models import DECISIONS, FAULTS
from app.rules import queries as rule_queries
from app.rules.matching import Slot, Terms, fill, fits, obstacles, terms_of
from app.security.current import actor
from app.security.grams import named_like
from app.security.models import Person
from app.security.rows import readable, visible


class MyConversionView(BaseView):
    """转换成果申请."""

    route_base = "/me/conversion"
    default_view = "index"

    @expose("/")
    @has_access
    def index(self) -> ResponseReturnValue:
        learner = me()
        key = request.args.get("category", "")
        words = {
            "name": request.args.get("name", "").strip()[:100],
            "issuer": request.args.get("issuer", "").strip()[:100],
        }
        category = whole(key)
        page = numbered(db.session(), queries.convertible(learner.id, category_id=category, **words))
        counts = queries.rule_counts(db.session(), page.rows)
        categories = [c for c in achievement_queries.small_categories(db.session()) if not c.performance]
        return self.render_template(
            "conversion/mine.html",
            page=page,
            counts=counts,
            categories=categories,
            words=words,
            category=category,
        )

    @expose("/rules/<int:achievement_id>")
    @has_access
    def rules(self, achievement_id: int) -> ResponseReturnValue:
        """可转换规则 for an achievement: found as one types, the learner's own programme first."""
        learner = me()
        achievement: Achievement = visible(db.session(), Achievement, achievement_id, actor())
        words = request.args.get("q", "").strip()[:100]
        able = rule_queries.rules_of(db.session(), [eligibility.holding(achievement)])
        query = rule_queries.among(
            able[achievement.id],
            words=words,
            own_programme_id=learner.programme_id,
            own_name=learner.programme.name if learner.programme else "",
        )
        page = numbered(db.session(), query, sizes=(10, 25, 50), default=10)
        template = "conversion/_rules.html" if request.headers.get("HX-Request") else "conversion/rules.html"
        return self.render_template(template, achievement=achievement, page=page, words=words)

    @expose("/apply/<int:achievement_id>/<int:rule_id>", methods=["GET", "POST"])
    @has_access
    def apply(self, achievement_id: int, rule_id: int) -> ResponseReturnValue:
        """The chosen rule: what it asks for, whether the learner's achievements fit, further material, 提交."""
        session, learner = db.session(), me()
        achievement: Achievement = visible(session, Achievement, achievement_id, actor())
        rule = _published(rule_id)
        message, status = "", 200
        if request.method == "POST":
            try:
                with UnitOfWork(db.session, actor()) as uow:
                    case = services.submit(
                        uow,
                        rule_id,
                        posted_key("version"),
                        _slots(),
                        uploads(request.files.getlist("files")),
                        request.form.get("key", "")[:64] or None,
                        _targets(rule),
                    )
                flash(_("Submitted."), "success")
                return redirect(url_for("MyConversionView.show", pk=case.id))
            except DomainError as error:
                message, status = str(_(error.message, **error.params)), error.status
                rule = _published(rule_id)
                achievement = visible(session, Achievement, achievement_id, actor())
        version = rule.current_version
        held = session.scalars(queries.convertible(learner.id)).unique().all()
        terms = terms_of(version)
        slots = [
            (row, _fitting(terms, slot, held)) for row, slot in zip(version.sources, terms.slots, strict=True)
        ]
        return (
            self.render_template(
                "conversion/apply.html",
                achievement=achievement,
                rule=rule,
                version=version,
                slots=slots,
                brought=fill(terms, [eligibility.holding(a) for a in (achievement, *held)], today()) or {},
                message=message,
                reasons=[] if message else _obstacles(rule, learner),
                key=request.form.get("key") or uuid4().hex,
            ),
            status,
        )

    @expose("/progress/<int:achievement_id>")
    @has_access
    def progress(self, achievement_id: int) -> ResponseReturnValue:
        """进度查询: the applications of one achievement, with their review records."""
        achievement: Achievement = visible(db.session(), Achievement, achievement_id, actor())
        cases = queries.of_achievement(db.session(), achievement.id)
        records = {case.id: review.reviews(db.session(), case) for case in cases}
        return self.render_template(
            "conversion/progress.html",
            achievement=achievement,
            cases=cases,
            records=records,
            states=STATES,
            decisions=DECISIONS,
        )

    @expose("/<int:pk>")
    @has_access
    def show(self, pk: int) -> ResponseReturnValue:
        case: ConversionApplication = visible(db.session(), ConversionApplication, pk, actor())
        appeal = db.session.scalar(select(Appeal).where(Appeal.conversion_id == case.id))
        return self.render_template(
            "conversion/show.html",
            case=case,
            reviews=review.reviews(db.session(), case),
            states=STATES,
            decisions=DECISIONS,
            faults=FAULTS,
            appeal=appeal,
            appeal_states=APPEAL_STATES,
            may_withdraw=case.state in (*OPEN, "returned"),
            may_appeal=case.state in ("initial_refused", "refused") and appeal is None,
        )

    @expose("/<int:pk>/withdraw", methods=["POST"])
    @has_access
    def withdraw(self, pk: int) -> ResponseReturnValue:
        return _step(
            pk,
            lambda uow: services.withdraw(uow, pk, posted_key("version")),
            _("The application has been withdrawn."),
        )

    @expose("/<int:pk>/resubmit", methods=["POST"])
    @has_access
    def resubmit(self, pk: int) -> ResponseReturnValue:
        return _step(
            pk,
            lambda uow: services.resubmit(
                uow, pk, posted_key("version"), uploads(request.files.getlist("files"))
            ),
            _("The correction has been submitted."),
        )


class MyPerformanceView(BaseView):
    """业绩类成果转换申请."""

    route_base = "/me/performance-conversion"
    default_view = "index"

    @expose("/")
    @has_access
    def index(self) -> ResponseReturnValue:
        page = numbered(db.session(), queries.performance(me().id))
        cases = {a.id: queries.of_achievement(db.session(), a.id) for a in page.rows}
        return self.render_template(
            "conversion/performance.html",
            page=page,
            cases=cases,
            states=STATES,
            origins=ORIGINS,
            achievement_states=ACHIEVEMENT_STATES,
        )

    @expose("/target/<int:achievement_id>", methods=["GET", "POST"])
    @has_access
    def target(self, achievement_id: int) -> ResponseReturnValue:
        """Search the target item and confirm."""
        achievement: Achievement = visible(db.session(), Achievement, achievement_id, actor())
        message, status = "", 200
        if request.method == "POST":
            try:
                with UnitOfWork(db.session, actor()) as uow:
                    case = services.submit_performance(
                        uow, achievement_id, posted_key("item"), request.form.get("key", "")[:64] or None
                    )
                flash(_("Submitted."), "success")
                return redirect(url_for("MyConversionView.show", pk=case.id))
            except DomainError as error:
                message, status = str(_(error.message, **error.params)), error.status
                achievement = visible(db.session(), Achievement, achievement_id, actor())
        words: dict[str, Any] = {
            name: request.args.get(name, "").strip()[:100] for name in ("project", "name", "organisation")
        }
        items = achievement_queries.search_targets(db.session(), **words)
        return self.render_template(
            "conversion/target.html",
            achievement=achievement,
            items=items,
            words=words,
            message=message,
            key=uuid4().hex,
        ), status


class MyPlanView(BaseView):
    """转换规划: a programme chosen → the applications with the most credit, and what is missing to go further."""

    route_base = "/me/plan"
    default_view = "index"

    @expose("/")
    @has_access
    def index(self) -> ResponseReturnValue:
        learner = me()
        return self.render_template("conversion/plan.html", **planned(learner, learner.programme))


class PlanView(BaseView):
    """转换规划 for staff: find a learner, then as the learner sees it."""

    route_base = "/console/plan"
    default_view = "index"

    @expose("/")
    @has_access
    def index(self) -> ResponseReturnValue:
        word = request.args.get("q", "").strip()[:100]
        query = select(Learner).join(Person, Person.id == Learner.person_id).where(readable(Learner, actor()))
        if word:
            query = query.where(named_like(word))
        options = (joinedload(Learner.person), joinedload(Learner.programme), joinedload(Learner.home_point))
        page = numbered(
            db.session(), query.order_by(Learner.id).options(*options), sizes=(10, 25, 50), default=10
        )
        return self.render_template("conversion/plans.html", page=page, word=word)

    @expose("/<int:pk>")
    @has_access
    def show(self, pk: int) -> ResponseReturnValue:
        learner: Learner = visible(db.session(), Learner, pk, actor())
        return self.render_template(
            "conversion/plan_of.html", learner=learner, **planned(learner, learner.programme)
        )


def planned(learner: Learner, own: Programme | None) -> dict[str, Any]:
    """What the planner's pages show: the programme that the address asks for, else the learner's own."""
    session = db.session()
    word, asked = request.args.get("q", "").strip()[:100], request.args.get("programme", "")
    programme = session.get(Programme, int(asked)) if asked.isdigit() and len(asked) < 19 else own
    found, problem = None, ""
    if programme is not None and not word:
        try:
            found = planner.plan(session, learner, programme)
        except DomainError as error:
            problem = _(error.message, **error.params)
    offered = planner.programmes(session, word) if word or programme is None else []
    return {
        "plan": found,
        "programme": programme,
        "own": own,
        "offered": offered,
        "word": word,
        "problem": problem,
    }


def _published(rule_id: int) -> Any:
    rule = rule_queries.published(db.session(), rule_id) if rule_id < 2**63 else None
    if rule is None or rule.current_version is None:
        raise NotFound
    return rule


def _obstacles(rule: Any, learner: Learner) -> list[DomainError]:
    """What stands against an application by this rule, told on opening it; where targets are chosen, those alone count."""
    version = rule.current_version
    reasons = eligibility.in_force(rule, version)
    if version.targets_needed is None:
        items = [target.catalogue_item_id for target in version.targets]
        taken = consumption.target_taken(db.session(), consumption.holder(learner), items)
        reasons += [taken] if taken else []
    return reasons


def _fitting(
    terms: Terms, slot: Slot, held: Sequence[Achievement]
) -> list[tuple[Achievement, list[DomainError]]]:
    """The learner's achievements that a slot asks for, each with what stands against it."""
    found = [(a, eligibility.holding(a)) for a in held]
    return [(a, obstacles(terms, slot, h, today())) for a, h in found if fits(slot, h)]


def _targets(rule: Any) -> set[int] | None:
    """The targets ticked, where the rule lets choose."""
    if rule.current_version.targets_needed is None:
        return None
    return {int(text) for text in request.form.getlist("target") if text.isdigit() and len(text) < 19}


def _slots() -> dict[int, int]:
    """slot id → achievement id, from fields named ``slot-<id>``."""
    found = {}
    for name, value in request.form.items():
        slot, achievement = whole(name.removeprefix("slot-")), whole(value)
        if name.startswith("slot-") and slot is not None and achievement is not None:
            found[slot] = achievement
    return found


def _step(pk: int, step: Any, message: str) -> ResponseReturnValue:
    visible(db.session(), ConversionApplication, pk, actor())
    try:
        with UnitOfWork(db.session, actor()) as uow:
            step(uow)
        flash(message, "success")
    except DomainError as error:
        flash(_(error.message, **error.params), "danger")
    return redirect(url_for("MyConversionView.show", pk=pk))
