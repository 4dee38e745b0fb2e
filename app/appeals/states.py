"""Appeals and reversals: others than before look again (spec 2.7)."""

from __future__ import annotations

from app.appeals.models import REVERSAL_STATES, STATES, Appeal, Reversal
from app.kernel.choices import Tone
from app.kernel.clock import now
from app.kernel.errors import N_, Forbidden
from app.kernel.workflow import Step, Transition, Workflow
from app.review import services as review
from app.security.permissions import authorise


def case_of(appeal: Appeal) -> object:
    """The recognition round or conversion that an appeal is about."""
    return appeal.recognition or appeal.conversion


def _others_than_before(step: Step) -> None:
    reason = review.conflict(step.uow.session, step.actor, case_of(step.case), "appeal")
    if reason is not None:
        raise review.Blocked(case_of(step.case), "appeal", reason)


def _stamp_appeal(step: Step) -> None:
    case, actor = step.case, step.actor
    case.decided_at, case.decided_by_id, case.decided_person_id = now(), actor.user_id, actor.person_id
    case.opinion = step.inputs["opinion"].strip()


APPEALS = (
    Transition(
        "uphold",
        N_("Uphold"),
        ("filed",),
        "upheld",
        "AppealDesk.decide",
        guards=(review.opinion_given, _others_than_before),
        stamps=(_stamp_appeal,),
        tone=Tone.SUCCESS,
    ),
    Transition(
        "dismiss",
        N_("Dismiss"),
        ("filed",),
        "dismissed",
        "AppealDesk.decide",
        guards=(review.opinion_given, _others_than_before),
        stamps=(_stamp_appeal,),
        tone=Tone.DANGER,
    ),
)
appeals = Workflow("appeal", Appeal, STATES, APPEALS, authorise)


def _second_person(step: Step) -> None:
    case, actor = step.case, step.actor
    if case.proposed_by_id == actor.user_id or (
        case.proposed_person_id and case.proposed_person_id == actor.person_id
    ):
        raise Forbidden("second_person", N_("A reversal needs a second person."))
    reason = review.conflict(step.uow.session, actor, case.conversion, "reversal")
    if reason is not None:
        raise review.Blocked(case.conversion, "reversal", reason)


def _stamp_reversal(step: Step) -> None:
    case, actor = step.case, step.actor
    case.decided_at, case.decided_by_id, case.decided_person_id = now(), actor.user_id, actor.person_id
    case.opinion = (step.inputs.get("opinion") or "").strip()


REVERSALS = (
    Transition(
        "confirm",
        N_("Confirm the reversal"),
        ("proposed",),
        "confirmed",
        "ReversalView.decide",
        guards=(_second_person,),
        stamps=(_stamp_reversal,),
        tone=Tone.DANGER,
    ),
    Transition(
        "reject",
        N_("Reject the reversal"),
        ("proposed",),
        "rejected",
        "ReversalView.decide",
        guards=(_second_person,),
        stamps=(_stamp_reversal,),
    ),
)
reversals = Workflow("reversal", Reversal, REVERSAL_STATES, REVERSALS, authorise)
