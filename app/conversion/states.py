"""A conversion's life (spec 2.4, 2.5): every step, who may take it, what guards it, what follows in the same
transaction.
"""

from __future__ import annotations

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from app.achievements import services as achievements
from app.achievements.models import Achievement
from app.calendar import services as calendar
from app.conversion import caps, consumption, decision
from app.conversion.models import STATES, Assessment, ConversionApplication, ConversionSource
from app.conversion.routing import committee_for
from app.kernel.choices import Tone
from app.kernel.clock import now
from app.kernel.errors import N_, Conflict, Invalid
from app.kernel.settings import settings
from app.kernel.workflow import Part, Step, Transition, Workflow
from app.notices import services as notices
from app.organisations.models import Organisation
from app.organisations.services import institution_above
from app.recognition.models import RecognitionApplication
from app.review import services as review
from app.review.models import FAULTS, Attestation
from app.rules.matching import granted
from app.security.permissions import authorise

PERIODS = {"initial_review": "initial", "final_review": "final", "performance_review": "final"}


def enter_stage(case: ConversionApplication, session: Session, state: str, days_used: int = 0) -> None:
    """Start the bank's clock for ``state``; ``days_used`` were used before a return stopped it."""
    moment = now()
    days = max(getattr(settings().periods, PERIODS[state]) - days_used, 1)
    case.stage_entered_at = moment
    case.due_at = calendar.deadline(session, moment, days)
    case.learner_due_at = case.reminded_at = None


# --- guards


def _originals_seen(step: Step) -> None:
    """For a performance conversion the attestation of the recognition round serves (spec 2.5)."""
    if step.case.kind == "performance":
        ids = [achievement.id for achievement in step.case.achievements]
        rounds = select(RecognitionApplication.id).where(RecognitionApplication.achievement_id.in_(ids))
        if step.uow.session.scalar(
            select(Attestation.id).where(Attestation.recognition_id.in_(rounds)).limit(1)
        ):
            return
    review.originals_seen(step)


def credits_known(step: Step) -> None:
    """Unknown credits block the final approval until staff fill them in (spec 2.2). Raises Invalid."""
    for target in step.case.targets:
        if target.item_credits is None:
            target.item_credits = target.catalogue_item.credits
        if target.item_credits is None:
            raise Invalid(
                "credits_unknown",
                N_("The credits of %(target)s are not known yet. Staff must fill them in first."),
                target=target.catalogue_item.name,
            )


def _within_caps(step: Step) -> None:
    """Credits that became known after submission may pass a cap; what was promised then is not asked again."""
    case = step.case
    if any(inspect(target).attrs.item_credits.history.has_changes() for target in case.targets):
        caps.check(step.uow.session, case, consumption.holder(case.learner))


def _by_name(case: ConversionApplication) -> list[ConversionSource]:
    return [s for s in case.sources if s.slot and s.slot.name_pattern and s.slot.catalogue_item_id is None]


def unconfirmed(case: ConversionApplication) -> list[ConversionSource]:
    """Sources that a slot takes by a name pattern, which no reviewer has confirmed yet."""
    return [source for source in _by_name(case) if source.confirmed_at is None]


def _names_confirmed(step: Step) -> None:
    confirmed = step.inputs.get("confirmed", ())
    for source in unconfirmed(step.case):
        if source.id not in confirmed:
            raise Invalid(
                "unconfirmed",
                N_(
                    "The rule knows %(name)s by its name only: please confirm that it is what the rule means."
                ),
                name=source.achievement.name,
            )


def _gave_advice(step: Step) -> None:
    """Whoever assessed the evidence for a third party doesn't decide too, whichever account they use."""
    person = step.actor.person_id
    given = select(Assessment.id).where(
        Assessment.application_id == step.case.id, Assessment.given_person_id == person
    )
    if person is not None and step.uow.session.scalar(given.limit(1)) is not None:
        raise review.Blocked(step.case, "performance", "acted_before")


def _sources_stand(step: Step) -> None:
    for achievement in step.case.achievements:
        if not achievements.accepted(achievement) or achievement.suspect:
            raise Conflict(
                "source_gone",
                N_("%(name)s is no longer recognised, or is under review."),
                name=achievement.name,
            )


def _in_time(step: Step) -> None:
    if step.case.learner_due_at and now() > step.case.learner_due_at:
        raise Conflict("too_late", N_("The deadline for the correction has passed."))


# --- stamps


def _stamp_initial(step: Step) -> None:
    case, actor = step.case, step.actor
    case.initial_by_id, case.initial_person_id, case.initial_at = actor.user_id, actor.person_id, now()
    _leave(step)


def _stamp_final(step: Step) -> None:
    case, actor = step.case, step.actor
    case.final_by_id, case.final_person_id, case.final_at = actor.user_id, actor.person_id, now()
    own = step.uow.session.get(Organisation, actor.organisation_id) if actor.organisation_id else None
    case.recognising_institution_id = institution_above(step.uow.session, own).id if own else None
    _leave(step)


def _leave(step: Step) -> None:
    case = step.case
    case.claimed_by_id = case.claimed_at = None
    case.returned_from = case.learner_due_at = None
    case.due_at = None


def _enter_final(step: Step) -> None:
    case = step.case
    case.bank_days_used = 0
    enter_stage(case, step.uow.session, "final_review")
    case.committee_id = committee_for(step.uow.session, case)


def _stamp_return(step: Step) -> None:
    case = step.case
    moment = now()
    case.bank_days_used += calendar.working_days_between(step.uow.session, case.stage_entered_at, moment)
    case.returned_from = case.state
    case.learner_due_at = calendar.deadline(step.uow.session, moment, settings().periods.correction)
    case.due_at = case.claimed_by_id = case.claimed_at = case.reminded_at = None


def _stamp_resubmit(step: Step) -> None:
    case = step.case
    stage, case.returned_from = case.returned_from, None
    enter_stage(case, step.uow.session, stage, case.bank_days_used)


def _reason(step: Step) -> None:
    """What was decided from what: enough to come to the same result again (spec 1.5.4)."""
    for target in step.case.targets:
        target.granted_credits = granted(target.item_credits, target.ratio)
    step.case.reasoning = decision.record(step.case)


def _confirm_names(step: Step) -> None:
    """By the reviewer who ticked them; by who upholds an appeal, for the names were looked at there."""
    for source in unconfirmed(step.case):
        source.confirmed_by_id, source.confirmed_at = step.actor.user_id, now()


# --- effects


def _grant(step: Step) -> None:
    case = step.case
    for target in case.targets:
        made = achievements.grant(
            step.uow,
            case.learner_id,
            target.catalogue_item,
            conversion_id=case.id,
            credits=target.granted_credits,
        )
        target.achievement_id = made.id
    step.uow.flush()


def _consume(step: Step) -> None:
    consumption.consume(step.uow, step.case)


def _release(step: Step) -> None:
    consumption.release(step.uow, step.case)


def _reserve_again(step: Step) -> None:
    consumption.reserve(step.uow, step.case)


def _take_back(step: Step) -> None:
    for target in step.case.targets:
        if target.achievement_id is not None:
            made = step.uow.session.get_one(Achievement, target.achievement_id)
            achievements.revoke(step.uow, made, step.inputs.get("reason", ""))


def _tell(code: str, *names: str) -> Part:
    def effect(step: Step) -> None:
        case, inputs = step.case, step.inputs
        words = {
            "source": case.source_name,
            "target": case.target_name,
            "organisation": "、".join(sorted({t.catalogue_item.organisation.name for t in case.targets})),
            "opinion": inputs.get("opinion", ""),
            "reason": inputs.get("reason", ""),
            "fault": FAULTS[inputs["fault"]] if inputs.get("fault") else "",
            "deadline": case.learner_due_at or now(),
        }
        link = f"/me/conversion/{case.id}"
        notices.post(
            step.uow, code, case.learner.person_id, variables={name: words[name] for name in names}, link=link
        )

    return effect


_N1 = _tell("initial_passed", "source", "target")
_N2 = _tell("final_passed", "source", "organisation", "target")
_REFUSED = _tell("refused", "source", "target", "opinion")
_RETURNED = _tell("returned", "source", "fault", "opinion", "deadline")


#: What an approval asks besides, and an upheld appeal too.
_GRANTING = (_gave_advice, _sources_stand, credits_known, _within_caps)


def _review_steps(prefix: str, stage: str, state: str, permission: str) -> tuple[Transition, ...]:
    """Agree, refuse and return at one stage; final and performance review differ in name only."""
    guards = (review.claimed_by_nobody_else, review.opinion_given, review.duties(stage))
    write = review.write_review(stage)
    final = stage != "initial"
    agree = Transition(
        f"{prefix}_agree",
        N_("Agree"),
        (state,),
        "approved" if final else "final_review",
        permission,
        guards=(*guards, _originals_seen, *(_GRANTING if final else (_names_confirmed,))),
        stamps=(_stamp_final, _reason) if final else (_stamp_initial, _confirm_names, _enter_final),
        effects=(write, _consume, _grant, _N2) if final else (write, _N1),
        tone=Tone.SUCCESS,
    )
    refuse = Transition(
        f"{prefix}_refuse",
        N_("Disagree"),
        (state,),
        "refused" if final else "initial_refused",
        permission,
        guards=guards,
        stamps=(_stamp_final if final else _stamp_initial,),
        effects=(write, _release, _REFUSED),
        tone=Tone.DANGER,
    )
    give_back = Transition(
        f"{prefix}_return",
        N_("Return for correction"),
        (state,),
        "returned",
        permission,
        guards=guards,
        stamps=(_stamp_return,),
        effects=(write, _RETURNED),
        tone=Tone.WARNING,
    )
    return agree, refuse, give_back


_OPEN = ("initial_review", "final_review", "performance_review", "returned")
TRANSITIONS = (
    *_review_steps("initial", "initial", "initial_review", "InitialReviewDesk.decide"),
    *_review_steps("final", "final", "final_review", "FinalReviewDesk.decide"),
    *_review_steps("performance", "performance", "performance_review", "PerformanceReviewDesk.decide"),
    Transition(
        "resubmit",
        N_("Submit the correction"),
        ("returned",),
        lambda case: case.returned_from,
        "MyConversionView.resubmit",
        guards=(_in_time,),
        stamps=(_stamp_resubmit,),
        tone=Tone.INFO,
    ),
    Transition(
        "withdraw",
        N_("Withdraw"),
        _OPEN,
        "withdrawn",
        "MyConversionView.withdraw",
        stamps=(_leave,),
        effects=(_release,),
    ),
    Transition(
        "lapse",
        N_("Lapse"),
        ("returned",),
        "lapsed",
        "System.lapse",
        stamps=(_leave,),
        effects=(_release, _tell("lapsed", "source")),
    ),
    Transition(
        "uphold_initial",
        N_("Uphold the appeal"),
        ("initial_refused",),
        "final_review",
        "AppealDesk.decide",
        stamps=(_confirm_names, _enter_final),
        effects=(_reserve_again, _N1),
        tone=Tone.SUCCESS,
    ),
    Transition(
        "uphold_final",
        N_("Uphold the appeal"),
        ("refused",),
        "approved",
        "AppealDesk.decide",
        guards=_GRANTING,
        stamps=(_stamp_final, _reason),
        effects=(_reserve_again, _consume, _grant, _N2),
        tone=Tone.SUCCESS,
    ),
    Transition(
        "reverse",
        N_("Reverse"),
        ("approved",),
        "reversed",
        "ReversalView.decide",
        effects=(_take_back, _release, _tell("reversed", "source", "target", "reason")),
        tone=Tone.DANGER,
    ),
)

workflow = Workflow("conversion", ConversionApplication, STATES, TRANSITIONS, authorise)
