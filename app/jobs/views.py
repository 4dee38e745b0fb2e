"""Long work on screen: what was asked for, how far it is, what came of it, and the file that it made."""

from __future__ import annotations

from typing import Any

from flask import Response, make_response, send_file
from flask.typing import ResponseReturnValue
from flask_appbuilder import expose, has_access
from flask_babel import gettext
from flask_babel import lazy_gettext as _

from app.console.actions import action
from app.console.interface import Records
from app.console.views import FactView
from app.jobs import kinds, services
from app.jobs.models import ExportJob, Job
from app.kernel.database import db
from app.kernel.errors import NotFound
from app.kernel.storage import store
from app.kernel.unit_of_work import UnitOfWork
from app.security.current import actor


def kind_words(code: str) -> str:
    """What a kind of job is called."""
    known = kinds.kind(code)
    return gettext(known.label) if known else code


def error_words(job: Job) -> str:
    """Why a job failed, in the reader's language; empty where it did not."""
    return gettext(job.error, **job.error_parameters) if job.error else ""


class JobsView(FactView):
    """What all lists of jobs have in common."""

    label, label_plural = _("Job"), _("Jobs")
    list_columns = ["name", "kind", "state", "progress", "done", "created_at", "finished_at"]
    show_columns = ["kind", "state", "due_at", "created_at", "started_at", "finished_at", "done", "bad"]
    search_columns = ["name", "state", "created_at"]
    order_columns = ["created_at", "finished_at"]
    show_template = "jobs/show.html"
    formatters_columns = {"kind": kind_words, "progress": lambda part: "-" if part is None else f"{part} %"}
    label_columns = {
        "name": _("What"),
        "kind": _("Job"),
        "progress": _("Progress"),
        "done": _("Rows done"),
        "bad": _("Rows refused"),
        "created_at": _("Asked for at"),
        "started_at": _("Begun at"),
        "finished_at": _("Ended at"),
        "due_at": _("Not before"),
    }

    def extra(self, row: Any) -> dict[str, Any]:
        return {"failure": error_words(row)}

    @action(
        _("Cancel the job"),
        confirm=_("What is done stays done. Cancel the job?"),
        icon="x-circle",
        multiple=False,
    )
    def cancel(self, uow: UnitOfWork, row: Any) -> None:
        """Stop a job after the piece of work at hand."""
        services.cancel(uow, row)

    @expose("/<pk>/progress")
    @has_access
    def progress(self, pk: str) -> ResponseReturnValue:
        """The bar, asked for again and again while a job runs; when it has ended the page loads anew."""
        row = self.datamodel.one(pk, self.base)
        answer = make_response(self.render_template("jobs/progress.html", view=self, row=row))
        if not row.open:
            answer.headers["HX-Refresh"] = "true"
        return answer

    @expose("/<pk>/file")
    @has_access
    def file(self, pk: str) -> ResponseReturnValue:
        """The file that a job made; taking it is remembered."""
        row = self.datamodel.one(pk, self.base)
        if row.file_digest is None or not store().has(row.file_digest):
            raise NotFound
        with UnitOfWork(db.session, actor()) as uow:
            uow.record("job.file_taken", row, kind=row.kind, digest=row.file_digest)
        return download(row)


def download(row: Job) -> Response:
    """A job's file as an attachment."""
    answer = send_file(store().open(row.file_digest or ""), as_attachment=True, download_name=row.file_name)
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


class ExportJobView(JobsView):
    """导出任务: files that I asked for."""

    datamodel = Records(ExportJob)
    label, label_plural = _("Export job"), _("Export jobs")


class JobView(JobsView):
    """All long work of the house, for who runs it: how it goes, not what is in it."""

    datamodel = Records(Job)
    label_plural = _("All jobs")
    file = None
    list_columns = ["name", "family", *JobsView.list_columns[1:]]
    show_columns = ["family", *JobsView.show_columns, "attempts", "lease_owner", "lease_until"]
    search_columns = ["family", *JobsView.search_columns]
    label_columns = {
        **JobsView.label_columns,
        "family": _("Kind"),
        "lease_owner": _("Held by worker"),
        "lease_until": _("Held until"),
    }
