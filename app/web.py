"""The edge towards browsers: errors become pages, rows become words, and every template gets what it needs."""

from __future__ import annotations

from typing import Any

from flask import Flask, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import get_locale, gettext
from flask_wtf.csrf import CSRFError
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException

from app.kernel.choices import Choice
from app.kernel.database import db
from app.kernel.errors import DomainError
from app.kernel.settings import settings


def words(error: DomainError) -> str:
    """What a person reads about ``error``, in the language of the request."""
    return str(gettext(error.message, **error.params))


def label(choice: Choice) -> str:
    """A code's label in the language of the request."""
    return str(gettext(choice.label))


def register_web(app: Flask) -> None:
    """Error pages, template helpers and health checks."""
    app.register_error_handler(DomainError, _domain_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _crash)
    app.add_template_filter(credits_text, "credits")
    app.add_template_filter(ratio_text, "ratio")
    app.add_template_filter(label, "label")
    app.context_processor(_everywhere)
    app.add_url_rule("/healthz", "health.live", lambda: ("ok\n", 200, {"Content-Type": "text/plain"}))
    app.add_url_rule("/readyz", "health.ready", _ready)


def credits_text(hundredths: int | None) -> str:
    """Credits as people write them: up to two decimals, "-" where unknown (spec 2.2)."""
    if hundredths is None:
        return "-"
    whole, rest = divmod(abs(hundredths), 100)
    digits = f"{whole}.{rest:02d}".rstrip("0").rstrip(".")
    return f"-{digits}" if hundredths < 0 else digits


def ratio_text(basis_points: int | None) -> str:
    """A ratio in per cent without the sign: 10000 → "100"."""
    return credits_text(basis_points)


def _everywhere() -> dict[str, Any]:
    return {"house": settings(), "language": str(get_locale() or settings().locale)}


def _answer(status: int, title: str, message: str) -> ResponseReturnValue:
    if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
        return jsonify(status=status, message=message), status
    return render_template("errors/error.html", status=status, title=title, message=message), status


def _domain_error(error: DomainError) -> ResponseReturnValue:
    return _answer(error.status, "", words(error))


def _http_error(error: HTTPException) -> ResponseReturnValue:
    if error.response is not None or (error.code or 500) < 400:
        return error.get_response()
    message = gettext("This page was open too long. Please send the form again.") if isinstance(error, CSRFError) else ""
    return _answer(error.code or 500, "", message)


def _crash(error: Exception) -> ResponseReturnValue:
    from flask import current_app

    current_app.logger.exception("unhandled: %s %s", request.method, request.path)
    db.session.rollback()
    if current_app.testing and current_app.config.get("PROPAGATE_EXCEPTIONS"):
        raise error
    return _answer(503 if isinstance(error, OperationalError) else 500, "", "")


def _ready() -> ResponseReturnValue:
    try:
        db.session.execute(text("SELECT 1 FROM audit_head"))
    except Exception:
        return "not ready\n", 503, {"Content-Type": "text/plain"}
    return "ready\n", 200, {"Content-Type": "text/plain"}
