"""The states of an achievement (spec 2.2), and what moves it between them."""

from __future__ import annotations

from app.achievements.models import STATES, Achievement
from app.kernel.errors import N_
from app.kernel.workflow import Step, Transition, Workflow
from app.security.permissions import authorise


def _clear_marks(step: Step) -> None:
    step.case.suspect = False


TRANSITIONS = (
    Transition(
        "submit",
        N_("Apply for recognition"),
        ("draft", "returned", "refused"),
        "submitted",
        "MyRecognitionView.submit",
    ),
    Transition("recognise", N_("Recognise"), ("submitted",), "recognised", "RecognitionDesk.decide"),
    Transition(
        "link",
        N_("Recognise and link to the catalogue"),
        ("submitted",),
        "recognised",
        "RecognitionDesk.decide",
    ),
    Transition("refuse", N_("Refuse"), ("submitted",), "refused", "RecognitionDesk.decide"),
    Transition("return", N_("Return for correction"), ("submitted",), "returned", "RecognitionDesk.decide"),
    Transition("uphold", N_("Uphold the appeal"), ("refused",), "recognised", "AppealDesk.decide"),
    Transition(
        "revoke",
        N_("Revoke"),
        ("recognised", "catalogued"),
        "revoked",
        "AchievementView.revoke",
        effects=(_clear_marks,),
    ),
)

workflow = Workflow("achievement", Achievement, STATES, TRANSITIONS, authorise)

#: States in which the learner may change or delete it (spec 2.2).
EDITABLE = frozenset({"draft", "returned", "refused"})
#: States in which the bank accepts it.
ACCEPTED = frozenset({"recognised", "catalogued"})
