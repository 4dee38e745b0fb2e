"""Which achievement may fill which slot of a rule, and why not: reasons in words, checked when a rule is opened and
again at submission. The engine is :mod:`app.rules.matching`; here achievements become what it knows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date

from app.achievements.models import Achievement
from app.achievements.states import ACCEPTED
from app.kernel.clock import today
from app.kernel.errors import N_, Conflict, DomainError, Invalid
from app.rules import matching
from app.rules.matching import Holding, Slot, Terms, terms_of
from app.rules.models import Rule, RuleVersion


def holding(achievement: Achievement) -> Holding:
    """An achievement as rules see it."""
    item = achievement.catalogue_item
    return Holding(
        key=achievement.id,
        item=achievement.catalogue_item_id,
        category=achievement.category_id,
        name=achievement.name,
        issuer=achievement.issuer,
        issuer_id=item.organisation_id if item else None,
        score=achievement.score,
        level=achievement.level.number if achievement.level else None,
        obtained_on=achievement.obtained_on,
        converted=achievement.origin == "converted",
        performance=achievement.category.performance,
        accepted=achievement.state in ACCEPTED and not achievement.suspect,
    )


def in_force(rule: Rule, version: RuleVersion, day: date | None = None) -> list[DomainError]:
    """Why a version can't be applied for on ``day`` (default: today); empty when it can."""
    day = day or today()
    reasons: list[DomainError] = []
    if rule.state != "published" or rule.current_version_id != version.id:
        reasons.append(Conflict("rule_retired", N_("This rule is no longer in force.")))
    if day < version.valid_from or (version.valid_until and day > version.valid_until):
        reasons.append(Conflict("rule_validity", N_("This rule is not valid today.")))
    agreement = rule.agreement
    if day < agreement.valid_from or (agreement.valid_until and day > agreement.valid_until):
        reasons.append(Conflict("agreement_expired", N_("The agreement of this rule is not in force today.")))
    gone = [row.catalogue_item.name for row in version.targets if row.catalogue_item.standing != "active"]
    if gone:
        words = N_("%(target)s is no longer in the catalogue.")
        reasons.append(Conflict("target_retired", words, target="、".join(gone)))
    return reasons


def check(version: RuleVersion, chosen: Mapping[int, Achievement], targets: Collection[int]) -> Terms:
    """``chosen`` (slot id → achievement) satisfies the version, and ``targets`` (item ids) may be granted by it.

    Returns the version's terms. Raises Invalid: incomplete, too many, or the first obstacle.
    """
    terms = terms_of(version)
    slots: dict[int, Slot] = {slot.key: slot for slot in terms.slots}
    if not chosen or not chosen.keys() <= slots.keys():
        raise Invalid("slots", N_("Please choose one achievement for each slot."))
    if len({achievement.id for achievement in chosen.values()}) < len(chosen):
        raise Invalid("same_twice", N_("One achievement can fill one slot only."))
    for key, achievement in chosen.items():
        for reason in matching.obstacles(terms, slots[key], holding(achievement), today()):
            raise reason
    if not matching.satisfied(terms, chosen):
        raise Invalid("slots", N_("Please choose one achievement for each slot."))
    if any(matching.satisfied(terms, chosen.keys() - {key}) for key in chosen):
        raise Invalid("too_many", N_("Please bring only as many achievements as the rule needs."))
    _check_targets(terms, targets)
    return terms


def _check_targets(terms: Terms, targets: Collection[int]) -> None:
    offered = {item for item, _ratio in terms.targets}
    wanted = len(offered) if terms.targets_needed is None else terms.targets_needed
    if len(set(targets)) != wanted or not set(targets) <= offered:
        raise Invalid("targets", N_("Please choose %(count)s of the targets."), count=wanted)
