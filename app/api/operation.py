"""One operation of the API, declared once: from it come the address, the scope that is asked, the checks of what is
sent, and the description (OpenAPI).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from flask import Response, request
from flask_appbuilder import expose
from flask_babel import gettext
from jsonschema import Draft202012Validator
from sqlalchemy import Select, select

from app.api import edge, problems, services
from app.api.schema import Schema
from app.api.services import Caller
from app.console.texts import storable
from app.kernel.database import LARGEST_KEY, db
from app.kernel.errors import N_, DomainError, Invalid, NotFound
from app.kernel.unit_of_work import UnitOfWork
from app.review.services import Blocked, log_block
from app.security.rows import restrict

LARGEST_BODY = 256 * 1024
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{8,64}")


@dataclass(frozen=True)
class Parameter:
    """One word of the query string."""

    name: str
    schema: Schema
    about: str


@dataclass(frozen=True)
class Operation:
    """``returns`` names a schema; ``paged`` means a page of them. ``body`` makes it one that writes."""

    method: str
    path: str
    scope: str
    summary: str
    returns: str
    query: tuple[Parameter, ...] = ()
    body: Schema | None = None
    paged: bool = False
    status: int = 200


@dataclass(frozen=True)
class Call:
    """What came in with a request, checked."""

    caller: Caller
    query: dict[str, Any] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)


def key_of(about: str, name: str) -> Parameter:
    """A query parameter that names a row."""
    return Parameter(name, {"type": "integer", "minimum": 1, "maximum": LARGEST_KEY}, about)


def word(about: str, name: str = "q") -> Parameter:
    return Parameter(name, {"type": "string", "minLength": 1, "maxLength": 100}, about)


def one_of(codes: Sequence[str], about: str, name: str) -> Parameter:
    return Parameter(name, {"type": "string", "enum": list(codes)}, about)


PAGING = (
    Parameter("limit", {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}, "Rows on a page."),
    Parameter(
        "after",
        {"type": "integer", "minimum": 0, "maximum": LARGEST_KEY, "default": 0},
        "Where the page before ended: the address in `next` has it.",
    ),
)


def operation(
    method: str,
    path: str,
    *,
    scope: str,
    summary: str,
    returns: str,
    query: Sequence[Parameter] = (),
    body: Schema | None = None,
    paged: bool = False,
    status: int = 200,
) -> Callable[[Callable[..., Any]], Any]:
    """Make a method an operation: ``(self, call, **path)`` for reading, ``(self, uow, call, **path)`` for writing."""
    declared = Operation(
        method, path, scope, summary, returns, (*query, *(PAGING if paged else ())), body, paged, status
    )

    def made(handler: Callable[..., Any]) -> Any:
        def endpoint(self: Any, **place: int) -> Response:
            caller = edge.caller()
            if declared.scope:
                services.require(caller, declared.scope)
            query = _query(declared.query)
            if declared.body is None:
                return _json(handler(self, Call(caller, query), **place), declared.status)
            call = Call(caller, query, _body(declared.body))
            return _written(lambda uow: handler(self, uow, call, **place), caller, declared.status)

        endpoint.__name__ = handler.__name__
        endpoint.__doc__ = handler.__doc__
        exposed = expose(path, methods=(method,))(endpoint)
        exposed.operation = declared
        return exposed

    return made


def page(
    call: Call, model: type[Any], shape: Callable[[Any], Any], statement: Select[Any], options: Sequence[Any]
) -> dict[str, Any]:
    """Rows by key, from where the last page ended, under the row policy of the screen."""
    limit, after = call.query["limit"], call.query["after"]
    statement = restrict(statement, model, call.caller.actor).where(model.id > after)
    rows = list(db.session.scalars(statement.order_by(model.id).limit(limit + 1).options(*options)).unique())
    following = None
    if len(rows) > limit:
        rows = rows[:limit]
        following = _address(after=rows[-1].id)
    return {"items": [shape(row) for row in rows], "next": following}


def one(model: type[Any], key: int, options: tuple[Any, ...], call: Call) -> Any:
    """One row as it is now, under the row policy. Raises NotFound."""
    if key > LARGEST_KEY:
        raise NotFound
    query = restrict(select(model).where(model.id == key), model, call.caller.actor).options(*options)
    row = db.session.scalars(query.execution_options(populate_existing=True)).unique().one_or_none()
    if row is None:
        raise NotFound
    return row


def _address(**changes: Any) -> str:
    return f"{request.path}?{urlencode({**request.args.to_dict(), **changes})}"


def _json(content: Any, status: int) -> Response:
    return Response(json.dumps(content, ensure_ascii=False), status, mimetype="application/json")


def _query(parameters: Sequence[Parameter]) -> dict[str, Any]:
    """The query string, each word checked against its schema. Raises Invalid, also for words that nobody knows."""
    known = {parameter.name: parameter for parameter in parameters}
    found: dict[str, Any] = {
        name: parameter.schema["default"]
        for name, parameter in known.items()
        if "default" in parameter.schema
    }
    errors: dict[str, list[DomainError]] = {}
    for name in request.args:
        values = request.args.getlist(name)
        value = _typed(known[name].schema, values[0]) if name in known and len(values) == 1 else None
        if value is None:
            errors[name] = [
                Invalid("query", N_("This parameter is not known, or its value is not possible."))
            ]
        else:
            found[name] = value
    if errors:
        raise Invalid("query", N_("Some parameters of the address can't be used."), errors)
    return found


def _typed(schema: Schema, text: str) -> Any:
    value: Any = text
    if schema["type"] == "integer":
        if not re.fullmatch(r"[0-9]{1,19}", text):
            return None
        value = int(text)
    elif not storable(text):
        return None
    return value if Draft202012Validator(schema).is_valid(value) else None


def _body(schema: Schema) -> dict[str, Any]:
    """The JSON body, checked. Raises Malformed, Invalid."""
    if request.mimetype != "application/json":
        raise Malformed("media_type", N_("The body has to be JSON (Content-Type: application/json)."), 415)
    request.max_content_length = LARGEST_BODY
    try:
        text = request.get_data(cache=True).decode()
        body = json.loads(text, parse_constant=_no_number, parse_float=_Fraction)
    except (ValueError, RecursionError) as error:
        raise Malformed("not_json", N_("The body is not JSON.")) from error
    errors: dict[str, list[DomainError]] = {}
    for fault in Draft202012Validator(schema).iter_errors(body):
        pointer = "/".join(str(part) for part in fault.absolute_path)
        errors.setdefault(pointer, []).append(
            Invalid(f"schema_{fault.validator}", N_("This value does not fit the description of the API."))
        )
    for pointer in _unstorable(body):
        errors.setdefault(pointer, []).append(
            Invalid("text", N_("This text holds characters that can't be kept."))
        )
    if errors:
        raise Invalid("body", N_("The body does not fit the description of the API."), errors)
    found: dict[str, Any] = body
    return found


def _unstorable(value: Any, place: str = "") -> Iterator[str]:
    """Where texts stand that no database takes; the names of members count too."""
    if isinstance(value, str):
        if not storable(value):
            yield place
    elif isinstance(value, dict):
        for name, inner in value.items():
            if storable(name):
                yield from _unstorable(inner, f"{place}/{name}" if place else name)
            else:
                yield place
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _unstorable(inner, f"{place}/{position}")


class Malformed(DomainError):
    """What was sent can't be read at all."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(code, message)
        self.status = status


class _Fraction:
    """A number with a fraction: no value of ours is one, so no schema takes it."""

    def __init__(self, _text: str) -> None:
        pass


def _no_number(text: str) -> None:
    raise ValueError(text)


def _written(step: Callable[[UnitOfWork], Any], caller: Caller, status: int) -> Response:
    """Carry a writing operation out, once per idempotency key; its answer is kept in the same transaction."""
    key = request.headers.get("Idempotency-Key", "")
    if not _IDEMPOTENCY_KEY.fullmatch(key):
        raise Malformed(
            "idempotency_key", N_("Please send an Idempotency-Key of 8 to 64 visible characters.")
        )
    body = request.get_data(cache=True)
    fingerprint = sha256(b"\0".join((request.method.encode(), request.path.encode(), body))).hexdigest()
    try:
        with UnitOfWork(db.session, caller.actor) as uow:
            answer = services.begin(uow, caller.key_id, key, fingerprint)
            content = step(uow)
            answer.status, answer.body = status, json.dumps(content, ensure_ascii=False)
    except services.Repeated as repeated:
        db.session.rollback()
        found = repeated.answer or services.answered(db.session(), caller.key_id, key)
        if found is None:
            return problems.problem(
                409, "in_progress", gettext("The same request is just being carried out.")
            )
        content, status = services.again(found, fingerprint)
        response = _json(content, status)
        response.headers["Idempotency-Replayed"] = "true"
        return response
    except Blocked as blocked:
        with UnitOfWork(db.session, caller.actor) as uow:
            log_block(uow, blocked)
        raise
    return _json(content, status)
