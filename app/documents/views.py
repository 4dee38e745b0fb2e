"""Audit sheets from the case page: issued by POST, handed out again by GET."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, request
from flask_appbuilder import BaseView, expose, has_access

from app.conversion.models import ConversionApplication
from app.documents import services
from app.kernel.database import db
from app.kernel.errors import NotFound
from app.kernel.unit_of_work import UnitOfWork
from app.recognition.models import RecognitionApplication
from app.security.current import actor
from app.security.rows import visible


class DocumentView(BaseView):
    """审核表 as PDF."""

    route_base = "/console/documents"
    default_view = "conversion"

    @expose("/recognition/<int:pk>.pdf", methods=["GET", "POST"])
    @has_access
    def recognition(self, pk: int) -> Response:
        return self._sheet(RecognitionApplication, pk, services.issue_recognition_sheet)

    @expose("/conversion/<int:pk>.pdf", methods=["GET", "POST"])
    @has_access
    def conversion(self, pk: int) -> Response:
        return self._sheet(ConversionApplication, pk, services.issue_conversion_sheet)

    def _sheet(self, model: type[Any], pk: int, issue: Callable[..., Any]) -> Response:
        case = visible(db.session(), model, pk, actor())
        if request.method == "POST":
            with UnitOfWork(db.session, actor()) as uow:
                row, content = issue(uow, visible(uow.session, model, pk, actor()), request.args.get("language", "zh"))
        else:
            row = services.last_issued(db.session(), **case.case_key)
            if row is None:
                raise NotFound
            content = services.read(row)
        answer = Response(content, mimetype="application/pdf")
        answer.headers["Content-Disposition"] = f'inline; filename="{row.number}.pdf"'
        answer.headers["Cache-Control"] = "no-store"
        return answer
