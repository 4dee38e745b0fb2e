"""The figures of 审核统计: counted by the database, month by month; nothing about one person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import extract, func, select
from sqlalchemy.orm import Session

from app.conversion.models import ConversionApplication
from app.documents import registers, services
from app.documents.models import IssuedDocument
from app.documents.registers import Scope
from app.documents.words import Words
from app.kernel.actor import Actor
from app.kernel.errors import N_, Invalid
from app.kernel.unit_of_work import UnitOfWork
from app.organisations.models import Organisation
from app.recognition.models import RecognitionApplication
from app.review.models import DECISIONS, STAGES, Review
from reports import records
from reports.statistics import statistics

#: The longest period: a bar per month has to fit on the page.
MOST_MONTHS = 36
#: As many organisations as the chart names; the others are added up.
MOST_ORGANISATIONS = 15
#: Which states of a case count as what.
OUTCOMES: dict[str, tuple[str, ...]] = {
    N_("Approved"): ("recognised", "approved"),
    N_("Refused"): ("refused", "initial_refused"),
    N_("Returned"): ("returned",),
    N_("Under way"): ("submitted", "initial_review", "final_review", "performance_review"),
    N_("Withdrawn, lapsed or reversed"): ("withdrawn", "lapsed", "reversed"),
}


def issue(session: Session, actor: Actor, scope: Scope, language: str = "zh") -> tuple[IssuedDocument, bytes]:
    """Count, draw and issue the statistics of a period. Raises Invalid, NoSpace."""
    registers.check(scope, actor, session)
    if len(list(_months(scope))) > MOST_MONTHS:
        raise Invalid("months", N_("At most %(most)s months."), most=MOST_MONTHS)
    with UnitOfWork(session, actor) as uow:
        row, words = services.begin(uow, "statistics", "TJ", language, scope=scope.kept())
    cover = services.cover(
        session, row, services.issuer(actor, words), registers.facts(session, scope, words)
    )
    content = statistics(gather(session, scope, words, cover), **services.printing(words))
    with UnitOfWork(session, actor) as uow:
        return services.keep(uow, uow.session.get_one(IssuedDocument, row.id), content)


def gather(session: Session, scope: Scope, words: Words, cover: records.Cover) -> records.Statistics:
    """All figures of the paper."""
    months = list(_months(scope))
    by_month = [_states(session, month) for month in months]
    total: Counter[tuple[str, str]] = sum(by_month, Counter())
    return records.Statistics(
        cover,
        totals=_totals(total, words),
        charts=(
            _applications(months, by_month, words),
            _outcomes(total, words),
            _stages(session, scope, words),
            _days(session, months, words),
            _organisations(session, scope, words),
        ),
    )


def _months(scope: Scope) -> Iterator[Scope]:
    """The period cut at the ends of months."""
    start = scope.start
    while start <= scope.end:
        following = (start.replace(day=1) + timedelta(days=32)).replace(day=1)
        yield replace(scope, start=start, end=min(following - timedelta(days=1), scope.end))
        start = following


def _states(session: Session, scope: Scope) -> Counter[tuple[str, str]]:
    """Cases by kind and state."""
    found: Counter[tuple[str, str]] = Counter()
    for model in registers.models(scope):
        query = registers.narrowed(select(model.state, func.count()), model, scope).group_by(model.state)
        for state, count in session.execute(query):
            found[model.__tablename__, state] += count
    return found


def _kind(model: type[Any], words: Words) -> str:
    return words.text("Recognition" if model is RecognitionApplication else "Conversion")


def _totals(total: Counter[tuple[str, str]], words: Words) -> tuple[tuple[str, str], ...]:
    cases = sum(total.values())
    decided = _sum(total, "Approved") + _sum(total, "Refused")
    share = f"{_sum(total, 'Approved') * 100 / decided:.1f} %" if decided else "-"
    return (
        (words.text("Cases"), f"{cases:,}"),
        *((words.text(name), f"{_sum(total, name):,}") for name in OUTCOMES),
        (words.text("Approved of those decided"), share),
    )


def _sum(counted: Counter[tuple[str, str]], outcome: str, kind: str = "") -> int:
    return sum(
        count
        for (table, state), count in counted.items()
        if state in OUTCOMES[outcome] and (not kind or table == kind)
    )


def _applications(
    months: list[Scope], by_month: list[Counter[tuple[str, str]]], words: Words
) -> records.Chart:
    return records.Chart(
        words.text("Cases submitted per month"),
        words.text("Month"),
        tuple(f"{month.start:%Y-%m}" for month in months),
        tuple(
            records.Series(
                _kind(model, words),
                tuple(
                    float(sum(count for (table, _s), count in one.items() if table == model.__tablename__))
                    for one in by_month
                ),
            )
            for model in registers.models(months[0])
        ),
    )


def _outcomes(total: Counter[tuple[str, str]], words: Words) -> records.Chart:
    kinds = sorted({table for table, _state in total}) or [ConversionApplication.__tablename__]
    names = {
        RecognitionApplication.__tablename__: words.text("Recognition"),
        ConversionApplication.__tablename__: words.text("Conversion"),
    }
    return records.Chart(
        words.text("What became of them"),
        words.text("Outcome"),
        tuple(words.text(name) for name in OUTCOMES),
        tuple(
            records.Series(names[kind], tuple(float(_sum(total, name, kind)) for name in OUTCOMES))
            for kind in reversed(kinds)
        ),
    )


def _stages(session: Session, scope: Scope, words: Words) -> records.Chart:
    """Decisions of reviewers on the period's cases, by stage."""
    found: Counter[tuple[str, str]] = Counter()
    for model in registers.models(scope):
        key = Review.recognition_id if model is RecognitionApplication else Review.conversion_id
        cases = registers.narrowed(select(model.id), model, scope)
        query = (
            select(Review.stage, Review.decision, func.count())
            .where(key.in_(cases))
            .group_by(Review.stage, Review.decision)
        )
        for stage, decision, count in session.execute(query):
            found[stage, decision] += count
    stages = [stage for stage in STAGES if any(one == stage.code for one, _d in found)] or [STAGES["initial"]]
    return records.Chart(
        words.text("Decisions by stage"),
        words.text("Stage"),
        tuple(words(stage) for stage in stages),
        tuple(
            records.Series(
                words(decision), tuple(float(found[stage.code, decision.code]) for stage in stages)
            )
            for decision in DECISIONS
        ),
    )


def _days(session: Session, months: list[Scope], words: Words) -> records.Chart:
    """Days from submission to decision, on average, by month of submission."""
    ends = {
        RecognitionApplication: RecognitionApplication.decided_at,
        ConversionApplication: ConversionApplication.final_at,
    }
    series = []
    for model in registers.models(months[0]):
        end = ends[model]
        values = []
        for month in months:
            took = _elapsed(session, model.submitted_at, end)
            query = registers.narrowed(select(func.avg(took)), model, month).where(end.is_not(None))
            values.append(round(float(session.scalar(query) or 0), 1))
        series.append(values)
    kinds = registers.models(months[0])
    longest = [
        records.Series(_kind(model, words), tuple(values))
        for model, values in zip(kinds, series, strict=True)
    ]
    return records.Chart(
        words.text("Days from submission to decision"),
        words.text("Month"),
        tuple(f"{month.start:%Y-%m}" for month in months),
        tuple(longest),
        words.text("Calendar days on average, of the cases submitted in the month and decided since."),
        digits=1,
        stacked=False,
    )


def _elapsed(session: Session, start: Any, end: Any) -> Any:
    if session.get_bind().dialect.name == "sqlite":
        return func.julianday(end) - func.julianday(start)
    return extract("epoch", end - start) / 86400.0


def _organisations(session: Session, scope: Scope, words: Words) -> records.Chart:
    """Cases by home teaching point, the busiest first."""
    found: Counter[tuple[int, str]] = Counter()
    for model in registers.models(scope):
        query = registers.narrowed(select(model.home_point_id, func.count()), model, scope)
        for key, count in session.execute(query.group_by(model.home_point_id)):
            found[key, model.__tablename__] += count
    per_point: Counter[int] = Counter()
    for (key, _table), count in found.items():
        per_point[key] += count
    busiest = [key for key, _count in per_point.most_common(MOST_ORGANISATIONS)]
    names = {
        row.id: row.name
        for row in session.execute(
            select(Organisation.id, Organisation.name).where(Organisation.id.in_(busiest))
        )
    }
    rest = set(per_point) - set(busiest)
    labels = [names[key] for key in busiest] + ([words.text("Others")] if rest else [])
    series = []
    for model in registers.models(scope):
        table = model.__tablename__
        values = [float(found[key, table]) for key in busiest]
        if rest:
            values.append(float(sum(found[key, table] for key in rest)))
        series.append(records.Series(_kind(model, words), tuple(values)))
    return records.Chart(
        words.text("Cases by home teaching point"),
        words.text("Home teaching point"),
        tuple(labels),
        tuple(series),
    )
