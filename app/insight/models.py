"""Integrity signals."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.choices import Choice, Choices
from app.kernel.database import Code, Key, Model, Recorded
from app.kernel.errors import N_

SIGNAL_KINDS = Choices(
    Choice("same_file", N_("Same file with another learner")),
    Choice("similar_file", N_("Nearly the same file with another learner")),
    Choice("same_number", N_("Same certificate number with another learner")),
    Choice("impossible_date", N_("Impossible date")),
    Choice("number_pattern", N_("Number breaks the issuer's pattern")),
    Choice("reviewer_drift", N_("Reviewer far from peers")),
    Choice("fast_review", N_("Review faster than reading")),
)


class Signal(Recorded, Model):
    """Something that a reviewer or auditor may want to look at."""

    __tablename__ = "signal"
    __table_args__ = (
        SIGNAL_KINDS.check("kind"),
        UniqueConstraint("key"),
        Index("ix_signal_achievement_id", "achievement_id"),
        {"comment": "integrity signals"},
    )

    kind: Mapped[str] = mapped_column(Code(SIGNAL_KINDS), nullable=False)
    key: Mapped[str] = mapped_column(
        String(128), nullable=False, comment="one signal per kind and what it is about"
    )
    achievement_id: Mapped[int | None] = mapped_column(Key, ForeignKey("achievement.id"))
    reviewer_id: Mapped[int | None] = mapped_column(Key, ForeignKey("ab_user.id"))
    detail: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, nullable=False)
