"""A rule's life: drafted, published by a second person, retired."""

from __future__ import annotations

from app.kernel.choices import Tone
from app.kernel.errors import N_, Forbidden
from app.kernel.workflow import Step, Transition, Workflow
from app.rules.models import RULE_STATES, Rule
from app.security.models import Account
from app.security.permissions import authorise


def _by_second_person(step: Step) -> None:
    drafted_by = step.inputs["rule_version"].created_by_id
    if drafted_by is None or step.actor.user_id is None:
        return  # drafted or published by the system: templates, reference data
    drafter = step.uow.session.get_one(Account, drafted_by)
    if drafter.id == step.actor.user_id or (drafter.person_id and drafter.person_id == step.actor.person_id):
        raise Forbidden(
            "second_person", N_("Whoever drafted a rule can't publish it: a second person has to.")
        )


TRANSITIONS = (
    Transition(
        "publish",
        N_("Publish"),
        ("draft", "published", "retired"),
        "published",
        "RuleVersionView.publish",
        guards=(_by_second_person,),
        tone=Tone.SUCCESS,
    ),
    Transition("retire", N_("Retire"), ("published",), "retired", "RuleView.retire", tone=Tone.WARNING),
)

workflow = Workflow("rule", Rule, RULE_STATES, TRANSITIONS, authorise)
