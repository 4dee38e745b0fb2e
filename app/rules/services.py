"""Drafting, publishing and retiring rules; expanding templates.

A published version never changes (:func:`_refuse_change_of_published` holds that for every writer).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any

from sqlalchemy import delete, event, func, insert, inspect, select
from sqlalchemy.orm import Session, UOWTransaction

from app.catalogue.models import CatalogueItem
from app.kernel.clock import now, today
from app.kernel.errors import N_, Forbidden, Invalid
from app.kernel.unit_of_work import UnitOfWork
from app.rules.models import Rule, RuleCandidate, RuleSource, RuleTarget, RuleTemplate, RuleVersion
from app.rules.states import workflow
from verifier.canonical import canonical


@dataclass(frozen=True)
class Slot:
    """A source slot to be drafted: an item, or a category with an optional word in the name."""

    item_id: int | None = None
    category_id: int | None = None
    name_pattern: str = ""
    minimum_score: int | None = None
    months_valid: int | None = None


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
    by_template: bool = False,
) -> RuleVersion:
    """The next version of ``rule``, unpublished. ``targets``: (catalogue item id, ratio in basis points).

    A version made ``by_template`` was drafted by nobody, so whoever expands the template may publish it.
    """
    if rule.id is None:
        uow.session.add(rule)
        uow.flush()
    version = RuleVersion(
        rule_id=rule.id,
        number=next_number(uow.session, rule.id),
        name=rule.name,
        description=rule.description,
        mode=mode,
        needed=needed,
        valid_from=valid_from or today(),
        valid_until=valid_until,
        reuse_group=reuse_group,
        created_by_id=None if by_template else uow.actor.user_id,
        sources=[
            RuleSource(
                position=number,
                catalogue_item_id=slot.item_id,
                category_id=slot.category_id,
                name_pattern=slot.name_pattern,
                minimum_score=slot.minimum_score,
                months_valid=slot.months_valid,
            )
            for number, slot in enumerate(slots, 1)
        ],
        targets=[
            RuleTarget(catalogue_item_id=key, ratio=ratio, position=number)
            for number, (key, ratio) in enumerate(targets, 1)
        ],
    )
    uow.session.add(version)
    uow.flush()
    return version


def next_number(session: Session, rule_id: int) -> int:
    """The number that the next version of a rule gets."""
    newest = session.scalar(select(func.max(RuleVersion.number)).where(RuleVersion.rule_id == rule_id))
    return (newest or 0) + 1


def check_pattern(pattern: str) -> None:
    """A template's name pattern holds ``{term}``, ``{programme}`` and ``{target}`` and no other place. Raises Invalid."""
    if re.search(r"[{}]", re.sub(r"\{(term|programme|target)\}", "", pattern)):
        raise Invalid(
            "pattern", N_("The name may hold {term}, {programme} and {target}, and no other braces.")
        )


def publish(uow: UnitOfWork, rule: Rule, version: RuleVersion) -> None:
    """Put a version in force: it becomes immutable, and applications from now on are made under it. Raises
    Invalid, Forbidden.
    """
    if version.published_at is not None or version.rule_id != rule.id:
        raise Invalid("published", N_("This version has been published already."))
    if not version.sources or not version.targets:
        raise Invalid("incomplete", N_("A rule needs at least one source and one target."))
    version.digest = sha256(canonical(form(version))).hexdigest()
    version.published_at, version.published_by_id = now(), uow.actor.user_id
    uow.flush()
    rule.current_version_id = version.id
    rule.current_version = version
    if rule.state == "published":
        workflow.check(uow, rule, "publish", None)
        uow.record("rule.publish", rule, number=version.number)
        uow.flush()
    else:
        workflow.fire(uow, rule, "publish", rule_version=version)
    refresh_candidates(uow, rule)


def retire(uow: UnitOfWork, rule: Rule) -> None:
    """Take a rule out of force; applications made under it go on."""
    workflow.fire(uow, rule, "retire")
    refresh_candidates(uow, rule)


def form(version: RuleVersion) -> dict[str, Any]:
    """What a version says, for its digest and for replay."""
    return {
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
        "sources": [
            [
                s.position,
                s.catalogue_item_id,
                s.category_id,
                s.name_pattern,
                s.minimum_score,
                s.minimum_level_id,
                s.months_valid,
            ]
            for s in version.sources
        ],
        "targets": [[t.position, t.catalogue_item_id, t.ratio] for t in version.targets],
    }


def refresh_candidates(uow: UnitOfWork, rule: Rule) -> None:
    """Rewrite which items can enter this rule."""
    uow.session.execute(delete(RuleCandidate).where(RuleCandidate.rule_id == rule.id))
    version = rule.current_version
    if rule.state != "published" or version is None:
        return
    items = {source.catalogue_item_id for source in version.sources if source.catalogue_item_id is not None}
    for source in version.sources:
        if source.catalogue_item_id is None:
            query = select(CatalogueItem.id).where(CatalogueItem.category_id == source.category_id)
            if source.name_pattern:
                query = query.where(CatalogueItem.name.contains(source.name_pattern, autoescape=True))
            items.update(uow.session.scalars(query))
    if items:
        uow.session.execute(
            insert(RuleCandidate), [{"catalogue_item_id": item, "rule_id": rule.id} for item in sorted(items)]
        )


def expand(uow: UnitOfWork, template: RuleTemplate) -> list[Rule]:
    """One published rule per catalogue item of the template's target name in the granting institution's
    programmes (ADR 0009).

    Rules that exist already stay as they are; returns the new ones. Publishing is the system's, for the
    template was approved.
    """
    present = set(uow.session.scalars(select(Rule.name).where(Rule.agreement_id == template.agreement_id)))
    targets = uow.session.scalars(
        select(CatalogueItem)
        .where(
            CatalogueItem.organisation_id == template.agreement.organisation_id,
            CatalogueItem.category_id == template.target_category_id,
            CatalogueItem.name == template.target_name,
            CatalogueItem.programme_id.is_not(None),
            CatalogueItem.standing == "active",
        )
        .order_by(CatalogueItem.id)
    )
    made = []
    for item in targets:
        programme = item.programme
        assert programme is not None  # noqa: S101 -- the query asks for items of a programme
        name = template.rule_name.format_map(
            {"term": programme.term, "programme": programme.name, "target": item.name}
        )
        if name not in present:
            rule = Rule(
                agreement_id=template.agreement_id,
                template_id=template.id,
                programme_id=programme.id,
                name=name,
                description=name,
                state="draft",
            )
            rule.programme = programme
            version = draft(
                uow,
                rule,
                [Slot(item_id=template.source_item_id)],
                [(item.id, template.ratio)],
                valid_from=template.agreement.valid_from,
                reuse_group=template.reuse_group,
                by_template=True,
            )
            publish(uow, rule, version)
            made.append(rule)
    return made


@event.listens_for(Session, "before_flush")
def _refuse_change_of_published(session: Session, _context: UOWTransaction, _instances: Any) -> None:
    """A published version, its slots and targets are facts (spec 4)."""
    for row in (*session.new, *session.dirty, *session.deleted):
        if row in session.dirty and not session.is_modified(row):
            continue
        version: RuleVersion | None = None
        if isinstance(row, RuleVersion) and row not in session.new:
            version = row
        elif isinstance(row, (RuleSource, RuleTarget)):
            version = row.rule_version or session.get(RuleVersion, row.rule_version_id)
        # The flush that publishes sets the date itself; whatever comes after finds it there.
        if version is not None and version.published_at is not None:
            history: Any = inspect(version).attrs.published_at.history
            if not history.added:
                raise Forbidden("immutable", N_("A published version never changes. Please draft a new one."))
