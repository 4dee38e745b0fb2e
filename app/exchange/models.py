"""What an import wrote and what it could not take; the jobs themselves stand in :mod:`app.jobs.models`."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, ForeignKey, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.jobs.models import ImportJob
from app.kernel.database import Key, Model, Recorded
from app.kernel.rows import Rows


class ImportRowError(Recorded, Model):
    """What is wrong with one cell of an import."""

    __tablename__ = "import_row_error"
    __table_args__ = (
        UniqueConstraint("job_id", "sheet", "row", "column"),
        {"comment": "rows that an import could not take"},
    )
    __rows__ = Rows(through="job")
    __audited__ = False

    job_id: Mapped[int] = mapped_column(Key, ForeignKey("job.id"), nullable=False)
    sheet: Mapped[str] = mapped_column(String(64), default="", nullable=False)
    row: Mapped[int] = mapped_column(Integer, nullable=False)
    column: Mapped[str] = mapped_column(String(64), default="", nullable=False)
    reason: Mapped[str] = mapped_column(String(200), nullable=False, comment="English source of the refusal")
    parameters: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, nullable=False)

    job: Mapped[ImportJob] = relationship()


class ImportChunk(Recorded, Model):
    """What one piece of an import wrote: so that the whole can be undone, and shown against the audit trail."""

    __tablename__ = "import_chunk"
    __table_args__ = (
        UniqueConstraint("job_id", "number"),
        {"comment": "what imports wrote, piece by piece"},
    )
    __rows__ = Rows(through="job")
    __audited__ = False

    job_id: Mapped[int] = mapped_column(Key, ForeignKey("job.id"), nullable=False)
    number: Mapped[int] = mapped_column(Integer, nullable=False)
    rows: Mapped[dict[str, Any]] = mapped_column(
        JSON, default=dict, nullable=False, comment="id of the main table → row of the sheet"
    )
    made: Mapped[dict[str, Any]] = mapped_column(
        JSON, default=dict, nullable=False, comment="table → ids, in the order in which they have to go"
    )
    root: Mapped[str] = mapped_column(String(64), nullable=False, comment="Merkle root of the rows, in hex")
    undone: Mapped[bool] = mapped_column(default=False, nullable=False)

    job: Mapped[ImportJob] = relationship()
