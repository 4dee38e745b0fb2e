"""Which achievement may fill which slot of a rule, and why not: reasons in words, checked when a rule is
opened and again at submission.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

from app.achievements.models import Achievement
from app.achievements.states import ACCEPTED
from app.kernel.clock import today
from app.kernel.errors import N_, Conflict, DomainError, Invalid
from app.rules.models import Rule, RuleSource, RuleVersion


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
    return reasons


def obstacles(
    version: RuleVersion, slot: RuleSource, achievement: Achievement, day: date | None = None
) -> list[DomainError]:
    """Why ``achievement`` can't fill ``slot``; empty when it can."""
    day = day or today()
    reasons: list[DomainError] = []
    if achievement.state not in ACCEPTED or achievement.suspect:
        reasons.append(Invalid("not_accepted", N_("This achievement is not recognised, or is under review.")))
    if achievement.category.performance:
        reasons.append(
            Invalid("performance", N_("Performance achievements are converted on their own page."))
        )
    if achievement.origin == "converted" and not version.accepts_converted:
        reasons.append(
            Invalid("converted", N_("An achievement granted by a conversion is no source of this rule."))
        )
    if not fits(slot, achievement):
        reasons.append(Invalid("other_item", N_("This rule asks for another achievement.")))
    reasons += _conditions(slot, achievement, day)
    return reasons


def fits(slot: RuleSource, achievement: Achievement) -> bool:
    """Whether the slot asks for this kind of achievement at all."""
    if slot.catalogue_item_id is not None:
        return achievement.catalogue_item_id == slot.catalogue_item_id
    return achievement.category_id == slot.category_id and slot.name_pattern in achievement.name


def _conditions(slot: RuleSource, achievement: Achievement, day: date) -> list[DomainError]:
    reasons: list[DomainError] = []
    if slot.minimum_score is not None:
        found = re.match(r"\d+", achievement.score)
        if not found or int(found.group()) < slot.minimum_score:
            reasons.append(
                Invalid("score", N_("The score must be at least %(score)s."), score=slot.minimum_score)
            )
    if slot.minimum_level is not None and (
        achievement.level is None or achievement.level.number < slot.minimum_level.number
    ):
        reasons.append(
            Invalid(
                "level",
                N_("The qualification level must be at least %(level)s."),
                level=slot.minimum_level.number,
            )
        )
    if slot.months_valid is not None and not _recent(achievement.obtained_on, slot.months_valid, day):
        reasons.append(
            Invalid(
                "too_old",
                N_("It must have been obtained within the last %(months)s months."),
                months=slot.months_valid,
            )
        )
    return reasons


def _recent(obtained: date | None, months: int, day: date) -> bool:
    if obtained is None:
        return False
    passed = (day.year - obtained.year) * 12 + day.month - obtained.month - (day.day < obtained.day)
    return passed < months or (passed == months and day.day == obtained.day)


def check(version: RuleVersion, chosen: Mapping[int, Achievement]) -> None:
    """``chosen`` (slot id → achievement) satisfies the version. Raises Invalid or the first obstacle."""
    slots = {slot.id: slot for slot in version.sources}
    if not chosen or not chosen.keys() <= slots.keys():
        raise Invalid("slots", N_("Please choose one achievement for each slot."))
    wanted = len(slots) if version.mode == "all" else version.needed or 1
    if len(chosen) < wanted:
        raise Invalid("slots", N_("Please choose one achievement for each slot."))
    if len({achievement.id for achievement in chosen.values()}) < len(chosen):
        raise Invalid("same_twice", N_("One achievement can fill one slot only."))
    for slot_id, achievement in chosen.items():
        for reason in obstacles(version, slots[slot_id], achievement):
            raise reason
