"""Issued documents, each with a code that anyone can verify, and portable credentials."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.kernel.choices import Choice, Choices, Tone
from app.kernel.database import Code, Editable, Key, Model, Moment
from app.kernel.errors import N_
from app.kernel.rows import Rows

if TYPE_CHECKING:
    from app.learners.models import Learner

DOCUMENT_KINDS = Choices(
    Choice("recognition_sheet", N_("Audit sheet of a recognition")),
    Choice("conversion_sheet", N_("Audit sheet of a conversion")),
    Choice("statement", N_("Credit statement")),
    Choice("transcript", N_("Transcript")),
    Choice("register", N_("Register")),
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

    learner: Mapped[Learner | None] = relationship("Learner")

    def __repr__(self) -> str:
        return self.number or self.code


class Credential(Editable, Model):
    """A recognised achievement as a signed credential, by its place in the status list."""

    __tablename__ = "credential"
    __table_args__ = (
        UniqueConstraint("uid"),
        UniqueConstraint("status_index"),
        {"comment": "portable credentials"},
    )
    __rows__ = Rows(learner="learner_id", through="learner")

    uid: Mapped[str] = mapped_column(String(64), nullable=False)
    learner_id: Mapped[int] = mapped_column(Key, ForeignKey("learner.id"), nullable=False, index=True)
    achievement_id: Mapped[int] = mapped_column(Key, ForeignKey("achievement.id"), nullable=False, index=True)
    status_index: Mapped[int] = mapped_column(nullable=False)
    body: Mapped[dict[str, Any]] = mapped_column(JSON, nullable=False)
    revoked_at: Mapped[datetime | None] = mapped_column(Moment)

    learner: Mapped[Learner] = relationship("Learner")
