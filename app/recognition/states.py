"""One round of recognition (spec 2.3): who decides, what guards it, what follows."""

from __future__ import annotations

from app.accounts import services as accounts
from app.achievements.states import workflow as achievements
from app.calendar import services as calendar
from app.kernel.choices import Tone
from app.kernel.clock import now
from app.kernel.errors import N_
from app.kernel.settings import settings
from app.kernel.workflow import Part, Step, Transition, Workflow
from app.notices import services as notices
from app.organisations.models import Organisation
from app.organisations.services import institution_above
from app.recognition.models import STATES, RecognitionApplication
from app.review import services as review
from app.review.models import FAULTS
from app.security.permissions import authorise

LINK = "/me/recognition/"


def _stamp(step: Step) -> None:
    case, actor = step.case, step.actor
    case.decided_at, case.decided_by_id, case.decided_person_id = now(), actor.user_id, actor.person_id
    own = step.uow.session.get(Organisation, actor.organisation_id) if actor.organisation_id else None
    case.recognising_institution_id = institution_above(step.uow.session, own).id if own else None
    case.claimed_by_id = case.claimed_at = None


def _move_achievement(step: Step) -> None:
    achievement = achievements.lock(step.uow, step.case.achievement_id)
    achievements.follow(
        step.uow, achievement, {"pass": "recognise"}.get(step.transition.name, step.transition.name)
    )


def _post_credits(step: Step) -> None:
    if step.case.achievement.credits is not None:
        accounts.post(step.uow, step.case.achievement)


def _tell(code: str, *names: str) -> Part:
    def effect(step: Step) -> None:
        case = step.case
        words = {
            "source": case.achievement.name,
            "opinion": step.inputs.get("opinion", ""),
            "fault": FAULTS[step.inputs["fault"]] if step.inputs.get("fault") else "",
            "deadline": calendar.deadline(step.uow.session, now(), settings().periods.correction),
        }
        notices.post(
            step.uow, code, case.learner.person_id, variables={name: words[name] for name in names}, link=LINK
        )

    return effect


_GUARDS = (review.claimed_by_nobody_else, review.opinion_given, review.duties("recognition"))
_WRITE = review.write_review("recognition")

TRANSITIONS = (
    Transition(
        "pass",
        N_("Recognise"),
        ("submitted",),
        "recognised",
        "RecognitionDesk.decide",
        guards=(*_GUARDS, review.originals_seen),
        stamps=(_stamp,),
        effects=(_WRITE, _move_achievement, _post_credits, _tell("recognised", "source")),
        tone=Tone.SUCCESS,
    ),
    Transition(
        "refuse",
        N_("Refuse"),
        ("submitted",),
        "refused",
        "RecognitionDesk.decide",
        guards=_GUARDS,
        stamps=(_stamp,),
        effects=(_WRITE, _move_achievement, _tell("recognition_refused", "source", "opinion")),
        tone=Tone.DANGER,
    ),
    Transition(
        "return",
        N_("Return for correction"),
        ("submitted",),
        "returned",
        "RecognitionDesk.decide",
        guards=_GUARDS,
        stamps=(_stamp,),
        effects=(_WRITE, _move_achievement, _tell("returned", "source", "fault", "opinion", "deadline")),
        tone=Tone.WARNING,
    ),
    Transition(
        "uphold",
        N_("Uphold the appeal"),
        ("refused",),
        "recognised",
        "AppealDesk.decide",
        effects=(_move_achievement, _post_credits),
        tone=Tone.SUCCESS,
    ),
)

workflow = Workflow("recognition", RecognitionApplication, STATES, TRANSITIONS, authorise)
