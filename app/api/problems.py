"""Refusals of the API as problem details (RFC 9457): a stable code for programs, words for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from flask import Response, request
from flask_babel import gettext

from app.kernel.errors import DomainError, Invalid

#: Every address of the API begins so.
PREFIX = "/api/v1/"
MEDIA_TYPE = "application/problem+json"


def asked() -> bool:
    """Whether the running request came to the API."""
    return request.path.startswith(PREFIX)


def problem(status: int, code: str, detail: str = "", errors: list[dict[str, str]] | None = None) -> Response:
    """A problem of this ``status``; ``errors`` name the parts of the request that are wrong, by JSON pointer."""
    title = HTTPStatus(status).phrase
    body: dict[str, Any] = {"type": f"urn:creditbank:problem:{code}", "title": title, "status": status}
    body |= {"detail": detail or title, "instance": request.path, "code": code}
    if errors:
        body["errors"] = errors
    response = Response(json.dumps(body, ensure_ascii=False), status, mimetype=MEDIA_TYPE)
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="creditbank"'
    return response


def of_error(error: DomainError) -> Response:
    """A refusal of a service."""
    fields: Mapping[str, list[DomainError]] = error.fields if isinstance(error, Invalid) else {}
    errors = [
        {"pointer": f"/{name}", "code": one.code, "detail": gettext(one.message, **one.params)}
        for name, refusals in fields.items()
        for one in refusals
    ]
    return problem(error.status, error.code, gettext(error.message, **error.params), errors)


def of_status(status: int, detail: str = "", headers: Mapping[str, str] | None = None) -> Response:
    """What Flask refuses by itself: no such address, wrong method, too large."""
    response = problem(status, HTTPStatus(status).name.lower(), detail)
    for name in ("Allow", "Retry-After"):
        if headers and name in headers:
            response.headers[name] = headers[name]
    return response
