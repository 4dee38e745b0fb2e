"""The bell: everybody's own notices. For the centre: the outbox, and the words of notices."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import BaseView, expose, has_access
from flask_babel import gettext
from flask_babel import lazy_gettext as _

from app.console.actions import action
from app.console.filters import TextFilter
from app.console.interface import Records
from app.console.views import FactView, RecordView
from app.kernel.database import LARGEST_KEY, db
from app.kernel.numbering import whole
from app.kernel.unit_of_work import UnitOfWork
from app.notices import queries, services
from app.notices.models import Notice, NoticeTemplate
from app.security.current import actor


class _OwnNotices(BaseView):
    """The notices of the person who is logged in. Opening one marks it as read, so that is a POST."""

    default_view = "index"
    template = ""

    @expose("/")
    @has_access
    def index(self) -> ResponseReturnValue:
        me = actor().person_id
        notices, before = queries.mine(db.session(), me, before=_before())
        page: str = self.render_template(
            self.template,
            notices=notices,
            before=before,
            unread=queries.unread_count(db.session(), me),
            endpoint=type(self).__name__,
            preference=services.preference(db.session(), me),
        )
        return page

    @expose("/<int:pk>/read", methods=["POST"])
    @has_access
    def read(self, pk: int) -> ResponseReturnValue:
        notice = queries.own(db.session(), actor().person_id, pk)
        with UnitOfWork(db.session, actor()) as uow:
            services.mark_read(uow, pk)
        return redirect(notice.link or self._url())

    @expose("/read", methods=["POST"])
    @has_access
    def read_all(self) -> ResponseReturnValue:
        with UnitOfWork(db.session, actor()) as uow:
            services.mark_read(uow)
        return redirect(self._url())

    @expose("/preferences", methods=["POST"])
    @has_access
    def preferences(self) -> ResponseReturnValue:
        """By which ways they want to be told."""
        with UnitOfWork(db.session, actor()) as uow:
            services.prefer(uow, by_sms="by_sms" in request.form, by_email="by_email" in request.form)
        flash(gettext("Your choice has been saved."), "success")
        return redirect(self._url())

    def _url(self) -> str:
        return url_for(f"{type(self).__name__}.index")


class MyNoticeView(_OwnNotices):
    """A learner's own notices."""

    route_base = "/me/notices"
    template = "notices/mine.html"


class StaffNoticeView(_OwnNotices):
    """A staff member's own notices."""

    route_base = "/console/notices/mine"
    template = "notices/staff.html"


def _before() -> int:
    asked = whole(request.args.get("before", ""))
    return LARGEST_KEY if asked is None else asked


class NoticeTemplateView(RecordView):
    """The words of notices. Which templates there are, and their variables, is decided by the code that posts them."""

    datamodel = Records(NoticeTemplate)
    label, label_plural = _("Notice template"), _("Notice templates")
    add = delete = None
    words_columns = ["subject_zh", "body_zh", "subject_en", "body_en"]
    list_columns = ["name", "code", "subject_zh", "by_sms", "by_email", "changed_at"]
    show_columns = ["name", "code", "variables", *words_columns, "by_sms", "by_email", "changed_at"]
    search_columns = ["name", "code", "body_zh"]
    add_columns: list[str] = []
    edit_columns = ["name", *words_columns, "by_sms", "by_email"]
    base_order = ("code", "asc")
    label_columns = {"name": _("Template")}
    show_template = "notices/template.html"
    description_columns = {
        "body_zh": _("Write a variable as {name}. Which ones there are stands on the template's page."),
        "body_en": _("The same variables as in the Chinese text."),
        "by_sms": _("Besides the notice in the platform, which is always written."),
        "by_email": _("Only to verified addresses."),
    }

    def check(self, values: dict[str, Any], row: Any = None) -> None:
        services.check_template(NoticeTemplate(variables=row.variables, **values))

    def extra(self, row: Any) -> dict[str, Any]:
        return {"previews": [(language, *services.preview(row, language)) for language in ("zh", "en")]}


class NoticeView(FactView):
    """The outbox: what was sent to whom, by which way, and what became of it. Secrets are dots here."""

    datamodel = Records(Notice)
    label, label_plural = _("Notice"), _("Sent notices")
    list_columns = [
        "created_at",
        "person",
        "subject",
        "channel",
        "state",
        "attempts",
        "sent_at",
        "bounced_at",
        "error",
    ]
    show_columns = [
        *("created_at", "person", "channel", "language", "subject", "body", "link"),
        *("state", "attempts", "due_at", "sent_at", "read_at", "bounced_at", "error", "template_code"),
    ]
    search_columns = ["subject", "template_code", "channel", "state", "created_at", "bounced_at"]
    filters = (TextFilter(Notice, "person.name", _("To")),)
    label_columns = {
        "person": _("To"),
        "sent_at": _("Sent at"),
        "bounced_at": _("Came back at"),
        "due_at": _("Next try at"),
    }

    @action(
        _("Send again"),
        confirm=_("A copy is put in the outbox. What carried a code or a link can't be sent again."),
        icon="send",
    )
    def resend(self, uow: UnitOfWork, row: Any) -> None:
        """Send a notice again, as a copy under a key of its own."""
        services.resend(uow, row.id)
