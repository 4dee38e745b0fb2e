"""Adding, correcting and revoking achievements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts import services as accounts
from app.achievements import values as form
from app.achievements.models import Achievement, AchievementEvidence
from app.achievements.states import ACCEPTED, EDITABLE, workflow
from app.catalogue.models import CatalogueItem, Category, EvidenceRequirement
from app.evidence import services as evidence
from app.kernel.database import Model
from app.kernel.errors import N_, Conflict, DomainError, Forbidden, Invalid
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner


@dataclass(frozen=True)
class Upload:
    """A file as it arrived, and which line of the evidence list (or file field) it is for."""

    name: str
    content: bytes
    requirement_id: int | None = None
    field_code: str = ""


def add(
    uow: UnitOfWork,
    learner: Learner,
    category: Category,
    item: CatalogueItem | None,
    given: Mapping[str, Any],
    uploads: Iterable[Upload],
    idempotency_key: str | None = None,
) -> Achievement:
    """成果添加: a new achievement with its evidence; the same form sent again returns the same achievement.

    With a catalogue item in an automatic category it is recognised at once (名录成果) and its credits are
    posted; otherwise it is a draft that the learner submits for recognition. Raises Invalid (fields,
    evidence) or Conflict (no achievement twice).
    """
    if idempotency_key:
        uow.session.refresh(learner, with_for_update=True)  # the same form sent twice at once waits here
        sent = select(Achievement).filter_by(idempotency_key=idempotency_key, learner_id=learner.id)
        if found := uow.session.scalar(sent):
            return found
    _check_item(category, item)
    automatic = item is not None and category.recognition == "automatic"
    achievement = Achievement(
        learner_id=learner.id,
        category_id=category.id,
        catalogue_item_id=item.id if item else None,
        created_by_id=uow.actor.user_id,
        credits=item.credits if item else None,
        level_id=item.level_id if item else None,
        state="catalogued" if automatic else "draft",
        idempotency_key=idempotency_key or None,
    )
    achievement.category, achievement.learner, achievement.catalogue_item = category, learner, item
    form.apply(achievement, category, form.check(category, given, item), item)
    uploads = list(uploads)
    _check_evidence(category, uploads, [])
    uow.session.add(achievement)
    _flush(uow)
    _attach(uow, achievement, uploads)
    if automatic and achievement.credits is not None:
        accounts.post(uow, achievement)
    return achievement


def edit(
    uow: UnitOfWork,
    achievement: Achievement,
    version: int,
    given: Mapping[str, Any],
    uploads: Iterable[Upload],
    removed: Iterable[int] = (),
) -> Achievement:
    """Correct a draft, returned or refused achievement, or a wrong entry of an automatic one before its
    first application.

    ``removed`` are ids of attached evidence to take off. Raises Conflict, Invalid, Forbidden.
    """
    _check_version(achievement, version)
    if not may_edit(uow.session, achievement):
        raise Forbidden("not_editable", N_("This achievement can't be changed any more."))
    category = achievement.category
    form.apply(
        achievement,
        category,
        form.check(category, given, achievement.catalogue_item),
        achievement.catalogue_item,
    )
    uploads, gone = list(uploads), set(removed)
    kept = [row for row in achievement.evidence if row.id not in gone]
    _check_evidence(category, uploads, kept)
    for row in [row for row in achievement.evidence if row.id in gone]:
        achievement.evidence.remove(row)
    _flush(uow)
    _attach(uow, achievement, uploads)
    return achievement


def delete(uow: UnitOfWork, achievement: Achievement, version: int) -> None:
    """Remove a draft, returned or refused achievement that no case was ever built on. Raises Forbidden,
    Conflict.
    """
    _check_version(achievement, version)
    if achievement.state not in EDITABLE:
        raise Forbidden("not_deletable", N_("This achievement can't be deleted any more."))
    uow.session.delete(achievement)
    try:
        uow.flush()
    except IntegrityError as error:
        raise Forbidden(
            "has_history", N_("This achievement has been reviewed before; its records must stay.")
        ) from error


def may_edit(session: Session, achievement: Achievement) -> bool:
    """Whether the learner may still change it (spec 1.3, 2.2)."""
    if achievement.state in EDITABLE:
        return True
    return (
        achievement.state == "catalogued"
        and achievement.origin != "converted"
        and not _was_used(session, achievement.id)
    )


def grant(
    uow: UnitOfWork, learner_id: int, item: CatalogueItem, *, conversion_id: int, credits: int
) -> Achievement:
    """The target of an approved conversion, added to the learner's account as 名录成果 with source 转换获得 (spec
    2.4).
    """
    values = form.from_item(item.category, item)
    achievement = Achievement(
        learner_id=learner_id,
        category_id=item.category_id,
        catalogue_item_id=item.id,
        state="catalogued",
        origin="converted",
        name=item.name,
        issuer=item.organisation.name,
        identity_key=f"conversion {conversion_id}",
        values=values,
        credits=credits,
        level_id=item.level_id,
        granted_by_id=conversion_id,
        created_by_id=uow.actor.user_id,
    )
    uow.session.add(achievement)
    _flush(uow)
    accounts.post(uow, achievement, conversion_id=conversion_id)
    return achievement


def link_item(uow: UnitOfWork, achievement: Achievement, item: CatalogueItem) -> None:
    """A reviewer links a typed-in achievement to the catalogue: from now on it counts as that item. Raises
    Conflict, Invalid.
    """
    if item.category_id != achievement.category_id:
        raise Invalid("other_category", N_("This catalogue item belongs to another category."))
    achievement.catalogue_item_id = item.id
    achievement.catalogue_item = item
    achievement.credits, achievement.level_id = item.credits, item.level_id
    _flush(uow)


def revoke(uow: UnitOfWork, achievement: Achievement, reason: str) -> None:
    """Withdraw the bank's acceptance, with counter-entries for its credits."""
    workflow.follow(uow, achievement, "revoke", reason=reason)
    accounts.reverse(uow, achievement.id)


def accepted(achievement: Achievement) -> bool:
    """Whether the bank accepts it now."""
    return achievement.state in ACCEPTED


def _check_item(category: Category, item: CatalogueItem | None) -> None:
    if category.parent_id is None or not category.active:
        raise Invalid("category", N_("Please choose a category."))
    if item is not None and (
        category.performance or item.category_id != category.id or item.standing != "active"
    ):
        raise Invalid("item", N_("Please choose an achievement of the catalogue."))


def _check_evidence(category: Category, uploads: list[Upload], kept: list[AchievementEvidence]) -> None:
    """Required lines have a file each; of lines with the same ``alternative`` one is enough (manual, table
    3).
    """
    given = {upload.requirement_id for upload in uploads} | {row.requirement_id for row in kept}
    files = {upload.field_code for upload in uploads} | {row.field_code for row in kept}
    errors: dict[str, list[DomainError]] = {}
    groups: dict[str, list[EvidenceRequirement]] = {}
    for row in category.requirements:
        if row.active and row.alternative:
            groups.setdefault(row.alternative, []).append(row)
        elif row.active and row.required and row.id not in given:
            errors[f"evidence_{row.id}"] = [Invalid("evidence", N_("Please upload this evidence."))]
    for rows in groups.values():
        if any(row.required for row in rows) and not given.intersection(row.id for row in rows):
            errors[f"evidence_{rows[0].id}"] = [
                Invalid("evidence_any", N_("Please upload at least one of these."))
            ]
    for field in form.active_fields(category):
        if field.kind == "file" and field.required and field.code not in files:
            errors[field.code] = [Invalid("required", N_("Please fill in this field."))]
    if errors:
        raise Invalid("fields", N_("Some fields need your attention."), fields=errors)


def _attach(uow: UnitOfWork, achievement: Achievement, uploads: list[Upload]) -> None:
    for upload in uploads:
        try:
            file = evidence.keep(uow, achievement.learner_id, upload.name, upload.content)
        except Invalid as error:
            key = upload.field_code or f"evidence_{upload.requirement_id}"
            raise Invalid("fields", N_("Some fields need your attention."), fields={key: [error]}) from error
        achievement.evidence.append(
            AchievementEvidence(
                file_id=file.id,
                file=file,
                requirement_id=upload.requirement_id,
                field_code=upload.field_code,
                created_by_id=uow.actor.user_id,
            )
        )
    uow.flush()


def _check_version(achievement: Achievement, version: int) -> None:
    if achievement.version != version:
        raise Conflict("stale", N_("Someone else changed this record meanwhile. Please look at it again."))


def _flush(uow: UnitOfWork) -> None:
    try:
        uow.flush()
    except IntegrityError as error:
        if "uq_achievement_not_twice" in str(error.orig) or "achievement.learner_id" in str(error.orig):
            raise Conflict("twice", N_("You have added this achievement already.")) from error
        raise


def _was_used(session: Session, achievement_id: int) -> bool:
    sources = Model.metadata.tables["conversion_source"]
    return (
        session.scalar(select(sources.c.id).where(sources.c.achievement_id == achievement_id).limit(1))
        is not None
    )
