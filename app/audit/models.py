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
from app.kernel.database import BasisPoints, Code, Editable, Key, Model, Moment, Recorded
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
CASE_KINDS = Choices(Choice("conversion", N_("Conversion")), Choice("recognition", N_("Recognition")))
STRATA = Choices(
    Choice("organisation", N_("By organisation")),
    Choice("reviewer", N_("By reviewer")),
    Choice("rule", N_("By rule")),
    Choice("month", N_("By month")),
)


class AuditSample(Editable, Model):
    """A drawn sample of decided cases, reproducible from its seed. Shares are basis points."""

    __tablename__ = "audit_sample"
    __table_args__ = (
        UniqueConstraint("number"),
        SAMPLE_KINDS.check("kind"),
        CASE_KINDS.check("cases"),
        STRATA.check("strata", nullable=True),
        CheckConstraint("size > 0", name="size_positive"),
        CheckConstraint("(kind = 'stratified') = (strata IS NOT NULL)", name="stratified_by"),
        CheckConstraint("confidence BETWEEN 5000 AND 9999", name="confidence_plausible"),
        CheckConstraint("tolerable BETWEEN 1 AND 5000", name="tolerable_plausible"),
        {"comment": "auditors' samples"},
    )

    number: Mapped[str | None] = mapped_column(String(32), comment="CY-year-id")
    kind: Mapped[str] = mapped_column(Code(SAMPLE_KINDS), default="random", nullable=False)
    cases: Mapped[str] = mapped_column(Code(CASE_KINDS), default="conversion", nullable=False)
    strata: Mapped[str | None] = mapped_column(Code(STRATA), comment="what a stratified sample is divided by")
    seed: Mapped[str] = mapped_column(String(64), nullable=False)
    size: Mapped[int] = mapped_column(Integer, nullable=False)
    population: Mapped[int] = mapped_column(
        Integer, nullable=False, comment="decided cases that it was drawn from"
    )
    confidence: Mapped[int] = mapped_column(BasisPoints, nullable=False)
    tolerable: Mapped[int] = mapped_column(BasisPoints, nullable=False, comment="tolerable share of errors")
    expected: Mapped[int] = mapped_column(
        Integer, default=0, nullable=False, comment="errors that may be found"
    )
    period_from: Mapped[date] = mapped_column(Date, nullable=False)
    period_to: Mapped[date] = mapped_column(Date, nullable=False)
    drawn_at: Mapped[datetime] = mapped_column(
        Moment, nullable=False, comment="decisions after it are not in it"
    )
    note: Mapped[str] = mapped_column(Text, default="", nullable=False)
    conclusion: Mapped[str] = mapped_column(Text, default="", nullable=False)

    lines: Mapped[list[SampledCase]] = relationship(back_populates="sample", order_by="SampledCase.place")

    def __repr__(self) -> str:
        return self.number or f"#{self.id}"


RESULTS = Choices(
    Choice("open", N_("Not looked at yet"), Tone.NEUTRAL),
    Choice("well", N_("No objection"), Tone.SUCCESS),
    Choice("error", N_("Error found"), Tone.DANGER),
)


class SampledCase(Editable, Model):
    """One line of a sample's worksheet."""

    __tablename__ = "sampled_case"
    __table_args__ = (
        UniqueConstraint("sample_id", "place"),
        CheckConstraint("(recognition_id IS NULL) <> (conversion_id IS NULL)", name="of_one_case"),
        RESULTS.check("result"),
        {"comment": "cases of a sample, with what the auditor found"},
    )

    sample_id: Mapped[int] = mapped_column(Key, ForeignKey("audit_sample.id"), nullable=False)
    place: Mapped[int] = mapped_column(Integer, nullable=False, comment="counts from 1")
    recognition_id: Mapped[int | None] = mapped_column(Key, ForeignKey("recognition_application.id"))
    conversion_id: Mapped[int | None] = mapped_column(Key, ForeignKey("conversion_application.id"))
    stratum: Mapped[str] = mapped_column(String(200), default="", nullable=False)
    result: Mapped[str] = mapped_column(Code(RESULTS), default="open", nullable=False)
    remark: Mapped[str] = mapped_column(Text, default="", nullable=False)

    sample: Mapped[AuditSample] = relationship(back_populates="lines")


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
        CheckConstraint("standing = 'open' OR follow_up <> ''", name="closed_says_how"),
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
