"""Appeals against refusals, and reversals of approvals by two people."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.conversion.models import ConversionApplication
from app.kernel.choices import Choice, Choices, Tone
from app.kernel.database import Code, Editable, Key, Model, Moment
from app.kernel.errors import N_
from app.kernel.rows import Rows
from app.kernel.workflow import states
from app.learners.models import Learner
from app.organisations.models import Committee
from app.recognition.models import RecognitionApplication
from app.review.models import OfCase, one_case

if TYPE_CHECKING:
    from app.security.models import Account

STATES = states(
    ("filed", N_("Awaiting decision"), Tone.INFO),
    ("upheld", N_("Upheld"), Tone.SUCCESS),
    ("dismissed", N_("Dismissed"), Tone.DANGER),
)
BODIES = Choices(Choice("center", N_("Management centre")), Choice("committee", N_("Committee")))


class Appeal(OfCase, Editable, Model):
    """申诉: once per refusal, with grounds, decided by others than before (spec 2.7)."""

    __tablename__ = "appeal"
    __table_args__ = (
        one_case(),
        UniqueConstraint("recognition_id"),
        UniqueConstraint("conversion_id"),
        STATES.check("state"),
        BODIES.check("body"),
        CheckConstraint("(state = 'filed') = (decided_at IS NULL)", name="decided_has_time"),
        CheckConstraint("state = 'filed' OR decided_by_id IS NOT NULL", name="decided_has_decider"),
        CheckConstraint("decided_person_id <> against_person_id", name="decided_by_another_person"),
        CheckConstraint("body = 'committee' OR committee_id IS NULL", name="center_has_no_committee"),
        Index("ix_appeal_queue", "state", "filed_at", "id"),
        {"comment": "appeals against refusals"},
    )
    __rows__ = Rows(learner="learner_id", committee="committee_id")

    learner_id: Mapped[int] = mapped_column(Key, ForeignKey("learner.id"), nullable=False)
    state: Mapped[str] = mapped_column(Code(STATES), default="filed", nullable=False)
    body: Mapped[str] = mapped_column(Code(BODIES), nullable=False, comment="who decides")
    committee_id: Mapped[int | None] = mapped_column(
        Key, ForeignKey("committee.id"), comment="NULL with body committee: 未分派"
    )
    against_person_id: Mapped[int | None] = mapped_column(Key, ForeignKey("person.id"), comment="who refused")
    grounds: Mapped[str] = mapped_column(Text, nullable=False)
    filed_at: Mapped[datetime] = mapped_column(Moment, nullable=False)
    due_at: Mapped[datetime] = mapped_column(Moment, nullable=False)
    opinion: Mapped[str] = mapped_column(Text, default="", nullable=False)
    decided_at: Mapped[datetime | None] = mapped_column(Moment)
    decided_by_id: Mapped[int | None] = mapped_column(Key, ForeignKey("ab_user.id"))
    decided_person_id: Mapped[int | None] = mapped_column(Key, ForeignKey("person.id"))

    learner: Mapped[Learner] = relationship()
    committee: Mapped[Committee | None] = relationship()
    recognition: Mapped[RecognitionApplication | None] = relationship()
    conversion: Mapped[ConversionApplication | None] = relationship()
    decided_by: Mapped[Account | None] = relationship("Account", foreign_keys=[decided_by_id])


REVERSAL_STATES = states(
    ("proposed", N_("Awaiting a second person"), Tone.WARNING),
    ("confirmed", N_("Reversed"), Tone.DANGER),
    ("rejected", N_("Rejected"), Tone.NEUTRAL),
)


class Reversal(Editable, Model):
    """撤销 of an approval: one Center user proposes with a reason, another confirms (spec 2.7)."""

    __tablename__ = "reversal"
    __table_args__ = (
        REVERSAL_STATES.check("state"),
        CheckConstraint("(state = 'proposed') = (decided_at IS NULL)", name="decided_has_time"),
        CheckConstraint("decided_person_id <> proposed_person_id", name="two_people"),
        CheckConstraint("decided_by_id <> proposed_by_id", name="two_accounts"),
        Index(
            "uq_reversal_open",
            "conversion_id",
            unique=True,
            sqlite_where=text("state <> 'rejected'"),
            postgresql_where=text("state <> 'rejected'"),
        ),
        {"comment": "reversals of approvals, by two people"},
    )

    conversion_id: Mapped[int] = mapped_column(Key, ForeignKey("conversion_application.id"), nullable=False)
    state: Mapped[str] = mapped_column(Code(REVERSAL_STATES), default="proposed", nullable=False)
    reason: Mapped[str] = mapped_column(Text, nullable=False)
    proposed_by_id: Mapped[int] = mapped_column(Key, ForeignKey("ab_user.id"), nullable=False)
    proposed_person_id: Mapped[int | None] = mapped_column(Key, ForeignKey("person.id"))
    decided_by_id: Mapped[int | None] = mapped_column(Key, ForeignKey("ab_user.id"))
    decided_person_id: Mapped[int | None] = mapped_column(Key, ForeignKey("person.id"))
    decided_at: Mapped[datetime | None] = mapped_column(Moment)
    opinion: Mapped[str] = mapped_column(Text, default="", nullable=False)

    conversion: Mapped[ConversionApplication] = relationship()
    proposed_by: Mapped[Account] = relationship("Account", foreign_keys=[proposed_by_id])
    decided_by: Mapped[Account | None] = relationship("Account", foreign_keys=[decided_by_id])
