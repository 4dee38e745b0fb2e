"""The site map: menu → view → who. The only place that registers views; who may see what stands in ``security/permissions.py``."""

from __future__ import annotations

from flask_appbuilder import AppBuilder, IndexView
from flask_babel import lazy_gettext as _

#: The page at ``/``.
INDEX = IndexView


def register_views(appbuilder: AppBuilder) -> None:
    """Register every view, in the order in which the menu shows them. A view without a label has no menu entry."""
    # --- work (recognition, conversion, appeals)
    # --- rules
    # --- learners, achievements, accounts
    # --- catalogue
    # --- organisations, committees
    # --- framework, portal
    # --- notices, calendar
    # --- audit
    # --- system
    # --- learner's pages (no menu: learner.html has its own)
