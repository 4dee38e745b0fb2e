"""Issued documents, each with a code that anyone can verify, and portable credentials."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.kernel.choices import Choice, Choices, Tone
from app.kernel.database import Code, Editable, Key, Model, Moment, Recorded
from app.kernel.errors import N_
from app.kernel.rows import Rows

if TYPE_CHECKING:
    from app.achievements.models import Achievement
    from app.learners.models import Learner

DOCUMENT_KINDS = Choices(
    Choice("recognition_sheet", N_("Audit sheet of a recognition")),
    Choice("conversion_sheet", N_("Audit sheet of a conversion")),
    Choice("statement", N_("Credit statement")),
    Choice("transcript", N_("Transcript")),
    Choice("register", N_("Register of cases")),
    Choice("statistics", N_("Review statistics")),
    Choice("working_paper", N_("Audit working paper")),
)
#: What a paper's holder lets those see who verify it.
DISCLOSURES = Choices(
    Choice("none", N_("Only that the paper is genuine")),
    Choice("summary", N_("Name in part, and the totals")),
    Choice("full", N_("Name and all entries, as printed")),
)
DOCUMENT_STATES = Choices(
    Choice("valid", N_("Valid"), Tone.SUCCESS),
    Choice("superseded", N_("Superseded"), Tone.WARNING),
    Choice("under_review", N_("Under review"), Tone.WARNING),
    Choice("revoked", N_("Revoked"), Tone.DANGER),
)


class IssuedDocument(Editable, Model):
    """A PDF that was handed out, by the digest of its bytes."""

    __tablename__ = "issued_document"
    __table_args__ = (
        UniqueConstraint("number"),
        UniqueConstraint("code"),
        DOCUMENT_KINDS.check("kind"),
        DOCUMENT_STATES.check("standing"),
        DISCLOSURES.check("disclosure"),
        CheckConstraint("digest IS NULL OR length(digest) = 64", name="digest_is_sha256"),
        Index("ix_issued_document_learner_id", "learner_id"),
        Index("ix_issued_document_recognition_id", "recognition_id"),
        Index("ix_issued_document_conversion_id", "conversion_id"),
        {"comment": "papers that the bank issued"},
    )
    __rows__ = Rows(learner="learner_id", through="learner")

    number: Mapped[str | None] = mapped_column(String(32))
    code: Mapped[str] = mapped_column(String(16), nullable=False, comment="for /verify/<code>")
    kind: Mapped[str] = mapped_column(Code(DOCUMENT_KINDS), nullable=False)
    standing: Mapped[str] = mapped_column(Code(DOCUMENT_STATES), default="valid", nullable=False)
    learner_id: Mapped[int | None] = mapped_column(Key, ForeignKey("learner.id"))
    recognition_id: Mapped[int | None] = mapped_column(Key, ForeignKey("recognition_application.id"))
    conversion_id: Mapped[int | None] = mapped_column(Key, ForeignKey("conversion_application.id"))
    digest: Mapped[str | None] = mapped_column(String(64), comment="SHA-256 of the PDF's bytes")
    issued_at: Mapped[datetime] = mapped_column(Moment, nullable=False)
    language: Mapped[str] = mapped_column(String(2), default="zh", server_default="zh", nullable=False)
    disclosure: Mapped[str] = mapped_column(
        Code(DISCLOSURES), default="none", server_default="none", nullable=False
    )
    said: Mapped[dict[str, Any] | None] = mapped_column(
        JSON, comment="what it says, for those who verify it; no name: that is the learner's"
    )
    scope: Mapped[dict[str, Any] | None] = mapped_column(JSON, comment="what a register is about")

    learner: Mapped[Learner | None] = relationship("Learner")
    sources: Mapped[list[DocumentSource]] = relationship(back_populates="document")

    def __repr__(self) -> str:
        return self.number or self.code


class DocumentSource(Recorded, Model):
    """An achievement that a paper is built on: where it is revoked, the paper is looked at again."""

    __tablename__ = "document_source"
    __table_args__ = (
        UniqueConstraint("document_id", "achievement_id"),
        Index("ix_document_source_achievement_id", "achievement_id"),
        {"comment": "achievements that papers are built on"},
    )
    __rows__ = Rows(through="document")
    __append_only__ = True

    document_id: Mapped[int] = mapped_column(Key, ForeignKey("issued_document.id"), nullable=False)
    achievement_id: Mapped[int] = mapped_column(Key, ForeignKey("achievement.id"), nullable=False)

    document: Mapped[IssuedDocument] = relationship(back_populates="sources")


CREDENTIAL_STATES = Choices(
    Choice("valid", N_("Valid"), Tone.SUCCESS),
    Choice("under_review", N_("Under review"), Tone.WARNING),
    Choice("revoked", N_("Revoked"), Tone.DANGER),
)


class Credential(Editable, Model):
    """A recognised achievement as a signed Open Badge 3.0; ``status_index`` is its place in both status lists."""

    __tablename__ = "credential"
    __table_args__ = (
        UniqueConstraint("uid"),
        UniqueConstraint("status_index"),
        CREDENTIAL_STATES.check("standing"),
        CheckConstraint("(standing = 'revoked') = (revoked_at IS NOT NULL)", name="revoked_has_time"),
        Index(
            "uq_credential_standing",
            "achievement_id",
            unique=True,
            sqlite_where=text("standing <> 'revoked'"),
            postgresql_where=text("standing <> 'revoked'"),
        ),
        {"comment": "portable credentials"},
    )
    __rows__ = Rows(learner="learner_id", through="learner")

    uid: Mapped[str] = mapped_column(String(64), nullable=False)
    learner_id: Mapped[int] = mapped_column(Key, ForeignKey("learner.id"), nullable=False, index=True)
    achievement_id: Mapped[int] = mapped_column(Key, ForeignKey("achievement.id"), nullable=False, index=True)
    status_index: Mapped[int] = mapped_column(nullable=False)
    standing: Mapped[str] = mapped_column(
        Code(CREDENTIAL_STATES), default="valid", server_default="valid", nullable=False
    )
    body: Mapped[dict[str, Any]] = mapped_column(JSON, nullable=False, comment="what was signed")
    token: Mapped[str] = mapped_column(Text, default="", server_default="", nullable=False, comment="VC-JWT")
    revoked_at: Mapped[datetime | None] = mapped_column(Moment)

    learner: Mapped[Learner] = relationship("Learner")
    achievement: Mapped[Achievement] = relationship("Achievement")

    def __repr__(self) -> str:
        return self.uid
