"""Templates: one text, many rules (ADR 0009). What applying a template would do is worked out first and shown; what is
applied is what was shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from app.catalogue.models import CatalogueItem, Programme
from app.kernel.errors import N_, Conflict, Forbidden, Invalid
from app.kernel.unit_of_work import UnitOfWork
from app.kernel.workflow import Step
from app.rules.matching import split
from app.rules.models import Rule, RuleTemplate, RuleVersion
from app.rules.services import Slot, draft, publish, refresh_candidates
from app.rules.states import same_person, workflow
from verifier.canonical import canonical


@dataclass(frozen=True)
class Wanted:
    """A rule as the template says it."""

    item: CatalogueItem
    name: str
    words: dict[str, Any]


@dataclass(frozen=True)
class Change:
    """A rule that would get a new version; ``differences``: what → (as it is, as it would be)."""

    rule: Rule
    wanted: Wanted
    differences: dict[str, tuple[Any, Any]]


@dataclass
class Difference:
    """What applying a template would do."""

    new: list[Wanted] = field(default_factory=list)
    changed: list[Change] = field(default_factory=list)
    gone: list[Rule] = field(default_factory=list)
    same: int = 0
    clashes: list[str] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        return not (self.new or self.changed or self.gone)

    @property
    def digest(self) -> str:
        """Names this difference, so that what is applied is what was shown."""
        said = {
            "new": [[w.item.id, w.name, _plain(w.words)] for w in self.new],
            "changed": [
                [c.rule.id, c.rule.version, c.wanted.name, _plain(c.wanted.words)] for c in self.changed
            ],
            "gone": [[rule.id, rule.version] for rule in self.gone],
        }
        return sha256(canonical(said)).hexdigest()


def _plain(words: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value if value is None or isinstance(value, (int, str)) else str(value)
        for key, value in words.items()
    }


def check_pattern(pattern: str) -> None:
    """A template's name pattern holds ``{term}``, ``{programme}`` and ``{target}`` and no other place. Raises Invalid."""
    if re.search(r"[{}]", re.sub(r"\{(term|programme|target)\}", "", pattern)):
        raise Invalid(
            "pattern", N_("The name may hold {term}, {programme} and {target}, and no other braces.")
        )


def difference(session: Session, template: RuleTemplate) -> Difference:
    """What applying the template would do now; reads only."""
    found = Difference()
    present = {
        _target(rule): rule
        for rule in session.scalars(
            select(Rule)
            .where(Rule.template_id == template.id, Rule.state != "retired")
            .options(
                joinedload(Rule.current_version).options(
                    selectinload(RuleVersion.sources),
                    selectinload(RuleVersion.targets),
                    selectinload(RuleVersion.groups),
                )
            )
        )
    }
    taken = set(
        session.scalars(
            select(Rule.name).where(
                Rule.agreement_id == template.agreement_id,
                Rule.template_id.is_distinct_from(template.id) | (Rule.state == "retired"),
            )
        )
    )
    for wanted in _wanted(session, template):
        rule = present.pop(wanted.item.id, None)
        if rule is None and wanted.name in taken:
            found.clashes.append(wanted.name)
        elif rule is None:
            found.new.append(wanted)
        elif differences := _differences(rule, wanted):
            found.changed.append(Change(rule, wanted, differences))
        else:
            found.same += 1
    found.gone = sorted(present.values(), key=lambda rule: rule.id)
    return found


def _target(rule: Rule) -> int | None:
    version = rule.current_version
    return version.targets[0].catalogue_item_id if version is not None and version.targets else None


def _wanted(session: Session, template: RuleTemplate) -> Iterator[Wanted]:
    query = (
        select(CatalogueItem)
        .join(Programme, Programme.id == CatalogueItem.programme_id)
        .where(
            CatalogueItem.organisation_id == template.agreement.organisation_id,
            CatalogueItem.category_id == template.target_category_id,
            CatalogueItem.name.in_(named_targets(template)),
            CatalogueItem.standing == "active",
            Programme.active,
        )
        .order_by(CatalogueItem.id)
        .options(joinedload(CatalogueItem.programme))
    )
    terms, programmes = split(template.terms), split(template.programmes)
    if terms:
        query = query.where(Programme.term.in_(terms))
    if programmes:
        query = query.where(Programme.name.in_(programmes))
    words = {
        "source": template.source_item_id,
        "ratio": template.ratio,
        "minimum_score": template.minimum_score,
        "minimum_level_id": template.minimum_level_id,
        "months_valid": template.months_valid,
        "valid_until": template.valid_until,
    }
    for item in session.scalars(query):
        programme = item.programme
        assert programme is not None  # noqa: S101 -- the query asks for items of a programme
        name = template.rule_name.format_map(
            {"term": programme.term, "programme": programme.name, "target": item.name}
        )
        group = template.reuse_group.replace("{target}", item.name.replace("/", ""))[:32]
        yield Wanted(item, name, {**words, "reuse_group": group})


def named_targets(template: RuleTemplate) -> list[str]:
    """The names of the targets; a template may have several, separated by |."""
    return [name.strip() for name in template.target_name.split("|") if name.strip()]


def _differences(rule: Rule, wanted: Wanted) -> dict[str, tuple[Any, Any]]:
    version = rule.current_version
    assert version is not None  # noqa: S101 -- a rule is found by its version's target
    source = version.sources[0]
    now = {
        "name": rule.name,
        "source": source.catalogue_item_id,
        "ratio": version.targets[0].ratio,
        "reuse_group": version.reuse_group,
        "minimum_score": source.minimum_score,
        "minimum_level_id": source.minimum_level_id,
        "months_valid": source.months_valid,
        "valid_until": version.valid_until,
    }
    then = {"name": wanted.name, **wanted.words}
    return {key: (now[key], then[key]) for key in now if now[key] != then[key]}


def expand(uow: UnitOfWork, template: RuleTemplate, shown: str | None = None) -> list[Rule]:
    """Apply the template: rules that are missing are made and published, those that differ get a new version, those
    that it no longer names are retired. Returns what was made anew.

    ``shown`` is the digest of the difference that somebody looked at; None for the command line. Raises Conflict when
    it has changed meanwhile, Forbidden for whoever edited the template last: a second person applies it.
    """
    step = Step(uow, template, None)  # type: ignore[arg-type]
    if same_person(step, template.edited_by_id):
        raise Forbidden(
            "second_person", N_("Whoever changed a template can't apply it: a second person has to.")
        )
    found = difference(uow.session, template)
    if shown is not None and shown != found.digest:
        raise Conflict(
            "stale", N_("Something has changed since you looked at this. Please look at it again.")
        )
    made = []
    for wanted in found.new:
        rule = Rule(
            agreement_id=template.agreement_id,
            agreement=template.agreement,
            template_id=template.id,
            programme_id=wanted.item.programme_id,
            name=wanted.name,
            description=wanted.name,
            state="draft",
        )
        rule.programme = wanted.item.programme
        made.append(rule)
        _publish(uow, template, rule, wanted)
    for change in found.changed:
        _publish(uow, template, change.rule, change.wanted)
    for rule in found.gone:
        _retire(uow, rule)
    uow.record(
        "template.apply", template, new=len(found.new), changed=len(found.changed), retired=len(found.gone)
    )
    return made


def _retire(uow: UnitOfWork, rule: Rule) -> None:
    """Whoever applies the template is the second person after whoever changed it."""
    workflow.follow(uow, rule, "retire", by_template=True)
    uow.flush()
    refresh_candidates(uow, rule)


def _publish(uow: UnitOfWork, template: RuleTemplate, rule: Rule, wanted: Wanted) -> None:
    words = wanted.words
    slot = Slot(
        item_id=words["source"],
        minimum_score=words["minimum_score"],
        minimum_level_id=words["minimum_level_id"],
        months_valid=words["months_valid"],
    )
    if rule.id is not None:
        rule.name = rule.description = wanted.name
        uow.flush()
    version = draft(
        uow,
        rule,
        [slot],
        [(wanted.item.id, words["ratio"])],
        valid_from=template.agreement.valid_from,
        valid_until=words["valid_until"],
        reuse_group=words["reuse_group"],
        by_template=True,
    )
    publish(uow, rule, version)
