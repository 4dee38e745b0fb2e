"""Drawing samples, filling in worksheets, following findings up."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from app.audit.models import CASE_KINDS, RESULTS, SEVERITIES, STRATA, AuditSample, Finding, SampledCase
from app.auditor import sampling
from app.auditor.queries import CASES
from app.auditor.sampling import Candidate
from app.conversion.models import ConversionApplication
from app.kernel.clock import CIVIL, civil, now
from app.kernel.errors import N_, Conflict, Invalid, NotFound
from app.kernel.numbering import case_number
from app.kernel.unit_of_work import UnitOfWork
from app.organisations.models import Organisation
from app.review.models import Review
from app.rules.models import RuleVersion
from app.security.models import Account, Person
from app.security.permissions import authorise
from verifier.canonical import canonical


@dataclass(frozen=True)
class Plan:
    """What an auditor asks for. Shares are basis points; days are civil, both included. An empty seed is chosen by lot."""

    cases: str
    period_from: date
    period_to: date
    strata: str | None = None
    confidence: int = 9500
    tolerable: int = 500
    expected: int = 0
    seed: str = ""
    note: str = ""

    def check(self) -> None:
        """Raises Invalid."""
        if self.cases not in CASE_KINDS or (self.strata is not None and self.strata not in STRATA):
            raise Invalid("plan", N_("Please choose what the sample is drawn from."))
        if self.period_from > self.period_to:
            raise Invalid("period", N_("The period ends before it begins."))
        if self.strata == "rule" and self.cases != "conversion":
            raise Invalid("strata", N_("Only conversions are decided by rules."))
        if not (5000 <= self.confidence <= 9999 and 1 <= self.tolerable <= 5000 and 0 <= self.expected <= 50):
            raise Invalid(
                "size",
                N_(
                    "Confidence is 50 to 99.99 per cent, the tolerable share 0.01 to 50 per cent, expected errors at most 50."
                ),
            )
        if len(self.seed) > 64:
            raise Invalid("seed", N_("A seed has at most 64 characters."))


def population(session: Session, plan: Plan, until: datetime) -> list[Candidate]:
    """The cases that were decided in the period, by decisions that stood at ``until``; read off the decisions, which
    nobody can change, so the same question has the same answer for good.
    """
    model = CASES[plan.cases]
    column = Review.conversion_id if plan.cases == "conversion" else Review.recognition_id
    deciding = (
        or_(
            Review.stage.in_(("final", "performance")),
            and_(Review.stage == "initial", Review.decision == "refuse"),
        )
        if plan.cases == "conversion"
        else Review.stage == "recognition"
    )
    begin = datetime.combine(plan.period_from, time(), CIVIL)
    end = min(datetime.combine(plan.period_to + timedelta(days=1), time(), CIVIL), until)
    last = (
        select(func.max(Review.id))
        .where(
            deciding,
            Review.decision != "return",
            Review.created_at >= begin,
            Review.created_at < end,
            column.is_not(None),
        )
        .group_by(column)
    )
    query = (
        select(model.number, model.id, Review.created_at, *_stratum_columns(plan))
        .join(Review, column == model.id)
        .where(Review.id.in_(last))
        .order_by(model.id)
    )
    for target, condition in _stratum_joins(plan):
        query = query.outerjoin(target, condition)
    return [
        Candidate(row.number or f"#{row.id}", row.id, _stratum(plan, row)) for row in session.execute(query)
    ]


def _stratum_columns(plan: Plan) -> list[Any]:
    return {
        "organisation": [Organisation.name.label("stratum")],
        "reviewer": [Person.name.label("stratum"), Account.id.label("account")],
        "rule": [RuleVersion.name.label("stratum")],
    }.get(plan.strata or "", [])


def _stratum_joins(plan: Plan) -> list[tuple[Any, Any]]:
    joins: dict[str, list[tuple[Any, Any]]] = {
        "organisation": [(Organisation, Organisation.id == Review.organisation_id)],
        "reviewer": [(Account, Account.id == Review.reviewer_id), (Person, Person.id == Account.person_id)],
        "rule": [(RuleVersion, RuleVersion.id == ConversionApplication.rule_version_id)],
    }
    return joins.get(plan.strata or "", [])


def _stratum(plan: Plan, row: Any) -> str:
    if plan.strata is None:
        return ""
    if plan.strata == "month":
        return civil(row.created_at).strftime("%Y-%m")
    name = str(row.stratum or "-")[:180]
    return f"{name} ({row.account})" if plan.strata == "reviewer" else name


def draw(uow: UnitOfWork, plan: Plan) -> AuditSample:
    """Draw a sample and open its worksheet. Raises Invalid, Forbidden."""
    authorise(uow.actor, "SampleView.draw")
    plan.check()
    seed, moment = plan.seed.strip() or secrets.token_hex(8), now()
    candidates = population(uow.session, plan, moment)
    if not candidates:
        raise Invalid("nothing", N_("No case was decided in this period."))
    size = sampling.size_for(len(candidates), plan.confidence, plan.tolerable, plan.expected)
    sample = AuditSample(
        kind="stratified" if plan.strata else "random",
        cases=plan.cases,
        strata=plan.strata,
        seed=seed,
        size=size,
        population=len(candidates),
        confidence=plan.confidence,
        tolerable=plan.tolerable,
        expected=plan.expected,
        period_from=plan.period_from,
        period_to=plan.period_to,
        drawn_at=moment,
        note=plan.note.strip()[:2000],
        created_by_id=uow.actor.user_id,
    )
    uow.session.add(sample)
    uow.flush()
    sample.number = case_number("CY", civil(moment).date(), sample.id)
    for place, one in enumerate(_drawn(plan, candidates, size, seed), 1):
        line = SampledCase(
            sample_id=sample.id, place=place, stratum=one.stratum, created_by_id=uow.actor.user_id
        )
        setattr(line, f"{plan.cases}_id", one.key)
        uow.session.add(line)
    uow.flush()
    numbers = sorted(one.number for one in candidates)
    uow.record(
        "sample.drawn",
        sample,
        seed=seed,
        size=size,
        population=len(candidates),
        frame=sha256(canonical(numbers)).hexdigest(),
    )
    return sample


def _drawn(plan: Plan, candidates: Sequence[Candidate], size: int, seed: str) -> list[Candidate]:
    if plan.strata:
        return sampling.draw_stratified(candidates, size, seed)
    return sampling.draw(candidates, size, seed)


def plan_of(sample: AuditSample) -> Plan:
    """What a sample was drawn by."""
    return Plan(
        sample.cases,
        sample.period_from,
        sample.period_to,
        sample.strata,
        sample.confidence,
        sample.tolerable,
        sample.expected,
        sample.seed,
    )


def drawn_again(session: Session, sample: AuditSample) -> bool:
    """Whether the same seed, period and moment give the same cases in the same order again."""
    plan = plan_of(sample)
    candidates = population(session, plan, sample.drawn_at)
    size = sampling.size_for(len(candidates), plan.confidence, plan.tolerable, plan.expected)
    again = [one.key for one in _drawn(plan, candidates, size, sample.seed)]
    return again == [line.conversion_id or line.recognition_id for line in sample.lines]


def strata_of(session: Session, sample: AuditSample) -> list[tuple[str, int, int]]:
    """(stratum, in the population, drawn), in the order of their names."""
    known: dict[str, list[int]] = {}
    for one in population(session, plan_of(sample), sample.drawn_at):
        known.setdefault(one.stratum, [0, 0])[0] += 1
    for line in sample.lines:
        known.setdefault(line.stratum, [0, 0])[1] += 1
    return [(name, there, drawn) for name, (there, drawn) in sorted(known.items())]


def _line(uow: UnitOfWork, sample_id: int, place: int) -> SampledCase:
    query = select(SampledCase).where(SampledCase.sample_id == sample_id, SampledCase.place == place)
    line = uow.session.scalar(query.with_for_update().execution_options(populate_existing=True))
    if line is None:
        raise NotFound
    return line


def look_at(
    uow: UnitOfWork, sample_id: int, place: int, result: str, remark: str, version: int
) -> SampledCase:
    """Write down what came of looking at one case. Raises Conflict (somebody else did meanwhile), Invalid."""
    authorise(uow.actor, "SampleView.result")
    line = _line(uow, sample_id, place)
    if line.version != version:
        raise Conflict("stale", N_("Someone else changed this record meanwhile. Please look at it again."))
    if result not in RESULTS:
        raise Invalid("result", N_("Please choose a result."))
    if result == "error" and not remark.strip():
        raise Invalid("remark", N_("Please say what the error is."))
    line.result, line.remark = result, remark.strip()[:2000]
    uow.flush()
    return line


def find(uow: UnitOfWork, sample_id: int, place: int, severity: str, text: str) -> Finding:
    """Write down a finding about a case of a sample. Raises Invalid."""
    authorise(uow.actor, "SampleView.finding")
    line = _line(uow, sample_id, place)
    if severity not in SEVERITIES or not text.strip():
        raise Invalid("finding", N_("Please say how grave it is, and what was found."))
    row = Finding(
        sample_id=sample_id,
        conversion_id=line.conversion_id,
        recognition_id=line.recognition_id,
        severity=severity,
        text=text.strip()[:4000],
        created_by_id=uow.actor.user_id,
    )
    uow.session.add(row)
    uow.flush()
    return row


def follow_up(uow: UnitOfWork, finding_id: int, text: str, *, close: bool, version: int) -> Finding:
    """Write down what became of a finding; ``close`` it once that is done. Raises Conflict, Invalid, NotFound."""
    authorise(uow.actor, "SampleView.follow_up")
    row = uow.session.scalar(select(Finding).where(Finding.id == finding_id).with_for_update())
    if row is None:
        raise NotFound
    if row.version != version:
        raise Conflict("stale", N_("Someone else changed this record meanwhile. Please look at it again."))
    if not text.strip():
        raise Invalid("follow_up", N_("Please say what became of it."))
    row.follow_up, row.standing = text.strip()[:4000], "closed" if close else "open"
    uow.flush()
    return row


def conclude(uow: UnitOfWork, sample_id: int, text: str, version: int) -> AuditSample:
    """Write the conclusion of a sample, once every case was looked at. Raises Conflict, Invalid, NotFound."""
    authorise(uow.actor, "SampleView.conclude")
    sample = uow.session.scalar(select(AuditSample).where(AuditSample.id == sample_id).with_for_update())
    if sample is None:
        raise NotFound
    if sample.version != version:
        raise Conflict("stale", N_("Someone else changed this record meanwhile. Please look at it again."))
    if any(line.result == "open" for line in sample.lines):
        raise Conflict("not_looked_at", N_("Some cases have not been looked at yet."))
    if not text.strip():
        raise Invalid("conclusion", N_("Please write a conclusion."))
    sample.conclusion = text.strip()[:4000]
    uow.flush()
    return sample
