"""Audit sheets from the case page: issued by POST, handed out again by GET."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from flask_appbuilder import BaseView, expose, has_access
from flask_babel import get_locale

from app.documents import services
from app.documents.models import IssuedDocument
from app.documents.services import SHEETS
from app.kernel.database import LARGEST_KEY, db
from app.kernel.errors import NotFound
from app.kernel.unit_of_work import UnitOfWork
from app.security.current import actor
from app.security.permissions import allowed


class DocumentView(BaseView):
    """审核表 as PDF."""

    route_base = "/console/documents"
    default_view = "conversion"

    @expose("/recognition/<int:pk>.pdf", methods=["GET", "POST"])
    @has_access
    def recognition(self, pk: int) -> Response:
        return self._sheet("recognition", pk)

    @expose("/conversion/<int:pk>.pdf", methods=["GET", "POST"])
    @has_access
    def conversion(self, pk: int) -> Response:
        return self._sheet("conversion", pk)

    def _sheet(self, kind: str, pk: int) -> Response:
        if request.method == "POST":
            with UnitOfWork(db.session, actor()) as uow:
                return _answer(*SHEETS[kind][1](uow, _case(kind, pk), _language()))
        case = _case(kind, pk)
        # A sheet that another reader drew may show more than this one is to see (the masked identity number).
        whole = allowed(actor(), "LearnerView.show", case.learner)
        row = services.last_issued(db.session(), case, by_account=None if whole else actor().user_id)
        if row is None:
            raise NotFound
        return _answer(row, services.read(row))


def _case(kind: str, pk: int) -> Any:
    """The case, if the actor may draw its sheet. Raises NotFound whatever the reason."""
    row = db.session.get(SHEETS[kind][0], pk) if pk <= LARGEST_KEY else None
    if row is None or not allowed(actor(), f"DocumentView.{kind}", row):
        raise NotFound
    return row


def _language() -> str:
    return request.values.get("language", "") or str(get_locale() or "zh")


def _answer(row: IssuedDocument, content: bytes) -> Response:
    answer = Response(content, mimetype="application/pdf")
    answer.headers["Content-Disposition"] = f'inline; filename="{row.number}.pdf"'
    answer.headers["Cache-Control"] = "no-store"
    return answer
