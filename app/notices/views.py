"""The bell: everybody's own notices. And for the centre: the outbox, and the words of notices."""

from __future__ import annotations

from typing import Any

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import BaseView, expose, has_access

from app.kernel.database import LARGEST_KEY, db
from app.kernel.unit_of_work import UnitOfWork
from app.notices import queries, services
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
    asked: Any = request.args.get("before", "")
    return int(asked) if asked.isdecimal() and len(asked) < 19 else LARGEST_KEY
