"""抽样审计: samples drawn, worksheets filled in, findings followed up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import BaseView, expose, has_access
from flask_babel import get_locale
from flask_babel import gettext as _
from sqlalchemy import func, select

from app.audit.models import (
    CASE_KINDS,
    FINDING_STATES,
    RESULTS,
    SAMPLE_KINDS,
    SEVERITIES,
    STRATA,
    AuditSample,
    Finding,
    SampledCase,
)
from app.auditor import papers, services
from app.auditor.queries import CASES
from app.auditor.sampling import SOURCE, size_for
from app.auditor.services import Plan
from app.console.pages import numbered
from app.console.posted import posted_key
from app.jobs import services as jobs
from app.kernel.clock import now, today
from app.kernel.database import db
from app.kernel.errors import N_, DomainError, Invalid
from app.kernel.numbering import whole
from app.kernel.unit_of_work import UnitOfWork
from app.security.current import actor
from app.security.permissions import allowed
from app.security.rows import visible


class SampleView(BaseView):
    """抽样审计."""

    route_base = "/console/audit/samples"
    default_view = "index"

    @expose("/")
    @has_access
    def index(self) -> ResponseReturnValue:
        """Samples so far, open findings, and the form to draw one."""
        page = numbered(
            db.session(), select(AuditSample).order_by(AuditSample.id.desc()), sizes=(10, 25, 50), default=10
        )
        looked = db.session.execute(
            select(SampledCase.sample_id, func.count(), func.count().filter(SampledCase.result != "open"))
            .where(SampledCase.sample_id.in_([row.id for row in page.rows]))
            .group_by(SampledCase.sample_id)
        ).all()
        return self._index(page=page, looked={row[0]: (row[2], row[1]) for row in looked})

    def _index(self, **more: Any) -> Any:
        end = today()
        return self.render_template(
            "auditor/samples.html",
            kinds=SAMPLE_KINDS,
            cases=CASE_KINDS,
            strata=STRATA,
            severities=SEVERITIES,
            standings=FINDING_STATES,
            findings=db.session.scalars(
                select(Finding).where(Finding.standing == "open").order_by(Finding.id).limit(50)
            ).all(),
            since=end.replace(day=1) if end.day > 1 else end - timedelta(days=28),
            until=end,
            form=request.values,
            **more,
        )

    @expose("/draw", methods=["GET", "POST"])
    @has_access
    def draw(self) -> ResponseReturnValue:
        """How large a sample would be (GET); draw it (POST)."""
        problem, status, preview = "", 200, None
        try:
            plan = _plan(request.values)
            if request.method == "POST":
                with UnitOfWork(db.session, actor()) as uow:
                    sample = services.draw(uow, plan)
                flash(_("The sample has been drawn."), "success")
                return redirect(url_for("SampleView.show", pk=sample.id))
            plan.check()
            there = len(services.population(db.session(), plan, now()))
            preview = (there, size_for(there, plan.confidence, plan.tolerable, plan.expected))
        except DomainError as error:
            problem, status = _(error.message, **error.params), error.status
        return self.render_template(
            "auditor/draw.html",
            cases=CASE_KINDS,
            strata=STRATA,
            form=request.values,
            problem=problem,
            preview=preview,
            source=SOURCE,
        ), status

    @expose("/<int:pk>")
    @has_access
    def show(self, pk: int) -> ResponseReturnValue:
        """A sample with its worksheet."""
        return self._page(pk)

    def _page(self, pk: int, status: int = 200, problem: str = "") -> ResponseReturnValue:
        session = db.session()
        sample = visible(session, AuditSample, pk, actor())
        model = CASES[sample.cases]
        ids = [line.conversion_id or line.recognition_id for line in sample.lines]
        return self.render_template(
            "auditor/sample.html",
            sample=sample,
            cases={case.id: case for case in session.scalars(select(model).where(model.id.in_(ids)))},
            states=model.__table__.c.state.type.choices,
            strata=services.strata_of(session, sample),
            same=services.drawn_again(session, sample),
            formula=papers.formula(sample),
            source=SOURCE,
            findings=papers.findings(session, sample),
            labels={"kinds": SAMPLE_KINDS, "cases": CASE_KINDS, "strata": STRATA},
            results=RESULTS,
            severities=SEVERITIES,
            standings=FINDING_STATES,
            may=allowed(actor(), "SampleView.result"),
            looked=sum(line.result != "open" for line in sample.lines),
            problem=problem,
        ), status

    @expose("/<int:pk>/result", methods=["POST"])
    @has_access
    def result(self, pk: int) -> ResponseReturnValue:
        """What came of looking at one case."""
        form = request.form
        place, version = posted_key("place"), posted_key("version")
        return self._written(
            pk,
            lambda uow: services.look_at(
                uow, pk, place, form.get("result", ""), form.get("remark", ""), version
            ),
            _("The worksheet has been saved."),
            f"line-{place}",
        )

    @expose("/<int:pk>/finding", methods=["POST"])
    @has_access
    def finding(self, pk: int) -> ResponseReturnValue:
        """A finding about one case."""
        form, place = request.form, posted_key("place")
        return self._written(
            pk,
            lambda uow: services.find(uow, pk, place, form.get("severity", ""), form.get("text", "")),
            _("The finding has been written down."),
            "findings",
        )

    @expose("/<int:pk>/follow-up", methods=["POST"])
    @has_access
    def follow_up(self, pk: int) -> ResponseReturnValue:
        """What became of a finding."""
        form, key, version = request.form, posted_key("finding"), posted_key("version")
        return self._written(
            pk,
            lambda uow: services.follow_up(
                uow, key, form.get("text", ""), close="close" in form, version=version
            ),
            _("The follow-up has been written down."),
            "findings",
        )

    @expose("/<int:pk>/conclude", methods=["POST"])
    @has_access
    def conclude(self, pk: int) -> ResponseReturnValue:
        """The conclusion of the whole sample."""
        text, version = request.form.get("text", ""), posted_key("version")
        return self._written(
            pk,
            lambda uow: services.conclude(uow, pk, text, version),
            _("The conclusion has been saved."),
            "conclusion",
        )

    @expose("/<int:pk>/paper", methods=["POST"])
    @has_access
    def paper(self, pk: int) -> ResponseReturnValue:
        """The working paper as PDF."""
        visible(db.session(), AuditSample, pk, actor())
        with UnitOfWork(db.session, actor()) as uow:
            row, content = papers.issue_working_paper(uow, uow.session.get_one(AuditSample, pk), _language())
        answer = Response(content, mimetype="application/pdf")
        answer.headers["Content-Disposition"] = f'attachment; filename="{row.number}.pdf"'
        answer.headers["Cache-Control"] = "private, no-store"
        return answer

    @expose("/<int:pk>/pack", methods=["POST"])
    @has_access
    def pack(self, pk: int) -> ResponseReturnValue:
        """Have the worker seal the sample's pack."""
        sample = visible(db.session(), AuditSample, pk, actor())
        with UnitOfWork(db.session, actor()) as uow:
            name = _("Sealed pack %(number)s", number=sample.number)
            job = jobs.ask(uow, "sample_pack", {"sample": pk}, name=name, language=_language())
        flash(_("The pack will be ready in a moment."), "success")
        return redirect(url_for("ExportJobView.show", pk=job.id))

    def _written(
        self, pk: int, step: Callable[[UnitOfWork], Any], words: str, anchor: str
    ) -> ResponseReturnValue:
        visible(db.session(), AuditSample, pk, actor())
        try:
            with UnitOfWork(db.session, actor()) as uow:
                step(uow)
        except DomainError as error:
            return self._page(pk, error.status, _(error.message, **error.params))
        flash(words, "success")
        return redirect(url_for("SampleView.show", pk=pk, _anchor=anchor))


def _language() -> str:
    return "en" if str(get_locale()) == "en" else "zh"


def _plan(form: Any) -> Plan:
    """The plan that a form asks for. Raises Invalid."""
    try:
        begin, end = date.fromisoformat(form.get("since", "")), date.fromisoformat(form.get("until", ""))
    except ValueError as error:
        raise Invalid("period", N_("Please say from which day to which.")) from error
    expected = whole(form.get("expected", "0") or "0")
    if not date(1950, 1, 1) <= begin <= end <= date(2999, 1, 1) or expected is None:
        raise Invalid("period", N_("The period ends before it begins."))
    return Plan(
        cases=form.get("cases", "conversion"),
        period_from=begin,
        period_to=end,
        strata=form.get("strata") or None,
        confidence=_basis_points(form.get("confidence", "95")),
        tolerable=_basis_points(form.get("tolerable", "5")),
        expected=expected,
        seed=form.get("seed", "").strip(),
        note=form.get("note", ""),
    )


def _basis_points(text: str) -> int:
    try:
        found = Decimal(text.strip()) * 100
        return int(found) if found == found.to_integral_value() and 0 < found < 100_000 else 0
    except (InvalidOperation, ValueError):
        return 0
