"""占用 and 使用: holding, using and releasing achievements. The unique keys of the holds are what makes spending
twice impossible (ADR 0006); what is looked up before only says in words what was spent, and where.
"""

from __future__ import annotations

from collections.abc import Collection
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

from app.achievements.models import Achievement
from app.conversion import caps
from app.conversion.models import ConsumptionEntry, ConsumptionHold, ConversionApplication, ConversionTarget
from app.kernel.errors import N_, Conflict
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner


def reserve(uow: UnitOfWork, case: ConversionApplication) -> None:
    """Hold every source of ``case`` for its purposes. Raises Conflict: what is held or used already and by which
    application, or which cap would be passed.
    """
    _in_turn(uow, case)
    seal = holder(case.learner)
    _refuse_spent(uow.session, case, seal)
    caps.check(uow.session, case, seal)
    for achievement in case.achievements:
        for purpose in purposes_of(case):
            uow.session.add(
                ConsumptionHold(
                    holder_seal=seal,
                    source=source_of(achievement),
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
        for purpose in purposes_of(case):
            _enter(uow, case, achievement.id, "consume", purpose)
    uow.flush()


def release(uow: UnitOfWork, case: ConversionApplication) -> None:
    """Give the sources of ``case`` free again, and its targets."""
    for hold in uow.session.scalars(select(ConsumptionHold).where(ConsumptionHold.application_id == case.id)):
        _enter(uow, case, hold.achievement_id, "release", hold.purpose)
        uow.session.delete(hold)
    for target in case.targets:
        target.live = False
    uow.flush()


def purposes_of(case: ConversionApplication) -> list[str]:
    """What the sources are used for: each target's programme (or the target itself) and the rule's reuse group."""
    group = case.rule_version.reuse_group if case.rule_version else ""
    places = {place(target.catalogue_item_id, target.catalogue_item.programme_id) for target in case.targets}
    return [purpose(where, group) for where in sorted(places)]


def place(item: int, programme: int | None) -> str:
    """Where a target is: within one place a source counts once per reuse group."""
    return f"item {item}" if programme is None else f"programme {programme}"


def purpose(where: str, group: str) -> str:
    """A place and a reuse group in one."""
    return f"{where}/{group}"


def excludes(one: str, other: str) -> bool:
    """Whether a source can't serve both purposes: the same place, unless both rules name a reuse group and another."""
    (here, _, mine), (there, _, theirs) = one.partition("/"), other.partition("/")
    return here == there and (mine == theirs or not mine or not theirs)


def holder(learner: Learner) -> bytes:
    """Whose achievements they are, also after an account is closed and opened again."""
    person = learner.person
    return person.holder_seal or sha256(f"person {person.uid}".encode()).digest()


def source_of(achievement: Achievement) -> str:
    """The achievement's own identity, which outlives this row: item and certificate; what was typed in, where there is
    no item; the row itself, where a conversion granted it.
    """
    if achievement.origin == "converted":
        return f"achievement {achievement.id}"
    if achievement.catalogue_item_id is not None:
        return f"item {achievement.catalogue_item_id} {achievement.identity_key}"
    if not achievement.identity_key:
        return f"achievement {achievement.id}"
    words = "\0".join((achievement.name, achievement.issuer)).casefold().replace(" ", "")
    typed = sha256(f"{achievement.category_id}\0{words}\0{achievement.identity_key}".encode()).hexdigest()
    return f"typed {typed}"


def holds_of(session: Session, seal: bytes) -> list[ConsumptionHold]:
    """The holds in force of a person."""
    query = select(ConsumptionHold).where(ConsumptionHold.holder_seal == seal)
    return list(session.scalars(query))


def _in_turn(uow: UnitOfWork, case: ConversionApplication) -> None:
    """One learner's reservations come one after another (PostgreSQL; SQLite has one writer at a time)."""
    uow.session.execute(select(Learner.id).where(Learner.id == case.learner_id).with_for_update())


def _refuse_spent(session: Session, case: ConversionApplication, seal: bytes) -> None:
    names = {source_of(a): a.name for a in case.achievements}
    for hold in holds_of(session, seal):
        clash = any(excludes(hold.purpose, wanted) for wanted in purposes_of(case))
        if clash and hold.source in names:
            raise Conflict(
                "spent",
                N_("%(name)s has been used for that programme already, by application %(number)s."),
                name=names[hold.source],
                number=str(session.get_one(ConversionApplication, hold.application_id)),
            )
    taken = target_taken(session, seal, [target.catalogue_item_id for target in case.targets], case.id)
    if taken is not None:
        raise taken


def target_taken(
    session: Session, seal: bytes, items: Collection[int], besides: int | None = None
) -> Conflict | None:
    """What says that a holder has one of these items already, by an open or approved application other than
    ``besides``; None where none is taken (spec 2.4).
    """
    query = select(ConversionTarget).where(
        ConversionTarget.holder_seal == seal,
        ConversionTarget.live,
        ConversionTarget.catalogue_item_id.in_(items),
    )
    if besides is not None:
        query = query.where(ConversionTarget.application_id != besides)
    options = (joinedload(ConversionTarget.application), joinedload(ConversionTarget.catalogue_item))
    taken = session.scalar(query.options(*options).limit(1))
    if taken is None:
        return None
    return Conflict(
        "target_taken",
        N_("%(target)s has been granted or applied for already, by application %(number)s."),
        target=taken.catalogue_item.name,
        number=str(taken.application),
    )


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
