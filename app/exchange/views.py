"""批量导入任务: choose a kind, upload, match the columns, look at what the check found, load, undo."""

from __future__ import annotations

import io
import re
from typing import Any

from flask import current_app, flash, redirect, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import expose, has_access
from flask_babel import get_locale, gettext
from flask_babel import lazy_gettext as _
from itsdangerous import BadData, URLSafeTimedSerializer
from sqlalchemy import or_, select

from app.console.actions import action
from app.console.interface import Records
from app.exchange import imports, undoing, workbooks
from app.exchange.models import ImportRowError
from app.jobs.models import ImportJob
from app.jobs.views import JobsView
from app.kernel.database import db
from app.kernel.errors import N_, DomainError, Invalid, TooLarge
from app.kernel.settings import settings
from app.kernel.storage import store
from app.kernel.unit_of_work import UnitOfWork
from app.security.current import actor
from app.security.permissions import authorise

#: Refusals shown on a job's page; all of them stand in its workbook.
SHOWN = 50
#: Seconds that an uploaded file waits for its columns to be matched.
_PATIENCE = 3600


PURPOSES = {"check": _("Check"), "load": _("Load"), "undo": _("Undo")}


class ImportJobView(JobsView):
    """批量导入任务."""

    datamodel = Records(ImportJob)
    label, label_plural = _("Import job"), _("Import jobs")
    list_columns = ["name", "kind", "purpose", "state", "progress", "done", "bad", "created_at"]
    show_columns = ["kind", "purpose", "state", "created_at", "started_at", "finished_at", "done", "bad"]
    label_columns = {**JobsView.label_columns, "purpose": _("Step")}
    formatters_columns = {**JobsView.formatters_columns, "purpose": lambda code: str(PURPOSES[code])}
    list_template = "exchange/list.html"
    show_template = "exchange/show.html"

    def extra(self, row: Any) -> dict[str, Any]:
        session = db.session()
        query = select(ImportRowError).where(ImportRowError.job_id == row.id).order_by(ImportRowError.row)
        following = select(ImportJob).where(
            or_(ImportJob.key == f"load:{row.id}", ImportJob.key.startswith(f"undo:{row.id}:"))
        )
        return {
            **super().extra(row),  # noqa: S610 -- not Django's
            "errors": list(session.scalars(query.limit(SHOWN))),
            "labels": _labels(row),
            "error_words": workbooks.words,
            "following": list(session.scalars(following.order_by(ImportJob.id))),
        }

    @expose("/new", methods=["GET", "POST"])
    @has_access
    def new(self) -> ResponseReturnValue:
        """Choose what to import and upload the workbook; it is looked into, not loaded yet."""
        kinds = imports.allowed_kinds(actor())
        if request.method == "GET":
            return self._new_page(kinds)
        try:
            kind = imports.kind_of(request.form.get("kind", ""))
            authorise(actor(), f"ImportKind.{kind.code}")
            name, content = _uploaded()
            digest = store().put(content)
            found = imports.preview(db.session(), kind, digest, name)
        except DomainError as error:
            return self._new_page(kinds, gettext(error.message, **error.params), error.status)
        return self._mapping_page(kind, digest, name, found)

    @expose("/start", methods=["POST"])
    @has_access
    def start(self) -> ResponseReturnValue:
        """Ask for the check, with the columns as they were matched."""
        try:
            digest, name, code = _opened(request.form.get("file", ""))
        except BadData:
            flash(gettext("Please upload the file again."), "warning")
            return redirect(url_for("ImportJobView.new"))
        kind = imports.kind_of(code)
        mapping = {
            field.code: int(at)
            for field in imports.fields_of(db.session(), kind)
            if re.fullmatch(r"\d{1,2}", at := request.form.get(f"column-{field.code}", ""), re.ASCII)
        }
        try:
            with UnitOfWork(db.session, actor()) as uow:
                language = "en" if str(get_locale()) == "en" else "zh"
                job = imports.ask(uow, kind, digest, name, mapping, dry_run=True, language=language)
        except Invalid as error:
            found = imports.preview(db.session(), kind, digest, name)
            return self._mapping_page(
                kind, digest, name, found, gettext(error.message, **error.params), mapping
            )
        return redirect(url_for("ImportJobView.show", pk=job.id))

    @expose("/template/<code>")
    @has_access
    def template(self, code: str) -> ResponseReturnValue:
        """The workbook to be filled in."""
        kind = imports.kind_of(code)
        session = db.session()
        title = gettext(kind.label)
        content = workbooks.template(session, title, imports.fields_of(session, kind))
        return send_file(io.BytesIO(content), as_attachment=True, download_name=f"{title}.xlsx")

    @action(
        _("Load"), confirm=_("The rows that passed the check are loaded; the others are left out."),
        icon="database-add", multiple=False,
    )  # fmt: skip
    def load(self, uow: UnitOfWork, row: Any) -> None:
        """Load what was checked."""
        imports.load_checked(uow, row)

    @action(
        _("Undo"), confirm=_("Everything that this import made is taken back, unless something is in use by now."),
        icon="arrow-counterclockwise", multiple=False,
    )  # fmt: skip
    def undo(self, uow: UnitOfWork, row: Any) -> None:
        """Take a loaded import back."""
        undoing.ask(uow, row)

    def _new_page(self, kinds: Any, problem: str = "", status: int = 200) -> ResponseReturnValue:
        page = self.render_template(
            "exchange/new.html", view=self, kinds=kinds, problem=problem, chosen=request.values.get("kind", ""),
            limit=settings().import_limit,
        )  # fmt: skip
        return page, status

    def _mapping_page(
        self,
        kind: Any,
        digest: str,
        name: str,
        found: imports.Preview,
        problem: str = "",
        mapping: Any = None,
    ) -> ResponseReturnValue:
        page = self.render_template(
            "exchange/columns.html", view=self, kind=kind, found=found, name=name, problem=problem,
            fields=imports.fields_of(db.session(), kind), mapping=found.mapping if mapping is None else mapping,
            file=_serializer().dumps([digest, name, kind.code, actor().user_id]),
        )  # fmt: skip
        return page, 422 if problem else 200


def _labels(row: Any) -> dict[str, str]:
    """What the columns of a job's import are called."""
    code = row.kind.removeprefix("import.")
    if code not in imports.IMPORTS:
        return {}
    fields = imports.fields_of(db.session(), imports.IMPORTS[code])
    return {field.code: gettext(field.label) for field in fields}


def _uploaded() -> tuple[str, bytes]:
    """Name and content of the uploaded workbook. Raises Invalid, TooLarge."""
    file = request.files.get("workbook")
    limit = settings().import_limit
    content = file.read(limit + 1) if file else b""
    if file is None or not content:
        raise Invalid("file_empty", N_("Please choose a workbook."))
    if len(content) > limit:
        raise TooLarge("file_too_large", N_("The file is larger than %(limit)s MB."), limit=limit // 2**20)
    name = re.sub(r"[\x00-\x1f\x7f/\\\u202a-\u202e\u2066-\u2069]", "", file.filename or "")[-120:]
    return name or "workbook.xlsx", content


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.secret_key, salt="import file")  # type: ignore[arg-type]


def _opened(token: str) -> tuple[str, str, str]:
    """Which file was uploaded, as we signed it for this account. Raises BadData."""
    digest, name, code, owner = _serializer().loads(token, max_age=_PATIENCE)
    if owner != actor().user_id:
        raise BadData("somebody else's")
    return digest, name, code
