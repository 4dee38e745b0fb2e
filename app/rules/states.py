"""A rule's life: drafted, published by a second person, retired by a second person."""

from __future__ import annotations

from app.kernel.choices import Tone
from app.kernel.errors import N_, Conflict, Forbidden
from app.kernel.workflow import Step, Transition, Workflow
from app.rules.models import RULE_STATES, Rule
from app.security.models import Account
from app.security.permissions import authorise


def same_person(step: Step, account_id: int | None) -> bool:
    """Whether the actor is the person behind an account, whichever account they use now."""
    if account_id is None or step.actor.user_id is None:
        return False  # drafted or published by the system: templates, reference data
    account = step.uow.session.get_one(Account, account_id)
    return account.id == step.actor.user_id or (
        account.person_id is not None and account.person_id == step.actor.person_id
    )


def _by_second_person(step: Step) -> None:
    version = step.inputs["rule_version"]
    if any(same_person(step, account) for account in (version.created_by_id, version.edited_by_id)):
        raise Forbidden(
            "second_person", N_("Whoever drafted a rule can't publish it: a second person has to.")
        )


def _retired_by_second_person(step: Step) -> None:
    if step.actor.is_system or step.inputs.get("by_template"):
        return  # two people have changed and applied the template
    if step.case.retirement_by_id is None:
        raise Conflict("not_proposed", N_("Somebody has to propose the retirement of this rule first."))
    if same_person(step, step.case.retirement_by_id):
        raise Forbidden(
            "second_person", N_("Whoever proposed to retire a rule can't retire it: a second person has to.")
        )


TRANSITIONS = (
    Transition(
        "publish",
        N_("Publish"),
        ("draft", "published", "retired"),
        "published",
        "RuleView.publish",
        guards=(_by_second_person,),
        tone=Tone.SUCCESS,
    ),
    Transition(
        "retire",
        N_("Retire"),
        ("published",),
        "retired",
        "RuleView.retire",
        guards=(_retired_by_second_person,),
        tone=Tone.WARNING,
    ),
)

workflow = Workflow("rule", Rule, RULE_STATES, TRANSITIONS, authorise)
