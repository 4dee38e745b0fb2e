"""Issued papers, as the centre and auditors look them up."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

from app.console.interface import Records
from app.console.views import FactView
from app.documents.models import Credential, IssuedDocument


class IssuedDocumentView(FactView):
    """Papers that the bank issued: never edited, superseded by newer ones."""

    datamodel = Records(IssuedDocument)
    label, label_plural = _("Issued paper"), _("Issued papers")
    list_columns = ["number", "kind", "standing", "learner", "issued_at"]
    search_columns = ["number", "code", "kind", "standing", "issued_at"]
    show_columns = ["number", "code", "kind", "standing", "learner", "digest", "issued_at"]
    label_columns = {"code": _("Verification code")}
    eager = ["learner.person"]


class CredentialRecordView(FactView):
    """Portable credentials: what was signed stays as it was, its standing follows the achievement's."""

    datamodel = Records(Credential)
    label, label_plural = _("Credential"), _("Credentials")
    list_columns = ["uid", "learner", "achievement", "standing", "created_at", "revoked_at"]
    search_columns = ["uid", "standing", "created_at"]
    show_columns = ["uid", "learner", "achievement", "standing", "status_index", "created_at", "revoked_at"]
    label_columns = {
        "uid": _("Identifier"),
        "status_index": _("Place in the status list"),
        "revoked_at": _("Revoked"),
    }
    eager = ["learner.person", "achievement"]
