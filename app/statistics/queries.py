"""The figures: a handful of grouped statements, each one scan, and the list behind any of their cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from app.accounts.models import CreditEntry
from app.achievements.models import Achievement
from app.catalogue.models import Category
from app.kernel.actor import Actor
from app.kernel.clock import now, today
from app.learners.models import Learner
from app.organisations.models import Committee, Organisation
from app.security.models import Person
from app.security.permissions import grants_of
from app.security.rows import Scope
from app.statistics.cases import AGES, KINDS, Filter, age_of, begin, below, cases, outcome_of, owned
from app.statistics.sql import civil_month, days_between

#: As many organisations as the chart names; the rest is added up.
MOST_POINTS = 15
#: No period is longer, and none has more months than a chart can name.
LONGEST = timedelta(days=5 * 366)


@dataclass(frozen=True)
class Group:
    """One line of a figure: what it stands for (``key`` for drilling down), and how many cases by outcome."""

    key: Any
    name: str
    counts: dict[str, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True)
class Month:
    """``days``: how long the cases decided in this month had taken on average; None where none was decided."""

    month: str
    submitted: int
    decided: int
    days: float | None


@dataclass(frozen=True)
class CategoryLine:
    """Achievements of a category that were added in the period; credits in hundredths, by kind of posting."""

    key: int
    name: str
    achievements: int
    recognised: int
    accumulated: int
    converted: int


@dataclass(frozen=True)
class Figures:
    """Everything that the dashboard shows."""

    months: list[Month]
    outcomes: list[Group]
    ages: list[Group]
    overdue: int
    points: list[Group]
    more_points: int
    committees: list[Group]
    categories: list[CategoryLine]
    learners: int
    activated: int

    def count(self, outcome: str = "") -> int:
        """Cases of an outcome, or all."""
        return sum(group.counts.get(outcome, 0) if outcome else group.total for group in self.outcomes)


def usual() -> Filter:
    """The last twelve months, this one included."""
    day = today()
    first = date(day.year - 1, day.month, 1) + timedelta(days=32)
    return Filter(first.replace(day=1), day)


def figures(session: Session, actor: Actor, wanted: Filter) -> Figures:
    """The figures of all cases submitted in the period, as far as they count for ``actor``."""
    found = cases(actor, wanted)
    months, outcomes = _by_month(session, found, wanted)
    ages, overdue = _by_age(session, found)
    points = _grouped(session, _named(found, found.c.point, Organisation))
    learners, activated = _learners(session, actor, wanted)
    return Figures(
        months=months,
        outcomes=outcomes,
        ages=ages,
        overdue=overdue,
        points=points[:MOST_POINTS],
        more_points=sum(group.total for group in points[MOST_POINTS:]),
        committees=_grouped(session, _named(found, found.c.committee, Committee)),
        categories=_categories(session, actor, wanted),
        learners=learners,
        activated=activated,
    )


def _by_month(session: Session, found: Any, wanted: Filter) -> tuple[list[Month], list[Group]]:
    month, outcome = civil_month(found.c.submitted_at), outcome_of(found.c.state)
    submitted = select(month, found.c.kind, outcome, func.count()).group_by(month, found.c.kind, outcome)
    begun: dict[str, int] = {}
    kinds: dict[str, dict[str, int]] = {kind.code: {} for kind in KINDS}
    for name, kind, result, count in session.execute(submitted):
        begun[name] = begun.get(name, 0) + count
        kinds[kind][result] = kinds[kind].get(result, 0) + count
    ended = civil_month(found.c.decided_at)
    taken = func.avg(days_between(found.c.submitted_at, found.c.decided_at))
    decided = (
        select(ended, func.count(), taken)
        .where(found.c.decided_at.is_not(None), found.c.state != "returned")
        .group_by(ended)
    )
    done = {name: (count, float(days)) for name, count, days in session.execute(decided)}
    last = max([wanted.last, *(date.fromisoformat(f"{name}-01") for name in done)])
    months = [
        Month(name, begun.get(name, 0), *done.get(name, (0, None))) for name in _months(wanted.first, last)
    ]
    return months, [Group(kind.code, kind.label, kinds[kind.code]) for kind in KINDS if kinds[kind.code]]


def _by_age(session: Session, found: Any) -> tuple[list[Group], int]:
    moment = now()
    age = age_of(found.c.submitted_at, moment)
    waiting = (
        select(age, found.c.kind, func.count(), func.count().filter(found.c.due_at < moment))
        .where(outcome_of(found.c.state) == "open")
        .group_by(age, found.c.kind)
    )
    counts: dict[str, dict[str, int]] = {code: {} for code in AGES}
    overdue = 0
    for code, kind, count, late in session.execute(waiting):
        counts[code][kind] = count
        overdue += late
    return [Group(code, code, counts[code]) for code in AGES], overdue


def _named(found: Any, key: Any, model: Any) -> Select[Any]:
    outcome = outcome_of(found.c.state)
    return (
        select(key, model.name, outcome, func.count())
        .join(model, model.id == key)
        .group_by(key, model.name, outcome)
    )


def _grouped(session: Session, statement: Select[Any]) -> list[Group]:
    """Groups by size."""
    groups: dict[int, Group] = {}
    for key, name, outcome, count in session.execute(statement):
        groups.setdefault(key, Group(key, name, {})).counts[outcome] = count
    return sorted(groups.values(), key=lambda group: (-group.total, group.name))


def _categories(session: Session, actor: Actor, wanted: Filter) -> list[CategoryLine]:
    held = func.count().filter(Achievement.state.in_(("recognised", "catalogued")))
    achievements = (
        select(Achievement.category_id, Category.name_zh, func.count(), held)
        .join(Category, Category.id == Achievement.category_id)
        .where(owned(Achievement, actor), *_period(Achievement, wanted))
        .group_by(Achievement.category_id, Category.name_zh, Category.position)
        .order_by(Category.position)
    )
    credits = (
        select(CreditEntry.category_id, CreditEntry.kind, func.sum(CreditEntry.credits))
        .where(owned(CreditEntry, actor), *_period(CreditEntry, wanted))
        .group_by(CreditEntry.category_id, CreditEntry.kind)
    )
    posted = {(category, kind): int(total) for category, kind, total in session.execute(credits)}
    return [
        CategoryLine(
            key, name, count, kept, posted.get((key, "accumulation"), 0), posted.get((key, "conversion"), 0)
        )
        for key, name, count, kept in session.execute(achievements)
    ]


def _period(model: Any, wanted: Filter) -> list[Any]:
    conditions = [
        model.created_at >= begin(wanted.first),
        model.created_at < begin(wanted.last + timedelta(days=1)),
    ]
    if wanted.organisation is not None:
        at_home = select(Learner.id).where(Learner.home_point_id.in_(below(wanted.organisation)))
        conditions.append(model.learner_id.in_(at_home))
    return conditions


def _learners(session: Session, actor: Actor, wanted: Filter) -> tuple[int, int]:
    query = select(func.count(), func.count().filter(Learner.standing != "imported")).where(
        owned(Learner, actor), Learner.standing != "closed"
    )
    if wanted.organisation is not None:
        query = query.where(Learner.home_point_id.in_(below(wanted.organisation)))
    every, activated = session.execute(query).one()
    return every, activated


def organisations(session: Session, actor: Actor) -> Sequence[Organisation]:
    """What the dashboard may be narrowed to: institutions for those who see all, what lies below for others."""
    scopes = {grant.rows for grant in grants_of(actor, "StatisticsView.index")}
    query = select(Organisation).where(owned(Organisation, actor)).order_by(Organisation.path)
    if Scope.ALL in scopes:
        query = query.where(Organisation.kind.in_(("center", "institution")))
    return session.scalars(query.limit(500)).all()


def listed(actor: Actor, wanted: Filter) -> Select[Any]:
    """The cases behind a figure, newest first, with the learner's name and the teaching point."""
    found = cases(actor, wanted)
    return (
        select(
            found.c.kind,
            found.c.id,
            found.c.number,
            found.c.state,
            found.c.submitted_at,
            found.c.decided_at,
            found.c.due_at,
            Person.name.label("learner"),
            Organisation.name.label("point"),
            Committee.name.label("committee"),
        )
        .join(Learner, Learner.id == found.c.learner)
        .join(Person, Person.id == Learner.person_id)
        .join(Organisation, Organisation.id == found.c.point)
        .outerjoin(Committee, Committee.id == found.c.committee)
        .order_by(found.c.submitted_at.desc(), found.c.kind, found.c.id.desc())
    )


def count_cases(session: Session, actor: Actor, wanted: Filter) -> int:
    """How many cases the list has."""
    found = cases(actor, wanted)
    return session.scalar(select(func.count()).select_from(found)) or 0


def _months(first: date, last: date) -> list[str]:
    found, day = [], first.replace(day=1)
    while day <= last:
        found.append(f"{day:%Y-%m}")
        day = (day + timedelta(days=32)).replace(day=1)
    return found
