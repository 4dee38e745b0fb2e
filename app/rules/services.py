"""Drafting, publishing and retiring rules, each with a second person.

A published version never changes (:func:`_refuse_change_of_published` holds that for every writer).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any

from sqlalchemy import delete, event, func, insert, inspect, select
from sqlalchemy.orm import Session, UOWTransaction

from app.catalogue.models import CatalogueItem, Category
from app.kernel.clock import now, today
from app.kernel.errors import N_, Conflict, DomainError, Forbidden, Invalid
from app.kernel.unit_of_work import UnitOfWork
from app.rules.models import (
    Agreement,
    Rule,
    RuleCandidate,
    RuleGroup,
    RuleSource,
    RuleTarget,
    RuleVersion,
)
from app.rules.states import workflow
from verifier.canonical import canonical

#: How a rule without an end is written in the table of candidates.
FOREVER = date(9999, 12, 31)


@dataclass(frozen=True)
class Slot:
    """A source slot to be drafted: an item, or a category with conditions. ``group``: the number of its group."""

    item_id: int | None = None
    category_id: int | None = None
    name_pattern: str = ""
    minimum_score: int | None = None
    months_valid: int | None = None
    minimum_level_id: int | None = None
    issuer_id: int | None = None
    similar: bool = False
    group: int | None = None


def draft(
    uow: UnitOfWork,
    rule: Rule,
    slots: Iterable[Slot],
    targets: Iterable[tuple[int, int]],
    *,
    valid_from: date | None = None,
    valid_until: date | None = None,
    reuse_group: str = "",
    mode: str = "all",
    needed: int | None = None,
    groups: Mapping[int, int | None] | None = None,
    targets_needed: int | None = None,
    accepts_converted: bool = False,
    by_template: bool = False,
) -> RuleVersion:
    """The next version of ``rule``, unpublished. ``targets``: (catalogue item id, ratio in basis points); ``groups``:
    number → how many of its slots are enough (None: all).

    A version made ``by_template`` was drafted by nobody, so whoever applies the template may publish it.
    """
    uow.session.add(rule)
    version = RuleVersion(
        rule_id=rule.id,
        rule=rule,
        number=next_number(uow.session, rule.id) if rule.id is not None else 1,
        created_by_id=None if by_template else uow.actor.user_id,
    )
    uow.session.add(version)
    _write(
        uow,
        version,
        list(slots),
        list(targets),
        dict(groups or {}),
        name=rule.name,
        description=rule.description,
        mode=mode,
        needed=needed,
        valid_from=valid_from or today(),
        valid_until=valid_until,
        reuse_group=reuse_group,
        targets_needed=targets_needed,
        accepts_converted=accepts_converted,
    )
    return version


def revise(
    uow: UnitOfWork,
    version: RuleVersion,
    slots: Iterable[Slot],
    targets: Iterable[tuple[int, int]],
    groups: Mapping[int, int | None],
    seen: int,
    **words: Any,
) -> None:
    """Write a draft anew, as its page was filled in; ``seen`` is the row's version on that page. Raises Conflict,
    Forbidden, Invalid.
    """
    if version.published_at is not None:
        raise Forbidden("immutable", N_("A published version never changes. Please draft a new one."))
    if version.version != seen:
        raise Conflict("stale", N_("Someone else changed this record meanwhile. Please look at it again."))
    for row in (*version.sources, *version.targets):
        uow.session.delete(row)
    uow.flush()
    for group in version.groups:
        uow.session.delete(group)
    uow.flush()
    uow.session.expire(version, ["sources", "targets", "groups"])
    version.edited_by_id = uow.actor.user_id
    _write(uow, version, list(slots), list(targets), dict(groups), **words)
    if version.rule.state == "draft":
        version.rule.name, version.rule.description = version.name, version.description
    uow.flush()


def _write(
    uow: UnitOfWork,
    version: RuleVersion,
    slots: list[Slot],
    targets: list[tuple[int, int]],
    groups: dict[int, int | None],
    **words: Any,
) -> None:
    for column, value in words.items():
        setattr(version, column, value)
    for reason in faults(slots, targets, groups, version):
        raise reason
    made = {
        number: RuleGroup(position=number, needed=needed)
        for number, needed in sorted(groups.items())
        if any(slot.group == number for slot in slots)
    }
    version.groups = list(made.values())
    if made:
        uow.flush()  # slots name their group by its id
    version.sources = [
        RuleSource(
            position=number,
            catalogue_item_id=slot.item_id,
            category_id=slot.category_id,
            name_pattern=slot.name_pattern,
            similar_names=slot.similar,
            issuer_id=slot.issuer_id,
            minimum_score=slot.minimum_score,
            minimum_level_id=slot.minimum_level_id,
            months_valid=slot.months_valid,
            group_id=made[slot.group].id if slot.group is not None else None,
        )
        for number, slot in enumerate(slots, 1)
    ]
    version.targets = [
        RuleTarget(catalogue_item_id=key, ratio=ratio, position=number)
        for number, (key, ratio) in enumerate(targets, 1)
    ]
    uow.flush()


def faults(
    slots: list[Slot], targets: list[tuple[int, int]], groups: Mapping[int, int | None], version: RuleVersion
) -> list[DomainError]:
    """Why a version can't be written like this."""
    found: list[DomainError] = []
    members = len({slot.group for slot in slots} - {None}) + sum(slot.group is None for slot in slots)
    if (version.mode == "any") != (version.needed is not None):
        found.append(
            Invalid("needed", N_("How many slots are enough goes with the mode “any of”, and only with it."))
        )
    if version.needed is not None and not 1 <= version.needed <= max(members, 1):
        found.append(Invalid("needed", N_("A rule can't ask for more than it lists.")))
    for number, needed in groups.items():
        size = sum(slot.group == number for slot in slots)
        if size and needed is not None and not 1 <= needed <= size:
            found.append(Invalid("needed", N_("A rule can't ask for more than it lists.")))
    if any(slot.group is not None and slot.group not in groups for slot in slots):
        found.append(Invalid("group", N_("A source names a group that the rule does not have.")))
    if any((slot.item_id is None) == (slot.category_id is None) for slot in slots):
        found.append(
            Invalid("source", N_("Each source is an item of the catalogue or a category, not both."))
        )
    if any(slot.similar and not slot.name_pattern for slot in slots):
        found.append(Invalid("pattern", N_("Similar to what? Please give the words of the name.")))
    if version.targets_needed is not None and not 1 <= version.targets_needed <= max(len(targets), 1):
        found.append(Invalid("targets_needed", N_("A rule can't let choose more targets than it lists.")))
    if len({key for key, _ratio in targets}) < len(targets):
        found.append(Invalid("target_twice", N_("Each target stands in a rule once.")))
    if any(not 0 <= ratio <= 100000 for _key, ratio in targets):
        found.append(Invalid("ratio", N_("A ratio is between 0 and 1000 per cent.")))
    if version.valid_until and version.valid_until < version.valid_from:
        found.append(Invalid("validity", N_("A rule ends after it begins.")))
    return found


def discard(uow: UnitOfWork, rule: Rule) -> None:
    """Delete a rule that was never in force, with its drafts. Raises Conflict."""
    if rule.state != "draft" or any(version.published_at is not None for version in rule.versions):
        raise Conflict("not_draft", N_("This rule has been in force: it can be retired, not deleted."))
    for version in rule.versions:
        for row in (*version.sources, *version.targets):
            uow.session.delete(row)
        uow.flush()
        for row in (*version.groups, version):
            uow.session.delete(row)
        uow.flush()
    uow.session.expire(rule, ["versions"])
    uow.session.delete(rule)
    uow.flush()


def next_number(session: Session, rule_id: int) -> int:
    """The number that the next version of a rule gets."""
    newest = session.scalar(select(func.max(RuleVersion.number)).where(RuleVersion.rule_id == rule_id))
    return (newest or 0) + 1


def publish(uow: UnitOfWork, rule: Rule, version: RuleVersion) -> None:
    """Put a version in force: it becomes immutable, and applications from now on are made under it. Raises
    Invalid, Forbidden (the second person).
    """
    if version.published_at is not None or version.rule_id != rule.id:
        raise Invalid("published", N_("This version has been published already."))
    if not version.sources or not version.targets:
        raise Invalid("incomplete", N_("A rule needs at least one source and one target."))
    _check_rows(uow.session, version)
    version.digest = sha256(canonical(form(version))).hexdigest()
    version.published_at, version.published_by_id = now(), uow.actor.user_id
    rule.current_version_id = version.id
    rule.current_version = version
    rule.name, rule.description = version.name, version.description
    rule.retirement_by_id, rule.retirement_reason = None, ""
    rule.programme_id = rule.programme_id or version.targets[0].catalogue_item.programme_id
    if rule.state == "published":
        transition = workflow.check(uow, rule, "publish", None)
        workflow.guard(uow, rule, transition, rule_version=version)
        uow.record("rule.publish", rule, number=version.number)
        uow.flush()
    else:
        workflow.fire(uow, rule, "publish", rule_version=version)
    refresh_candidates(uow, rule)


def _check_rows(session: Session, version: RuleVersion) -> None:
    """What the version names still is there. Raises Invalid."""
    keys = [target.catalogue_item_id for target in version.targets]
    gone = session.scalars(
        select(CatalogueItem.name).where(CatalogueItem.id.in_(keys), CatalogueItem.standing != "active")
    ).all()
    if gone:
        raise Invalid(
            "target_retired", N_("%(target)s is no longer in the catalogue."), target="、".join(gone)
        )
    categories = {source.category_id for source in version.sources} - {None}
    categories |= set(
        session.scalars(
            select(CatalogueItem.category_id).where(
                CatalogueItem.id.in_([s.catalogue_item_id for s in version.sources if s.catalogue_item_id])
            )
        )
    )
    if session.scalar(select(Category.id).where(Category.id.in_(categories), Category.performance).limit(1)):
        raise Invalid("performance", N_("Performance achievements are converted on their own page."))


def propose_retirement(uow: UnitOfWork, rule: Rule, reason: str) -> None:
    """The first of two people: propose to take a rule out of force. Raises Conflict, Invalid."""
    workflow.check(uow, rule, "retire", None)
    if not reason.strip():
        raise Invalid("reason", N_("Please give a reason."))
    rule.retirement_by_id, rule.retirement_reason = uow.actor.user_id, reason.strip()[:2000]
    uow.flush()
    uow.record("rule.retirement_proposed", rule, why=rule.retirement_reason)


def keep(uow: UnitOfWork, rule: Rule) -> None:
    """Drop the proposal to retire a rule."""
    workflow.check(uow, rule, "retire", None)
    if rule.retirement_by_id is None:
        raise Conflict("wrong_state", N_("This is no longer possible: the case has moved on."))
    rule.retirement_by_id, rule.retirement_reason = None, ""
    uow.flush()


def retire(uow: UnitOfWork, rule: Rule) -> None:
    """The second person: take a rule out of force; applications made under it go on. Raises Conflict, Forbidden."""
    workflow.fire(uow, rule, "retire", reason=rule.retirement_reason)
    rule.retirement_by_id = None
    uow.flush()
    refresh_candidates(uow, rule)


def form(version: RuleVersion) -> dict[str, Any]:
    """What a version says, for its digest. What is as it always was is left out, so that digests stay what they were."""
    said: dict[str, Any] = {
        "rule": version.rule_id,
        "number": version.number,
        "name": version.name,
        "description": version.description,
        "mode": version.mode,
        "needed": version.needed,
        "valid_from": version.valid_from.isoformat(),
        "valid_until": version.valid_until.isoformat() if version.valid_until else None,
        "reuse_group": version.reuse_group,
        "accepts_converted": version.accepts_converted,
        "sources": [_said(source) for source in version.sources],
        "targets": [[t.position, t.catalogue_item_id, t.ratio] for t in version.targets],
    }
    if version.targets_needed is not None:
        said["targets_needed"] = version.targets_needed
    if version.groups:
        said["groups"] = [[group.position, group.needed] for group in version.groups]
    return said


def _said(s: RuleSource) -> list[Any]:
    said: list[Any] = [
        *(s.position, s.catalogue_item_id, s.category_id, s.name_pattern),
        *(s.minimum_score, s.minimum_level_id, s.months_valid),
    ]
    if s.similar_names or s.issuer_id is not None or s.group_id is not None:
        said.append([s.similar_names, s.issuer_id, s.group.position if s.group else None])
    return said


def refresh_candidates(uow: UnitOfWork, rule: Rule) -> None:
    """Rewrite which items can enter this rule, and when. Slots of a category are not in the table: a new item of the
    catalogue enters them at once.
    """
    uow.session.execute(delete(RuleCandidate).where(RuleCandidate.rule_id == rule.id))
    version = rule.current_version
    if rule.state != "published" or version is None:
        return
    items = {source.catalogue_item_id for source in version.sources if source.catalogue_item_id is not None}
    if items:
        since, until = span(rule.agreement, version)
        rows = [
            {"catalogue_item_id": item, "rule_id": rule.id, "valid_from": since, "valid_until": until}
            for item in sorted(items)
        ]
        uow.session.execute(insert(RuleCandidate), rows)


def span(agreement: Agreement, version: RuleVersion) -> tuple[date, date]:
    """The days on which both the version and its agreement are in force."""
    return (
        max(version.valid_from, agreement.valid_from),
        min(version.valid_until or FOREVER, agreement.valid_until or FOREVER),
    )


def refresh_agreement(uow: UnitOfWork, agreement: Agreement) -> None:
    """An agreement's dates have changed: so have those of its rules' candidates."""
    rules = select(Rule).where(Rule.agreement_id == agreement.id, Rule.state == "published")
    for rule in uow.session.scalars(rules):
        refresh_candidates(uow, rule)


@event.listens_for(Session, "before_flush")
def _refuse_change_of_published(session: Session, _context: UOWTransaction, _instances: Any) -> None:
    """A published version, its groups, slots and targets are facts (spec 4)."""
    for row in (*session.new, *session.dirty, *session.deleted):
        if row in session.dirty and not session.is_modified(row):
            continue
        version: RuleVersion | None = None
        if isinstance(row, RuleVersion) and row not in session.new:
            version = row
        elif isinstance(row, (RuleGroup, RuleSource, RuleTarget)):
            version = row.rule_version or session.get(RuleVersion, row.rule_version_id)
        # The flush that publishes sets the date itself; whatever comes after finds it there.
        if version is not None and version.published_at is not None:
            history: Any = inspect(version).attrs.published_at.history
            if not history.added:
                raise Forbidden("immutable", N_("A published version never changes. Please draft a new one."))
