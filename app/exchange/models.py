"""Import and export jobs as leased rows, so that any worker on any host can carry on after a crash."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.kernel.choices import Choice, Choices, Tone
from app.kernel.database import Code, Editable, Key, Model, Recorded
from app.kernel.errors import N_
from app.kernel.leases import Leased
from app.kernel.rows import Rows

JOB_STATES = Choices(
    Choice("waiting", N_("Waiting"), Tone.INFO),
    Choice("running", N_("Running"), Tone.INFO),
    Choice("done", N_("Done"), Tone.SUCCESS),
    Choice("failed", N_("Failed"), Tone.DANGER),
    Choice("cancelled", N_("Cancelled"), Tone.NEUTRAL),
    Choice("undone", N_("Undone"), Tone.WARNING),
)


class ImportJob(Leased, Editable, Model):
    """One workbook to be loaded."""

    __tablename__ = "import_job"
    __table_args__ = (
        JOB_STATES.check("state"),
        Index("ix_import_job_state", "state", "due_at"),
        {"comment": "imports"},
    )
    __rows__ = Rows(organisation="organisation_id")

    kind: Mapped[str] = mapped_column(String(32), nullable=False, comment="what is imported")
    organisation_id: Mapped[int | None] = mapped_column(Key, ForeignKey("organisation.id"))
    file_digest: Mapped[str] = mapped_column(String(64), nullable=False)
    file_name: Mapped[str] = mapped_column(String(200), nullable=False)
    dry_run: Mapped[bool] = mapped_column(default=True, nullable=False)
    mapping: Mapped[dict[str, Any]] = mapped_column(
        JSON, default=dict, nullable=False, comment="column → field"
    )
    state: Mapped[str] = mapped_column(Code(JOB_STATES), default="waiting", nullable=False)
    rows_total: Mapped[int | None] = mapped_column(Integer)
    rows_done: Mapped[int] = mapped_column(Integer, default=0, nullable=False)
    rows_bad: Mapped[int] = mapped_column(Integer, default=0, nullable=False)


class ImportRowError(Recorded, Model):
    """What is wrong with one cell of an import."""

    __tablename__ = "import_row_error"
    __table_args__ = (
        UniqueConstraint("job_id", "sheet", "row", "column"),
        {"comment": "rows that an import could not take"},
    )
    __rows__ = Rows(through="job")
    __audited__ = False

    job_id: Mapped[int] = mapped_column(Key, ForeignKey("import_job.id"), nullable=False)
    sheet: Mapped[str] = mapped_column(String(64), default="", nullable=False)
    row: Mapped[int] = mapped_column(Integer, nullable=False)
    column: Mapped[str] = mapped_column(String(64), default="", nullable=False)
    reason: Mapped[str] = mapped_column(String(200), nullable=False, comment="code of the error")
    parameters: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, nullable=False)

    job: Mapped[ImportJob] = relationship()


class ExportJob(Leased, Editable, Model):
    """One list to be written to a file, with the filter that was in force."""

    __tablename__ = "export_job"
    __table_args__ = (
        JOB_STATES.check("state"),
        Index("ix_export_job_state", "state", "due_at"),
        {"comment": "exports"},
    )
    __rows__ = Rows(user="created_by_id")

    kind: Mapped[str] = mapped_column(String(64), nullable=False)
    filters: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, nullable=False)
    state: Mapped[str] = mapped_column(Code(JOB_STATES), default="waiting", nullable=False)
    file_digest: Mapped[str | None] = mapped_column(String(64))
    rows_done: Mapped[int] = mapped_column(Integer, default=0, nullable=False)
