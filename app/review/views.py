"""Facts of reviews: decisions, attestations, recusals. They are read, never edited."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

from app.console.interface import Records
from app.console.views import FactView
from app.review.models import Attestation, Recusal, Review


class ReviewView(FactView):
    """Decisions, one row each."""

    datamodel = Records(Review)
    label, label_plural = _("Decision"), _("Decisions")
    list_columns = ["created_at", "stage", "decision", "reviewer", "organisation", "opinion"]
    search_columns = ["stage", "decision", "organisation"]
    show_columns = [
        *("created_at", "stage", "turn", "decision", "fault", "opinion", "reviewer", "role", "organisation"),
        *("department", "recognition_id", "conversion_id"),
    ]


class AttestationView(FactView):
    """原件核验."""

    datamodel = Records(Attestation)
    label, label_plural = _("Attestation of an original"), _("Attestations of originals")
    list_columns = ["seen_on", "original", "witness", "organisation", "pages", "keep_until"]
    search_columns = ["original", "organisation", "seen_on"]
    show_columns = [
        *("original", "witness", "organisation", "place", "seen_on", "pages", "copy_kept_at", "keep_until"),
        *("recognition_id", "conversion_id", "created_at"),
    ]


class RecusalView(FactView):
    """回避."""

    datamodel = Records(Recusal)
    label, label_plural = _("Recusal"), _("Recusals")
    list_columns = ["created_at", "stage", "user", "reason", "blocked"]
    search_columns = ["stage", "reason", "blocked"]
    show_columns = [
        "created_at",
        "stage",
        "user",
        "reason",
        "blocked",
        "note",
        "recognition_id",
        "conversion_id",
    ]
