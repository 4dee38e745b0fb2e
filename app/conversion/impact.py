"""What publishing, changing or retiring a rule would do (spec 1.5.3): which applications would come out differently,
which learners gain or lose. Reads only; applications keep the version that they were made under whatever is decided.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from app.achievements.models import Achievement
from app.catalogue.models import CatalogueItem, Category
from app.conversion.eligibility import holding
from app.conversion.models import ConversionApplication, ConversionSource, ConversionTarget
from app.kernel.clock import civil, today
from app.kernel.numbering import decimal
from app.learners.models import Learner
from app.rules.matching import Terms, fill, granted, split, terms_of
from app.rules.models import Rule, RuleVersion

#: So many applications, and so many achievements, are looked at; beyond, the preview says that it is a part.
MOST = 20_000
_WITHDRAWN = ("withdrawn", "lapsed")


@dataclass(frozen=True)
class Outcome:
    """What comes of a rule for somebody: nothing (None), or so many hundredths of a credit."""

    credits: int | None

    @property
    def entitled(self) -> bool:
        return self.credits is not None


@dataclass(frozen=True)
class Case:
    """An application that would come out differently under the new terms."""

    application: ConversionApplication
    before: Outcome
    after: Outcome


@dataclass(frozen=True)
class Person:
    """A learner for whom the rule would open, close, or grant another amount."""

    learner: Learner
    before: Outcome
    after: Outcome

    @property
    def gains(self) -> bool:
        return (self.after.credits if self.after.entitled else -1) > (  # type: ignore[operator]
            self.before.credits if self.before.entitled else -1
        )


@dataclass
class Impact:
    """The whole preview. ``partial``: there is more than was looked at."""

    cases: list[Case] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)
    applications: int = 0
    open_applications: int = 0
    holders: int = 0
    partial: bool = False

    @property
    def open_cases(self) -> list[Case]:
        return [case for case in self.cases if case.application.state in _OPEN]

    @property
    def decided_cases(self) -> list[Case]:
        return [case for case in self.cases if case.application.state not in _OPEN]

    @property
    def gain(self) -> list[Person]:
        return [person for person in self.people if person.gains]

    @property
    def lose(self) -> list[Person]:
        return [person for person in self.people if not person.gains]


_OPEN = ("initial_review", "final_review", "performance_review", "returned")


def preview(session: Session, rule: Rule, version: RuleVersion | None) -> Impact:
    """What putting ``version`` in force would change; None: retiring the rule."""
    current = rule.current_version if rule.state == "published" else None
    before = terms_of(current) if current is not None else None
    after = terms_of(version) if version is not None else None
    found = Impact()
    _applications(session, rule, after, found)
    _learners(session, before, after, found)
    return found


def _applications(session: Session, rule: Rule, after: Terms | None, found: Impact) -> None:
    versions = select(RuleVersion.id).where(RuleVersion.rule_id == rule.id)
    query = (
        select(ConversionApplication)
        .where(
            ConversionApplication.rule_version_id.in_(versions),
            ConversionApplication.state.not_in(_WITHDRAWN),
        )
        .order_by(ConversionApplication.id)
        .limit(MOST + 1)
        .options(
            joinedload(ConversionApplication.learner).joinedload(Learner.person),
            selectinload(ConversionApplication.targets).joinedload(ConversionTarget.catalogue_item),
            selectinload(ConversionApplication.sources)
            .joinedload(ConversionSource.achievement)
            .options(
                joinedload(Achievement.category),
                joinedload(Achievement.catalogue_item),
                joinedload(Achievement.level),
            ),
        )
    )
    cases = list(session.scalars(query).unique())
    found.partial |= len(cases) > MOST
    for case in cases[:MOST]:
        found.applications += 1
        found.open_applications += case.state in _OPEN
        is_, would = _as_is(case), _as_it_would_be(case, after)
        if is_ != would:
            found.cases.append(Case(case, is_, would))


def _as_is(case: ConversionApplication) -> Outcome:
    if case.state in ("refused", "initial_refused"):
        return Outcome(None)
    return Outcome(sum(_credits(target, target.ratio) for target in case.targets))


def _as_it_would_be(case: ConversionApplication, after: Terms | None) -> Outcome:
    """Under the new terms, with the achievements that were brought; a refusal for other reasons stays one."""
    if after is None or case.state in ("refused", "initial_refused"):
        return Outcome(None)
    held = [holding(achievement) for achievement in case.achievements]
    if fill(after, held, civil(case.submitted_at).date()) is None:
        return Outcome(None)
    ratios = dict(after.targets)
    kept = [target for target in case.targets if target.catalogue_item_id in ratios]
    if not kept:
        return Outcome(None)
    return Outcome(sum(_credits(target, ratios[target.catalogue_item_id]) for target in kept))


def _credits(target: ConversionTarget, ratio: int) -> int:
    known = target.item_credits if target.item_credits is not None else target.catalogue_item.credits
    return granted(known or 0, ratio)


def _learners(session: Session, before: Terms | None, after: Terms | None, found: Impact) -> None:
    rows: list[Achievement] = list(session.scalars(_holders(before, after)).unique())
    found.partial |= len(rows) > MOST
    worth = {terms: _worth(session, terms) for terms in (before, after) if terms is not None}
    granted_already = _granted_to(session, [t for t in (before, after) if t is not None], rows)
    for learner_id, held in groupby(rows[:MOST], key=lambda a: a.learner_id):
        found.holders += 1
        if learner_id in granted_already:
            continue
        achievements = list(held)
        was, would = (_would(terms, achievements, worth) for terms in (before, after))
        if was != would:
            found.people.append(Person(achievements[0].learner, was, would))


def _would(terms: Terms | None, achievements: Sequence[Achievement], worth: dict[Terms, int]) -> Outcome:
    if terms is None or fill(terms, map(holding, achievements), today()) is None:
        return Outcome(None)
    return Outcome(worth[terms])


def _holders(*both: Terms | None) -> Any:
    slots = [slot for terms in both if terms is not None for slot in terms.slots]
    wanted: list[ColumnElement[bool]] = [
        Achievement.catalogue_item_id.in_({slot.item for slot in slots if slot.item is not None})
    ]
    for slot in slots:
        if slot.item is None:
            conditions: list[ColumnElement[bool]] = [Achievement.category_id == slot.category]
            if slot.words and not slot.similar:
                names = (Achievement.name.contains(word, autoescape=True) for word in split(slot.words))
                conditions.append(or_(*names))
            wanted.append(and_(*conditions))
    return (
        select(Achievement)
        .join(Category, Category.id == Achievement.category_id)
        .where(
            or_(*wanted),
            Achievement.state.in_(("catalogued", "recognised")),
            Achievement.suspect.is_(False),
            Category.performance.is_(False),
        )
        .order_by(Achievement.learner_id, Achievement.id)
        .limit(MOST + 1)
        .options(
            joinedload(Achievement.learner).joinedload(Learner.person),
            joinedload(Achievement.category),
            joinedload(Achievement.catalogue_item),
            joinedload(Achievement.level),
        )
    )


def _worth(session: Session, terms: Terms) -> int:
    """What the rule grants at most: the dearest of its targets, as many as may be chosen."""
    items = session.execute(
        select(CatalogueItem.id, CatalogueItem.credits).where(
            CatalogueItem.id.in_([item for item, _ratio in terms.targets])
        )
    )
    credits = dict(items.tuples().all())
    amounts = sorted((granted(credits.get(item) or 0, ratio) for item, ratio in terms.targets), reverse=True)
    return sum(amounts[: terms.targets_needed])


def _granted_to(session: Session, both: Iterable[Terms], rows: Sequence[Achievement]) -> set[int]:
    """Learners who have, or have applied for, one of the targets: the rule opens nothing for them."""
    items = {item for terms in both for item, _ratio in terms.targets}
    query = select(ConversionTarget.learner_id).where(
        ConversionTarget.catalogue_item_id.in_(items), ConversionTarget.live
    )
    return set(session.scalars(query)) if rows else set()


def lines(found: Impact) -> Iterator[tuple[str, ...]]:
    """The preview as rows of a table: kind, number of the case or learner, name, state, credits before and after."""
    for case in found.cases:
        row = case.application
        yield ("application", str(row), row.learner.name, row.state, _text(case.before), _text(case.after))
    for person in found.people:
        kind = "gains" if person.gains else "loses"
        yield (
            kind,
            person.learner.number,
            person.learner.name,
            "",
            _text(person.before),
            _text(person.after),
        )


def _text(outcome: Outcome) -> str:
    return "-" if outcome.credits is None else decimal(outcome.credits)
