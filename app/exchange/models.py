"""What an import could not take; the jobs themselves stand in :mod:`app.jobs.models`."""

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
