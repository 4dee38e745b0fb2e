"""The audit trail, for auditors."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

from app.audit.models import AuditEvent
from app.console.interface import Records
from app.console.views import FactView


class AuditEventView(FactView):
    """Events in the order of the chain."""

    datamodel = Records(AuditEvent)
    route_base = "/console/audit"
    label, label_plural = _("Audit event"), _("Audit trail")
    list_columns = ["sequence", "at", "action", "subject_table", "subject_id", "actor_id", "role"]
    search_columns = ["action", "subject_table", "subject_id", "actor_id", "at"]
    show_columns = [
        "sequence",
        "at",
        "action",
        "subject_table",
        "subject_id",
        "actor_id",
        "role",
        "canonical",
        "hash",
    ]
