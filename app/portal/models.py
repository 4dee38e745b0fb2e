"""Announcements 公告, questions and answers 在线解答."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.kernel.choices import Choice, Choices
from app.kernel.database import Code, Editable, Key, Model, Moment
from app.kernel.errors import N_
from app.kernel.rows import Rows

if TYPE_CHECKING:
    from app.learners.models import Learner
    from app.organisations.models import Organisation


AUDIENCES = Choices(
    Choice("none", N_("Nobody; it stands on the portal only")),
    Choice("learners", N_("Learners")),
    Choice("staff", N_("Staff")),
    Choice("everybody", N_("Learners and staff")),
)


class Announcement(Editable, Model):
    """公告, shown on the portal from ``published_at`` on."""

    __tablename__ = "announcement"
    __table_args__ = (
        CheckConstraint(
            "expires_at IS NULL OR published_at IS NULL OR expires_at > published_at", name="expires_after"
        ),
        AUDIENCES.check("audience"),
        Index("ix_announcement_published_at", "published_at"),
        {"comment": "announcements on the portal"},
    )

    title: Mapped[str] = mapped_column(String(200), nullable=False)
    body: Mapped[str] = mapped_column(Text, nullable=False)
    published_at: Mapped[datetime | None] = mapped_column(Moment, comment="NULL: not yet")
    expires_at: Mapped[datetime | None] = mapped_column(Moment)
    pinned: Mapped[bool] = mapped_column(default=False, nullable=False)
    audience: Mapped[str] = mapped_column(
        Code(AUDIENCES),
        default="none",
        server_default="none",
        nullable=False,
        comment="who gets a notice of it besides",
    )
    organisation_id: Mapped[int | None] = mapped_column(
        Key, ForeignKey("organisation.id"), comment="only there and below; NULL: everywhere"
    )
    told_after: Mapped[int] = mapped_column(
        Key,
        default=0,
        server_default="0",
        nullable=False,
        comment="last person told; the next piece begins after",
    )
    told_at: Mapped[datetime | None] = mapped_column(Moment, comment="when everybody had been told")

    organisation: Mapped[Organisation | None] = relationship("Organisation")

    def __repr__(self) -> str:
        return self.title


class Question(Editable, Model):
    """A question with its answer: learners ask, Center answers; published only with the asker's consent (spec 2.9)."""

    __tablename__ = "question"
    __table_args__ = (
        CheckConstraint("answered_at IS NULL OR answer <> ''", name="answered_has_answer"),
        CheckConstraint(
            "NOT published OR (answered_at IS NOT NULL AND (learner_id IS NULL OR consented))",
            name="published_is_answered",
        ),
        Index("ix_question_learner_id", "learner_id"),
        Index("ix_question_answered_at", "answered_at", "id"),
        {"comment": "questions and answers"},
    )
    __rows__ = Rows(learner="learner_id")

    learner_id: Mapped[int | None] = mapped_column(
        Key, ForeignKey("learner.id"), comment="NULL: written by the centre"
    )
    text: Mapped[str] = mapped_column(Text, nullable=False)
    consented: Mapped[bool] = mapped_column(
        default=False, nullable=False, comment="the asker lets it be published"
    )
    answer: Mapped[str] = mapped_column(Text, default="", nullable=False)
    answered_at: Mapped[datetime | None] = mapped_column(Moment)
    answered_by_id: Mapped[int | None] = mapped_column(Key, ForeignKey("ab_user.id"))
    published: Mapped[bool] = mapped_column(default=False, nullable=False)
    topic: Mapped[str] = mapped_column(String(100), default="", nullable=False)

    learner: Mapped[Learner | None] = relationship("Learner")

    def __repr__(self) -> str:
        return self.text[:40]
