"""公告与解答: what staff write for the portal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import lazy_gettext as _

from app.console.checked import CheckedView
from app.console.interface import Records
from app.console.views import RecordView
from app.kernel.unit_of_work import UnitOfWork
from app.portal import services
from app.portal.models import Announcement, Question
from app.security.models import Terms


class AnnouncementView(RecordView):
    """公告."""

    datamodel = Records(Announcement)
    label, label_plural = _("Announcement"), _("Announcements")
    list_columns = ["title", "published_at", "expires_at", "pinned", "audience", "told_at"]
    search_columns = ["title", "body", "published_at", "pinned"]
    show_columns = [
        *("title", "body", "published_at", "expires_at", "pinned", "audience", "organisation", "told_at"),
        *("created_at", "changed_at"),
    ]
    add_columns = edit_columns = [
        *("title", "body", "published_at", "expires_at", "pinned", "audience", "organisation")
    ]
    label_columns = {"told_at": _("All told at"), "audience": _("Told as a notice to")}
    description_columns = {
        "published_at": _("Shown from then on; empty: not yet."),
        "expires_at": _("Shown until then; empty: for good."),
        "pinned": _("Stands above the others."),
        "audience": _(
            "From the publication on, each of them gets it as a notice, once. Later changes aren't sent."
        ),
        "organisation": _("Only people of this organisation and those below; empty: everywhere."),
    }
    base_order = ("published_at", "desc")


class QuestionView(CheckedView):
    """在线解答: learners ask, the centre answers; published with the asker's consent only."""

    datamodel = Records(Question)
    label, label_plural = _("Question"), _("Questions and answers")
    delete = None
    list_columns = ["text", "topic", "learner", "created_at", "answered_at", "published"]
    search_columns = ["text", "topic", "answer", "published", "answered_at"]
    show_columns = [
        *(
            "text",
            "topic",
            "learner",
            "consented",
            "answer",
            "answered_at",
            "published",
            "created_at",
            "changed_at",
        )
    ]
    add_columns = ["topic", "text", "answer", "published"]
    edit_columns = ["topic", "answer", "published"]
    label_columns = {"text": _("Question"), "consented": _("The asker agrees to publication")}
    description_columns = {
        "topic": _("The heading that it stands under on the public page."),
        "published": _("Shown to everybody, without the asker's name."),
    }
    eager = ["learner.person"]

    def verify(self, uow: UnitOfWork, row: Question, before: Mapping[str, Any]) -> None:
        services.stamp_answer(row, uow.actor.user_id)
        services.tell_asker(uow, row, before)


class TermsEditionView(CheckedView):
    """服务条款 by edition; a published one is closed."""

    datamodel = Records(Terms)
    label, label_plural = _("Edition of the terms of service"), _("Terms of service")
    delete = None
    list_columns = ["edition", "published_at", "created_at"]
    search_columns = ["edition"]
    show_columns = ["edition", "body_zh", "body_en", "published_at", "created_at", "changed_at"]
    add_columns = edit_columns = ["edition", "body_zh", "body_en", "published_at"]
    description_columns = {
        "edition": _("Year and number, e.g. 2026-1."),
        "published_at": _("In force from then on. Published editions can't be changed: write a new one."),
    }

    def verify(self, uow: UnitOfWork, row: Terms, before: Mapping[str, Any]) -> None:
        services.check_edition(before)
