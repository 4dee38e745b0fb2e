"""Issued papers, as the centre and auditors look them up."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

from app.console.interface import Records
from app.console.views import FactView
from app.documents.models import IssuedDocument


class IssuedDocumentView(FactView):
    """Papers that the bank issued: never edited, superseded by newer ones."""

    datamodel = Records(IssuedDocument)
    label, label_plural = _("Issued paper"), _("Issued papers")
    list_columns = ["number", "kind", "standing", "learner", "issued_at"]
    search_columns = ["number", "code", "kind", "standing", "issued_at"]
    show_columns = ["number", "code", "kind", "standing", "learner", "digest", "issued_at"]
    label_columns = {"code": _("Verification code")}
    eager = ["learner.person"]
