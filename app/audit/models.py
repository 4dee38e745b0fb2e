"""The audit trail, its checkpoints, and the auditor's samples and findings."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.kernel.choices import Choice, Choices, Tone
from app.kernel.database import Code, Editable, Key, Model, Moment, Recorded
from app.kernel.errors import N_


class AuditEvent(Model):
    """One event. ``canonical`` are the bytes that were hashed; the other columns repeat parts of them to
    search by.
    """

    __tablename__ = "audit_event"
    __table_args__ = (
        UniqueConstraint("hash"),
        CheckConstraint("sequence >= 1", name="sequence_from_one"),
        Index("ix_audit_event_subject", "subject_table", "subject_id"),
        Index("ix_audit_event_actor", "actor_id", "at"),
        Index("ix_audit_event_action", "action", "at"),
        {"comment": "hash chain over every change and decision; only ever added"},
    )
    __audited__ = False
    __append_only__ = True

    sequence: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=False
    )
    at: Mapped[datetime] = mapped_column(Moment, nullable=False)
    actor_id: Mapped[int | None] = mapped_column(
        Key, comment="account; NULL: the system. No foreign key: outlives accounts"
    )
    role: Mapped[str] = mapped_column(String(100), default="", nullable=False)
    action: Mapped[str] = mapped_column(String(64), nullable=False)
    subject_table: Mapped[str] = mapped_column(String(64), nullable=False)
    subject_id: Mapped[int | None] = mapped_column(Key)
    canonical: Mapped[bytes] = mapped_column(LargeBinary, nullable=False)
    hash: Mapped[bytes] = mapped_column(
        LargeBinary(32), nullable=False, comment="SHA-256(previous hash, canonical)"
    )

    def __repr__(self) -> str:
        return f"{self.sequence} {self.action}"


class AuditHead(Model):
    """The end of the chain: one row, locked while events are appended."""

    __tablename__ = "audit_head"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"), {"comment": "end of the audit chain"})
    __audited__ = False

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger, nullable=False)
    hash: Mapped[bytes] = mapped_column(LargeBinary(32), nullable=False)


class AuditCheckpoint(Recorded, Model):
    """A signed statement of how long the chain was and where it ended."""

    __tablename__ = "audit_checkpoint"
    __table_args__ = (UniqueConstraint("sequence"), {"comment": "signed checkpoints of the chain"})
    __audited__ = False
    __append_only__ = True

    sequence: Mapped[int] = mapped_column(BigInteger, nullable=False)
    head: Mapped[bytes] = mapped_column(LargeBinary(32), nullable=False)
    root: Mapped[bytes] = mapped_column(LargeBinary(32), nullable=False, comment="RFC 6962 Merkle root")
    key: Mapped[str] = mapped_column(String(16), nullable=False, comment="short name of the signing key")
    signature: Mapped[bytes] = mapped_column(LargeBinary, nullable=False, comment="Ed25519")
    tree: Mapped[bytes] = mapped_column(
        LargeBinary, nullable=False, comment="roots of the tree's complete parts: where the next one goes on"
    )

    def __repr__(self) -> str:
        return str(self.sequence)


SAMPLE_KINDS = Choices(Choice("random", N_("Random")), Choice("stratified", N_("Stratified")))


class AuditSample(Editable, Model):
    """A drawn sample of decided cases, reproducible from its seed."""

    __tablename__ = "audit_sample"
    __table_args__ = (
        UniqueConstraint("number"),
        SAMPLE_KINDS.check("kind"),
        CheckConstraint("size > 0", name="size_positive"),
        {"comment": "auditors' samples"},
    )

    number: Mapped[str | None] = mapped_column(String(32))
    kind: Mapped[str] = mapped_column(Code(SAMPLE_KINDS), default="random", nullable=False)
    seed: Mapped[str] = mapped_column(String(64), nullable=False)
    size: Mapped[int] = mapped_column(Integer, nullable=False)
    period_from: Mapped[date] = mapped_column(Date, nullable=False)
    period_to: Mapped[date] = mapped_column(Date, nullable=False)
    note: Mapped[str] = mapped_column(Text, default="", nullable=False)


SEVERITIES = Choices(
    Choice("minor", N_("Minor"), Tone.INFO),
    Choice("major", N_("Major"), Tone.WARNING),
    Choice("grave", N_("Grave"), Tone.DANGER),
)
FINDING_STATES = Choices(
    Choice("open", N_("Open"), Tone.WARNING), Choice("closed", N_("Closed"), Tone.SUCCESS)
)


class Finding(Editable, Model):
    """What an auditor found in a case, and whether it was followed up."""

    __tablename__ = "finding"
    __table_args__ = (
        SEVERITIES.check("severity"),
        FINDING_STATES.check("standing"),
        {"comment": "auditors' findings"},
    )

    sample_id: Mapped[int | None] = mapped_column(Key, ForeignKey("audit_sample.id"), index=True)
    recognition_id: Mapped[int | None] = mapped_column(Key, ForeignKey("recognition_application.id"))
    conversion_id: Mapped[int | None] = mapped_column(Key, ForeignKey("conversion_application.id"))
    severity: Mapped[str] = mapped_column(Code(SEVERITIES), nullable=False)
    standing: Mapped[str] = mapped_column(Code(FINDING_STATES), default="open", nullable=False)
    text: Mapped[str] = mapped_column(Text, nullable=False)
    follow_up: Mapped[str] = mapped_column(Text, default="", nullable=False)

    sample: Mapped[AuditSample | None] = relationship()
