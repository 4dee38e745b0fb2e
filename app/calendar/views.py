"""The working calendar: the days that staff enter, and the month as it counts."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue
from flask_appbuilder import expose, has_access
from flask_babel import get_locale
from flask_babel import lazy_gettext as _

from app.calendar import queries, services
from app.calendar.models import WorkingDay
from app.console.interface import Records
from app.console.views import RecordView
from app.kernel.clock import today
from app.kernel.database import db


class WorkingDayView(RecordView):
    """Days that override the shipped calendar: new holidays, days worked for them, whatever the State Council announces."""

    datamodel = Records(WorkingDay)
    label, label_plural = _("Day of the working calendar"), _("Working calendar")
    default_view = "month"
    list_columns = ["day", "is_working", "name", "changed_at"]
    show_columns = ["day", "is_working", "name", "changed_at"]
    search_columns = ["day", "is_working", "name"]
    add_columns = edit_columns = ["day", "is_working", "name"]
    base_order = ("day", "desc")
    label_columns = {"name": _("Why")}
    description_columns = {
        "is_working": _("On: people work on this day, though it may be a weekend. Off: they don't."),
        "name": _("E.g. National Day, or worked for National Day."),
        "day": _("Deadlines that were set before stay as they are."),
    }

    @expose("/month")
    @has_access
    def month(self) -> ResponseReturnValue:
        """A month, with what counts as a working day."""
        first = _asked_month()
        language = "en" if str(get_locale()) == "en" else "zh"
        page: str = self.render_template(
            "calendar/month.html",
            view=self,
            first=first,
            weeks=queries.month(db.session(), first.year, first.month, language),
            announced=services.is_announced(db.session(), first.year),
            earlier=_month(first, -1),
            later=_month(first, 1),
            may_add=self.may("add"),
            may_edit=self.may("edit"),
        )
        return page

    def _prefilled(self) -> dict[str, Any]:
        """The month's page leads here with a day."""
        try:
            return {**super()._prefilled(), "day": date.fromisoformat(request.args.get("day", ""))}
        except ValueError:
            return super()._prefilled()


def _asked_month() -> date:
    """The first day of the month that the address asks for, else of this one."""
    try:
        asked = date.fromisoformat(f"{request.args.get('month', '')}-01")
    except ValueError:
        asked = today()
    return (asked if 2004 <= asked.year <= 2199 else today()).replace(day=1)


def _month(first: date, step: int) -> str:
    number = first.year * 12 + first.month - 1 + step
    return f"{number // 12:04d}-{number % 12 + 1:02d}"
