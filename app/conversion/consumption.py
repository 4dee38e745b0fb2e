"""占用 and 使用: holding, using and releasing achievements. The unique key of the holds is what makes spending
twice impossible (ADR 0006).
"""

from __future__ import annotations

from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.achievements.models import Achievement
from app.conversion.models import ConsumptionEntry, ConsumptionHold, ConversionApplication
from app.kernel.errors import N_, Conflict
from app.kernel.unit_of_work import UnitOfWork


def reserve(uow: UnitOfWork, case: ConversionApplication) -> None:
    """Hold every source of ``case`` for its purpose. Raises Conflict when one is held or used already."""
    purpose = purpose_of(case)
    for achievement in case.achievements:
        uow.session.add(
            ConsumptionHold(
                holder_seal=_holder(case),
                source=_source(achievement),
                purpose=purpose,
                achievement_id=achievement.id,
                application_id=case.id,
                created_by_id=uow.actor.user_id,
            )
        )
        _enter(uow, case, achievement.id, "reserve", purpose)
    for target in case.targets:
        target.live = True
    try:
        uow.flush()
    except IntegrityError as error:
        words = str(error.orig)
        if "live" in words or "conversion_target" in words:
            raise Conflict(
                "target_taken", N_("You have, or have applied for, this target already.")
            ) from error
        raise Conflict("spent", N_("This achievement has been used for that programme already.")) from error


def consume(uow: UnitOfWork, case: ConversionApplication) -> None:
    """The holds of an approved case become use."""
    for achievement in case.achievements:
        _enter(uow, case, achievement.id, "consume", purpose_of(case))
    uow.flush()


def release(uow: UnitOfWork, case: ConversionApplication) -> None:
    """Give the sources of ``case`` free again, and its targets."""
    for hold in uow.session.scalars(select(ConsumptionHold).where(ConsumptionHold.application_id == case.id)):
        _enter(uow, case, hold.achievement_id, "release", hold.purpose)
        uow.session.delete(hold)
    for target in case.targets:
        target.live = False
    uow.flush()


def purpose_of(case: ConversionApplication) -> str:
    """What a source is used for: the target's programme (or the target itself) and the rule's reuse group."""
    where = (
        f"programme {case.programme_id}" if case.programme_id else f"item {case.targets[0].catalogue_item_id}"
    )
    group = case.rule_version.reuse_group if case.rule_version else ""
    return f"{where}/{group}"[:100]


def _enter(
    uow: UnitOfWork, case: ConversionApplication, achievement_id: int, kind: str, purpose: str
) -> None:
    uow.session.add(
        ConsumptionEntry(
            kind=kind,
            achievement_id=achievement_id,
            application_id=case.id,
            purpose=purpose,
            created_by_id=uow.actor.user_id,
        )
    )


def _holder(case: ConversionApplication) -> bytes:
    person = case.learner.person
    return person.holder_seal or sha256(f"person {person.uid}".encode()).digest()


def _source(achievement: Achievement) -> str:
    """The achievement's own identity, which outlives this row: item and certificate, or the row where there
    is no item.
    """
    if achievement.catalogue_item_id is None or achievement.origin == "converted":
        return f"achievement {achievement.id}"
    return f"item {achievement.catalogue_item_id} {achievement.identity_key}"
