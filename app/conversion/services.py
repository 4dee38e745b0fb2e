"""Applying for conversions, and deciding on them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import or_, select

from app.achievements.models import Achievement
from app.achievements.services import Upload
from app.calendar import services as calendar
from app.catalogue.models import CatalogueItem
from app.conversion import consumption, eligibility
from app.conversion.assessments import workflow as assessments
from app.conversion.models import (
    ADVICE,
    OPEN,
    Assessment,
    ConversionApplication,
    ConversionFile,
    ConversionSource,
    ConversionTarget,
)
from app.conversion.routing import committee_for
from app.conversion.states import enter_stage, workflow
from app.evidence import services as evidence
from app.kernel.clock import civil, now
from app.kernel.errors import N_, Conflict, Forbidden, Invalid, NotFound
from app.kernel.numbering import case_number
from app.kernel.settings import settings
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner
from app.notices import services as notices
from app.organisations.models import Committee, Organisation
from app.organisations.services import institution_above
from app.review import services as review
from app.rules.models import Rule
from app.security.permissions import authorise

#: The stage of each state that waits for a reviewer, and the prefix of its transitions.
STAGES = {"initial_review": "initial", "final_review": "final", "performance_review": "performance"}
DESKS = {"initial": "InitialReviewDesk", "final": "FinalReviewDesk", "performance": "PerformanceReviewDesk"}


# --- the learner


def submit(
    uow: UnitOfWork,
    rule_id: int,
    version_id: int,
    chosen: Mapping[int, int],
    uploads: Iterable[Upload] = (),
    idempotency_key: str | None = None,
    targets: Collection[int] | None = None,
) -> ConversionApplication:
    """申请转换 by a rule. ``chosen``: slot id → achievement id; ``version_id`` is the version that the learner
    saw; ``targets``: the item ids chosen where the rule lets choose, None for all.

    Sources are held, rule version, credits and ratio frozen. The same form sent again returns the same
    application. Raises Conflict (rule out of force or changed, source spent, target taken), Invalid (not
    eligible), NotFound.
    """
    learner = _lock_learner(uow)
    if found := _sent_before(uow, learner, idempotency_key):
        return found
    rule = uow.session.get(Rule, rule_id)
    if rule is None or rule.current_version is None:
        raise NotFound
    version = rule.current_version
    if version.id != version_id:
        raise Conflict(
            "rule_changed", N_("This rule has changed since you opened it. Please look at it again.")
        )
    for reason in eligibility.in_force(rule, version):
        raise reason
    achievements = {slot: _own(uow, learner, key) for slot, key in chosen.items()}
    items = {target.catalogue_item_id for target in version.targets} if targets is None else set(targets)
    eligibility.check(version, achievements, items)
    granted = [(row.catalogue_item, row.ratio) for row in version.targets if row.catalogue_item_id in items]
    case = _open(uow, learner, "rule", "initial_review", idempotency_key)
    case.rule_version_id, case.rule_version = version.id, version
    case.programme_id = rule.programme_id or granted[0][0].programme_id
    sources: list[tuple[Achievement, int | None]] = [
        (achievement, slot) for slot, achievement in achievements.items()
    ]
    return _complete(uow, case, sources, granted, uploads)


def submit_performance(
    uow: UnitOfWork, achievement_id: int, item_id: int, idempotency_key: str | None = None
) -> ConversionApplication:
    """业绩类成果转换申请: a recognised performance achievement for a chosen target, at 100 % (spec 2.5). Raises as
    :func:`submit`.
    """
    learner = _lock_learner(uow)
    if found := _sent_before(uow, learner, idempotency_key):
        return found
    achievement = _own(uow, learner, achievement_id)
    if not achievement.category.performance or achievement.state != "recognised" or achievement.suspect:
        raise Invalid("not_performance", N_("Only recognised performance achievements are converted here."))
    item = uow.session.get(CatalogueItem, item_id)
    if item is None or item.standing != "active" or item.programme_id is None:
        raise NotFound
    case = _open(uow, learner, "performance", "performance_review", idempotency_key)
    case.programme_id = item.programme_id
    _complete(uow, case, [(achievement, None)], [(item, 10000)], ())
    case.committee_id = committee_for(uow.session, case)
    uow.flush()
    return case


def resubmit(
    uow: UnitOfWork, case_id: int, version: int, uploads: Iterable[Upload] = ()
) -> ConversionApplication:
    """Send a returned application back to the stage it came from, with further material. Raises Conflict,
    Invalid.
    """
    case = workflow.lock(uow, case_id)
    workflow.fire(uow, case, "resubmit", version=version)
    _attach(uow, case, uploads)
    return case  # type: ignore[no-any-return]


def withdraw(uow: UnitOfWork, case_id: int, version: int) -> ConversionApplication:
    """撤回 an application that is not decided yet; its sources are free again."""
    case = workflow.lock(uow, case_id)
    workflow.fire(uow, case, "withdraw", version=version)
    return case  # type: ignore[no-any-return]


def _lock_learner(uow: UnitOfWork) -> Learner:
    """The actor's own learner row, locked: one learner's submissions come one after another."""
    learner = uow.session.scalar(
        select(Learner)
        .where(Learner.id == uow.actor.learner_id)
        .with_for_update(of=Learner)
        .execution_options(populate_existing=True)
    )
    if learner is None:
        raise NotFound
    if learner.standing != "active":
        raise Forbidden("standing", N_("Your account can't apply at present. Please ask the centre."))
    return learner


def _sent_before(uow: UnitOfWork, learner: Learner, key: str | None) -> ConversionApplication | None:
    if not key:
        return None
    query = select(ConversionApplication).where(
        ConversionApplication.idempotency_key == key, ConversionApplication.learner_id == learner.id
    )
    return uow.session.scalar(query)


def _own(uow: UnitOfWork, learner: Learner, achievement_id: int) -> Achievement:
    achievement = uow.session.get(Achievement, achievement_id)
    if achievement is None or achievement.learner_id != learner.id:
        raise NotFound
    return achievement


def _open(uow: UnitOfWork, learner: Learner, kind: str, state: str, key: str | None) -> ConversionApplication:
    case = ConversionApplication(
        kind=kind,
        state=state,
        learner_id=learner.id,
        home_point_id=learner.home_point_id,
        authorised_institution_id=institution_above(uow.session, learner.home_point).id,
        submitted_at=now(),
        idempotency_key=key,
        created_by_id=uow.actor.user_id,
    )
    case.learner = learner
    enter_stage(case, uow.session, state)
    return case


def _complete(
    uow: UnitOfWork,
    case: ConversionApplication,
    sources: list[tuple[Achievement, int | None]],
    targets: list[tuple[CatalogueItem, int]],
    uploads: Iterable[Upload],
) -> ConversionApplication:
    actor = uow.actor.user_id
    case.sources = [
        ConversionSource(achievement_id=a.id, achievement=a, slot_id=slot, created_by_id=actor)
        for a, slot in sources
    ]
    case.targets = [
        ConversionTarget(
            learner_id=case.learner_id,
            holder_seal=consumption.holder(case.learner),
            catalogue_item_id=item.id,
            catalogue_item=item,
            item_credits=item.credits,
            ratio=ratio,
            live=False,
            created_by_id=actor,
        )
        for item, ratio in targets
    ]
    uow.session.add(case)
    uow.flush()
    case.number = case_number("ZH", civil(case.submitted_at).date(), case.id)
    consumption.reserve(uow, case)
    _attach(uow, case, uploads)
    uow.record(
        "conversion.submit",
        case,
        sources=[a.id for a, _ in sources],
        targets=[item.id for item, _ in targets],
    )
    return case


def _attach(
    uow: UnitOfWork,
    case: ConversionApplication,
    uploads: Iterable[Upload],
    role: str = "related",
    allow: frozenset[str] = evidence.IMAGES,
) -> None:
    for upload in uploads:
        file = evidence.keep(uow, case.learner_id, upload.name, upload.content, allow)
        uow.session.add(
            ConversionFile(
                application_id=case.id, file_id=file.id, role=role, created_by_id=uow.actor.user_id
            )
        )
    uow.flush()


# --- reviewers


def decide(
    uow: UnitOfWork,
    case_id: int,
    stage: str,
    decision: str,
    opinion: str,
    version: int | None,
    *,
    fault: str | None = None,
    idempotency_key: str | None = None,
    confirmed: Collection[int] = (),
) -> ConversionApplication:
    """初审, 终审 or 业绩类转换审核: ``decision`` is agree, refuse or return; ``confirmed`` are ids of sources whose names
    the reviewer confirms, where the rule knows them by pattern. Raises Conflict, Forbidden, review.Blocked, Invalid,
    NotFound.
    """
    case: ConversionApplication = workflow.lock(uow, case_id)
    if review.decided_already(uow.session, idempotency_key, uow.actor):
        return case
    if decision not in ("agree", "refuse", "return"):
        raise Invalid("no_decision", N_("Please choose a decision."))
    inputs: dict[str, Any] = {
        "decision": decision,
        "opinion": opinion,
        "fault": fault,
        "idempotency_key": idempotency_key,
        "confirmed": frozenset(confirmed),
    }
    workflow.fire(uow, case, f"{stage}_{decision}", version=version, **inputs)
    return case


def attest(uow: UnitOfWork, case_id: int, seen: review.Seen) -> None:
    """原件核验: in initial review; later too where an upheld appeal went past it, for no approval goes without. Raises
    Conflict, Forbidden, Invalid, review.Blocked.
    """
    case: ConversionApplication = workflow.lock(uow, case_id)
    desk = "PerformanceReviewDesk" if case.kind == "performance" else "InitialReviewDesk"
    authorise(uow.actor, f"{desk}.attest", case)
    reason = review.conflict(uow.session, uow.actor, case, "initial")
    if reason is not None:
        raise review.Blocked(case, "initial", reason)
    review.attest(uow, case, seen)


def add_initial_material(uow: UnitOfWork, case_id: int, upload: Upload) -> None:
    """转换初审材料: a PDF that the reviewer adds when the evidence was incomplete. Raises Invalid."""
    case = _waiting(uow, case_id, "attest")
    _attach(uow, case, [upload], "initial", evidence.PDF)


def claim(uow: UnitOfWork, case_id: int) -> None:
    """Take a case from the queue. Raises Conflict, Forbidden."""
    review.claim(uow, _waiting(uow, case_id, "claim"), now())


def release(uow: UnitOfWork, case_id: int) -> None:
    """Give a case back."""
    review.release(uow, _waiting(uow, case_id, "claim"))


def _waiting(uow: UnitOfWork, case_id: int, action: str) -> ConversionApplication:
    case: ConversionApplication = workflow.lock(uow, case_id)
    if case.state not in STAGES:
        raise Conflict("wrong_state", N_("This is no longer possible: the case has moved on."))
    authorise(uow.actor, f"{DESKS[STAGES[case.state]]}.{action}", case)
    return case


def assign_committee(uow: UnitOfWork, case_id: int, committee_id: int, version: int) -> None:
    """Center gives a case of the queue 未分派 to a committee. Raises Conflict, Invalid."""
    case: ConversionApplication = workflow.lock(uow, case_id)
    authorise(uow.actor, "UnassignedView.assign", case)
    if case.version != version or case.state not in OPEN or case.state == "initial_review":
        raise Conflict("stale", N_("Someone else changed this record meanwhile. Please look at it again."))
    committee = uow.session.get(Committee, committee_id)
    if committee is None or not committee.active:
        raise Invalid("committee", N_("Please choose a committee."))
    case.committee_id = committee.id
    uow.flush()
    uow.record("conversion.assign", case, committee=committee.id)


# --- third-party assessment


def ask_assessment(uow: UnitOfWork, case_id: int, organisation_id: int, question: str) -> Assessment:
    """The committee asks a third-party organisation for its view of a performance case (spec 2.5). Raises
    Conflict, Invalid.
    """
    case = _waiting(uow, case_id, "ask")
    organisation = uow.session.get(Organisation, organisation_id)
    if organisation is None or organisation.kind != "reviewer" or not organisation.active:
        raise Invalid("assessor", N_("Please choose a third-party reviewer."))
    if not question.strip():
        raise Invalid("question", N_("Please say what you want to know."))
    open_one = select(Assessment.id).where(Assessment.application_id == case.id, Assessment.state == "asked")
    if uow.session.scalar(open_one) is not None:
        raise Conflict("asked", N_("An assessment of this case is under way already."))
    row = Assessment(
        application_id=case.id,
        organisation_id=organisation.id,
        question=question.strip()[:2000],
        due_at=calendar.deadline(uow.session, now(), settings().periods.assessment),
        created_by_id=uow.actor.user_id,
    )
    uow.session.add(row)
    uow.flush()
    return row


def give_assessment(uow: UnitOfWork, assessment_id: int, advice: str, grounds: str, version: int) -> None:
    """An assessor's view: advice only, it decides nothing. Raises Conflict, Invalid, Forbidden."""
    row = assessments.lock(uow, assessment_id)
    if advice not in ADVICE or not grounds.strip():
        raise Invalid("advice", N_("Please give your view and its grounds."))
    assessments.fire(uow, row, "give", version=version, advice=advice, grounds=grounds.strip()[:4000])


# --- the clock


def lapse_overdue(uow: UnitOfWork, limit: int = 200) -> int:
    """Let returned applications lapse whose correction is overdue; returns how many. For the worker."""
    overdue = select(ConversionApplication.id).where(
        ConversionApplication.state == "returned", ConversionApplication.learner_due_at < now()
    )
    ids = uow.session.scalars(overdue.order_by(ConversionApplication.learner_due_at).limit(limit)).all()
    for key in ids:
        case = workflow.lock(uow, key)
        if case.state == "returned" and case.learner_due_at < now():
            workflow.follow(uow, case, "lapse")
    return len(ids)


def lapse_assessments(uow: UnitOfWork, limit: int = 200) -> int:
    """Let assessments lapse that are overdue, or whose case no longer waits; returns how many. For the worker."""
    waits = select(ConversionApplication.id).where(ConversionApplication.state == "performance_review")
    open_ones = select(Assessment.id).where(
        Assessment.state == "asked",
        or_(Assessment.due_at < now(), Assessment.application_id.not_in(waits)),
    )
    ids = uow.session.scalars(open_ones.order_by(Assessment.due_at).limit(limit)).all()
    for key in ids:
        row = assessments.lock(uow, key)
        if row.state == "asked":
            assessments.follow(uow, row, "lapse")
    return len(ids)


def remind_due(uow: UnitOfWork, limit: int = 200) -> int:
    """Remind learners, once, some working days before a correction is due; returns how many. For the worker."""
    moment = now()
    until = calendar.deadline(uow.session, moment, settings().periods.reminder)
    due = select(ConversionApplication).where(
        ConversionApplication.state == "returned",
        ConversionApplication.reminded_at.is_(None),
        ConversionApplication.learner_due_at > moment,
        ConversionApplication.learner_due_at <= until,
    )
    cases = uow.session.scalars(due.limit(limit)).all()
    for case in cases:
        case.reminded_at = moment
        words: dict[str, Any] = {"source": case.source_name, "deadline": case.learner_due_at or moment}
        notices.post(
            uow,
            "correction_reminder",
            case.learner.person_id,
            variables=words,
            link=f"/me/conversion/{case.id}",
            event=f"reminder {case.id} {case.learner_due_at}",
        )
    uow.flush()
    return len(cases)


def stage_of(case: ConversionApplication) -> str | None:
    """The stage that waits for a reviewer, or None."""
    return STAGES.get(case.state)
