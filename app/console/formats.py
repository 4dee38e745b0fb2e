"""How values read on screen: by the column's type where that says more than the value, else by the value.

A room's own type gets its words once, with :func:`register`; a single column of a view by ``formatters_columns``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from datetime import date, datetime, time
from typing import Any

from flask_babel import get_locale, gettext
from markupsafe import Markup
from sqlalchemy import JSON
from sqlalchemy.types import TypeEngine

from app.kernel.choices import Choice, Choices, Tone
from app.kernel.clock import civil
from app.kernel.database import BasisPoints, Code, Hundredths
from app.kernel.numbering import decimal

#: What stands where there is no value.
NOTHING = "-"
#: Longest text of a list's cell; the whole stands on the record's page.
LONGEST = 80

Format = Callable[[Any], str]

_BY_TYPE: dict[type[Any], Callable[[Any], Format]] = {}


def register(kind: type[TypeEngine[Any]], make: Callable[[Any], Format]) -> None:
    """Let columns of this type read as the format says that ``make`` returns for the column's type."""
    _BY_TYPE[kind] = make


def read(value: Any, kind: TypeEngine[Any] | None = None) -> str:
    """``value`` in the reader's language; markup only where it is a badge or preformatted text."""
    if value is None or value == "":
        return NOTHING
    for base in type(kind).__mro__:
        if base in _BY_TYPE:
            return _BY_TYPE[base](kind)(value)
    return _by_value(value)


def name(row: Any) -> str:
    """What a record is called, in the reader's language where it has names in both."""
    language = "en" if str(get_locale()) == "en" else "zh"
    for stem in ("name", "label"):
        if hasattr(row, f"{stem}_zh"):
            return str(getattr(row, f"{stem}_{language}"))
    return str(row)


def short(text: str) -> str:
    """The text cut to a cell's length; markup stays whole."""
    if isinstance(text, Markup) or len(text) <= LONGEST:
        return text
    return Markup('<span title="{}">{}…</span>').format(text, text[: LONGEST - 1])


def badge(choice: Choice) -> Markup:
    """A code's label in its colour."""
    return Markup('<span class="cb-badge cb-badge-{}">{}</span>').format(choice.tone, gettext(choice.label))


def yes_no(value: bool) -> str:
    """是 or 否."""
    return str(gettext("Yes") if value else gettext("No"))


def _by_value(value: Any) -> str:
    if isinstance(value, Markup):
        return value
    if isinstance(value, bool):
        return yes_no(value)
    if isinstance(value, datetime):
        return (civil(value) if value.tzinfo else value).strftime("%Y-%m-%d %H:%M")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, time):
        return value.strftime("%H:%M")
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    if isinstance(value, Choice):
        return badge(value)
    if isinstance(value, Collection) and not isinstance(value, str):
        return "、".join(name(one) for one in value) or NOTHING
    return name(value)


def _code(kind: Code) -> Format:
    choices: Choices = kind.choices
    coloured = any(choice.tone is not Tone.NEUTRAL for choice in choices)

    def read_code(value: Any) -> str:
        if value not in choices:
            return str(value)
        return badge(choices[value]) if coloured else str(gettext(choices[value].label))

    return read_code


def _read_json(value: Any) -> str:
    if not value:
        return NOTHING
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return Markup('<pre class="cb-mono mb-0">{}</pre>').format(text)


register(Hundredths, lambda _kind: decimal)
register(BasisPoints, lambda _kind: lambda value: f"{decimal(value)} %")
register(Code, _code)
register(JSON, lambda _kind: _read_json)
