"""Finding rules: for an achievement, for the public, and how many there are.

Slots that name an item are found in the table of candidates; those that name a category are few and matched by name
here, so that a new catalogue item, or one that a learner typed in, enters them at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Date, Select, bindparam, exists, func, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from app.catalogue.models import CatalogueItem, Category, Programme
from app.kernel.clock import today
from app.organisations.models import Organisation
from app.rules.matching import Holding, Slot, fits
from app.rules.models import Agreement, Rule, RuleCandidate, RuleSource, RuleTarget, RuleVersion

_WITH_VERSION = (
    joinedload(Rule.agreement),
    joinedload(Rule.programme),
    joinedload(Rule.current_version)
    .selectinload(RuleVersion.targets)
    .joinedload(RuleTarget.catalogue_item)
    .joinedload(CatalogueItem.organisation),
    joinedload(Rule.current_version).selectinload(RuleVersion.sources).joinedload(RuleSource.catalogue_item),
    joinedload(Rule.current_version).selectinload(RuleVersion.sources).joinedload(RuleSource.category),
)


# --- what an achievement can enter


@dataclass(frozen=True)
class OpenSlot:
    """A slot of a category in a rule in force; ``accepts`` says whether converted achievements may fill it."""

    rule: int
    slot: Slot
    accepts: bool


def _in_force(day: Any) -> list[Any]:
    return [
        condition
        for table in (RuleVersion, Agreement)
        for condition in (table.valid_from <= day, or_(table.valid_until.is_(None), table.valid_until >= day))
    ]


# Built once: to put such a statement together takes longer than the database needs to answer it.
_DAY = bindparam("day", type_=Date())
_OPEN_SLOTS = (
    select(
        Rule.id,
        RuleSource.id,
        RuleSource.category_id,
        RuleSource.name_pattern,
        RuleSource.similar_names,
        RuleSource.issuer_id,
        RuleVersion.accepts_converted,
    )
    .join(RuleVersion, RuleVersion.id == RuleSource.rule_version_id)
    .join(Rule, Rule.id == RuleVersion.rule_id)
    .join(Agreement, Agreement.id == Rule.agreement_id)
    .where(
        Rule.current_version_id == RuleVersion.id,
        RuleSource.category_id.in_(bindparam("categories", expanding=True)),
        RuleSource.catalogue_item_id.is_(None),
        Rule.state == "published",
        *_in_force(_DAY),
    )
)
_OF_ITEMS: tuple[Any, ...] = (
    RuleCandidate.catalogue_item_id.in_(bindparam("items", expanding=True)),
    RuleCandidate.valid_from <= _DAY,
    RuleCandidate.valid_until >= _DAY,
)
_HOW_MANY = (
    select(RuleCandidate.catalogue_item_id, func.count())
    .where(*_OF_ITEMS)
    .group_by(RuleCandidate.catalogue_item_id)
)
_TAKING_ITEMS = select(RuleCandidate.catalogue_item_id, RuleCandidate.rule_id).where(*_OF_ITEMS)
_WHICH_OF = _TAKING_ITEMS.where(RuleCandidate.rule_id.in_(bindparam("rules", expanding=True)))
_ACCEPTING = (
    _TAKING_ITEMS.join(Rule, Rule.id == RuleCandidate.rule_id)
    .join(RuleVersion, RuleVersion.id == Rule.current_version_id)
    .where(RuleVersion.accepts_converted)
)


def open_slots(session: Session, categories: Iterable[int], day: date) -> list[OpenSlot]:
    """The slots of these categories in rules in force on ``day``."""
    rows = session.execute(_OPEN_SLOTS, {"categories": list(set(categories)), "day": day})
    return [
        OpenSlot(rule, Slot(key, None, category, words, similar, issuer), accepts)
        for rule, key, category, words, similar, issuer, accepts in rows
    ]


def rules_of(session: Session, holdings: Sequence[Holding], day: date | None = None) -> dict[int, set[int]]:
    """Holding → published rules that it can enter on ``day``: two indexed look-ups for a page, eligibility apart."""
    day = day or today()
    return _rules_of(
        session, holdings, open_slots(session, {h.category for h in holdings if not h.performance}, day), day
    )


def _rules_of(
    session: Session, holdings: Sequence[Holding], slots: Sequence[OpenSlot], day: date
) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {holding.key: set() for holding in holdings}
    by_item: dict[int, list[int]] = {}
    for holding in holdings:
        if holding.item is not None and not holding.performance:
            by_item.setdefault(holding.item, []).append(holding.key)
    converted = {holding.key for holding in holdings if holding.converted}
    whole = [item for item, keys in by_item.items() if not converted.issuperset(keys)]
    for item, rule in session.execute(_TAKING_ITEMS, {"items": whole, "day": day}) if whole else ():
        for key in by_item[item]:
            if key not in converted:
                found[key].add(rule)
    if converted:
        items = [item for item, keys in by_item.items() if converted.intersection(keys)]
        for item, rule in session.execute(_ACCEPTING, {"items": items, "day": day}) if items else ():
            for key in converted.intersection(by_item[item]):
                found[key].add(rule)
    for holding in holdings:
        for one in slots:
            if (one.accepts or not holding.converted) and not holding.performance and fits(one.slot, holding):
                found[holding.key].add(one.rule)
    return found


def counts(
    session: Session, holdings: Sequence[Holding], in_use: dict[int, set[int]], day: date | None = None
) -> dict[int, int]:
    """可转换规则数: how many rules each holding can enter, without those that it is in use for (``in_use``: rule ids).

    Most holdings enter rules by their item alone: the index counts those. The few that were granted by a conversion, or
    that fit a slot of a category, are looked at one by one, so that no rule counts twice (spec 7).
    """
    day = day or today()
    slots = open_slots(session, {h.category for h in holdings if not h.performance}, day)
    plain: list[Holding] = []
    others: list[Holding] = []
    for holding in holdings:
        simple = holding.item is not None and not holding.converted and not holding.performance
        fit = simple and any(fits(one.slot, holding) for one in slots)
        (plain if simple and not fit else others).append(holding)
    found = _by_item(session, plain, in_use, day)
    for key, rules in _rules_of(session, others, slots, day).items():
        found[key] = len(rules - in_use.get(key, set()))
    return found


def _by_item(
    session: Session, holdings: Sequence[Holding], in_use: dict[int, set[int]], day: date
) -> dict[int, int]:
    """How many rules take each holding's item, without those in use."""
    if not holdings:
        return {}
    given: dict[str, Any] = {"items": list({h.item for h in holdings}), "day": day}
    totals = {row[0]: row[1] for row in session.execute(_HOW_MANY, given)}
    spent = set().union(*(in_use.get(h.key, set()) for h in holdings)) - {None}
    taken = (
        {(item, rule) for item, rule in session.execute(_WHICH_OF, {**given, "rules": list(spent)})}
        if spent
        else set()
    )
    return {
        h.key: totals.get(h.item or 0, 0) - sum((h.item, rule) in taken for rule in in_use.get(h.key, ()))
        for h in holdings
    }


def among(
    rule_ids: Iterable[int], *, words: str = "", own_programme_id: int | None = None, own_name: str = ""
) -> Select[tuple[Rule]]:
    """These rules, found by words; the learner's own programme first, then its other terms (spec 2.6)."""
    query: Any = (
        select(Rule)
        .outerjoin(Programme, Programme.id == Rule.programme_id)
        .where(Rule.id.in_(list(rule_ids)), Rule.state == "published")
        .options(*_WITH_VERSION)
    )
    order: list[Any] = []
    if own_programme_id is not None:
        order.append((func.coalesce(Rule.programme_id, 0) == own_programme_id).desc())
        order.append((func.coalesce(Programme.name, "") == own_name).desc())
    return _matching(query, words).order_by(*order, Programme.term.desc(), Rule.name, Rule.id)


# --- everyone's search


def public(
    *,
    words: str = "",
    source: str = "",
    organisation_id: int | None = None,
    term: str = "",
    day: date | None = None,
) -> Select[tuple[Rule]]:
    """Rules that can be applied by on ``day`` (today), by words, words of a source, granting institution and intake term.

    As :func:`app.conversion.eligibility.in_force` has it: published, the version and its agreement in their dates, every
    target still in the catalogue. Load a page of them with :func:`load`.
    """
    gone = (
        select(RuleTarget.id)
        .join(CatalogueItem, CatalogueItem.id == RuleTarget.catalogue_item_id)
        .where(RuleTarget.rule_version_id == Rule.current_version_id, CatalogueItem.standing != "active")
    )
    query: Any = (
        select(Rule)
        .join(Agreement, Agreement.id == Rule.agreement_id)
        .join(RuleVersion, RuleVersion.id == Rule.current_version_id)
        .outerjoin(Programme, Programme.id == Rule.programme_id)
        .where(Rule.state == "published", *_in_force(day or today()), ~gone.exists())
    )
    if organisation_id is not None:
        query = query.where(Agreement.organisation_id == organisation_id)
    if term:
        query = query.where(Programme.term == term)
    for word in source.split()[:8]:
        query = query.where(Rule.current_version_id.in_(_taking(word)))
    return _matching(query, words).order_by(Rule.name, Rule.id)


def _taking(word: str) -> Select[Any]:
    """Versions with a source of this name: an item, words of a name, a category in either language."""
    columns = (CatalogueItem.name, RuleSource.name_pattern, Category.name_zh, Category.name_en)
    return (
        select(RuleSource.rule_version_id)
        .outerjoin(CatalogueItem, CatalogueItem.id == RuleSource.catalogue_item_id)
        .outerjoin(Category, Category.id == RuleSource.category_id)
        .where(or_(*(column.contains(word, autoescape=True) for column in columns)))
    )


def load(session: Session, limited: Select[tuple[Rule]]) -> list[Rule]:
    """The rules of a page with what lists show of them: found first, joined after (spec 7)."""
    keys = list(session.scalars(limited.with_only_columns(Rule.id)))
    found = session.scalars(select(Rule).where(Rule.id.in_(keys)).options(*_WITH_VERSION)).unique()
    by_key = {rule.id: rule for rule in found}
    return [by_key[key] for key in keys]


def _matching(query: Any, words: str) -> Any:
    for word in words.split()[:8]:
        named = or_(Programme.name.contains(word, autoescape=True), Programme.term == word)
        programmes = select(Programme.id).where(named).correlate(None)
        query = query.where(or_(Rule.name.contains(word, autoescape=True), Rule.programme_id.in_(programmes)))
    return query


def granting(session: Session) -> Sequence[Any]:
    """(id, name) of the institutions whose agreements have published rules, by name."""
    used = exists().where(Rule.agreement_id == Agreement.id, Rule.state == "published")
    ids = select(Agreement.organisation_id).where(used)
    return session.execute(
        select(Organisation.id, Organisation.name).where(Organisation.id.in_(ids)).order_by(Organisation.name)
    ).all()


def terms(session: Session) -> list[str]:
    """The intake terms of programmes that published rules grant in, newest first."""
    used = exists().where(Rule.programme_id == Programme.id, Rule.state == "published")
    return sorted(
        session.scalars(select(Programme.term).where(used, Programme.term != "").distinct()), reverse=True
    )


def published(session: Session, rule_id: int) -> Rule | None:
    """A published rule with its version, or None."""
    return session.scalar(
        select(Rule).where(Rule.id == rule_id, Rule.state == "published").options(*_WITH_VERSION)
    )


def version_of(session: Session, version_id: int) -> RuleVersion:
    """A version with its sources and targets."""
    return session.scalars(
        select(RuleVersion)
        .where(RuleVersion.id == version_id)
        .options(
            selectinload(RuleVersion.sources),
            selectinload(RuleVersion.targets).joinedload(RuleTarget.catalogue_item),
        )
    ).one()
