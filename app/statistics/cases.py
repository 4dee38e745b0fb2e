"""Cases as the figures count them: rounds of recognition and applications for conversion, in one form.

Figures and the lists behind them are made from the same statement and the same filters, so that a number and the
list that it leads to can't differ.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Subquery,
    case,
    cast,
    false,
    literal,
    null,
    or_,
    select,
    union_all,
)

from app.achievements.models import Achievement
from app.conversion.models import ConversionApplication as Conversion
from app.conversion.models import ConversionSource
from app.kernel.actor import Actor
from app.kernel.choices import Choice, Choices, Tone
from app.kernel.clock import CIVIL, now
from app.kernel.database import Key
from app.kernel.errors import N_
from app.organisations.models import Organisation
from app.recognition.models import RecognitionApplication as Recognition
from app.security.permissions import grants_of
from app.security.rows import condition

KINDS = Choices(
    Choice("recognition", N_("Recognition")),
    Choice("rule", N_("Conversion by rule")),
    Choice("performance", N_("Conversion of performance achievements")),
)
OUTCOMES = Choices(
    Choice("open", N_("In progress"), Tone.INFO),
    Choice("returned", N_("Returned for correction"), Tone.WARNING),
    Choice("approved", N_("Approved"), Tone.SUCCESS),
    Choice("refused", N_("Refused"), Tone.DANGER),
    Choice("ended", N_("Withdrawn, lapsed or reversed"), Tone.NEUTRAL),
)
#: What each state of a case counts as; the rest has ended.
_COUNTS_AS = {
    "open": ("submitted", "initial_review", "performance_review", "final_review"),
    "returned": ("returned",),
    "approved": ("recognised", "approved"),
    "refused": ("refused", "initial_refused"),
}
#: Ages of open cases in days: code → from, up to but without.
AGES: dict[str, tuple[int, int | None]] = {
    "0-2": (0, 3),
    "3-7": (3, 8),
    "8-14": (8, 15),
    "15-30": (15, 31),
    "31+": (31, None),
}
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Filter:
    """What is counted. ``first`` and ``last`` are civil days of submission; the rest narrows to one cell of a figure."""

    first: date
    last: date
    organisation: int | None = None
    kind: str = ""
    outcome: str = ""
    month: str = ""
    decided: str = ""
    point: int | None = None
    committee: int | None = None
    category: int | None = None
    age: str = ""
    overdue: bool = False

    def query(self, **changes: Any) -> dict[str, Any]:
        """The words of an address that asks for this filter, narrowed by ``changes``."""
        asked = replace(self, **changes)
        found = {}
        for field in fields(asked):
            value = getattr(asked, field.name)
            if value not in (None, "", False):
                found[field.name] = "1" if value is True else str(value)
        return found


def owned(model: type[Any], actor: Actor, permission: str = "StatisticsView.index") -> ColumnElement[bool]:
    """The condition under which rows of ``model`` count for ``actor``: the scopes in which they hold the permission."""
    if actor.is_system:
        return literal(True)
    scopes = {grant.rows for grant in grants_of(actor, permission)}
    return or_(false(), *(condition(model, actor, scope) for scope in sorted(scopes)))


def cases(actor: Actor, wanted: Filter) -> Subquery:
    """Every case that ``actor`` may count, within period, organisation and what else the filter names."""
    recognitions = (
        select(
            literal("recognition").label("kind"),
            Recognition.id.label("id"),
            Recognition.number.label("number"),
            Recognition.state.label("state"),
            Recognition.submitted_at.label("submitted_at"),
            Recognition.decided_at.label("decided_at"),
            Recognition.due_at.label("due_at"),
            Recognition.home_point_id.label("point"),
            cast(null(), Key).label("committee"),
            Achievement.learner_id.label("learner"),
        )
        .join(Achievement, Achievement.id == Recognition.achievement_id)
        .where(owned(Recognition, actor), *_narrowed(Recognition, wanted))
    )
    conversions = select(
        Conversion.kind.label("kind"),
        Conversion.id.label("id"),
        Conversion.number.label("number"),
        Conversion.state.label("state"),
        Conversion.submitted_at.label("submitted_at"),
        _decided_at().label("decided_at"),
        Conversion.due_at.label("due_at"),
        Conversion.home_point_id.label("point"),
        Conversion.committee_id.label("committee"),
        Conversion.learner_id.label("learner"),
    ).where(owned(Conversion, actor), *_narrowed(Conversion, wanted))
    if wanted.category is not None:
        recognitions = recognitions.where(Achievement.category_id == wanted.category)
        sources = (
            select(ConversionSource.application_id)
            .join(Achievement, Achievement.id == ConversionSource.achievement_id)
            .where(Achievement.category_id == wanted.category)
        )
        conversions = conversions.where(Conversion.id.in_(sources))
    both: list[Any] = []
    if wanted.kind in ("", "recognition") and wanted.committee is None:
        both.append(recognitions)
    if wanted.kind != "recognition":
        both.append(conversions)
    if not both:
        both.append(recognitions.where(false()))
    return union_all(*both).subquery("cases")


def outcome_of(state: Any) -> ColumnElement[str]:
    """A state as an outcome."""
    return case(*((state.in_(states), code) for code, states in _COUNTS_AS.items()), else_="ended")


def age_of(submitted_at: Any, moment: datetime) -> ColumnElement[str]:
    """How long an open case has waited since it was submitted, as a code of AGES."""
    bounds = [
        (submitted_at > moment - timedelta(days=until), code)
        for code, (_, until) in AGES.items()
        if until is not None
    ]
    return case(*bounds, else_=list(AGES)[-1])


def begin(day: date) -> datetime:
    return datetime.combine(day, time(), CIVIL)


def _narrowed(model: Any, wanted: Filter) -> Iterable[ColumnElement[bool]]:
    """Conditions on the columns that both kinds of case have."""
    yield model.submitted_at >= begin(wanted.first)
    yield model.submitted_at < begin(wanted.last + _DAY)
    if wanted.organisation is not None:
        yield model.home_point_id.in_(below(wanted.organisation))
    if wanted.point is not None:
        yield model.home_point_id == wanted.point
    if wanted.kind and model is Conversion:
        yield Conversion.kind == wanted.kind
    if wanted.committee is not None and model is Conversion:
        yield Conversion.committee_id == wanted.committee
    if wanted.outcome in _COUNTS_AS:
        yield model.state.in_(_COUNTS_AS[wanted.outcome])
    elif wanted.outcome:
        yield outcome_of(model.state) == wanted.outcome
    if wanted.month:
        first, after = _month(wanted.month)
        yield model.submitted_at >= begin(first)
        yield model.submitted_at < begin(after)
    if wanted.decided:
        first, after = _month(wanted.decided)
        decided: Any = Recognition.decided_at if model is Recognition else _decided_at()
        yield decided >= begin(first)
        yield decided < begin(after)
        yield model.state != "returned"
    if wanted.age:
        youngest, oldest = AGES[wanted.age]
        moment = now()
        yield model.state.in_(_COUNTS_AS["open"])
        yield model.submitted_at <= moment - timedelta(days=youngest)
        if oldest is not None:
            yield model.submitted_at > moment - timedelta(days=oldest)
    if wanted.overdue:
        yield model.state.in_(_COUNTS_AS["open"])
        yield model.due_at < now()


def _decided_at() -> ColumnElement[datetime]:
    return case(
        (Conversion.state.in_(("approved", "refused", "reversed")), Conversion.final_at),
        (Conversion.state == "initial_refused", Conversion.initial_at),
    )


def below(organisation_id: int) -> Select[Any]:
    """The ids of an organisation and of those below it."""
    path = select(Organisation.path).where(Organisation.id == organisation_id).scalar_subquery()
    return select(Organisation.id).where(Organisation.path.startswith(path))


def _month(text: str) -> tuple[date, date]:
    """The first day of a month, and that of the next."""
    first = date(int(text[:4]), int(text[5:]), 1)
    return first, (first + timedelta(days=32)).replace(day=1)


def is_month(text: str) -> bool:
    return bool(re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", text))
