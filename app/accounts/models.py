"""Credit entries 学分流水: immutable postings. A mistake is corrected by an entry that names what it reverses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.kernel.choices import Choice, Choices
from app.kernel.database import Code, Hundredths, Key, Model, Recorded
from app.kernel.errors import N_
from app.kernel.rows import Rows

if TYPE_CHECKING:
    from app.achievements.models import Achievement
    from app.catalogue.models import Category
    from app.framework.models import FrameworkLevel
    from app.learners.models import Learner

KINDS = Choices(Choice("accumulation", N_("Accumulation")), Choice("conversion", N_("Conversion")))


class CreditEntry(Recorded, Model):
    """One posting. The two kinds are never summed together (spec 2.2). ``credits`` is negative in a
    counter-entry.
    """

    __tablename__ = "credit_entry"
    __table_args__ = (
        KINDS.check("kind"),
        UniqueConstraint("reverses_id"),
        CheckConstraint(
            "(reverses_id IS NULL AND credits >= 0) OR (reverses_id IS NOT NULL AND credits <= 0)",
            name="sign",
        ),
        Index("ix_credit_entry_learner_id", "learner_id", "kind", "id"),
        Index("ix_credit_entry_achievement_id", "achievement_id"),
        Index("ix_credit_entry_conversion_id", "conversion_id"),
        {"comment": "postings in learners' accounts, never changed"},
    )
    __rows__ = Rows(learner="learner_id", through="learner")
    __append_only__ = True

    learner_id: Mapped[int] = mapped_column(Key, ForeignKey("learner.id"), nullable=False)
    kind: Mapped[str] = mapped_column(Code(KINDS), nullable=False)
    credits: Mapped[int] = mapped_column(Hundredths, nullable=False, comment="hundredths of a credit")
    category_id: Mapped[int] = mapped_column(Key, ForeignKey("category.id"), nullable=False)
    level_id: Mapped[int | None] = mapped_column(Key, ForeignKey("framework_level.id"))
    achievement_id: Mapped[int] = mapped_column(Key, ForeignKey("achievement.id"), nullable=False)
    conversion_id: Mapped[int | None] = mapped_column(
        Key, ForeignKey("conversion_application.id"), comment="what granted it"
    )
    reverses_id: Mapped[int | None] = mapped_column(
        Key, ForeignKey("credit_entry.id"), comment="the posting it undoes"
    )

    learner: Mapped[Learner] = relationship("Learner")
    category: Mapped[Category] = relationship("Category")
    level: Mapped[FrameworkLevel | None] = relationship("FrameworkLevel")
    achievement: Mapped[Achievement] = relationship("Achievement")
