"""What the writing operations of the API take: a JSON Schema each, and how its values become those of the services."""

from __future__ import annotations

from datetime import date
from typing import Any

from app.api.schema import Schema
from app.kernel.database import LARGEST_KEY
from app.kernel.errors import N_, Invalid
from app.review.models import DECISIONS, FAULTS
from app.review.services import Seen

_KEY: Schema = {"type": "integer", "minimum": 1, "maximum": LARGEST_KEY}
_CREDITS: Schema = {"type": "string", "pattern": r"^[0-9]{1,4}(\.[0-9]{1,2})?$", "examples": ["3", "2.5"]}
_DAY: Schema = {"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}


def _text(longest: int, shortest: int = 0) -> Schema:
    return {"type": "string", "minLength": shortest, "maxLength": longest, "pattern": "^[^\\u0000]*$"}


def _body(required: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


_DECISION: dict[str, Schema] = {
    "decision": {"type": "string", "enum": list(DECISIONS.codes)},
    "opinion": _text(2000, 1),
    "version": {
        "type": "integer",
        "minimum": 1,
        "maximum": 2**31 - 1,
        "description": "The version that was looked at: whoever decides on an older one is refused (409).",
    },
}
_FAULT: dict[str, Schema] = {
    "fault": {
        "type": "string",
        "enum": list(FAULTS.codes),
        "description": "What is wrong; needed where the case is returned for correction.",
    }
}
CONVERSION_DECISION = _body(_DECISION, _FAULT)
RECOGNITION_DECISION = _body(
    _DECISION, {**_FAULT, "credits": {**_CREDITS, "description": "Where the category asks for credits."}}
)
ATTESTATION = _body(
    {
        "original": _text(200, 1),
        "place": _text(200, 1),
        "seen_on": _DAY,
        "pages": {"type": "integer", "minimum": 1, "maximum": 999},
        "copy_kept_at": _text(200, 1),
        "keep_until": _DAY,
    }
)
NEW_ITEM = _body(
    {
        "category": {
            **_text(32, 1),
            "description": "Code of a small category with a catalogue, e.g. `course`.",
        },
        "organisation": {**_KEY, "description": "The institution or issuer: the key's own, or one below it."},
        "name": _text(200, 1),
    },
    {
        "programme": _KEY,
        "project": _text(150),
        "code": _text(32),
        "credits": _CREDITS,
        "description": _text(4000),
        "values": {
            "type": "object",
            "additionalProperties": {"anyOf": [_text(2000), {"type": "array", "items": _text(200)}]},
            "maxProperties": 50,
            "description": "The category's own fields, by their code.",
        },
    },
)


def hundredths(text: str | None) -> int | None:
    """Credits as the services take them."""
    if text is None:
        return None
    whole, _, rest = text.partition(".")
    return int(whole + rest.ljust(2, "0"))


def seen(body: dict[str, Any]) -> Seen:
    """An attestation. Raises Invalid for a day that isn't one."""
    days: dict[str, date] = {}
    for name in ("seen_on", "keep_until"):
        try:
            days[name] = date.fromisoformat(body[name])
        except ValueError as error:
            wrong = Invalid("date", N_("This is no day, written as 2026-03-01."))
            raise Invalid("date", N_("This is no day, written as 2026-03-01."), {name: [wrong]}) from error
    return Seen(
        original=body["original"],
        place=body["place"],
        seen_on=days["seen_on"],
        pages=body["pages"],
        copy_kept_at=body["copy_kept_at"],
        keep_until=days["keep_until"],
    )
