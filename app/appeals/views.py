"""申诉 and 撤销: filing, the desk of appeals, reversals by two people, and what was built on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import BaseView, expose, has_access
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import Select, or_, select
from sqlalchemy.orm import joinedload

from app.appeals import services
from app.appeals.models import REVERSAL_STATES, STATES, Appeal, Reversal
from app.console.desk import Column, Desk
from app.conversion.models import ConversionApplication
from app.conversion.queries import QUEUE
from app.kernel.choices import Choice, Choices, Tone
from app.kernel.database import db
from app.kernel.errors import N_, DomainError
from app.kernel.numbering import whole
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner
from app.recognition.models import RecognitionApplication
from app.review import services as review
from app.security.current import actor
from app.security.rows import readable, visible


class MyAppealView(BaseView):
    """The learner files an appeal."""

    route_base = "/me/appeals"
    default_view = "recognition"

    @expose("/recognition/<int:pk>", methods=["POST"])
    @has_access
    def recognition(self, pk: int) -> ResponseReturnValue:
        case: RecognitionApplication = visible(db.session(), RecognitionApplication, pk, actor())
        back = url_for("MyRecognitionView.records", pk=case.achievement_id)
        return _try(
            lambda uow: services.file_recognition(uow, pk, request.form.get("grounds", "")),
            _("Your appeal has been filed."),
            back,
        )

    @expose("/conversion/<int:pk>", methods=["POST"])
    @has_access
    def conversion(self, pk: int) -> ResponseReturnValue:
        visible(db.session(), ConversionApplication, pk, actor())
        back = url_for("MyConversionView.show", pk=pk)
        return _try(
            lambda uow: services.file_conversion(uow, pk, request.form.get("grounds", "")),
            _("Your appeal has been filed."),
            back,
        )


class AppealDesk(Desk):
    """Appeals, decided by others than before."""

    route_base = "/console/appeals"
    exclude_route_methods = frozenset({"attest", "bulk", "claim", "release"})
    model = Appeal
    waiting = ("filed",)
    done = ("upheld", "dismissed")
    states = STATES
    stage = "appeal"
    title = _l("Appeals")
    decided_message = _l("Appeal decided")
    details_template = "appeals/_details.html"
    extra_template = ""
    when = "filed_at"
    bulk_decisions = ()
    decisions = Choices(
        Choice("uphold", N_("Uphold"), Tone.SUCCESS), Choice("dismiss", N_("Dismiss"), Tone.DANGER)
    )
    columns = (
        Column(N_("Name"), lambda case: case.learner.name),
        Column(N_("Case"), lambda case: (case.recognition or case.conversion).number),
        Column(N_("Grounds"), lambda case: case.grounds[:60]),
        Column(N_("Committee"), lambda case: case.committee),
        Column(N_("Filed"), lambda case: case.filed_at),
    )
    options = (
        joinedload(Appeal.learner).joinedload(Learner.person),
        joinedload(Appeal.recognition),
        joinedload(Appeal.conversion),
        joinedload(Appeal.committee),
    )

    def base(self, query: Select[Any]) -> Select[Any]:
        """Center decides what was refused by teaching points; a committee what came to it."""
        me = actor()
        mine: list[Any] = [Appeal.committee_id.in_(me.committee_ids)] if me.committee_ids else []
        if me.roles & {"Center", "Auditor"}:
            mine.append(Appeal.body == "center")
        if "Auditor" in me.roles:
            mine.append(Appeal.body == "committee")
        return query.where(or_(False, *mine))

    def subject(self, case: Any) -> Any:
        return case.recognition or case.conversion

    def decide_case(
        self, uow: UnitOfWork, pk: int, decision: str, opinion: str, version: int | None, form: Any, key: str
    ) -> Any:
        return services.decide(uow, pk, decision, opinion, version or 0, key or None)

    @expose("/<int:pk>/assign", methods=["POST"])
    @has_access
    def assign(self, pk: int) -> ResponseReturnValue:
        """Center gives an appeal without a committee to one."""
        visible(db.session(), Appeal, pk, actor())
        key = whole(request.form.get("committee", "")) or 0
        return _try(
            lambda uow: services.assign(uow, pk, key),
            _("The case has been assigned."),
            url_for("UnassignedView.queue"),
        )


class ReversalView(BaseView):
    """撤销: one Center user proposes, another confirms; and 待复核, what was built on what was reversed."""

    route_base = "/console/reversals"
    default_view = "queue"

    @expose("/")
    @has_access
    def queue(self) -> ResponseReturnValue:
        rows = db.session.scalars(
            select(Reversal)
            .order_by(Reversal.id.desc())
            .limit(200)
            .options(joinedload(Reversal.conversion), joinedload(Reversal.proposed_by))
        ).all()
        doubted = select(ConversionApplication).where(
            ConversionApplication.suspect, readable(ConversionApplication, actor())
        )
        return self.render_template(
            "appeals/reversals.html",
            rows=rows,
            states=REVERSAL_STATES,
            suspects=db.session.scalars(doubted.options(*QUEUE).limit(200)).unique().all(),
            me_id=actor().user_id,
        )

    @expose("/propose/<int:pk>", methods=["POST"])
    @has_access
    def propose(self, pk: int) -> ResponseReturnValue:
        visible(db.session(), ConversionApplication, pk, actor())
        reason = request.form.get("reason", "")
        done = _("The reversal has been proposed; a second person has to confirm it.")
        return _try(
            lambda uow: services.propose_reversal(uow, pk, reason), done, url_for("ReversalView.queue")
        )

    @expose("/<int:pk>/decide", methods=["POST"])
    @has_access
    def decide(self, pk: int) -> ResponseReturnValue:
        number = whole(request.form.get("version", ""))
        decision, opinion = request.form.get("decision", ""), request.form.get("opinion", "")
        return _try(
            lambda uow: services.decide_reversal(
                uow, pk, decision, opinion, -1 if number is None else number
            ),
            _("Decided."),
            url_for("ReversalView.queue"),
        )

    @expose("/stand/<int:pk>", methods=["POST"])
    @has_access
    def stand(self, pk: int) -> ResponseReturnValue:
        """Center lets a doubted conversion stand."""
        visible(db.session(), ConversionApplication, pk, actor())
        reason = request.form.get("reason", "")
        return _try(
            lambda uow: services.confirm_suspect(uow, pk, reason),
            _("The conversion stands."),
            url_for("ReversalView.queue"),
        )


def _try(step: Callable[[UnitOfWork], Any], message: str, back: str) -> ResponseReturnValue:
    try:
        with UnitOfWork(db.session, actor()) as uow:
            step(uow)
        flash(message, "success")
    except DomainError as error:
        if isinstance(error, review.Blocked):
            with UnitOfWork(db.session, actor()) as uow:
                review.log_block(uow, error)
        flash(_(error.message, **error.params), "danger")
    return redirect(back)
