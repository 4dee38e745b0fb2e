"""Jobs: long work as leased rows, so that any worker on any host can take it up, or carry on after a crash."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.choices import Choice, Choices, Tone
from app.kernel.database import Code, Key, Model, Moment, Recorded, positive
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
FAMILIES = Choices(
    Choice("import", N_("Import")),
    Choice("export", N_("Export")),
    Choice("task", N_("Maintenance")),
)
_OPEN = text("state IN ('waiting', 'running')")


class Job(Leased, Recorded, Model):
    """One piece of long work. ``due_at`` of a running job is the end of its lease.

    Its state is moved by conditional updates of whoever holds the lease (:mod:`app.jobs.runner`); what it did
    is told to the audit trail by itself, so its progress is not.
    """

    __tablename__ = "job"
    __table_args__ = (
        JOB_STATES.check("state"),
        FAMILIES.check("family"),
        positive("done"),
        positive("bad"),
        CheckConstraint("(state = 'running') = (lease_owner IS NOT NULL)", name="running_is_leased"),
        Index("ix_job_due", "due_at", "id", sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_job_family", "family", "id"),
        Index("ix_job_created_by_id", "created_by_id", "id"),
        {"comment": "long work, leased by workers"},
    )
    __mapper_args__ = {"polymorphic_on": "family", "polymorphic_identity": "task"}
    __rows__ = Rows(user="created_by_id")
    __audited__ = False

    family: Mapped[str] = mapped_column(Code(FAMILIES), nullable=False)
    kind: Mapped[str] = mapped_column(String(48), nullable=False, comment="which function does it")
    name: Mapped[str] = mapped_column(String(200), default="", nullable=False, comment="of what, for people")
    parameters: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, nullable=False)
    language: Mapped[str] = mapped_column(String(2), default="zh", nullable=False)
    organisation_id: Mapped[int | None] = mapped_column(
        Key, ForeignKey("organisation.id"), comment="on whose behalf"
    )
    state: Mapped[str] = mapped_column(Code(JOB_STATES), default="waiting", nullable=False)
    cancel: Mapped[bool] = mapped_column(default=False, nullable=False, comment="somebody asked to stop it")
    done: Mapped[int] = mapped_column(Integer, default=0, nullable=False, comment="rows done")
    bad: Mapped[int] = mapped_column(Integer, default=0, nullable=False, comment="rows refused")
    total: Mapped[int | None] = mapped_column(Integer, comment="rows in all, once known")
    place: Mapped[dict[str, Any]] = mapped_column(
        JSON, default=dict, nullable=False, comment="where to carry on, written with each chunk"
    )
    error: Mapped[str] = mapped_column(String(500), default="", nullable=False, comment="English source")
    error_parameters: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, nullable=False)
    file_digest: Mapped[str | None] = mapped_column(String(64), comment="what it made, in the store")
    file_name: Mapped[str] = mapped_column(String(200), default="", nullable=False)
    started_at: Mapped[datetime | None] = mapped_column(Moment)
    finished_at: Mapped[datetime | None] = mapped_column(Moment)

    @property
    def progress(self) -> int | None:
        """Per cent, None while nobody knows how much there is."""
        if self.state == "done":
            return 100
        return min(99, self.done * 100 // self.total) if self.total else None

    @property
    def open(self) -> bool:
        """Whether it still waits or runs."""
        return self.state in ("waiting", "running")

    def __repr__(self) -> str:
        return self.name or self.kind


class ImportJob(Job):
    """批量导入任务: seen by the organisation that it was started for."""

    __mapper_args__ = {"polymorphic_identity": "import"}
    __rows__ = Rows(organisation="organisation_id", user="created_by_id")

    @property
    def purpose(self) -> str:
        """``check``, ``load`` or ``undo``."""
        if self.kind == "import.undo":
            return "undo"
        return "check" if self.parameters.get("dry_run") else "load"


class ExportJob(Job):
    """导出任务: a file that somebody asked for; seen by nobody else."""

    __mapper_args__ = {"polymorphic_identity": "export"}
    __rows__ = Rows(user="created_by_id")
