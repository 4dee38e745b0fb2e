"""Filing and deciding appeals; proposing and confirming reversals; what was built on a reversed approval."""

from __future__ import annotations

from sqlalchemy import or_, select

from app.achievements.models import Achievement
from app.appeals.models import Appeal, Reversal
from app.appeals.states import appeals, reversals
from app.calendar import services as calendar
from app.conversion import states as conversion_states
from app.conversion.models import ConversionApplication, ConversionSource
from app.documents import doubts
from app.documents.models import IssuedDocument
from app.kernel.clock import now, today
from app.kernel.errors import N_, Conflict, Invalid, NotFound
from app.kernel.settings import settings
from app.kernel.unit_of_work import UnitOfWork
from app.kernel.workflow import Step
from app.notices import services as notices
from app.organisations.models import Committee, CommitteeMember
from app.recognition import services as recognition
from app.recognition.models import RecognitionApplication
from app.recognition.states import workflow as recognition_workflow
from app.review import services as review
from app.review.models import Review
from app.security.models import Account
from app.security.permissions import authorise


def file_recognition(uow: UnitOfWork, case_id: int, grounds: str) -> Appeal:
    """申诉 against a refused recognition: Center decides. Raises Conflict (too late, appealed already,
    submitted anew), NotFound.
    """
    case: RecognitionApplication = recognition_workflow.lock(uow, case_id)
    if case.state != "refused" or case.learner.id != uow.actor.learner_id:
        raise NotFound
    newer = select(RecognitionApplication.id).where(
        RecognitionApplication.achievement_id == case.achievement_id,
        RecognitionApplication.round > case.round,
    )
    if uow.session.scalar(newer) is not None:
        raise Conflict(
            "resubmitted",
            N_("You have submitted this achievement again; the refusal can't be appealed any more."),
        )
    return _file(uow, case, grounds, "center", None, case.decided_person_id, case.decided_at)


def file_conversion(uow: UnitOfWork, case_id: int, grounds: str) -> Appeal:
    """申诉 against a refused conversion: against a teaching point → Center; against a committee → members not
    involved, or another committee.
    """
    case: ConversionApplication = conversion_states.workflow.lock(uow, case_id)
    if case.state not in ("initial_refused", "refused") or case.learner_id != uow.actor.learner_id:
        raise NotFound
    if case.state == "initial_refused":
        return _file(uow, case, grounds, "center", None, case.initial_person_id, case.initial_at)
    return _file(uow, case, grounds, "committee", _committee(uow, case), case.final_person_id, case.final_at)


def _file(
    uow: UnitOfWork,
    case: RecognitionApplication | ConversionApplication,
    grounds: str,
    body: str,
    committee_id: int | None,
    against: int | None,
    refused_at: object,
) -> Appeal:
    if not grounds.strip():
        raise Invalid("grounds", N_("Please give your grounds."))
    if uow.session.scalar(select(Appeal.id).filter_by(**case.case_key)) is not None:
        raise Conflict("appealed_once", N_("This refusal has been appealed already."))
    if now() > calendar.deadline(uow.session, refused_at, settings().periods.appeal):  # type: ignore[arg-type]
        raise Conflict("appeal_late", N_("The period for an appeal has passed."))
    appeal = Appeal(
        **case.case_key,
        learner_id=case.learner.id,
        body=body,
        committee_id=committee_id,
        against_person_id=against,
        grounds=grounds.strip()[:4000],
        filed_at=now(),
        due_at=calendar.deadline(uow.session, now(), settings().periods.final),
        created_by_id=uow.actor.user_id,
    )
    uow.session.add(appeal)
    uow.flush()
    return appeal


def _committee(uow: UnitOfWork, case: ConversionApplication) -> int | None:
    """The same committee while it has a member who isn't involved; else another that has; else none (Center
    assigns).
    """
    involved = set(uow.session.scalars(select(Review.person_id).where(Review.conversion_id == case.id)))
    involved.add(case.learner.person_id)
    seats = uow.session.execute(
        select(CommitteeMember.committee_id, Account.person_id)
        .join(Account, Account.id == CommitteeMember.user_id)
        .join(Committee, Committee.id == CommitteeMember.committee_id)
        .where(
            Committee.active,
            Account.active,
            CommitteeMember.since <= today(),
            or_(CommitteeMember.until.is_(None), CommitteeMember.until >= today()),
        )
        .order_by(CommitteeMember.committee_id)
    )
    free = [committee for committee, person in seats if person not in involved]
    if case.committee_id in free:
        return case.committee_id
    return free[0] if free else None


def decide(
    uow: UnitOfWork,
    appeal_id: int,
    decision: str,
    opinion: str,
    version: int,
    idempotency_key: str | None = None,
) -> Appeal:
    """Decide an appeal: ``uphold`` gives the state that approval would have given, with its effects; or
    ``dismiss``. Raises as a decision does.
    """
    appeal: Appeal = appeals.lock(uow, appeal_id)
    if review.decided_already(uow.session, idempotency_key, uow.actor):
        return appeal
    if decision not in appeals.transitions:
        raise Invalid("no_decision", N_("Please choose a decision."))
    appeals.fire(uow, appeal, decision, version=version, opinion=opinion, decision="agree")
    case = appeal.recognition or appeal.conversion
    words = "agree" if decision == "uphold" else "refuse"
    step = Step(
        uow,
        case,
        appeals.transitions[decision],
        {"decision": words, "opinion": opinion, "idempotency_key": idempotency_key},
    )
    review.write_review("appeal")(step)
    if decision == "uphold":
        _uphold(uow, appeal)
    source = case.source_name if isinstance(case, ConversionApplication) else case.achievement.name  # type: ignore[union-attr]
    outcome = appeals.states[appeal.state]
    link = f"/me/conversion/{appeal.conversion_id}" if appeal.conversion_id else "/me/recognition/"
    variables = {"source": source, "outcome": outcome, "opinion": opinion}
    notices.post(uow, "appeal_decided", appeal.learner.person_id, variables=variables, link=link)
    return appeal


def _uphold(uow: UnitOfWork, appeal: Appeal) -> None:
    if appeal.recognition_id is not None:
        recognition.uphold(uow, appeal.recognition_id)
        return
    case = conversion_states.workflow.lock(uow, appeal.conversion_id)  # type: ignore[arg-type]
    conversion_states.workflow.follow(
        uow, case, "uphold_initial" if case.state == "initial_refused" else "uphold_final"
    )


def assign(uow: UnitOfWork, appeal_id: int, committee_id: int) -> None:
    """Center gives an appeal without a committee to one."""
    appeal: Appeal = appeals.lock(uow, appeal_id)
    authorise(uow.actor, "UnassignedView.assign", appeal)
    if (
        appeal.state != "filed"
        or appeal.body != "committee"
        or uow.session.get(Committee, committee_id) is None
    ):
        raise Conflict("wrong_state", N_("This is no longer possible: the case has moved on."))
    appeal.committee_id = committee_id
    uow.flush()


def propose_reversal(uow: UnitOfWork, case_id: int, reason: str) -> Reversal:
    """The first of two people: propose to reverse an approval, with a reason. Raises Conflict, Invalid,
    review.Blocked.
    """
    case: ConversionApplication = conversion_states.workflow.lock(uow, case_id)
    authorise(uow.actor, "ReversalView.propose", case)
    if not reason.strip():
        raise Invalid("reason", N_("Please give a reason."))
    if case.state != "approved":
        raise Conflict("wrong_state", N_("This is no longer possible: the case has moved on."))
    blocked = review.conflict(uow.session, uow.actor, case, "reversal")
    if blocked is not None:
        raise review.Blocked(case, "reversal", blocked)
    pending = select(Reversal.id).where(Reversal.conversion_id == case.id, Reversal.state != "rejected")
    if uow.session.scalar(pending) is not None:
        raise Conflict("reversal_open", N_("A reversal of this approval has been proposed already."))
    reversal = Reversal(
        conversion_id=case.id,
        reason=reason.strip()[:2000],
        proposed_by_id=uow.actor.user_id,
        proposed_person_id=uow.actor.person_id,
        created_by_id=uow.actor.user_id,
    )
    uow.session.add(reversal)
    uow.flush()
    return reversal


def decide_reversal(uow: UnitOfWork, reversal_id: int, decision: str, opinion: str, version: int) -> Reversal:
    """The second person: ``confirm`` takes the grant back with counter-entries, ``reject`` leaves it. Raises
    Forbidden, Conflict.
    """
    reversal: Reversal = reversals.lock(uow, reversal_id)
    if decision not in reversals.transitions:
        raise Invalid("no_decision", N_("Please choose a decision."))
    reversals.fire(uow, reversal, decision, version=version, opinion=opinion)
    if decision == "confirm":
        case = conversion_states.workflow.lock(uow, reversal.conversion_id)
        conversion_states.workflow.follow(uow, case, "reverse", reason=reversal.reason)
        doubt_what_was_built(uow, [t.achievement_id for t in case.targets if t.achievement_id])
        _doubt_sheets(uow, case.id)
    return reversal


def doubt_what_was_built(uow: UnitOfWork, achievement_ids: list[int]) -> None:
    """Conversions that used a withdrawn achievement, what they granted, and so on down, become 待复核 (spec
    2.7), with the papers and credentials built on any of it.
    """
    while achievement_ids:
        doubts.doubt(uow, achievement_ids)
        built = (
            uow.session.scalars(
                select(ConversionApplication)
                .join(ConversionSource, ConversionSource.application_id == ConversionApplication.id)
                .where(
                    ConversionSource.achievement_id.in_(achievement_ids),
                    ConversionApplication.state.in_(
                        ("initial_review", "final_review", "performance_review", "returned", "approved")
                    ),
                    ConversionApplication.suspect.is_(False),
                )
            )
            .unique()
            .all()
        )
        achievement_ids = []
        for case in built:
            case.suspect = True
            _doubt_sheets(uow, case.id)
            uow.record("conversion.doubted", case)
            for target in case.targets:
                if target.achievement_id is not None:
                    uow.session.get_one(Achievement, target.achievement_id).suspect = True
                    achievement_ids.append(target.achievement_id)
        uow.flush()


def _doubt_sheets(uow: UnitOfWork, conversion_id: int) -> None:
    case = uow.session.get_one(ConversionApplication, conversion_id)
    papers = select(IssuedDocument).where(
        IssuedDocument.conversion_id == conversion_id, IssuedDocument.standing == "valid"
    )
    for paper in uow.session.scalars(papers):
        paper.standing = "revoked" if case.state == "reversed" else "under_review"


def confirm_suspect(uow: UnitOfWork, case_id: int, reason: str) -> None:
    """Center has looked at a 待复核 conversion and lets it stand."""
    case: ConversionApplication = conversion_states.workflow.lock(uow, case_id)
    authorise(uow.actor, "ReversalView.propose", case)
    if not case.suspect:
        raise Conflict("wrong_state", N_("This is no longer possible: the case has moved on."))
    if not reason.strip():
        raise Invalid("reason", N_("Please give a reason."))
    case.suspect = False
    granted = [target.achievement_id for target in case.targets if target.achievement_id is not None]
    for key in granted:
        uow.session.get_one(Achievement, key).suspect = False
    uow.flush()
    doubts.settle(uow, granted)
    papers = select(IssuedDocument).where(
        IssuedDocument.conversion_id == case.id, IssuedDocument.standing == "under_review"
    )
    for paper in uow.session.scalars(papers):
        paper.standing = "valid"
    uow.flush()
    uow.record("conversion.confirmed", case, why=reason.strip())
