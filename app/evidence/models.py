"""Evidence files. The content lives in the store under its digest; this row says whose it is and where it
came from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.kernel.database import Key, Model, Recorded
from app.kernel.rows import Rows

if TYPE_CHECKING:
    from app.learners.models import Learner


class EvidenceFile(Recorded, Model):
    """One uploaded file of one learner's case. ``media_type`` was decided by content."""

    __tablename__ = "evidence_file"
    __table_args__ = (
        CheckConstraint("length(digest) = 64", name="digest_is_sha256"),
        CheckConstraint("size > 0", name="size_positive"),
        CheckConstraint(
            "media_type IN ('image/jpeg', 'image/png', 'image/gif', 'application/pdf')",
            name="media_type_known",
        ),
        Index("ix_evidence_file_digest", "digest"),
        Index("ix_evidence_file_learner_id", "learner_id"),
        {"comment": "uploaded files; content addressed by SHA-256"},
    )
    __rows__ = Rows(through="learner")

    learner_id: Mapped[int] = mapped_column(
        Key, ForeignKey("learner.id"), nullable=False, comment="whose case it proves"
    )
    digest: Mapped[str] = mapped_column(
        String(64), nullable=False, comment="SHA-256 of the stored bytes, hexadecimal"
    )
    size: Mapped[int] = mapped_column(BigInteger, nullable=False, comment="bytes")
    media_type: Mapped[str] = mapped_column(String(32), nullable=False)
    name: Mapped[str] = mapped_column(String(200), nullable=False, comment="name as uploaded, for people")
    thumbnail: Mapped[str | None] = mapped_column(
        String(64), comment="SHA-256 of its thumbnail; NULL for a PDF"
    )

    learner: Mapped[Learner] = relationship("Learner")

    def __repr__(self) -> str:
        return self.name
