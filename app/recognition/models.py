"""Rounds of recognition: one row per submission of an achievement."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.achievements.models import Achievement
from app.kernel.choices import Tone
from app.kernel.database import Code, Editable, Key, Model, Moment
from app.kernel.errors import N_
from app.kernel.rows import Rows
from app.kernel.workflow import states
from app.learners.models import Learner
from app.organisations.models import Organisation

if TYPE_CHECKING:
    from app.security.models import Account

STATES = states(
    ("submitted", N_("Awaiting recognition"), Tone.INFO),
    ("recognised", N_("Recognised"), Tone.SUCCESS),
    ("refused", N_("Recognition refused"), Tone.DANGER),
    ("returned", N_("Returned for correction"), Tone.WARNING),
)


class RecognitionApplication(Editable, Model):
    """One round: submitted, decided once. A corrected achievement is submitted anew as the next round;
    earlier rounds stay.
    """

    __tablename__ = "recognition_application"
    __table_args__ = (
        UniqueConstraint("achievement_id", "round"),
        UniqueConstraint("number"),
        STATES.check("state"),
        CheckConstraint("(state = 'submitted') = (decided_at IS NULL)", name="decided_has_time"),
        CheckConstraint("state = 'submitted' OR decided_by_id IS NOT NULL", name="decided_has_decider"),
        Index(
            "uq_recognition_application_open",
            "achievement_id",
            unique=True,
            sqlite_where=text("state = 'submitted'"),
            postgresql_where=text("state = 'submitted'"),
        ),
        Index("ix_recognition_application_queue", "state", "submitted_at", "id"),
        Index("ix_recognition_application_point_queue", "home_point_id", "state", "submitted_at", "id"),
        {"comment": "rounds of recognition"},
    )
    __rows__ = Rows(organisation="home_point_id", through="achievement")

    number: Mapped[str | None] = mapped_column(String(32), comment="RD-year-id")
    achievement_id: Mapped[int] = mapped_column(Key, ForeignKey("achievement.id"), nullable=False)
    round: Mapped[int] = mapped_column(Integer, default=1, nullable=False)
    state: Mapped[str] = mapped_column(Code(STATES), default="submitted", nullable=False)
    home_point_id: Mapped[int] = mapped_column(
        Key, ForeignKey("organisation.id"), nullable=False, comment="pinned at submission"
    )
    authorised_institution_id: Mapped[int | None] = mapped_column(
        Key, ForeignKey("organisation.id"), comment="授权机构, pinned"
    )
    recognising_institution_id: Mapped[int | None] = mapped_column(
        Key, ForeignKey("organisation.id"), comment="认定机构, of who decided"
    )
    submitted_at: Mapped[datetime] = mapped_column(Moment, nullable=False)
    due_at: Mapped[datetime] = mapped_column(Moment, nullable=False, comment="the bank's deadline")
    decided_at: Mapped[datetime | None] = mapped_column(Moment)
    decided_by_id: Mapped[int | None] = mapped_column(Key, ForeignKey("ab_user.id"))
    decided_person_id: Mapped[int | None] = mapped_column(Key, ForeignKey("person.id"))
    claimed_by_id: Mapped[int | None] = mapped_column(
        Key, ForeignKey("ab_user.id"), comment="who has taken it from the queue"
    )
    claimed_at: Mapped[datetime | None] = mapped_column(Moment)

    achievement: Mapped[Achievement] = relationship()
    home_point: Mapped[Organisation] = relationship(foreign_keys=[home_point_id])
    authorised_institution: Mapped[Organisation | None] = relationship(
        foreign_keys=[authorised_institution_id]
    )
    recognising_institution: Mapped[Organisation | None] = relationship(
        foreign_keys=[recognising_institution_id]
    )
    decided_by: Mapped[Account | None] = relationship("Account", foreign_keys=[decided_by_id])
    claimed_by: Mapped[Account | None] = relationship("Account", foreign_keys=[claimed_by_id])

    @property
    def achievements(self) -> list[Achievement]:
        """What the case is about."""
        return [self.achievement]

    @property
    def learner(self) -> Learner:
        return self.achievement.learner

    @property
    def case_key(self) -> dict[str, int]:
        """How reviews, attestations and recusals name this case."""
        return {"recognition_id": self.id}

    def __repr__(self) -> str:
        return self.number or f"#{self.id}"
