"""Conversion applications with their sources, targets, consumption and assessments.

What was promised at submission is frozen here: rule version, credits, ratio. Who decided each stage is a
column, so that "not the same person" is a CHECK.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.achievements.models import Achievement
from app.catalogue.models import CatalogueItem, Programme
from app.evidence.models import EvidenceFile
from app.kernel.choices import Choice, Choices, Tone
from app.kernel.database import (
    BasisPoints,
    Code,
    Editable,
    Hundredths,
    Key,
    Model,
    Moment,
    Recorded,
    positive,
)
from app.kernel.errors import N_
from app.kernel.rows import Rows
from app.kernel.workflow import states
from app.learners.models import Learner
from app.organisations.models import Committee, Organisation
from app.rules.models import RuleSource, RuleVersion

if TYPE_CHECKING:
    from app.security.models import Account

KINDS = Choices(Choice("rule", N_("By rule")), Choice("performance", N_("Performance achievement")))
STATES = states(
    ("initial_review", N_("Awaiting initial review"), Tone.INFO),
    ("performance_review", N_("Awaiting review"), Tone.INFO),
    ("final_review", N_("Awaiting final review"), Tone.INFO),
    ("returned", N_("Returned for correction"), Tone.WARNING),
    ("approved", N_("Approved"), Tone.SUCCESS),
    ("initial_refused", N_("Refused at initial review"), Tone.DANGER),
    ("refused", N_("Refused"), Tone.DANGER),
    ("withdrawn", N_("Withdrawn"), Tone.NEUTRAL),
    ("lapsed", N_("Lapsed"), Tone.NEUTRAL),
    ("reversed", N_("Reversed"), Tone.DANGER),
)
#: States in which an application still wants a decision of the bank.
OPEN = ("initial_review", "performance_review", "final_review")


class ConversionApplication(Editable, Model):
    """转换. ``stage_entered_at`` and ``due_at`` are the bank's clock, ``learner_due_at`` the learner's while
    returned.
    """

    __tablename__ = "conversion_application"
    __table_args__ = (
        UniqueConstraint("number"),
        UniqueConstraint("idempotency_key"),
        KINDS.check("kind"),
        STATES.check("state"),
        CheckConstraint("(kind = 'rule') = (rule_version_id IS NOT NULL)", name="rule_has_version"),
        CheckConstraint(
            "kind = 'performance' OR state <> 'performance_review'", name="performance_review_is_performance"
        ),
        CheckConstraint(
            "kind = 'rule' OR state NOT IN ('initial_review', 'final_review', 'initial_refused')",
            name="performance_has_no_initial",
        ),
        CheckConstraint("(state = 'returned') = (returned_from IS NOT NULL)", name="returned_knows_stage"),
        CheckConstraint("state <> 'returned' OR learner_due_at IS NOT NULL", name="returned_has_deadline"),
        CheckConstraint(
            "state NOT IN ('final_review', 'initial_refused') OR initial_at IS NOT NULL",
            name="initial_has_time",
        ),
        CheckConstraint("(initial_at IS NULL) = (initial_by_id IS NULL)", name="initial_has_decider"),
        CheckConstraint(
            "state NOT IN ('approved', 'refused', 'reversed') OR final_at IS NOT NULL", name="final_has_time"
        ),
        CheckConstraint("(final_at IS NULL) = (final_by_id IS NULL)", name="final_has_decider"),
        CheckConstraint("final_person_id <> initial_person_id", name="final_by_another_person"),
        Index("ix_conversion_application_queue", "state", "submitted_at", "id"),
        Index("ix_conversion_application_point_queue", "home_point_id", "state", "submitted_at", "id"),
        Index("ix_conversion_application_committee_queue", "committee_id", "state", "submitted_at", "id"),
        Index("ix_conversion_application_learner_id", "learner_id", "id"),
        Index("ix_conversion_application_rule_version_id", "rule_version_id"),
        Index("ix_conversion_application_learner_due_at", "state", "learner_due_at"),
        {"comment": "conversion applications"},
    )
    __rows__ = Rows(learner="learner_id", organisation="home_point_id", committee="committee_id")

    number: Mapped[str | None] = mapped_column(String(32), comment="ZH-year-id")
    kind: Mapped[str] = mapped_column(Code(KINDS), nullable=False)
    state: Mapped[str] = mapped_column(Code(STATES), nullable=False)
    learner_id: Mapped[int] = mapped_column(Key, ForeignKey("learner.id"), nullable=False)
    rule_version_id: Mapped[int | None] = mapped_column(
        Key, ForeignKey("rule_version.id"), comment="frozen at submission"
    )
    programme_id: Mapped[int | None] = mapped_column(Key, ForeignKey("programme.id"), comment="of the target")
    home_point_id: Mapped[int] = mapped_column(
        Key, ForeignKey("organisation.id"), nullable=False, comment="pinned at submission"
    )
    authorised_institution_id: Mapped[int | None] = mapped_column(
        Key, ForeignKey("organisation.id"), comment="授权机构, pinned"
    )
    recognising_institution_id: Mapped[int | None] = mapped_column(
        Key, ForeignKey("organisation.id"), comment="认定机构, of who decided"
    )
    committee_id: Mapped[int | None] = mapped_column(Key, ForeignKey("committee.id"), comment="NULL: 未分派")
    submitted_at: Mapped[datetime] = mapped_column(Moment, nullable=False)
    stage_entered_at: Mapped[datetime] = mapped_column(Moment, nullable=False)
    due_at: Mapped[datetime | None] = mapped_column(Moment, comment="the bank's deadline for this stage")
    learner_due_at: Mapped[datetime | None] = mapped_column(
        Moment, comment="the learner's deadline while returned"
    )
    bank_days_used: Mapped[int] = mapped_column(
        Integer, default=0, nullable=False, comment="working days used before a return"
    )
    returned_from: Mapped[str | None] = mapped_column(
        String(32), comment="stage that a returned case goes back to"
    )
    reminded_at: Mapped[datetime | None] = mapped_column(
        Moment, comment="reminder for the running deadline sent"
    )
    initial_by_id: Mapped[int | None] = mapped_column(Key, ForeignKey("ab_user.id"))
    initial_person_id: Mapped[int | None] = mapped_column(Key, ForeignKey("person.id"))
    initial_at: Mapped[datetime | None] = mapped_column(Moment)
    final_by_id: Mapped[int | None] = mapped_column(Key, ForeignKey("ab_user.id"))
    final_person_id: Mapped[int | None] = mapped_column(Key, ForeignKey("person.id"))
    final_at: Mapped[datetime | None] = mapped_column(Moment)
    claimed_by_id: Mapped[int | None] = mapped_column(
        Key, ForeignKey("ab_user.id"), comment="who has taken it from the queue"
    )
    claimed_at: Mapped[datetime | None] = mapped_column(Moment)
    reasoning: Mapped[dict[str, Any] | None] = mapped_column(
        JSON, comment="the approval's inputs and arithmetic, for replay"
    )
    suspect: Mapped[bool] = mapped_column(
        default=False, nullable=False, comment="待复核: built on something revoked"
    )
    idempotency_key: Mapped[str | None] = mapped_column(
        String(64), comment="the same form sent twice is one application"
    )

    learner: Mapped[Learner] = relationship()
    rule_version: Mapped[RuleVersion | None] = relationship()
    programme: Mapped[Programme | None] = relationship()
    home_point: Mapped[Organisation] = relationship(foreign_keys=[home_point_id])
    authorised_institution: Mapped[Organisation | None] = relationship(
        foreign_keys=[authorised_institution_id]
    )
    recognising_institution: Mapped[Organisation | None] = relationship(
        foreign_keys=[recognising_institution_id]
    )
    committee: Mapped[Committee | None] = relationship()
    initial_by: Mapped[Account | None] = relationship("Account", foreign_keys=[initial_by_id])
    final_by: Mapped[Account | None] = relationship("Account", foreign_keys=[final_by_id])
    claimed_by: Mapped[Account | None] = relationship("Account", foreign_keys=[claimed_by_id])
    sources: Mapped[list[ConversionSource]] = relationship(
        back_populates="application", order_by="ConversionSource.id"
    )
    targets: Mapped[list[ConversionTarget]] = relationship(
        back_populates="application", order_by="ConversionTarget.id"
    )
    files: Mapped[list[ConversionFile]] = relationship(
        back_populates="application", order_by="ConversionFile.id"
    )

    @property
    def achievements(self) -> list[Achievement]:
        """What the case is about."""
        return [source.achievement for source in self.sources]

    @property
    def case_key(self) -> dict[str, int]:
        """How reviews, attestations and recusals name this case."""
        return {"conversion_id": self.id}

    @property
    def source_name(self) -> str:
        return "、".join(achievement.name for achievement in self.achievements)

    @property
    def target_name(self) -> str:
        return "、".join(target.catalogue_item.name for target in self.targets)

    def __repr__(self) -> str:
        return self.number or f"#{self.id}"


class ConversionSource(Recorded, Model):
    """An achievement that an application brings, in the slot that it fills."""

    __tablename__ = "conversion_source"
    __table_args__ = (
        UniqueConstraint("application_id", "achievement_id"),
        Index("ix_conversion_source_achievement_id", "achievement_id"),
        {"comment": "achievements that an application brings"},
    )
    __rows__ = Rows(through="application")

    application_id: Mapped[int] = mapped_column(Key, ForeignKey("conversion_application.id"), nullable=False)
    achievement_id: Mapped[int] = mapped_column(Key, ForeignKey("achievement.id"), nullable=False)
    slot_id: Mapped[int | None] = mapped_column(Key, ForeignKey("rule_source.id"))
    confirmed_by_id: Mapped[int | None] = mapped_column(
        Key, ForeignKey("ab_user.id"), comment="who confirmed that a name by pattern is the one meant"
    )
    confirmed_at: Mapped[datetime | None] = mapped_column(Moment)

    application: Mapped[ConversionApplication] = relationship(back_populates="sources")
    achievement: Mapped[Achievement] = relationship()
    slot: Mapped[RuleSource | None] = relationship()


class ConversionTarget(Editable, Model):
    """A target with what was promised. ``live`` while the application is open or approved: one per person
    and item.
    """

    __tablename__ = "conversion_target"
    __table_args__ = (
        UniqueConstraint("application_id", "catalogue_item_id"),
        positive("item_credits"),
        positive("granted_credits"),
        Index(
            "uq_conversion_target_live",
            "holder_seal",
            "catalogue_item_id",
            unique=True,
            sqlite_where=text("live"),
            postgresql_where=text("live"),
        ),
        {"comment": "targets of an application, frozen at submission"},
    )
    __rows__ = Rows(through="application")

    application_id: Mapped[int] = mapped_column(Key, ForeignKey("conversion_application.id"), nullable=False)
    learner_id: Mapped[int] = mapped_column(Key, ForeignKey("learner.id"), nullable=False)
    holder_seal: Mapped[bytes] = mapped_column(
        LargeBinary(32),
        nullable=False,
        comment="the person's, also after an account is closed and opened again",
    )
    catalogue_item_id: Mapped[int] = mapped_column(Key, ForeignKey("catalogue_item.id"), nullable=False)
    item_credits: Mapped[int | None] = mapped_column(
        Hundredths, comment="the item's credits at submission; NULL: unknown yet"
    )
    ratio: Mapped[int] = mapped_column(BasisPoints, nullable=False, comment="basis points, frozen")
    granted_credits: Mapped[int | None] = mapped_column(
        Hundredths, comment="item_credits × ratio, half up; set at approval"
    )
    achievement_id: Mapped[int | None] = mapped_column(
        Key, ForeignKey("achievement.id"), comment="the achievement granted"
    )
    live: Mapped[bool] = mapped_column(default=True, nullable=False)

    application: Mapped[ConversionApplication] = relationship(back_populates="targets")
    catalogue_item: Mapped[CatalogueItem] = relationship()
    achievement: Mapped[Achievement | None] = relationship()


FILE_ROLES = Choices(
    Choice("related", N_("Related material")), Choice("initial", N_("Initial review material"))
)


class ConversionFile(Recorded, Model):
    """A file of the application itself: the learner's 相关资料 or the reviewer's 转换初审材料."""

    __tablename__ = "conversion_file"
    __table_args__ = (
        UniqueConstraint("application_id", "file_id"),
        FILE_ROLES.check("role"),
        {"comment": "files of an application"},
    )
    __rows__ = Rows(through="application")

    application_id: Mapped[int] = mapped_column(Key, ForeignKey("conversion_application.id"), nullable=False)
    file_id: Mapped[int] = mapped_column(Key, ForeignKey("evidence_file.id"), nullable=False, index=True)
    role: Mapped[str] = mapped_column(Code(FILE_ROLES), nullable=False)

    application: Mapped[ConversionApplication] = relationship(back_populates="files")
    file: Mapped[EvidenceFile] = relationship()


CONSUMPTION_KINDS = Choices(
    Choice("reserve", N_("Reserved"), Tone.INFO),
    Choice("consume", N_("Used"), Tone.SUCCESS),
    Choice("release", N_("Released"), Tone.NEUTRAL),
)


class ConsumptionEntry(Recorded, Model):
    """使用流水: what happened to an achievement's use for one purpose. Only ever added."""

    __tablename__ = "consumption_entry"
    __table_args__ = (
        CONSUMPTION_KINDS.check("kind"),
        Index("ix_consumption_entry_achievement_id", "achievement_id"),
        Index("ix_consumption_entry_application_id", "application_id"),
        {"comment": "ledger of reservations, uses and releases"},
    )
    __rows__ = Rows(through="application")
    __append_only__ = True

    kind: Mapped[str] = mapped_column(Code(CONSUMPTION_KINDS), nullable=False)
    achievement_id: Mapped[int] = mapped_column(Key, ForeignKey("achievement.id"), nullable=False)
    application_id: Mapped[int] = mapped_column(Key, ForeignKey("conversion_application.id"), nullable=False)
    purpose: Mapped[str] = mapped_column(
        String(100), nullable=False, comment="target programme and reuse group"
    )

    achievement: Mapped[Achievement] = relationship()
    application: Mapped[ConversionApplication] = relationship()


class ConsumptionHold(Recorded, Model):
    """占用: the holds in force. The unique key is what makes spending twice impossible, also after an account
    is closed and opened again: ``holder_seal`` is the person's, ``source`` the achievement's own identity.
    """

    __tablename__ = "consumption_hold"
    __table_args__ = (
        UniqueConstraint("holder_seal", "source", "purpose"),
        UniqueConstraint("achievement_id", "purpose"),
        Index("ix_consumption_hold_application_id", "application_id"),
        {"comment": "holds in force; one per holder, source and purpose"},
    )

    holder_seal: Mapped[bytes] = mapped_column(LargeBinary(32), nullable=False)
    source: Mapped[str] = mapped_column(
        String(160), nullable=False, comment="item and certificate, or achievement"
    )
    purpose: Mapped[str] = mapped_column(String(100), nullable=False)
    achievement_id: Mapped[int] = mapped_column(Key, ForeignKey("achievement.id"), nullable=False)
    application_id: Mapped[int] = mapped_column(Key, ForeignKey("conversion_application.id"), nullable=False)


ASSESSMENT_STATES = states(
    ("asked", N_("Awaiting assessment"), Tone.INFO),
    ("given", N_("Assessment given"), Tone.SUCCESS),
    ("lapsed", N_("Lapsed"), Tone.NEUTRAL),
)
ADVICE = Choices(
    Choice("supports", N_("Supports"), Tone.SUCCESS),
    Choice("doubts", N_("Doubts"), Tone.WARNING),
    Choice("opposes", N_("Opposes"), Tone.DANGER),
)


class Assessment(Editable, Model):
    """A third party's view of performance evidence: advice only, the learner's name hidden (spec 2.5)."""

    __tablename__ = "assessment"
    __table_args__ = (
        ASSESSMENT_STATES.check("state"),
        ADVICE.check("advice", nullable=True),
        CheckConstraint("(state = 'given') = (given_at IS NOT NULL)", name="given_has_time"),
        CheckConstraint(
            "given_at IS NULL OR (given_by_id IS NOT NULL AND advice IS NOT NULL)", name="given_is_whole"
        ),
        Index(
            "uq_assessment_open",
            "application_id",
            unique=True,
            sqlite_where=text("state = 'asked'"),
            postgresql_where=text("state = 'asked'"),
        ),
        Index("ix_assessment_queue", "organisation_id", "state", "due_at", "id"),
        {"comment": "third parties' assessments of performance evidence"},
    )
    __rows__ = Rows(assessor="organisation_id", through="application")

    application_id: Mapped[int] = mapped_column(Key, ForeignKey("conversion_application.id"), nullable=False)
    organisation_id: Mapped[int] = mapped_column(
        Key, ForeignKey("organisation.id"), nullable=False, comment="who is asked"
    )
    state: Mapped[str] = mapped_column(Code(ASSESSMENT_STATES), default="asked", nullable=False)
    question: Mapped[str] = mapped_column(Text, nullable=False)
    due_at: Mapped[datetime] = mapped_column(Moment, nullable=False)
    advice: Mapped[str | None] = mapped_column(Code(ADVICE))
    grounds: Mapped[str] = mapped_column(Text, default="", nullable=False)
    given_by_id: Mapped[int | None] = mapped_column(Key, ForeignKey("ab_user.id"))
    given_person_id: Mapped[int | None] = mapped_column(Key, ForeignKey("person.id"))
    given_at: Mapped[datetime | None] = mapped_column(Moment)

    application: Mapped[ConversionApplication] = relationship()
    organisation: Mapped[Organisation] = relationship()
    given_by: Mapped[Account | None] = relationship("Account", foreign_keys=[given_by_id])
