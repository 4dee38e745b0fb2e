"""An assessment's life: asked, given, or lapsed. It advises; it decides nothing."""

from __future__ import annotations

from app.conversion.models import ASSESSMENT_STATES, Assessment
from app.kernel.choices import Tone
from app.kernel.clock import now
from app.kernel.errors import N_
from app.kernel.workflow import Step, Transition, Workflow
from app.review.services import Blocked
from app.security.permissions import authorise


def _keep_out(step: Step) -> None:
    if step.case.application.learner.person_id == step.actor.person_id:
        raise Blocked(step.case.application, "performance", "own_case")


def _stamp(step: Step) -> None:
    case, actor = step.case, step.actor
    case.advice, case.grounds = step.inputs["advice"], step.inputs["grounds"]
    case.given_at, case.given_by_id, case.given_person_id = now(), actor.user_id, actor.person_id


TRANSITIONS = (
    Transition(
        "give",
        N_("Give the assessment"),
        ("asked",),
        "given",
        "AssessmentDesk.give",
        guards=(_keep_out,),
        stamps=(_stamp,),
        tone=Tone.SUCCESS,
    ),
    Transition("lapse", N_("Lapse"), ("asked",), "lapsed", "System.lapse"),
)

workflow = Workflow("assessment", Assessment, ASSESSMENT_STATES, TRANSITIONS, authorise)
