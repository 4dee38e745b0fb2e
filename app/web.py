"""The edge towards browsers: errors become pages, rows become words, and every template gets what it needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from flask import Flask, current_app, g, has_request_context, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_timedelta, get_locale, gettext
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from jinja2 import Undefined
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException

from app.api import problems
from app.appeals.models import STATES as APPEAL_STATES
from app.audit.services import refused
from app.kernel.actor import Actor
from app.kernel.choices import Choice
from app.kernel.clock import civil, now, today
from app.kernel.database import db
from app.kernel.errors import DomainError
from app.kernel.numbering import decimal
from app.kernel.settings import settings
from app.kernel.unit_of_work import UnitOfWork
from app.notices.queries import MOST_UNREAD, unread, unread_count
from app.preferences.models import SavedView
from app.preferences.queries import phrases, views, views_and
from app.review.models import DECISIONS, STAGES
from app.security.current import actor
from app.security.permissions import holds


def words(error: DomainError) -> str:
    """What a person reads about ``error``, in the language of the request."""
    return str(gettext(error.message, **error.params))


def label(choice: Choice) -> str:
    """A code's label in the language of the request."""
    return str(gettext(choice.label))


def register_web(app: Flask) -> None:
    """Error pages, template helpers and health checks."""
    UnitOfWork.on_refusal = [note_refusal]
    app.register_error_handler(DomainError, _domain_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _crash)
    app.add_template_filter(credits_text, "credits")
    app.add_template_filter(credits_text, "ratio")
    app.add_template_filter(label, "label")
    app.add_template_filter(_named, "named")
    app.add_template_filter(_labelled, "labelled")
    app.add_template_filter(lambda row: row.help_en if _english() else row.help_zh, "helped")
    app.add_template_filter(_moment, "moment")
    app.add_template_filter(_age, "age")
    app.add_template_filter(lambda moment: civil(moment).strftime("%Y-%m-%d"), "day")
    app.jinja_env.tests["moment"] = lambda value: isinstance(value, datetime)
    app.jinja_env.finalize = _shown
    app.context_processor(_everywhere)


def credits_text(hundredths: int | None) -> str:
    """Credits, or a ratio in per cent without the sign, as people write them; "-" where unknown (spec 2.2)."""
    return "-" if hundredths is None else decimal(hundredths)


def _english() -> bool:
    return str(get_locale() or settings().locale) == "en"


def _named(row: Any) -> str:
    return str(row.name_en if _english() else row.name_zh)


def _labelled(row: Any) -> str:
    return str(row.label_en if _english() else row.label_zh)


def _moment(moment: datetime) -> str:
    return civil(moment).strftime("%Y-%m-%d %H:%M")


def _age(moment: datetime) -> str:
    """How long ago, as people say it: 3天前."""
    return format_timedelta(moment - now(), add_direction=True, threshold=1.2)


def _shown(value: Any) -> Any:
    """How values print that a template names without a filter: moments on Chinese clocks, records with two
    names in the reader's language.
    """
    if isinstance(value, (str, Undefined)):
        return value
    if isinstance(value, datetime):
        return _moment(value)
    return _named(value) if hasattr(value, "name_zh") and hasattr(value, "name_en") else value


@dataclass(frozen=True)
class Item:
    """One entry of a menu; ``short`` is its word on a phone's tab bar."""

    label: str
    url: str
    icon: str
    short: str = ""


@dataclass(frozen=True)
class Section:
    """Entries of the staff's menu that belong together."""

    label: str
    items: list[Item]


def staff_menu() -> tuple[Section, ...]:
    """The site map as the actor may see it, by section; the same for everybody of the same roles and language."""
    return _menu_for(current_app.appbuilder.menu, actor().roles, str(get_locale()))  # type: ignore[attr-defined]


@cache
def _menu_for(menu: Any, roles: frozenset[str], _language: str) -> tuple[Section, ...]:
    # Not by the menu's get_data(): its list of names doubles with each section, a quarter of a second a page.
    found = []
    for section in menu.get_list():
        entries = [entry for entry in section.childs if holds(roles, entry.name, "menu_access")]
        if entries:
            items = [Item(str(entry.label), entry.get_url(), entry.icon or "dot") for entry in entries]
            found.append(Section(str(section.label), items))
    return tuple(found)


@dataclass(frozen=True)
class Place:
    """Where in the menu a page stands; ``deeper`` says that the page lies below the entry's own."""

    section: str
    item: Item
    deeper: bool


def whereabouts() -> Place | None:
    """The menu entry that this page belongs to: the longest address that this one begins with."""
    found = [
        Place(section.label, item, request.path != item.url)
        for section in staff_menu()
        for item in section.items
        if request.path == item.url or (request.path.startswith(item.url) and item.url != "/console/")
    ]
    return max(found, key=lambda place: len(place.item.url), default=None)


def learner_menu() -> list[Item]:
    """The learner's menu in the manual's order (spec 2.9)."""
    return [
        Item(_("My information"), url_for("MyView.index"), "person-vcard", _("Mine")),
        Item(_("Add an achievement"), url_for("MyAchievementView.add"), "plus-circle", _("Add")),
        Item(_("Apply for recognition"), url_for("MyRecognitionView.index"), "patch-check", _("Recognition")),
        Item(_("Apply for conversion"), url_for("MyConversionView.index"), "arrow-left-right", _("Convert")),
        Item(_("Convert performance achievements"), url_for("MyPerformanceView.index"), "trophy"),
        Item(_("Conversion planner"), url_for("MyPlanView.index"), "map"),
        Item(_("Credit account"), url_for("MyAccountView.index"), "wallet2", _("Credits")),
        Item(_("Transcripts and credentials"), url_for("MyDocumentView.index"), "file-earmark-check"),
        Item(_("Qualification levels"), url_for("FrameworkView.index"), "bar-chart-steps"),
        Item(_("Industry standards"), url_for("StandardsView.index"), "journal-check"),
        Item(_("Questions and answers"), url_for("MyQuestionView.index"), "chat-dots"),
    ]


def public_menu() -> list[Item]:
    """What everybody may read."""
    return [
        Item(_("Qualification levels"), url_for("FrameworkView.index"), "bar-chart-steps"),
        Item(_("Industry standards"), url_for("StandardsView.index"), "journal-check"),
        Item(_("Conversion rules"), url_for("RulesView.index"), "signpost-split"),
        Item(_("Questions and answers"), url_for("HelpView.index"), "chat-dots"),
        Item(_("Verify a paper"), url_for("VerifyView.index"), "qr-code-scan"),
    ]


@dataclass(frozen=True)
class Bell:
    """Unread notices of the actor."""

    unread: str
    link: str


def _bell() -> Bell | None:
    me = actor()
    if me.person_id is None:
        return None
    page = request.endpoint or ""
    if page.endswith((".list", ".queue")):
        found, kept = views_and(db.session(), page, me.user_id, unread(me.person_id))
        g.setdefault("saved_views", {})[page] = kept
    else:
        found = unread_count(db.session(), me.person_id)
    text = "" if not found else f"{MOST_UNREAD}+" if found > MOST_UNREAD else str(found)
    return Bell(text, url_for("MyNoticeView.index" if me.roles <= {"Learner"} else "StaffNoticeView.index"))


def _saved_views(page: str) -> Sequence[SavedView]:
    """Kept views of a list; asked once a request."""
    kept: dict[str, Sequence[SavedView]] = g.setdefault("saved_views", {})
    if page not in kept:
        kept[page] = views(db.session(), page, actor().user_id)
    return kept[page]


def _may_print() -> bool:
    return holds(actor().roles, "DocumentView", "can_conversion")


def _everywhere() -> dict[str, Any]:
    return {
        "house": settings(),
        "language": "en" if _english() else "zh",
        "me": actor(),
        "today": today(),
        "menu": staff_menu,
        "whereabouts": whereabouts,
        "phrases": lambda: phrases(db.session(), actor().user_id),
        "saved_views": _saved_views,
        "learner_menu": learner_menu,
        "public_menu": public_menu,
        "bell": _bell() if request.endpoint not in (None, "static", "vendor") else None,
        "may_print": _may_print,
        "stages": STAGES,
        "decisions": DECISIONS,
        "appeal_states": APPEAL_STATES,
    }


def _answer(status: int, title: str, message: str) -> ResponseReturnValue:
    if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
        return jsonify(status=status, message=message), status
    return render_template("errors/error.html", status=status, title=title, message=message), status


def note_refusal(who: Actor, error: DomainError) -> None:
    """Remember in the audit trail that somebody who is logged in was turned away, once for each refusal."""
    if who.user_id is None or getattr(error, "noted", False):
        return
    error.noted = True  # type: ignore[attr-defined]
    what = f"{request.method} {request.path}" if has_request_context() else ""
    try:
        refused(db.session, who, error.code, what)
    except Exception:
        current_app.logger.exception("a refusal could not be written down: %s", what)


def _domain_error(error: DomainError) -> ResponseReturnValue:
    if error.status in (403, 404):
        note_refusal(actor(), error)
    if problems.asked():
        return problems.of_error(error)
    return _answer(error.status, "", words(error))


def _http_error(error: HTTPException) -> ResponseReturnValue:
    if error.response is not None or (error.code or 500) < 400:
        return error.get_response()
    if problems.asked():
        return problems.of_status(error.code or 500, "", dict(error.get_headers()))
    message = (
        gettext("This page was open too long. Please send the form again.")
        if isinstance(error, CSRFError)
        else ""
    )
    return _answer(error.code or 500, "", message)


def _crash(error: Exception) -> ResponseReturnValue:
    current_app.logger.exception("unhandled: %s %s", request.method, request.path)
    db.session.rollback()
    if current_app.testing and current_app.config.get("PROPAGATE_EXCEPTIONS"):
        raise error
    status = 503 if isinstance(error, OperationalError) else 500
    return problems.of_status(status) if problems.asked() else _answer(status, "", "")
