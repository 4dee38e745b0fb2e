"""转换规划: "I hold these, I aim at that programme": what to apply for, why, and what is missing to go further."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from app.achievements.models import Achievement
from app.catalogue.models import CatalogueItem, Programme
from app.conversion import caps, consumption
from app.conversion.eligibility import holding
from app.conversion.models import ConversionTarget
from app.conversion.optimiser import Grant, Limit, Option, Problem, solve
from app.conversion.queries import convertible
from app.kernel.clock import today
from app.kernel.errors import DomainError
from app.learners.models import Learner
from app.rules.matching import Holding, Slot, Terms, fill, fits, granted, minimal, obstacles, terms_of
from app.rules.models import Agreement, Rule, RuleSource, RuleTarget, RuleVersion

#: So many of the nearest further targets are told.
FURTHER = 12


@dataclass(frozen=True)
class Step:
    """One application to make: which achievement for which source, and what it grants (hundredths)."""

    rule: Rule
    brought: list[tuple[RuleSource, Achievement]]
    granted: list[tuple[RuleTarget, int]]

    @property
    def credits(self) -> int:
        return sum(credits for _target, credits in self.granted)


@dataclass(frozen=True)
class Lacking:
    """A source that a rule asks for and the learner doesn't have; ``nearly``: what they hold, and why it isn't enough."""

    source: RuleSource
    nearly: Achievement | None = None
    why: DomainError | None = None


@dataclass(frozen=True)
class Further:
    """A target that is not in the plan: by which rule, and what is missing; nothing missing means that its sources
    serve better elsewhere, or a limit is reached.
    """

    target: RuleTarget
    rule: Rule
    credits: int
    lacking: list[Lacking]


@dataclass(frozen=True)
class Ceiling:
    """A cap with what is taken of it: before the plan, and with it (hundredths)."""

    name: str
    limit: int
    taken: int
    planned: int


@dataclass
class Plan:
    """The answer for one learner and programme."""

    programme: Programme
    steps: list[Step] = field(default_factory=list)
    already: list[ConversionTarget] = field(default_factory=list)
    further: list[Further] = field(default_factory=list)
    ceilings: list[Ceiling] = field(default_factory=list)
    achievements: int = 0
    rules: int = 0

    @property
    def credits(self) -> int:
        return sum(step.credits for step in self.steps)


def plan(session: Session, learner: Learner, programme: Programme) -> Plan:
    """The applications with the most credit for this programme under all rules, caps and consumption. Reads only.

    Raises optimiser.Unsolved.
    """
    held = _held(session, learner)
    rules = _rules(session, programme)
    seal = consumption.holder(learner)
    live = _live(session, seal)
    problem, room = _problem(session, held, rules, seal, live, programme)
    chosen = solve(problem)
    by_rule = {rule.id: rule for rule in rules}
    by_key = {achievement.id: achievement for achievement in held}
    found = Plan(programme, achievements=len(held), rules=len(rules))
    for choice in chosen:
        version = _version(by_rule[choice.option])
        slots = {source.id: source for source in version.sources}
        found.steps.append(
            Step(
                by_rule[choice.option],
                [(slots[slot], by_key[key]) for slot, key in choice.filled],
                [(t, _worth(t)) for t in version.targets if t.catalogue_item_id in choice.items],
            )
        )
    found.steps.sort(key=lambda step: (-step.credits, step.rule.name))
    found.already = [target for target in live if target.catalogue_item.programme_id == programme.id]
    found.further = _further(problem, found, rules, by_key)
    found.ceilings = _ceilings(found, room)
    return found


def programmes(session: Session, word: str, limit: int = 30) -> list[Programme]:
    """Programmes to aim at, found by name or term."""
    query = select(Programme).where(Programme.active)
    for part in word.split()[:4]:
        query = query.where(or_(Programme.name.contains(part, autoescape=True), Programme.term == part))
    query = query.order_by(Programme.name, Programme.term.desc()).limit(limit)
    return list(session.scalars(query.options(joinedload(Programme.organisation))))


# --- the question


def _held(session: Session, learner: Learner) -> list[Achievement]:
    query: Any = convertible(learner.id).order_by(None).order_by(Achievement.id)
    return list(session.scalars(query).unique())


def _rules(session: Session, programme: Programme) -> list[Rule]:
    """Rules in force that grant something in the programme."""
    day = today()
    granting = (
        select(RuleTarget.rule_version_id)
        .join(CatalogueItem, CatalogueItem.id == RuleTarget.catalogue_item_id)
        .where(CatalogueItem.programme_id == programme.id)
    )
    dates = [
        condition
        for table in (RuleVersion, Agreement)
        for condition in (table.valid_from <= day, or_(table.valid_until.is_(None), table.valid_until >= day))
    ]
    query = (
        select(Rule)
        .join(RuleVersion, RuleVersion.id == Rule.current_version_id)
        .join(Agreement, Agreement.id == Rule.agreement_id)
        .where(Rule.state == "published", RuleVersion.id.in_(granting), *dates)
        .order_by(Rule.id)
        .options(
            joinedload(Rule.current_version).options(
                selectinload(RuleVersion.sources).options(
                    joinedload(RuleSource.catalogue_item).joinedload(CatalogueItem.organisation),
                    joinedload(RuleSource.category),
                    joinedload(RuleSource.minimum_level),
                    joinedload(RuleSource.issuer),
                ),
                selectinload(RuleVersion.targets).joinedload(RuleTarget.catalogue_item),
                selectinload(RuleVersion.groups),
            )
        )
    )
    rules = session.scalars(query).unique().all()
    return [r for r in rules if all(t.catalogue_item.standing == "active" for t in _version(r).targets)]


def _version(rule: Rule) -> RuleVersion:
    version = rule.current_version
    assert version is not None  # noqa: S101 -- a published rule has one (CHECK)
    return version


def _worth(target: RuleTarget) -> int:
    """Unknown credits count as none: nobody can promise them."""
    return granted(target.catalogue_item.credits or 0, target.ratio)


def _live(session: Session, seal: bytes) -> list[ConversionTarget]:
    query = (
        select(ConversionTarget)
        .where(ConversionTarget.holder_seal == seal, ConversionTarget.live)
        .options(joinedload(ConversionTarget.catalogue_item), joinedload(ConversionTarget.application))
    )
    return list(session.scalars(query))


#: A cap's bucket with what is taken of it, and which grants fall into it.
Room = tuple[caps.Bucket, int, frozenset[tuple[int, int]]]


def _problem(
    session: Session,
    held: Sequence[Achievement],
    rules: Sequence[Rule],
    seal: bytes,
    live: Sequence[ConversionTarget],
    programme: Programme,
) -> tuple[Problem, list[Room]]:
    options = tuple(_option(rule, programme) for rule in rules)
    limits, room = _limits(session, held, rules, seal)
    spent = set()
    for hold in consumption.holds_of(session, seal):
        where, _, group = hold.purpose.partition("/")
        spent.add((hold.source, where, group))
    problem = Problem(
        holdings=tuple(holding(achievement) for achievement in held),
        options=options,
        day=today(),
        identity={achievement.id: consumption.source_of(achievement) for achievement in held},
        spent=frozenset(spent),
        granted=frozenset(target.catalogue_item_id for target in live),
        limits=tuple(limits),
    )
    return problem, room


def _option(rule: Rule, programme: Programme) -> Option:
    version = _version(rule)
    return Option(
        key=rule.id,
        terms=terms_of(version),
        group=version.reuse_group,
        grants=tuple(
            Grant(
                item=target.catalogue_item_id,
                credits=_worth(target),
                place=consumption.place(target.catalogue_item_id, target.catalogue_item.programme_id),
                counts=target.catalogue_item.programme_id == programme.id,
            )
            for target in version.targets
        ),
    )


def _limits(
    session: Session, held: Sequence[Achievement], rules: Sequence[Rule], seal: bytes
) -> tuple[list[Limit], list[Room]]:
    year, kinds = today().year, caps.kinds(held)
    thought = {
        (rule.id, target.catalogue_item_id): caps.item_use(
            target.catalogue_item, target.ratio, rule.id, kinds, year
        )
        for rule in rules
        for target in _version(rule).targets
    }
    in_force = caps.in_force(session, {use.organisation for use in thought.values()})
    old = caps.used(session, seal) if in_force else []
    limits, room = [], []
    for name, bucket in caps.buckets(session, in_force, thought.values()).items():
        cap = bucket.cap
        taken = sum(use.credits for use in old if caps.counts(cap, use) and caps.key(cap, use) == name)
        inside = frozenset(
            key for key, use in thought.items() if caps.counts(cap, use) and caps.key(cap, use) == name
        )
        sources = None
        if cap.category_id is not None:
            sources = frozenset(a.id for a in held if cap.category_id in caps.kinds([a]))
        limits.append(Limit(bucket.limit - taken, inside, sources))
        room.append((bucket, taken, inside))
    return limits, room


# --- the explanation


def _ceilings(found: Plan, room: Iterable[Room]) -> list[Ceiling]:
    lines = []
    for bucket, taken, inside in room:
        planned = sum(
            credits
            for step in found.steps
            for target, credits in step.granted
            if (step.rule.id, target.catalogue_item_id) in inside
            and (
                bucket.cap.category_id is None
                or bucket.cap.category_id in caps.kinds(achievement for _s, achievement in step.brought)
            )
        )
        lines.append(Ceiling(bucket.cap.name, bucket.limit, taken, planned))
    return lines


def _further(
    problem: Problem, found: Plan, rules: Sequence[Rule], held: dict[int, Achievement]
) -> list[Further]:
    """Targets of the programme that the plan leaves out, each by the rule that asks for least more."""
    planned = {t.catalogue_item_id for step in found.steps for t, _c in step.granted} | problem.granted
    best: dict[int, Further] = {}
    for rule in rules:
        version = _version(rule)
        terms = terms_of(version)
        for target in version.targets:
            item = target.catalogue_item
            if item.id in planned or item.programme_id != found.programme.id:
                continue
            one = Further(target, rule, _worth(target), _lacking(problem, terms, version, held))
            old = best.get(item.id)
            if old is None or (len(one.lacking), -one.credits) < (len(old.lacking), -old.credits):
                best[item.id] = one
    order = sorted(best.values(), key=lambda one: (len(one.lacking), -one.credits, one.rule.id))
    return order[:FURTHER]


def _lacking(
    problem: Problem, terms: Terms, version: RuleVersion, held: dict[int, Achievement]
) -> list[Lacking]:
    """The fewest sources that would have to be added; none where the learner holds all of them."""
    if fill(terms, problem.holdings, problem.day) is not None:
        return []
    rows = {source.id: source for source in version.sources}
    fewest: list[Lacking] | None = None
    for slots in minimal(terms):
        lacking: list[Lacking] = []
        free = list(problem.holdings)
        for slot in slots:
            ready = next((h for h in free if not obstacles(terms, slot, h, problem.day)), None)
            if ready is not None:
                free.remove(ready)
            else:
                lacking.append(_nearly(problem, terms, slot, rows[slot.key], held))
        if fewest is None or len(lacking) < len(fewest):
            fewest = lacking
    return fewest or []


def _nearly(
    problem: Problem, terms: Terms, slot: Slot, row: RuleSource, held: dict[int, Achievement]
) -> Lacking:
    near: list[tuple[Holding, list[Any]]] = [
        (h, obstacles(terms, slot, h, problem.day)) for h in problem.holdings if fits(slot, h)
    ]
    for held_one, reasons in near:
        if reasons:
            return Lacking(row, held[held_one.key], reasons[0])
    return Lacking(row)
