"""Achievements and the evidence attached to them. Their states are in ``states.py``."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Date, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.catalogue.models import CatalogueItem, Category, EvidenceRequirement
from app.evidence.models import EvidenceFile
from app.framework.models import FrameworkLevel
from app.kernel.choices import Choice, Choices, Tone
from app.kernel.database import Code, Editable, Hundredths, Key, Model, Recorded, positive
from app.kernel.errors import N_
from app.kernel.rows import Rows
from app.kernel.workflow import states
from app.learners.models import Learner

STATES = states(
    ("draft", N_("Not applied"), Tone.NEUTRAL),
    ("submitted", N_("Recognition applied for"), Tone.INFO),
    ("returned", N_("Returned for correction"), Tone.WARNING),
    ("recognised", N_("Recognised"), Tone.SUCCESS),
    ("catalogued", N_("Catalogue achievement"), Tone.SUCCESS),
    ("refused", N_("Recognition refused"), Tone.DANGER),
    ("revoked", N_("Revoked"), Tone.DANGER),
)
ORIGINS = Choices(
    Choice("self_added", N_("Added by the learner")),
    Choice("imported", N_("Imported in bulk")),
    Choice("converted", N_("Granted by conversion")),
)


class Achievement(Editable, Model):
    """学习成果: what one learner holds.

    ``identity_key`` is the normalised certificate number (courses: the date); with learner and item it is
    unique, so that no achievement counts twice (spec 1.3). ``values`` holds the category's fields by code;
    the named columns repeat those with a meaning.
    """

    __tablename__ = "achievement"
    __table_args__ = (
        UniqueConstraint("idempotency_key"),
        STATES.check("state"),
        ORIGINS.check("origin"),
        positive("credits"),
        CheckConstraint("state <> 'catalogued' OR catalogue_item_id IS NOT NULL", name="catalogued_has_item"),
        Index(
            "uq_achievement_not_twice",
            "learner_id",
            "catalogue_item_id",
            "identity_key",
            unique=True,
            sqlite_where=text("catalogue_item_id IS NOT NULL AND state NOT IN ('refused', 'revoked')"),
            postgresql_where=text("catalogue_item_id IS NOT NULL AND state NOT IN ('refused', 'revoked')"),
        ),
        Index("ix_achievement_learner_id", "learner_id", "id"),
        Index("ix_achievement_catalogue_item_id", "catalogue_item_id"),
        Index("ix_achievement_category_id", "category_id", "id"),
        Index("ix_achievement_identity_key", "identity_key"),
        {"comment": "what learners hold"},
    )
    __rows__ = Rows(learner="learner_id", through="learner")

    learner_id: Mapped[int] = mapped_column(Key, ForeignKey("learner.id"), nullable=False)
    category_id: Mapped[int] = mapped_column(Key, ForeignKey("category.id"), nullable=False)
    catalogue_item_id: Mapped[int | None] = mapped_column(
        Key, ForeignKey("catalogue_item.id"), comment="NULL: typed in or performance"
    )
    state: Mapped[str] = mapped_column(Code(STATES), default="draft", nullable=False)
    origin: Mapped[str] = mapped_column(Code(ORIGINS), default="self_added", nullable=False)
    name: Mapped[str] = mapped_column(String(200), nullable=False)
    issuer: Mapped[str] = mapped_column(String(200), default="", nullable=False, comment="来源机构")
    certificate_number: Mapped[str] = mapped_column(String(100), default="", nullable=False)
    identity_key: Mapped[str] = mapped_column(
        String(100), default="", nullable=False, comment="normalised number, or date"
    )
    obtained_on: Mapped[date | None] = mapped_column(Date, comment="取得时间")
    score: Mapped[str] = mapped_column(String(20), default="", nullable=False)
    values: Mapped[dict[str, Any]] = mapped_column(
        JSON, default=dict, nullable=False, comment="category fields by code"
    )
    credits: Mapped[int | None] = mapped_column(
        Hundredths, comment="hundredths; item's, or set by the reviewer; NULL: unknown"
    )
    level_id: Mapped[int | None] = mapped_column(Key, ForeignKey("framework_level.id"))
    granted_by_id: Mapped[int | None] = mapped_column(
        Key, ForeignKey("conversion_application.id", use_alter=True), comment="the conversion that granted it"
    )
    suspect: Mapped[bool] = mapped_column(
        default=False, nullable=False, comment="待复核: built on something revoked"
    )
    idempotency_key: Mapped[str | None] = mapped_column(
        String(64), comment="the same form sent twice is one achievement"
    )

    learner: Mapped[Learner] = relationship()
    category: Mapped[Category] = relationship()
    catalogue_item: Mapped[CatalogueItem | None] = relationship()
    level: Mapped[FrameworkLevel | None] = relationship()
    evidence: Mapped[list[AchievementEvidence]] = relationship(
        back_populates="achievement", order_by="AchievementEvidence.id", cascade="all, delete-orphan"
    )

    def __repr__(self) -> str:
        return self.name


class AchievementEvidence(Recorded, Model):
    """A file attached to an achievement, for one line of its category's evidence list or one file field."""

    __tablename__ = "achievement_evidence"
    __table_args__ = (
        UniqueConstraint("achievement_id", "file_id"),
        Index("ix_achievement_evidence_file_id", "file_id"),
        {"comment": "files attached to achievements"},
    )
    __rows__ = Rows(through="achievement")

    achievement_id: Mapped[int] = mapped_column(Key, ForeignKey("achievement.id"), nullable=False)
    file_id: Mapped[int] = mapped_column(Key, ForeignKey("evidence_file.id"), nullable=False)
    requirement_id: Mapped[int | None] = mapped_column(Key, ForeignKey("evidence_requirement.id"))
    field_code: Mapped[str] = mapped_column(
        String(32), default="", nullable=False, comment="file field it was given for"
    )

    achievement: Mapped[Achievement] = relationship(back_populates="evidence")
    file: Mapped[EvidenceFile] = relationship()
    requirement: Mapped[EvidenceRequirement | None] = relationship()
