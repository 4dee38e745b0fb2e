"""Decisions that can be decided again (spec 1.5.4): what was known is stored as plain values, and one function comes to
the result from nothing else. Replaying after the rule, the catalogue or the achievement has changed gives the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from hashlib import sha256
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.models import CreditEntry
from app.audit.models import Finding
from app.conversion.eligibility import holding
from app.conversion.models import ConversionApplication
from app.kernel.clock import civil
from app.kernel.errors import NotFound
from app.kernel.unit_of_work import UnitOfWork
from app.rules.matching import Holding, Terms, granted, obstacles, satisfied, terms_of
from app.rules.services import form
from verifier.canonical import canonical


def record(case: ConversionApplication) -> dict[str, Any]:
    """What a case is decided from, and the result: rule, achievements as they stand, the day that eligibility was
    promised on, targets with credits and ratio, the arithmetic.
    """
    version = case.rule_version
    known = {
        "rule_version": case.rule_version_id,
        "digest": version.digest if version else None,
        "terms": terms_of(version).plain() if version else None,
        "day": civil(case.submitted_at).date().isoformat(),
        "sources": [
            {
                "achievement": row.achievement_id,
                "slot": row.slot_id,
                "state": row.achievement.state,
                "identity": row.achievement.identity_key,
                "holding": _plain(holding(row.achievement)),
            }
            for row in case.sources
        ],
        "targets": [
            {"item": t.catalogue_item_id, "credits": t.item_credits, "ratio": t.ratio} for t in case.targets
        ],
    }
    return {**known, "outcome": decide(known)}


def decide(known: Mapping[str, Any]) -> dict[str, Any]:
    """The result that follows from a record: whether the rule is answered, by which obstacles not, what is granted."""
    reasons: list[str] = []
    if known["terms"] is not None:
        terms, day = Terms.read(known["terms"]), date.fromisoformat(known["day"])
        slots = {slot.key: slot for slot in terms.slots}
        for source in known["sources"]:
            held = _holding(source["holding"])
            reasons += [reason.code for reason in obstacles(terms, slots[source["slot"]], held, day)]
        if not satisfied(terms, [source["slot"] for source in known["sources"]]):
            reasons.append("slots")
        offered = dict(terms.targets)
        if any(offered.get(target["item"]) != target["ratio"] for target in known["targets"]):
            reasons.append("targets")
    return {
        "entitled": not reasons,
        "reasons": reasons,
        "granted": [[t["item"], granted(t["credits"], t["ratio"])] for t in known["targets"]],
    }


def _plain(held: Holding) -> dict[str, Any]:
    return {**asdict(held), "obtained_on": held.obtained_on.isoformat() if held.obtained_on else None}


def _holding(plain: Mapping[str, Any]) -> Holding:
    obtained = plain["obtained_on"]
    return Holding(**{**plain, "obtained_on": date.fromisoformat(obtained) if obtained else None})


def replay(session: Session, case_id: int) -> list[str]:
    """Decide an approved case again from what was stored; returns the differences, none when it comes out the same."""
    case = session.get(ConversionApplication, case_id)
    if case is None or case.reasoning is None:
        raise NotFound
    stored = case.reasoning
    differences = _against_rule(case, stored) + _against_rows(session, case, stored)
    if "outcome" in stored:
        again = decide(stored)
        if canonical(again) != canonical(stored["outcome"]):
            differences.append(f"decided again: {again}; decided then: {stored['outcome']}")
        if not again["entitled"]:
            differences.append(f"the rule is not answered: {', '.join(again['reasons'])}")
    return differences


def examine(uow: UnitOfWork, case_id: int) -> list[str]:
    """:func:`replay`; a difference is written down as a finding, once while it is open."""
    differences = replay(uow.session, case_id)
    if differences:
        text = "; ".join(differences)
        open_one = select(Finding.id).where(
            Finding.conversion_id == case_id, Finding.standing == "open", Finding.text == text
        )
        if uow.session.scalar(open_one) is None:
            finding = Finding(
                conversion_id=case_id, severity="grave", text=text, created_by_id=uow.actor.user_id
            )
            uow.session.add(finding)
            uow.flush()
    return differences


def _against_rule(case: ConversionApplication, stored: Mapping[str, Any]) -> list[str]:
    """The version in the database still is what was decided under."""
    version = case.rule_version
    if version is None:
        return []
    found = sha256(canonical(form(version))).hexdigest()
    same = found == stored["digest"] == version.digest
    if same and stored.get("terms") is not None:
        same = canonical(terms_of(version).plain()) == canonical(stored["terms"])
    return [] if same else [f"rule version {version.id} is not what was decided under"]


def _against_rows(session: Session, case: ConversionApplication, stored: Mapping[str, Any]) -> list[str]:
    """What was granted and posted is what was decided."""
    differences = []
    decided = {row["item"]: row for row in stored["targets"]}
    if decided.keys() != {target.catalogue_item_id for target in case.targets}:
        differences.append("other targets than were decided")
    outcome: dict[int, int] = dict(stored["outcome"]["granted"]) if "outcome" in stored else {}
    for target in case.targets:
        row = decided.get(target.catalogue_item_id)
        if row is None:
            continue
        right = granted(row["credits"], row["ratio"])
        wrote = (target.item_credits, target.ratio, target.granted_credits)
        if (
            wrote != (row["credits"], row["ratio"], right)
            or outcome.get(target.catalogue_item_id, right) != right
        ):
            differences.append(
                f"target {target.catalogue_item_id}: {wrote} written, {row} decided, {right} right"
            )
        posted = session.scalar(
            select(func.sum(CreditEntry.credits)).where(
                CreditEntry.conversion_id == case.id,
                CreditEntry.achievement_id == target.achievement_id,
                CreditEntry.reverses_id.is_(None),
            )
        )
        if posted != right:
            differences.append(f"target {target.catalogue_item_id}: {posted} posted, {right} right")
    return differences
