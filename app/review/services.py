"""What every review does: attest originals, keep out who must keep out, write the decision down."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from app.kernel.actor import Actor
from app.kernel.clock import today
from app.kernel.errors import N_, Conflict, Forbidden, Invalid
from app.kernel.unit_of_work import UnitOfWork
from app.kernel.workflow import Part, Step
from app.organisations.models import Organisation
from app.review.models import FAULTS, Attestation, Recusal, Review
from app.security.models import Account
from app.security.permissions import role_for


class Blocked(Forbidden):
    """The actor must keep out of this case (回避). The edge writes it down with :func:`log_block` after the
    refusal has rolled back.
    """

    def __init__(self, case: Any, stage: str, reason: str) -> None:
        super().__init__("recusal", _WORDS[reason])
        self.case_key = case.case_key
        self.stage = stage
        self.reason = reason


_WORDS = {
    "own_case": N_("This is your own case: somebody else has to decide it."),
    "acted_before": N_("You acted at another stage of this case: somebody else has to decide now."),
    "employer_issued": N_("Your employer issued this evidence: somebody else has to decide."),
    "declared": N_("You have declared that you keep out of this case."),
}


def words_for(reason: str) -> str:
    """The English source words for a conflict of duties."""
    return _WORDS[reason]


def duties(stage: str) -> Part:
    """A guard: raises Blocked for whoever must keep out at ``stage``; a lesser conflict is noted and lets
    pass (spec 1.2).
    """

    def guard(step: Step) -> None:
        reason = conflict(step.uow.session, step.actor, step.case, stage)
        if reason is not None:
            raise Blocked(step.case, stage, reason)
        if _employer_issued(step.uow.session, step.actor, step.case, strict=False):
            _recuse(step.uow, step.case.case_key, stage, "employer_issued", blocked=False)

    return guard


def conflict(session: Session, actor: Actor, case: Any, stage: str) -> str | None:
    """Why this actor may not act at ``stage``, or None. People are compared, not accounts."""
    if actor.person_id is None:
        return None
    if case.learner.person_id == actor.person_id:
        return "own_case"
    earlier = (
        select(Review.id)
        .filter_by(**case.case_key)
        .where(Review.person_id == actor.person_id, Review.stage != stage)
    )
    if session.scalar(earlier.limit(1)) is not None:
        return "acted_before"
    if stage not in ("recognition", "initial") and _attested(session, actor.person_id, case):
        return "acted_before"
    declared = (
        select(Recusal.id)
        .filter_by(**case.case_key)
        .where(Recusal.person_id == actor.person_id, Recusal.reason == "declared", Recusal.blocked)
    )
    if session.scalar(declared.limit(1)) is not None:
        return "declared"
    return "employer_issued" if _employer_issued(session, actor, case, strict=True) else None


def _attested(session: Session, person_id: int, case: Any) -> bool:
    """Whether this person saw the originals of the case: that is an act of the first stage."""
    seen = (
        select(Attestation.id).filter_by(**case.case_key).join(Account, Account.id == Attestation.witness_id)
    )
    return session.scalar(seen.where(Account.person_id == person_id).limit(1)) is not None


def _employer_issued(session: Session, actor: Actor, case: Any, *, strict: bool) -> bool:
    """``strict``: performance and typed-in achievements, by the issuer's name; otherwise those of the
    catalogue, by its organisation.
    """
    employers = {
        actor.organisation_id,
        session.scalar(select(Account.employer_id).where(Account.id == actor.user_id)),
    } - {None}
    if not employers:
        return False
    achievements = [a for a in case.achievements if (a.catalogue_item_id is None) == strict]
    if not strict:
        return any(a.catalogue_item.organisation_id in employers for a in achievements)
    issuers = {a.issuer.strip() for a in achievements if a.issuer}
    names = (
        set(session.scalars(select(Organisation.name).where(Organisation.id.in_(employers))))
        if issuers
        else set()
    )
    return bool(issuers & names)


def log_block(uow: UnitOfWork, blocked: Blocked) -> None:
    """Write a refusal for conflict of duties down, once per person, stage and reason."""
    _recuse(uow, blocked.case_key, blocked.stage, blocked.reason, blocked=True)


def _recuse(uow: UnitOfWork, case_key: dict[str, int], stage: str, reason: str, *, blocked: bool) -> None:
    same = select(Recusal.id).filter_by(**case_key, stage=stage, user_id=uow.actor.user_id, reason=reason)
    if uow.session.scalar(same) is None:
        row = Recusal(
            **case_key,
            stage=stage,
            reason=reason,
            blocked=blocked,
            user_id=uow.actor.user_id,
            person_id=uow.actor.person_id,
            created_by_id=uow.actor.user_id,
        )
        uow.session.add(row)
        uow.flush()
        uow.record("review.recused", row, reason=reason, blocked=blocked)


@dataclass(frozen=True)
class Seen:
    """What an attestation says 原件核验 (spec 1.5.9)."""

    original: str
    place: str
    seen_on: date
    pages: int
    copy_kept_at: str
    keep_until: date


def attest(uow: UnitOfWork, case: Any, seen: Seen) -> Attestation:
    """Write down that the actor saw a paper original. Raises Invalid."""
    if seen.seen_on > today():
        raise Invalid("seen_in_future", N_("The day on which the original was seen lies in the future."))
    if seen.keep_until <= seen.seen_on:
        raise Invalid("keep_until", N_("The copy is kept until a day after the original was seen."))
    if not 1 <= seen.pages <= 999:
        raise Invalid("pages", N_("The number of pages is between 1 and 999."))
    if not (seen.original.strip() and seen.place.strip() and seen.copy_kept_at.strip()):
        raise Invalid(
            "attestation", N_("Please say which original was seen, where, and where the copy is kept.")
        )
    if case.learner.person_id == uow.actor.person_id:
        raise Blocked(case, "recognition" if "recognition_id" in case.case_key else "initial", "own_case")
    row = Attestation(
        **case.case_key,
        original=seen.original.strip()[:200],
        place=seen.place.strip()[:200],
        seen_on=seen.seen_on,
        pages=seen.pages,
        copy_kept_at=seen.copy_kept_at.strip()[:200],
        keep_until=seen.keep_until,
        witness_id=uow.actor.user_id,
        organisation_id=uow.actor.organisation_id,
        created_by_id=uow.actor.user_id,
    )
    uow.session.add(row)
    uow.flush()
    return row


def attestations(session: Session, case: Any) -> list[Attestation]:
    """The attestations of a case, oldest first."""
    query = select(Attestation).filter_by(**case.case_key).order_by(Attestation.id)
    return list(
        session.scalars(query.options(joinedload(Attestation.witness), joinedload(Attestation.organisation)))
    )


def originals_seen(step: Step) -> None:
    """A guard: no agreement without an attestation of this case (spec 1.5.9). Raises Invalid."""
    if not attestations(step.uow.session, step.case):
        raise Invalid("not_attested", N_("The original has not been attested yet: please attest it first."))


def claimed_by_nobody_else(step: Step) -> None:
    """A guard: a case that somebody has taken is theirs until they give it back."""
    if step.case.claimed_by_id not in (None, step.actor.user_id):
        raise Conflict("claimed", N_("%(name)s has taken this case."), name=str(step.case.claimed_by))


def opinion_given(step: Step) -> None:
    """A guard: a decision has words, and a return says what is wrong. Raises Invalid."""
    if not (step.inputs.get("opinion") or "").strip():
        raise Invalid("no_opinion", N_("Please write an opinion."))
    if len(step.inputs["opinion"]) > 2000:
        raise Invalid("too_long", N_("At most %(longest)s characters."), longest=2000)
    if step.inputs.get("decision") == "return" and step.inputs.get("fault") not in FAULTS:
        raise Invalid(
            "no_fault", N_("Please say what is wrong: missing, illegible, inconsistent or outdated.")
        )


def write_review(stage: str) -> Part:
    """An effect: the decision, written down. Its inputs are ``decision``, ``opinion``, ``fault``,
    ``idempotency_key``.
    """

    def effect(step: Step) -> None:
        inputs, actor = step.inputs, step.actor
        turns = select(func.count()).select_from(Review).filter_by(**step.case.case_key, stage=stage)
        decision = inputs["decision"]
        step.uow.session.add(
            Review(
                **step.case.case_key,
                stage=stage,
                turn=(step.uow.session.scalar(turns) or 0) + 1,
                decision=decision,
                opinion=inputs["opinion"].strip(),
                fault=inputs.get("fault") if decision == "return" else None,
                reviewer_id=actor.user_id,
                person_id=actor.person_id,
                role=role_for(actor, step.transition.permission),
                organisation_id=actor.organisation_id,
                department=actor.department,
                idempotency_key=inputs.get("idempotency_key"),
                created_by_id=actor.user_id,
            )
        )
        step.uow.flush()

    return effect


def reviews(session: Session, case: Any) -> list[Review]:
    """The decisions of a case, oldest first."""
    query = select(Review).filter_by(**case.case_key).order_by(Review.id)
    return list(session.scalars(query.options(joinedload(Review.reviewer), joinedload(Review.organisation))))


def decided_since(session: Session, actor: Actor, stage: str, moment: datetime) -> int:
    """How many cases a reviewer has decided at a stage since then."""
    mine = (Review.reviewer_id == actor.user_id, Review.stage == stage, Review.created_at >= moment)
    return session.scalar(select(func.count()).select_from(Review).where(*mine)) or 0


def decided_already(session: Session, idempotency_key: str | None, actor: Actor) -> Review | None:
    """The decision that this very form has made before: the same form sent twice is one decision."""
    if not idempotency_key:
        return None
    return session.scalar(
        select(Review).where(Review.idempotency_key == idempotency_key, Review.reviewer_id == actor.user_id)
    )


def last_decision(session: Session, case: Any) -> Review | None:
    """The newest decision, to tell whoever came second who decided what."""
    query = select(Review).filter_by(**case.case_key).order_by(Review.id.desc()).limit(1)
    return session.scalar(query.options(joinedload(Review.reviewer)))


def claim(uow: UnitOfWork, case: Any, moment: Any) -> None:
    """Take a case from the queue. Raises Conflict when somebody else has it."""
    claimed_by_nobody_else(Step(uow, case, None))  # type: ignore[arg-type]
    case.claimed_by_id, case.claimed_at = uow.actor.user_id, moment
    uow.flush()


def release(uow: UnitOfWork, case: Any) -> None:
    """Give a case back; whoever holds it, or Center for somebody who is away. Raises Forbidden."""
    if case.claimed_by_id != uow.actor.user_id and "Center" not in uow.actor.roles:
        raise Forbidden("not_yours", N_("Only whoever has taken a case, or the centre, can give it back."))
    case.claimed_by_id = case.claimed_at = None
    uow.flush()
