"""Submitting achievements for recognition, and deciding."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from app.achievements import services as achievements_services
from app.achievements.models import Achievement
from app.achievements.states import workflow as achievements
from app.calendar import services as calendar
from app.catalogue.models import CatalogueItem
from app.kernel.clock import civil, now
from app.kernel.database import Model
from app.kernel.errors import N_, Conflict, Invalid, NotFound
from app.kernel.numbering import case_number
from app.kernel.settings import settings
from app.kernel.unit_of_work import UnitOfWork
from app.kernel.workflow import Step
from app.organisations.models import Organisation
from app.organisations.services import institution_above
from app.recognition.models import RecognitionApplication
from app.recognition.states import workflow
from app.review import services as review

#: What a reviewer's word is called in the table.
DECISIONS = {"agree": "pass", "refuse": "refuse", "return": "return"}


def submit(uow: UnitOfWork, achievement_ids: Iterable[int]) -> list[RecognitionApplication]:
    """提交认定: one round per achievement, all or none.

    Raises Invalid when nothing was chosen, NotFound for another's, Conflict for one that can't be submitted.
    """
    ids = sorted(set(achievement_ids))
    if not ids:
        raise Invalid("none_chosen", N_("Please choose at least one achievement."))
    return [_submit_one(uow, key) for key in ids]


def _submit_one(uow: UnitOfWork, achievement_id: int) -> RecognitionApplication:
    achievement: Achievement = achievements.lock(uow, achievement_id)
    if achievement.learner_id != uow.actor.learner_id:
        raise NotFound
    if achievement.state == "refused" and _appealed(uow, achievement.id):
        raise Conflict(
            "appealed", N_("You have appealed this refusal; it can't be submitted again meanwhile.")
        )
    achievements.fire(uow, achievement, "submit")
    point = achievement.learner.home_point
    rounds = (
        select(func.count())
        .select_from(RecognitionApplication)
        .where(RecognitionApplication.achievement_id == achievement.id)
    )
    moment = now()
    case = RecognitionApplication(
        achievement_id=achievement.id,
        round=(uow.session.scalar(rounds) or 0) + 1,
        state="submitted",
        home_point_id=point.id,
        authorised_institution_id=institution_above(uow.session, point).id,
        submitted_at=moment,
        due_at=calendar.deadline(uow.session, moment, settings().periods.initial),
        created_by_id=uow.actor.user_id,
    )
    uow.session.add(case)
    try:
        uow.flush()
    except IntegrityError as error:
        raise Conflict("open_round", N_("This achievement has been submitted already.")) from error
    case.number = case_number("RD", civil(moment).date(), case.id)
    uow.flush()
    uow.record("recognition.submit", case, round=case.round)
    return case


def decide(
    uow: UnitOfWork,
    case_id: int,
    decision: str,
    opinion: str,
    version: int | None,
    *,
    fault: str | None = None,
    credits: int | None = None,
    level_id: int | None = None,
    item_id: int | None = None,
    propose: bool = False,
    idempotency_key: str | None = None,
) -> RecognitionApplication:
    """认定审核: agree, refuse or return a round; on agreeing, set credits (hundredths) and level where the
    category asks, or link the catalogue.

    Raises Conflict (decided already, stale), Forbidden, review.Blocked, Invalid, NotFound.
    """
    case: RecognitionApplication = workflow.lock(uow, case_id)
    if review.decided_already(uow.session, idempotency_key, uow.actor):
        return case
    if decision not in DECISIONS:
        raise Invalid("no_decision", N_("Please choose a decision."))
    if decision == "agree":
        workflow.check(uow, case, "pass", version)
        _settle(uow, case.achievement, credits, level_id, item_id, propose)
        version = case.version if version is not None else None
    inputs: dict[str, Any] = {
        "decision": decision,
        "opinion": opinion,
        "fault": fault,
        "idempotency_key": idempotency_key,
    }
    step: Step = workflow.fire(uow, case, DECISIONS[decision], version=version, **inputs)
    return step.case  # type: ignore[no-any-return]


def _settle(
    uow: UnitOfWork,
    achievement: Achievement,
    credits: int | None,
    level_id: int | None,
    item_id: int | None,
    propose: bool,
) -> None:
    """What the reviewer adds to the achievement before it is recognised."""
    category = achievement.category
    if item_id is not None or propose:
        if category.performance:
            raise Invalid("no_catalogue", N_("Performance achievements have no catalogue."))
        item = _propose(uow, achievement) if propose else uow.session.get(CatalogueItem, item_id)
        if item is None:
            raise NotFound
        achievements_services.link_item(uow, achievement, item)
    if credits is not None and category.asks_credits:
        if not 0 <= credits <= 100_00:
            raise Invalid("credits_range", N_("Credits are between 0 and 100."))
        achievement.credits = credits
    if level_id is not None and category.asks_level:
        achievement.level_id = level_id
    uow.flush()


def _propose(uow: UnitOfWork, achievement: Achievement) -> CatalogueItem:
    """A new catalogue item from a typed-in achievement; Center puts it into the catalogue."""
    issuer = uow.session.scalar(select(Organisation.id).where(Organisation.name == achievement.issuer))
    item = CatalogueItem(
        category_id=achievement.category_id,
        organisation_id=issuer or uow.actor.organisation_id,
        name=achievement.name,
        credits=achievement.credits,
        standing="proposed",
        created_by_id=uow.actor.user_id,
    )
    uow.session.add(item)
    try:
        uow.flush()
    except IntegrityError as error:
        raise Conflict(
            "item_exists", N_("The catalogue has such an item already; please link it.")
        ) from error
    return item


def uphold(uow: UnitOfWork, case_id: int) -> RecognitionApplication:
    """An appeal was upheld: the achievement is recognised, with all that follows (spec 2.7)."""
    case: RecognitionApplication = workflow.lock(uow, case_id)
    workflow.follow(uow, case, "uphold")
    return case


def claim(uow: UnitOfWork, case_id: int) -> None:
    """Take a round from the queue. Raises Conflict, Forbidden."""
    case = workflow.lock(uow, case_id)
    workflow.authorise(uow.actor, "RecognitionDesk.claim", case)
    review.claim(uow, case, now())


def release(uow: UnitOfWork, case_id: int) -> None:
    """Give a round back."""
    case = workflow.lock(uow, case_id)
    workflow.authorise(uow.actor, "RecognitionDesk.claim", case)
    review.release(uow, case)


def attest(uow: UnitOfWork, case_id: int, seen: review.Seen) -> None:
    """原件核验 for a round that waits. Raises Conflict when it was decided meanwhile."""
    case = workflow.lock(uow, case_id)
    workflow.authorise(uow.actor, "RecognitionDesk.attest", case)
    if case.state != "submitted":
        raise Conflict("wrong_state", N_("This is no longer possible: the case has moved on."))
    review.attest(uow, case, seen)


def _appealed(uow: UnitOfWork, achievement_id: int) -> bool:
    appeal = Model.metadata.tables["appeal"]
    rounds = select(RecognitionApplication.id).where(RecognitionApplication.achievement_id == achievement_id)
    found = select(appeal.c.id).where(appeal.c.recognition_id.in_(rounds), appeal.c.state == "filed")
    return uow.session.scalar(found.limit(1)) is not None
