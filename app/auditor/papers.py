"""审计底稿: a sample as a paper."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import select

from app.audit.models import (
    CASE_KINDS,
    FINDING_STATES,
    RESULTS,
    SAMPLE_KINDS,
    SEVERITIES,
    STRATA,
    AuditSample,
    Finding,
)
from app.auditor import sampling
from app.auditor.queries import CASES
from app.auditor.services import strata_of
from app.documents import services as documents
from app.documents.models import IssuedDocument
from app.documents.words import Words
from app.kernel.errors import N_
from app.kernel.numbering import decimal
from app.kernel.unit_of_work import UnitOfWork
from app.review import services as review
from app.security.models import Account
from reports.records import FindingLine, SampledCase, Stratum, WorkingPaper
from reports.working import working_paper

#: Texts of the paper, named here so that the catalogues know them.
TEXTS = (
    N_("Sample"),
    N_("Way of drawing"),
    N_("Drawn from"),
    N_("Decided in"),
    N_("Confidence and tolerable share"),
    N_("Expected errors"),
    N_("Drawn at"),
    N_("Not concluded yet."),
    N_("All cases"),
)


def issue_working_paper(
    uow: UnitOfWork, sample: AuditSample, language: str = "zh"
) -> tuple[IssuedDocument, bytes]:
    """Issue the working paper of a sample as it stands now. Raises NoSpace."""
    row, words = documents.begin(uow, "working_paper", "DG", language, scope={"sample": sample.id})
    cover = documents.cover(uow.session, row, documents.issuer(uow.actor, words), _facts(sample, words))
    record = WorkingPaper(
        cover=cover,
        seed=sample.seed,
        formula=f"{formula(sample)} → n = {sample.size}",
        source=sampling.SOURCE,
        strata=tuple(
            Stratum(name or words.text("All cases"), there, drawn)
            for name, there, drawn in strata_of(uow.session, sample)
        ),
        cases=tuple(_case(uow, sample, line, words) for line in sample.lines),
        findings=tuple(_finding(uow, sample, found, words) for found in findings(uow.session, sample)),
        conclusion=sample.conclusion or words.text("Not concluded yet."),
    )
    return documents.keep(uow, row, working_paper(record, **documents.printing(words)))


def formula(sample: AuditSample) -> str:
    """How the size follows, with this sample's numbers."""
    return sampling.FORMULA.format(
        expected=sample.expected,
        population=sample.population,
        tolerable=decimal(sample.tolerable),
        confidence=decimal(sample.confidence),
    )


def findings(session: Any, sample: AuditSample) -> list[Finding]:
    """The findings of a sample, oldest first."""
    return list(session.scalars(select(Finding).where(Finding.sample_id == sample.id).order_by(Finding.id)))


def _facts(sample: AuditSample, words: Words) -> tuple[tuple[str, str], ...]:
    text: Callable[[str], str] = words.text
    way = words(SAMPLE_KINDS[sample.kind]) + (f" · {words(STRATA[sample.strata])}" if sample.strata else "")
    shares = f"{decimal(sample.confidence)} % · {decimal(sample.tolerable)} %"
    return (
        (text("Sample"), sample.number or ""),
        (text("Way of drawing"), way),
        (text("Drawn from"), f"{words(CASE_KINDS[sample.cases])} · {sample.population:,}"),
        (text("Decided in"), f"{sample.period_from} – {sample.period_to}"),
        (text("Confidence and tolerable share"), shares),
        (text("Expected errors"), str(sample.expected)),
        (text("Drawn at"), words.day(sample.drawn_at)),
    )


def _case(uow: UnitOfWork, sample: AuditSample, line: Any, words: Words) -> SampledCase:
    model = CASES[sample.cases]
    case = uow.session.get_one(model, line.conversion_id or line.recognition_id)
    last = review.last_decision(uow.session, case)
    result = words(RESULTS[line.result]) if line.result != "open" else ""
    return SampledCase(
        place=line.place,
        number=case.number or "",
        kind=words(CASE_KINDS[sample.cases]),
        stratum=line.stratum,
        organisation=case.home_point.name,
        reviewer=last.reviewer.get_full_name() if last else "",
        decided_at=last.created_at if last else None,
        state=words(model.__table__.c.state.type.choices[case.state]),
        result="：".join(filter(None, (result, line.remark))),
    )


def _finding(uow: UnitOfWork, sample: AuditSample, found: Finding, words: Words) -> FindingLine:
    case = uow.session.get_one(CASES[sample.cases], found.conversion_id or found.recognition_id)
    who = uow.session.get(Account, found.created_by_id) if found.created_by_id else None
    return FindingLine(
        case_number=case.number or "",
        severity=words(SEVERITIES[found.severity]),
        state=words(FINDING_STATES[found.standing]),
        text=found.text,
        follow_up=found.follow_up,
        who=who.get_full_name() if who else words.text("System"),
        at=found.created_at,
    )
