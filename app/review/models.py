"""Facts that reviewers leave behind. All of them are only ever added.

A fact belongs to a recognition round or to a conversion (exactly one, CHECK); the review room knows both by
id only.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, declarative_mixin, declared_attr, mapped_column, relationship

from app.kernel.choices import Choice, Choices, Tone
from app.kernel.database import Code, Key, Model, Recorded
from app.kernel.errors import N_

if TYPE_CHECKING:
    from app.organisations.models import Organisation
    from app.security.models import Account, Person

STAGES = Choices(
    Choice("recognition", N_("Recognition review")),
    Choice("initial", N_("Initial review")),
    Choice("final", N_("Final review")),
    Choice("performance", N_("Performance review")),
    Choice("appeal", N_("Appeal")),
    Choice("reversal", N_("Reversal")),
)
DECISIONS = Choices(
    Choice("agree", N_("Agree"), Tone.SUCCESS),
    Choice("refuse", N_("Disagree"), Tone.DANGER),
    Choice("return", N_("Return for correction"), Tone.WARNING),
)
FAULTS = Choices(
    Choice("missing", N_("Missing")),
    Choice("illegible", N_("Illegible")),
    Choice("inconsistent", N_("Inconsistent")),
    Choice("outdated", N_("Outdated")),
)
DUTY_REASONS = Choices(
    Choice("own_case", N_("Own case")),
    Choice("acted_before", N_("Acted at another stage of this case")),
    Choice("employer_issued", N_("Reviewer's employer issued the evidence")),
    Choice("declared", N_("Declared by the reviewer")),
)


@declarative_mixin
class OfCase:
    """Belongs to one recognition round or one conversion."""

    @declared_attr
    def recognition_id(cls) -> Mapped[int | None]:
        return mapped_column(Key, ForeignKey("recognition_application.id"), index=True)

    @declared_attr
    def conversion_id(cls) -> Mapped[int | None]:
        return mapped_column(Key, ForeignKey("conversion_application.id"), index=True)


def one_case() -> CheckConstraint:
    """CHECK of :class:`OfCase`: exactly one of the two."""
    return CheckConstraint("(recognition_id IS NULL) <> (conversion_id IS NULL)", name="of_one_case")


class Review(OfCase, Recorded, Model):
    """One decision of one reviewer. ``turn`` counts the times that the case came to this stage."""

    __tablename__ = "review"
    __table_args__ = (
        one_case(),
        STAGES.check("stage"),
        DECISIONS.check("decision"),
        FAULTS.check("fault", nullable=True),
        CheckConstraint("(decision = 'return') = (fault IS NOT NULL)", name="return_names_fault"),
        UniqueConstraint("recognition_id", "stage", "turn"),
        UniqueConstraint("conversion_id", "stage", "turn"),
        UniqueConstraint("idempotency_key"),
        Index("ix_review_reviewer_id", "reviewer_id", "created_at"),
        {"comment": "decisions, one row each, never changed"},
    )
    __append_only__ = True

    stage: Mapped[str] = mapped_column(Code(STAGES), nullable=False)
    turn: Mapped[int] = mapped_column(Integer, default=1, nullable=False)
    decision: Mapped[str] = mapped_column(Code(DECISIONS), nullable=False)
    opinion: Mapped[str] = mapped_column(Text, nullable=False)
    fault: Mapped[str | None] = mapped_column(Code(FAULTS), comment="what is wrong, when returned")
    reviewer_id: Mapped[int] = mapped_column(Key, ForeignKey("ab_user.id"), nullable=False)
    person_id: Mapped[int | None] = mapped_column(
        Key, ForeignKey("person.id"), comment="the human behind the account"
    )
    role: Mapped[str] = mapped_column(String(32), nullable=False, comment="in which role")
    organisation_id: Mapped[int | None] = mapped_column(Key, ForeignKey("organisation.id"))
    department: Mapped[str] = mapped_column(String(100), default="", nullable=False)
    idempotency_key: Mapped[str | None] = mapped_column(
        String(64), comment="the same form sent twice is one decision"
    )

    reviewer: Mapped[Account] = relationship("Account", foreign_keys=[reviewer_id])
    person: Mapped[Person | None] = relationship("Person", foreign_keys=[person_id])
    organisation: Mapped[Organisation | None] = relationship("Organisation")


class Attestation(OfCase, Recorded, Model):
    """原件核验: who saw which paper original, where, when, how many pages, where the copy is kept, until when."""

    __tablename__ = "attestation"
    __table_args__ = (
        one_case(),
        CheckConstraint("pages BETWEEN 1 AND 999", name="pages_plausible"),
        CheckConstraint("keep_until > seen_on", name="kept_after_seen"),
        {"comment": "paper originals that somebody saw"},
    )
    __append_only__ = True

    original: Mapped[str] = mapped_column(String(200), nullable=False, comment="which original")
    place: Mapped[str] = mapped_column(String(200), nullable=False)
    seen_on: Mapped[date] = mapped_column(Date, nullable=False)
    pages: Mapped[int] = mapped_column(Integer, nullable=False)
    copy_kept_at: Mapped[str] = mapped_column(String(200), nullable=False)
    keep_until: Mapped[date] = mapped_column(Date, nullable=False)
    witness_id: Mapped[int] = mapped_column(Key, ForeignKey("ab_user.id"), nullable=False)
    organisation_id: Mapped[int | None] = mapped_column(Key, ForeignKey("organisation.id"))

    witness: Mapped[Account] = relationship("Account", foreign_keys=[witness_id])
    organisation: Mapped[Organisation | None] = relationship("Organisation")


class Recusal(OfCase, Recorded, Model):
    """回避: somebody was blocked from, or kept out of, a stage of a case."""

    __tablename__ = "recusal"
    __table_args__ = (
        one_case(),
        STAGES.check("stage"),
        DUTY_REASONS.check("reason"),
        UniqueConstraint("recognition_id", "stage", "user_id", "reason"),
        UniqueConstraint("conversion_id", "stage", "user_id", "reason"),
        {"comment": "who must keep out of which stage, and why"},
    )
    __append_only__ = True

    stage: Mapped[str] = mapped_column(Code(STAGES), nullable=False)
    user_id: Mapped[int] = mapped_column(Key, ForeignKey("ab_user.id"), nullable=False)
    person_id: Mapped[int | None] = mapped_column(Key, ForeignKey("person.id"))
    reason: Mapped[str] = mapped_column(Code(DUTY_REASONS), nullable=False)
    blocked: Mapped[bool] = mapped_column(default=True, nullable=False, comment="false: warned only")
    note: Mapped[str] = mapped_column(String(300), default="", nullable=False)

    user: Mapped[Account] = relationship("Account", foreign_keys=[user_id])
