"""The linter of rules: what is wrong with them, or odd, before a learner finds out (spec 1.5.2). Reads only.

Rules are read as plain rows, so that twenty thousand of them take seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session, aliased

from app.catalogue.models import CatalogueItem, Category, Programme
from app.framework.models import FrameworkLevel
from app.kernel.choices import Choice, Choices, Tone
from app.kernel.clock import today
from app.kernel.errors import N_
from app.rules.matching import granted
from app.rules.models import (
    Agreement,
    CreditCap,
    Rule,
    RuleGroup,
    RuleSource,
    RuleTarget,
    RuleVersion,
)

#: From how many qualification levels on a target above its sources is a jump.
JUMP = 2

SEVERITIES = Choices(
    Choice("error", N_("Error"), Tone.DANGER),
    Choice("warning", N_("Warning"), Tone.WARNING),
    Choice("note", N_("Note"), Tone.INFO),
)
#: What the linter looks for; the tone is how grave it is.
KINDS = Choices(
    Choice("contradiction", N_("Contradiction"), Tone.DANGER),
    Choice("overlap", N_("Overlap"), Tone.WARNING),
    Choice("shadowed", N_("Asks for more than another rule"), Tone.WARNING),
    Choice("retired_target", N_("Target no longer in the catalogue"), Tone.DANGER),
    Choice("expired_agreement", N_("Agreement expired"), Tone.DANGER),
    Choice("expired_rule", N_("Rule expired"), Tone.WARNING),
    Choice("unreachable", N_("Nobody can ever use it"), Tone.DANGER),
    Choice("self_conversion", N_("Grants what it asks for"), Tone.DANGER),
    Choice("cap_too_small", N_("A limit is smaller than what it grants"), Tone.DANGER),
    Choice("blank_credits", N_("Credits unknown"), Tone.WARNING),
    Choice("level_jump", N_("Level jump"), Tone.WARNING),
    Choice("high_ratio", N_("Grants more than the target's credits"), Tone.WARNING),
    Choice("zero_credits", N_("No credits"), Tone.INFO),
)


@dataclass(frozen=True)
class Finding:
    """One fault of one rule; ``words`` is an English source string, ``params`` fill it. ``other`` is the rule that it
    is at odds with.
    """

    kind: str
    rule: int
    name: str
    words: str
    params: dict[str, Any] = field(default_factory=dict)
    other: int | None = None

    @property
    def severity(self) -> str:
        tones = {Tone.DANGER: "error", Tone.WARNING: "warning"}
        return tones.get(KINDS[self.kind].tone, "note")

    def __str__(self) -> str:
        return f"{self.severity}: {self.kind}: {self.rule} {self.name}: {self.words % self.params}"


@dataclass(frozen=True)
class Source:
    """A slot as the linter reads it."""

    item: int | None
    category: int | None
    words: str
    issuer: int | None
    score: int | None
    level: int | None
    months: int | None
    group: int | None
    name: str | None
    standing: str | None
    item_level: int | None
    performance: bool | None

    @property
    def asks(self) -> tuple[Any, ...]:
        """What it takes, conditions apart."""
        return (self.item, self.category, self.words, self.issuer)


@dataclass(frozen=True)
class Target:
    """A target as the linter reads it."""

    item: int
    ratio: int
    name: str
    credits: int | None
    standing: str
    level: int | None
    programme: int | None
    programme_active: bool | None
    organisation: int


@dataclass
class Sheet:
    """One rule with what it says."""

    rule: int
    name: str
    version: int
    needed: int | None
    valid_from: date
    valid_until: date | None
    agreement: str
    agreement_from: date
    agreement_until: date | None
    group: str
    sources: list[Source] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    groups: dict[int, int | None] = field(default_factory=dict)

    def finding(self, kind: str, words: str, other: int | None = None, **params: Any) -> Finding:
        return Finding(kind, self.rule, self.name, words, params, other)


def lint(session: Session, rule: Rule | None = None, version: RuleVersion | None = None) -> list[Finding]:
    """Every fault of the published rules, gravest first; with ``rule``, its own (in ``version``, where one is given,
    as if that were published).
    """
    sheets = _sheets(session, rule, version)
    caps = session.scalars(select(CreditCap).where(CreditCap.active)).all()
    graduation = _graduation(session, caps)
    found = [
        finding
        for sheet in sheets
        if rule is None or sheet.rule == rule.id
        for finding in (*_alone(sheet, today()), *_against_caps(sheet, caps, graduation))
    ]
    found += [finding for finding in _together(sheets) if rule is None or finding.rule == rule.id]
    order = {code: number for number, code in enumerate(SEVERITIES.codes)}
    kinds = {code: number for number, code in enumerate(KINDS.codes)}
    return sorted(found, key=lambda f: (order[f.severity], kinds[f.kind], f.name, f.rule))


# --- reading


def _sheets(session: Session, rule: Rule | None, version: RuleVersion | None) -> list[Sheet]:
    wanted: ColumnElement[bool] = RuleVersion.id == Rule.current_version_id
    state: ColumnElement[bool] = Rule.state == "published"
    if rule is not None:
        near = _near(session, rule, version)
        own = version.id if version is not None else rule.current_version_id
        wanted = or_(
            (RuleVersion.id == Rule.current_version_id) & (Rule.id != rule.id) & state & Rule.id.in_(near),
            RuleVersion.id == own,
        )
        state = RuleVersion.rule_id == Rule.id
    query = (
        select(
            *(Rule.id, RuleVersion.name, RuleVersion.id, RuleVersion.needed, RuleVersion.valid_from),
            *(RuleVersion.valid_until, Agreement.name, Agreement.valid_from, Agreement.valid_until),
            RuleVersion.reuse_group,
        )
        .join(RuleVersion, RuleVersion.rule_id == Rule.id)
        .join(Agreement, Agreement.id == Rule.agreement_id)
        .where(wanted, state)
        .order_by(Rule.id)
    )
    sheets = {row[2]: Sheet(*row) for row in session.execute(query)}
    narrowed = None if rule is None else list(sheets)
    for key, source in _sources(session, narrowed):
        if key in sheets:
            sheets[key].sources.append(source)
    for key, target in _targets(session, narrowed):
        if key in sheets:
            sheets[key].targets.append(target)
    groups = select(RuleGroup.rule_version_id, RuleGroup.id, RuleGroup.needed)
    for key, group, needed in session.execute(_of(groups, RuleGroup.rule_version_id, narrowed)):
        if key in sheets:
            sheets[key].groups[group] = needed
    return list(sheets.values())


def _near(session: Session, rule: Rule, version: RuleVersion | None) -> list[int]:
    """Rules with a target in common."""
    own = version or rule.current_version
    items = [target.catalogue_item_id for target in own.targets] if own is not None else []
    query = (
        select(Rule.id)
        .join(RuleTarget, RuleTarget.rule_version_id == Rule.current_version_id)
        .where(RuleTarget.catalogue_item_id.in_(items), Rule.state == "published")
    )
    return list(session.scalars(query))


def _of(query: Any, column: Any, versions: Sequence[int] | None) -> Any:
    return query if versions is None else query.where(column.in_(versions))


def _sources(session: Session, versions: Sequence[int] | None) -> Iterator[tuple[int, Source]]:
    kind, asked, own = aliased(Category), aliased(FrameworkLevel), aliased(FrameworkLevel)
    query = (
        select(
            *(RuleSource.rule_version_id, RuleSource.catalogue_item_id, RuleSource.category_id),
            *(RuleSource.name_pattern, RuleSource.issuer_id, RuleSource.minimum_score, asked.number),
            *(RuleSource.months_valid, RuleSource.group_id, CatalogueItem.name, CatalogueItem.standing),
            *(own.number, kind.performance),
        )
        .outerjoin(CatalogueItem, CatalogueItem.id == RuleSource.catalogue_item_id)
        .outerjoin(asked, asked.id == RuleSource.minimum_level_id)
        .outerjoin(own, own.id == CatalogueItem.level_id)
        .outerjoin(kind, or_(kind.id == RuleSource.category_id, kind.id == CatalogueItem.category_id))
        .order_by(RuleSource.rule_version_id, RuleSource.position)
    )
    for key, *values in session.execute(_of(query, RuleSource.rule_version_id, versions)):
        yield key, Source(*values)


def _targets(session: Session, versions: Sequence[int] | None) -> Iterator[tuple[int, Target]]:
    query = (
        select(
            *(RuleTarget.rule_version_id, RuleTarget.catalogue_item_id, RuleTarget.ratio, CatalogueItem.name),
            *(CatalogueItem.credits, CatalogueItem.standing, FrameworkLevel.number),
            *(CatalogueItem.programme_id, Programme.active, CatalogueItem.organisation_id),
        )
        .join(CatalogueItem, CatalogueItem.id == RuleTarget.catalogue_item_id)
        .outerjoin(FrameworkLevel, FrameworkLevel.id == CatalogueItem.level_id)
        .outerjoin(Programme, Programme.id == CatalogueItem.programme_id)
        .order_by(RuleTarget.rule_version_id, RuleTarget.position)
    )
    for key, *values in session.execute(_of(query, RuleTarget.rule_version_id, versions)):
        yield key, Target(*values)


def _graduation(session: Session, caps: Iterable[CreditCap]) -> dict[int, int]:
    if not any(cap.share is not None for cap in caps):
        return {}
    query = select(Programme.id, Programme.graduation_credits).where(
        Programme.graduation_credits.is_not(None)
    )
    return dict(session.execute(query).tuples().all())  # type: ignore[arg-type]


# --- one rule by itself


def _alone(sheet: Sheet, day: date) -> Iterator[Finding]:
    yield from _dates(sheet, day)
    yield from _reach(sheet)
    for target in sheet.targets:
        yield from _grants(sheet, target)


def _dates(sheet: Sheet, day: date) -> Iterator[Finding]:
    since = max(sheet.valid_from, sheet.agreement_from)
    ends = [end for end in (sheet.valid_until, sheet.agreement_until) if end is not None]
    if ends and since > min(ends):
        words = N_("The rule and its agreement “%(agreement)s” are never in force on the same day.")
        yield sheet.finding("unreachable", words, agreement=sheet.agreement)
    elif sheet.agreement_until is not None and sheet.agreement_until < day:
        words = N_("The agreement “%(agreement)s” ended on %(day)s.")
        yield sheet.finding(
            "expired_agreement", words, agreement=sheet.agreement, day=sheet.agreement_until.isoformat()
        )
    elif sheet.valid_until is not None and sheet.valid_until < day:
        yield sheet.finding(
            "expired_rule", N_("The rule ended on %(day)s."), day=sheet.valid_until.isoformat()
        )


def _reach(sheet: Sheet) -> Iterator[Finding]:
    """Whether the sources that are left are enough."""
    dead = {number: why for number, source in enumerate(sheet.sources) if (why := _dead(source)) is not None}
    if not sheet.sources or not sheet.targets:
        yield sheet.finding("unreachable", N_("It has no source or no target."))
        return
    members: dict[Any, list[int]] = {}
    for number, source in enumerate(sheet.sources):
        members.setdefault(("slot", number) if source.group is None else ("group", source.group), []).append(
            number
        )
    alive = 0
    for (_kind, key), numbers in members.items():
        wanted = (sheet.groups.get(key) if _kind == "group" else None) or len(numbers)
        alive += sum(number not in dead for number in numbers) >= wanted
    if alive < (len(members) if sheet.needed is None else sheet.needed):
        if dead:
            words, params = next(iter(dead.values()))
            yield sheet.finding("unreachable", words, **params)
        else:
            yield sheet.finding("unreachable", N_("It asks for more sources than it lists."))


def _dead(source: Source) -> tuple[str, dict[str, Any]] | None:
    """Why no achievement can ever fill a slot, or None."""
    name = source.name or source.words
    if source.performance:
        return N_("The source “%(name)s” is a performance achievement: no rule takes those."), {"name": name}
    if source.standing == "proposed":
        return N_("The source “%(name)s” is not in the catalogue yet."), {"name": name}
    if source.item is not None and source.level is not None and (source.item_level or 0) < source.level:
        words = N_("The source “%(name)s” is at level %(level)s, the rule asks for %(wanted)s.")
        return words, {"name": name, "level": source.item_level or "-", "wanted": source.level}
    if source.score is not None and source.score > 1000:
        return N_("The source “%(name)s” asks for a score of %(score)s."), {
            "name": name,
            "score": source.score,
        }
    return None


def _grants(sheet: Sheet, target: Target) -> Iterator[Finding]:
    if target.standing != "active" or target.programme_active is False:
        yield sheet.finding(
            "retired_target", N_("“%(target)s” or its programme is retired."), target=target.name
        )
    if target.credits is None:
        yield sheet.finding(
            "blank_credits",
            N_("Nobody knows the credits of “%(target)s”: approvals wait."),
            target=target.name,
        )
    elif target.credits == 0 or target.ratio == 0:
        yield sheet.finding("zero_credits", N_("“%(target)s” brings no credits."), target=target.name)
    if target.ratio > 10000:
        words = N_("“%(target)s” is granted at %(ratio)s %%.")
        yield sheet.finding("high_ratio", words, target=target.name, ratio=target.ratio / 100)
    if any(source.item == target.item for source in sheet.sources):
        yield sheet.finding(
            "self_conversion", N_("“%(target)s” is both source and target."), target=target.name
        )
    levels = [source.item_level or source.level for source in sheet.sources]
    known = [level for level in levels if level is not None]
    if target.level is not None and known and target.level - max(known) >= JUMP:
        words = N_("From level %(source)s to level %(level)s (“%(target)s”).")
        yield sheet.finding("level_jump", words, source=max(known), level=target.level, target=target.name)


def _against_caps(sheet: Sheet, caps: Iterable[CreditCap], graduation: dict[int, int]) -> Iterator[Finding]:
    for cap in caps:
        if cap.rule_id not in (None, sheet.rule) or cap.category_id is not None:
            continue
        for target in sheet.targets:
            fits = cap.organisation_id == target.organisation and cap.programme_id in (None, target.programme)
            limit = cap.credits
            if cap.share is not None:
                whole = graduation.get(target.programme or 0)
                limit = None if whole is None else whole * cap.share // 10000
            if fits and limit is not None and granted(target.credits or 0, target.ratio) > limit:
                words = N_("“%(target)s” alone passes the limit “%(cap)s”.")
                yield sheet.finding("cap_too_small", words, target=target.name, cap=cap.name)


# --- rules against each other


def _together(sheets: Sequence[Sheet]) -> Iterator[Finding]:
    by_target: dict[int, list[tuple[Sheet, Target]]] = {}
    for sheet in sheets:
        for target in sheet.targets:
            by_target.setdefault(target.item, []).append((sheet, target))
    for pairs in by_target.values():
        if len(pairs) > 1:
            for one, target in pairs:
                for other, same in pairs:
                    if one.rule != other.rule and _overlap_in_time(one, other):
                        yield from _compare(one, target, other, same)


def _overlap_in_time(one: Sheet, other: Sheet) -> bool:
    since = max(one.valid_from, one.agreement_from, other.valid_from, other.agreement_from)
    ends = (one.valid_until, one.agreement_until, other.valid_until, other.agreement_until)
    return all(end is None or end >= since for end in ends)


def _compare(one: Sheet, target: Target, other: Sheet, same: Target) -> Iterator[Finding]:
    """What ``one`` has against ``other``, which grants the same item."""
    mine, theirs = _signature(one), _signature(other)
    params = {"target": target.name, "twin": other.name}
    if mine == theirs and target.ratio != same.ratio:
        words = N_(
            "“%(twin)s” grants “%(target)s” for the same sources at %(theirs)s %%, this one at %(mine)s %%."
        )
        yield one.finding(
            "contradiction", words, other.rule, **params, theirs=same.ratio / 100, mine=target.ratio / 100
        )
    elif mine == theirs:
        words = N_("“%(twin)s” grants “%(target)s” for the same sources.")
        yield one.finding("overlap", words, other.rule, **params)
    elif (
        _all_of(one)
        and _all_of(other)
        and theirs[0] < mine[0]
        and same.ratio >= target.ratio
        and _milder(other, one)
    ):
        words = N_("“%(twin)s” grants “%(target)s” for fewer sources.")
        yield one.finding("shadowed", words, other.rule, **params)


def _signature(sheet: Sheet) -> tuple[frozenset[Any], int | None, frozenset[Any]]:
    positions = {key: number for number, key in enumerate(sorted(sheet.groups))}
    asks = frozenset((*s.asks, positions.get(s.group) if s.group else None) for s in sheet.sources)
    groups = frozenset((positions[key], needed) for key, needed in sheet.groups.items())
    return asks, sheet.needed, groups


def _all_of(sheet: Sheet) -> bool:
    return sheet.needed is None and not sheet.groups


def _milder(one: Sheet, other: Sheet) -> bool:
    """Whether ``one`` sets no condition on a source that ``other`` doesn't set as strictly."""
    theirs = {source.asks: source for source in other.sources}
    for source in one.sources:
        twin = theirs.get(source.asks)
        if twin is None:
            return False
        for condition in ("score", "level"):
            if (getattr(source, condition) or 0) > (getattr(twin, condition) or 0):
                return False
        if source.months is not None and (twin.months is None or twin.months > source.months):
            return False
    return True
