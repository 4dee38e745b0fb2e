"""The description of the API (OpenAPI 3.1), put together from the operations that the classes declare."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from app.api.operation import Operation
from app.api.problems import MEDIA_TYPE
from app.api.schema import Schema, listed, maybe, record, ref
from app.api.scopes import SCOPES
from app.api.shapes import SCHEMAS

_ABOUT = """\
For institutions' own systems. A member of staff issues a key in the console (接口密钥); whoever calls with it acts as
that account, within the scopes chosen, and sees the same rows as on screen.

* **Pages**: `limit` rows by key; `next` is the address of the next page, or null.
* **Writing**: every POST needs an `Idempotency-Key`. The same request sent again gets the same answer
  (`Idempotency-Replayed: true`) for seven days and does nothing twice.
* **Rate**: `RateLimit-Remaining` says how many requests of this minute are left; beyond, 429 with `Retry-After`.
* **Refusals** are problem details (RFC 9457): `code` is for programs, `detail` for people.
* **Credits and ratios** are decimal text (`"2.5"`), ratios in per cent; moments are in UTC.
"""
_PROBLEM = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "code": {"type": "string"},
        "errors": listed(
            record(pointer={"type": "string"}, code={"type": "string"}, detail={"type": "string"})
        ),
    },
    "required": ["type", "title", "status", "detail", "instance", "code"],
}
_READING = {
    "401": "No valid key",
    "403": "Not within the key's scopes, or not permitted to its account",
    "422": "A parameter or the body can't be used",
    "429": "Too many requests in this minute",
}
_WRITING = {
    "400": "The request can't be read",
    "409": "Somebody else was first, or the case has moved on",
    "413": "Too large",
    "415": "Not JSON",
}


def operations(apis: Sequence[type[Any]]) -> Iterator[tuple[type[Any], str, Operation]]:
    """Every operation of these classes: (class, method's name, declaration)."""
    for api in apis:
        for name in vars(api):
            declared = getattr(getattr(api, name), "operation", None)
            if isinstance(declared, Operation):
                yield api, name, declared


def description(apis: Sequence[type[Any]], base_url: str) -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, dict[str, Any]] = {}
    for api, name, declared in operations(apis):
        address = re.sub(r"<int:(\w+)>", r"{\1}", f"{api.route_base}{declared.path}")
        paths.setdefault(address, {})[declared.method.lower()] = _operation(api, name, declared)
    return {
        "openapi": "3.1.0",
        "info": {"title": "学分银行 Credit Bank", "version": "1", "description": _ABOUT},
        "servers": [{"url": base_url}],
        "security": [{"key": []}],
        "tags": [{"name": api.__name__, "description": (api.__doc__ or "").strip()} for api in apis],
        "paths": paths,
        "components": {
            "schemas": {**SCHEMAS, "Problem": _PROBLEM},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": _scopes()}},
        },
    }


def _operation(api: type[Any], name: str, declared: Operation) -> dict[str, Any]:
    shown = ref(declared.returns)
    if declared.paged:
        shown = record(items=listed(shown), next=maybe({"type": "string"}))
    places = re.findall(r"<int:(\w+)>", declared.path)
    parameters = [_parameter("path", place, {"type": "integer", "minimum": 0}, "", True) for place in places]
    parameters += [_parameter("query", one.name, one.schema, one.about) for one in declared.query]
    refused = dict(_READING)
    if places or declared.body:
        refused["404"] = "There is no such record, or it is not the key's to see"
    found: dict[str, Any] = {
        "tags": [api.__name__],
        "operationId": f"{api.__name__}_{name}",
        "summary": declared.summary,
        "description": f"Scope: `{declared.scope}`" if declared.scope else "No scope is needed.",
        "parameters": parameters,
        "x-scope": declared.scope,
    }
    if declared.body is not None:
        key = {"type": "string", "minLength": 8, "maxLength": 64, "pattern": "^[!-~]+$"}
        parameters.append(_parameter("header", "Idempotency-Key", key, "New for every new request.", True))
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": declared.body}}}
        refused |= _WRITING
    good = {"description": declared.summary, "content": {"application/json": {"schema": shown}}}
    bad = {"content": {MEDIA_TYPE: {"schema": ref("Problem")}}}
    found["responses"] = {
        str(declared.status): good,
        **{status: {"description": words, **bad} for status, words in sorted(refused.items())},
    }
    return found


def _parameter(place: str, name: str, schema: Schema, about: str, required: bool = False) -> dict[str, Any]:
    found = {"in": place, "name": name, "required": required, "schema": schema}
    return {**found, "description": about} if about else found


def _scopes() -> str:
    return "Scopes: " + "; ".join(f"`{scope.code}` {scope.label}" for scope in SCOPES)
