"""The review desk: queue, case, decision, the next case. Recognition, initial, final and performance review,
and appeals all are one.

A desk of a room declares what differs: which cases wait, which columns the queue has, what to call the
services. The rest is here: oldest first by keyset, two clocks, claim and release, evidence beside the form,
a prefilled opinion, save-and-next within the filter, bulk decisions with one opinion that say what they
skipped and why, and 409 that tells who decided what.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import BaseView, expose, has_access, permission_name
from flask_babel import gettext as _
from sqlalchemy import Select, or_, select, tuple_
from sqlalchemy.orm import Session

from app.calendar import services as calendar
from app.console import export as exporting
from app.console import formats
from app.console.pages import capped_count, chosen_columns, keyset
from app.console.posted import posted_attestation
from app.kernel.choices import Choices
from app.kernel.clock import civil, now, start_of, today
from app.kernel.database import db
from app.kernel.errors import N_, Conflict, DomainError, Invalid
from app.kernel.numbering import whole
from app.kernel.unit_of_work import UnitOfWork
from app.review import services as review
from app.review.models import DECISIONS, FAULTS
from app.security.current import actor
from app.security.permissions import allowed
from app.security.rows import readable, visible

#: How many cases one opinion decides at a time: as many as a person reads names of before agreeing.
MOST_AT_ONCE = 200


@dataclass(frozen=True)
class Column:
    """One column of a queue: an English label (translated on screen) and how to read it off a case."""

    label: str
    value: Callable[[Any], Any]


@dataclass(frozen=True)
class Filter:
    """One filter of a queue: its parameter, its label, and how it narrows the query."""

    name: str
    label: str
    apply: Callable[[Select[Any], str], Select[Any]]


class Desk(BaseView):
    """Base of the review desks. Subclasses set the attributes below and implement the services."""

    default_view = "queue"
    #: The model of a case, the states that wait here, and those that the state filter offers besides.
    model: type[Any]
    waiting: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    states: Choices
    stage = ""
    title: Any = ""
    decided_message: Any = ""
    columns: Sequence[Column] = ()
    filters: Sequence[Filter] = ()
    #: What a case page and a bulk decision load besides the case; and what the queue's columns need of it.
    options: Sequence[Any] = ()
    queue_options: Sequence[Any] | None = None
    details_template = ""
    decisions: Choices = DECISIONS
    attests = False
    bulk_decisions: tuple[str, ...] = ("agree", "refuse")
    #: Whether a bulk decision takes complete cases only, whatever it says; else agreeing does.
    bulk_complete = False
    when = "submitted_at"

    # --- what a room implements

    def base(self, query: Select[Any]) -> Select[Any]:
        """Narrow the queue further (kind of case, joins that filters need)."""
        return query

    def decide_case(
        self, uow: UnitOfWork, pk: int, decision: str, opinion: str, version: int | None, form: Any, key: str
    ) -> Any:
        """Carry a decision out; raises DomainError."""
        raise NotImplementedError

    def claim_case(self, uow: UnitOfWork, pk: int) -> None:
        """Take a case."""
        raise NotImplementedError

    def release_case(self, uow: UnitOfWork, pk: int) -> None:
        """Give a case back."""
        raise NotImplementedError

    def attest_case(self, uow: UnitOfWork, pk: int, seen: review.Seen) -> None:
        """Write an attestation of originals down."""
        raise NotImplementedError

    def unready(self, case: Any) -> str | None:
        """Why a case can't be agreed to in bulk yet, in words; None when it is complete."""
        return None

    def details(self, case: Any) -> dict[str, Any]:
        """What the case page shows besides."""
        return {}

    def opinion(self, case: Any, attested: bool) -> str:
        """The opinion that the form begins with: 教学点：… 审核人：… 意见：… or 审核人：部门 姓名 (manual)."""
        me = actor()
        if self.attests:
            return _(
                "Teaching point: %(point)s Reviewer: %(name)s Opinion: agree",
                point=me.organisation_name,
                name=me.name,
            )
        return _(
            "Reviewer: %(department)s %(name)s",
            department=me.department or me.organisation_name,
            name=me.name,
        )

    # --- pages

    @expose("/")
    @has_access
    def queue(self) -> ResponseReturnValue:
        needed = self.options if self.queue_options is None else self.queue_options
        rows = keyset(db.session(), self._queue(), self._when(), self.model.id, options=needed)
        calendar_days = self._days_left(rows.rows)
        labels = [column.label for column in self.columns]
        shown = chosen_columns(type(self).__name__, labels, labels)
        return self.render_template(
            "console/desk/queue.html",
            desk=self,
            slice=rows,
            days=calendar_days,
            state=self._state(),
            me_id=actor().user_id,
            may_decide=self._may("decide"),
            columns=[column for column in self.columns if column.label in shown],
            shown=shown,
        )

    @expose("/done")
    @has_access
    @permission_name("queue")
    def done_page(self) -> ResponseReturnValue:
        """What a reviewer sees when nothing is left within the filter."""
        return self.render_template(
            "console/desk/done.html",
            desk=self,
            decided=review.decided_since(db.session(), actor(), self.stage, start_of(today())),
            elsewhere=self._following(0, filtered=False),
        )

    @expose("/export", methods=["POST"])
    @has_access
    def export(self) -> ResponseReturnValue:
        """The queue as a workbook, by the filters in the address."""
        return exporting.respond(self)

    def export_table(self, plain: bool) -> exporting.Table:
        """The queue's columns with state and deadline."""

        def read(case: Any) -> list[Any]:
            due = case.due_at or getattr(case, "learner_due_at", None)
            last = [_(self.states[case.state].label), civil(due).strftime("%Y-%m-%d") if due else ""]
            return [*(formats.read(column.value(case)) for column in self.columns), *last]

        heads = [*(_(column.label) for column in self.columns), _("State"), _("Deadline")]
        needed = self.options if self.queue_options is None else self.queue_options
        return exporting.Table(str(self.title), heads, self._queue(), self.model.id, needed, read)

    def export_count(self) -> int:
        return capped_count(db.session(), self._queue())

    @expose("/<int:pk>")
    @has_access
    def case(self, pk: int) -> ResponseReturnValue:
        return self._page(pk)

    @expose("/<int:pk>/decide", methods=["POST"])
    @has_access
    def decide(self, pk: int) -> ResponseReturnValue:
        visible(db.session(), self.model, pk, actor())
        form = request.form
        try:
            self._act(lambda uow: self._decide_one(uow, pk, form))
        except Conflict as error:
            return self._page(pk, status=409, problem=self._who_was_first(pk, error))
        except DomainError as error:
            return self._page(pk, status=error.status, problem=_(error.message, **error.params))
        flash(str(self.decided_message), "success")
        following = self._following(pk)
        if "next" in form:
            return redirect(self._url("case", pk=following) if following else self._url("done_page"))
        return redirect(self._url("queue"))

    @expose("/<int:pk>/attest", methods=["POST"])
    @has_access
    def attest(self, pk: int) -> ResponseReturnValue:
        visible(db.session(), self.model, pk, actor())
        try:
            seen = posted_attestation()
            self._act(lambda uow: self.attest_case(uow, pk, seen))
        except DomainError as error:
            return self._page(pk, status=error.status, problem=_(error.message, **error.params))
        flash(_("The attestation of the original has been written down."), "success")
        return redirect(self._url("case", pk=pk))

    @expose("/<int:pk>/claim", methods=["POST"])
    @has_access
    def claim(self, pk: int) -> ResponseReturnValue:
        return self._simple(pk, self.claim_case)

    @expose("/<int:pk>/release", methods=["POST"])
    @has_access
    def release(self, pk: int) -> ResponseReturnValue:
        return self._simple(pk, self.release_case)

    @expose("/bulk", methods=["POST"])
    @has_access
    def bulk(self) -> ResponseReturnValue:
        """One opinion for several cases: first lists them, then decides each in a transaction of its own."""
        chosen = [key for key in map(whole, request.form.getlist("rowid")) if key is not None]
        ids = chosen[:MOST_AT_ONCE]
        if len(chosen) > len(ids):
            flash(
                _(
                    "Only the first %(most)s of %(chosen)s chosen cases are here; the others still wait.",
                    most=len(ids),
                    chosen=len(chosen),
                ),
                "warning",
            )
        cases = list(
            db.session.scalars(
                self._visible().where(self.model.id.in_(ids)).order_by(self.model.id).options(*self.options)
            ).unique()
        )
        if not cases:
            flash(_("Please choose at least one case."), "warning")
            return redirect(self._url("queue"))
        if "confirmed" not in request.form:
            return self.render_template(
                "console/desk/bulk.html",
                desk=self,
                cases=[(case, self._unready(case)) for case in cases],
                key=uuid4().hex,
                opinion=self.opinion(cases[0], False),
                report=None,
            )
        report = [(case, self._decide_in_bulk(case)) for case in cases]
        return self.render_template(
            "console/desk/bulk.html",
            desk=self,
            cases=[],
            report=report,
            key="",
            opinion=request.form.get("opinion", ""),
        )

    # --- inside

    def _decide_one(self, uow: UnitOfWork, pk: int, form: Any) -> None:
        version = whole(form.get("version", ""))
        if version is None:
            raise Invalid("version", N_("This form is not complete. Please open the case again."))
        self.decide_case(
            uow,
            pk,
            form.get("decision", ""),
            form.get("opinion", ""),
            version,
            form,
            form.get("key", "")[:64],
        )

    def _decide_in_bulk(self, case: Any) -> str | None:
        """Decide one of several; what it was skipped for, or None. The version is the one that the list
        showed.
        """
        decision = request.form.get("decision", "")
        if decision not in self.bulk_decisions:
            return _("Please choose a decision.")
        unready = self._unready(case) if decision == "agree" or self.bulk_complete else None
        if unready:
            return unready
        seen = request.form.get(f"version-{case.id}", "")
        if seen != str(case.version):
            return _("Someone else changed this record meanwhile. Please look at it again.")
        key = f"{request.form.get('key', '')[:40]}-{case.id}"
        pk = case.id
        try:
            self._act(
                lambda uow: self.decide_case(
                    uow, pk, decision, request.form.get("opinion", ""), int(seen), {}, key
                )
            )
        except DomainError as error:
            return _(error.message, **error.params)
        return None

    def _unready(self, case: Any) -> str | None:
        if case.state not in self.waiting:
            return _("This is no longer possible: the case has moved on.")
        return self.unready(case)

    def _act(self, step: Callable[[UnitOfWork], Any]) -> None:
        """Run a step; a conflict of duties is written down after the refusal has rolled back."""
        try:
            with UnitOfWork(db.session, actor()) as uow:
                step(uow)
        except review.Blocked as blocked:
            with UnitOfWork(db.session, actor()) as uow:
                review.log_block(uow, blocked)
            raise

    def _simple(self, pk: int, service: Callable[[UnitOfWork, int], None]) -> ResponseReturnValue:
        visible(db.session(), self.model, pk, actor())
        try:
            self._act(lambda uow: service(uow, pk))
        except DomainError as error:
            flash(_(error.message, **error.params), "warning")
        return redirect(self._url("case", pk=pk))

    def _page(self, pk: int, status: int = 200, problem: str = "") -> ResponseReturnValue:
        session: Session = db.session()
        case = visible(session, self.model, pk, actor())
        subject = self.subject(case)
        attestations = review.attestations(session, subject)
        may = {name: self._may(name, case) for name in ("decide", "attest", "claim")}
        reason = (
            review.conflict(session, actor(), subject, self.stage)
            if may["decide"] and case.state in self.waiting
            else None
        )
        return (
            self.render_template(
                "console/desk/case.html",
                desk=self,
                case=case,
                subject=subject,
                attestations=attestations,
                reviews=review.reviews(session, subject),
                days=self._days_left([case]),
                may=may,
                problem=problem,
                waiting=case.state in self.waiting,
                key=uuid4().hex,
                today=today(),
                opinion=request.form.get("opinion") or self.opinion(case, bool(attestations)),
                faults=FAULTS,
                form=request.form,
                blocked=review.words_for(reason) if reason else "",
                me_id=actor().user_id,
                back=self._url("queue"),
                following=self._following(pk) if case.state in self.waiting else None,
                **self.details(case),
            ),
            status,
        )

    def subject(self, case: Any) -> Any:
        """The application that the case is about: itself, or what an appeal is against."""
        return case

    def _queue(self) -> Select[Any]:
        state = self._state()
        query = self._visible().where(
            self.model.state.in_(
                self.waiting
                if state == "waiting"
                else (*self.waiting, *self.done)
                if state == "all"
                else (state,)
            )
        )
        for chosen in self.filters:
            word = request.args.get(chosen.name, "").strip()[:100]
            if word:
                query = chosen.apply(query, word)
        return query

    def _visible(self) -> Select[Any]:
        return self.base(select(self.model).where(readable(self.model, actor())))

    def _state(self) -> str:
        asked = request.args.get("state", "waiting")
        return asked if asked == "all" or asked in (*self.waiting, *self.done) else "waiting"

    def _when(self) -> Any:
        return getattr(self.model, self.when)

    def _following(self, pk: int, filtered: bool = True) -> int | None:
        """The case that comes after this one within the filter in force, else the oldest that waits there; cases that
        somebody else has taken are theirs.
        """
        query = self._visible().where(self.model.state.in_(self.waiting), self.model.id != pk)
        for chosen in self.filters if filtered else ():
            word = request.args.get(chosen.name, "").strip()[:100]
            if word:
                query = chosen.apply(query, word)
        if hasattr(self.model, "claimed_by_id"):
            taken = self.model.claimed_by_id
            query = query.where(or_(taken.is_(None), taken == actor().user_id))
        here = db.session.get(self.model, pk) if pk else None
        place = (self._when(), self.model.id)
        order: list[Any] = [*place]
        if here is not None:
            order.insert(0, tuple_(*place) < tuple_(getattr(here, self.when), pk))
        return db.session.scalar(query.with_only_columns(self.model.id).order_by(*order).limit(1))

    def _url(self, method: str, **values: Any) -> str:
        kept: dict[str, Any] = {
            chosen.name: request.args[chosen.name] for chosen in self.filters if request.args.get(chosen.name)
        }
        if request.args.get("state"):
            kept["state"] = request.args["state"]
        return url_for(f"{type(self).__name__}.{method}", **values, **kept)

    def _days_left(self, cases: Sequence[Any]) -> dict[int, int]:
        """Working days until each open case is due; negative once it is overdue."""
        found: dict[int, Any] = {
            case.id: case.due_at or getattr(case, "learner_due_at", None) for case in cases
        }
        dues: dict[int, datetime] = {key: due for key, due in found.items() if due is not None}
        if not dues:
            return {}
        moment = now()
        known = calendar.load(db.session(), civil(min(*dues.values(), moment)).date())  # once a page
        return {key: known.between(moment, due) for key, due in dues.items()}

    def _may(self, action: str, row: Any = None) -> bool:
        return allowed(actor(), f"{type(self).__name__}.{action}", row)

    def _who_was_first(self, pk: int, error: Conflict) -> str:
        """Whoever comes second is told who decided what."""
        db.session.rollback()
        case = visible(db.session(), self.model, pk, actor())
        last = review.last_decision(db.session(), self.subject(case))
        words = str(_(error.message, **error.params))
        if last is None or case.state in self.waiting:
            return words
        decision = _(DECISIONS[last.decision].label)
        said = _("%(name)s has decided: %(decision)s.", name=last.reviewer.get_full_name(), decision=decision)
        return f"{words} {said}"
