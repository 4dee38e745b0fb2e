"""Fields of a category: how what people type becomes a value, whether a learner types it or staff of the catalogue."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from typing import Any

from app.catalogue.models import CategoryField
from app.kernel.clock import today
from app.kernel.errors import N_, Invalid
from app.kernel.numbering import narrow

#: Longest text of a field whose meaning has a column of its own.
LONGEST = {"name": 200, "issuer": 200, "certificate_number": 100, "score": 20}


def checked(field: CategoryField, raw: Any, *, required: bool) -> Any:
    """The value of ``field`` from what was typed; None (or an empty list) for nothing. Raises Invalid.

    Numbers stay as typed but for the one that means credits, which becomes hundredths; dates become ISO text.
    """
    if field.kind == "choice" and field.multiple:
        chosen = [raw] if isinstance(raw, str) and raw else list(raw or [])
        if required and not chosen:
            raise Invalid("required", N_("Please fill in this field."))
        return [_known_choice(field, code) for code in chosen]
    text = _text(raw)
    if not text:
        if required:
            raise Invalid("required", N_("Please fill in this field."))
        return None
    if field.kind == "number":
        return _number(field, text)
    if field.kind == "date":
        return _date(text)
    if field.kind == "choice":
        return _known_choice(field, text)
    longest = longest_text(field)
    if len(text) > longest:
        raise Invalid("too_long", N_("At most %(longest)s characters."), longest=longest)
    return text


def longest_text(field: CategoryField) -> int:
    """How many characters a text field takes."""
    limit = field.maximum or (2000 if field.kind == "long_text" else 200)
    return min(limit, LONGEST.get(field.meaning or "", limit))


def _text(raw: Any) -> str:
    text = unicodedata.normalize("NFC", str(raw or "")).strip()
    return "".join(
        sign for sign in text if sign in "\n\t" or unicodedata.category(sign) not in ("Cc", "Cs", "Cn")
    )


def _number(field: CategoryField, text: str) -> int | str:
    folded = narrow(text)
    if not re.fullmatch(r"\d{1,9}(\.\d{1,2})?", folded, re.ASCII):
        raise Invalid("not_a_number", N_("Please enter a number, with at most two decimals."))
    whole, _, part = folded.partition(".")
    hundredths = int(whole) * 100 + int(part.ljust(2, "0") or 0)
    if field.maximum is not None and hundredths > field.maximum * 100:
        raise Invalid("too_large", N_("At most %(largest)s."), largest=field.maximum)
    return hundredths if field.meaning == "credits" else folded


def _date(text: str) -> str:
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise Invalid("not_a_date", N_("Please enter a date.")) from error
    if not date(1900, 1, 1) <= day <= today():
        raise Invalid(
            "impossible_date", N_("This date can't be right: it lies in the future or before 1900.")
        )
    return day.isoformat()


def _known_choice(field: CategoryField, code: str) -> str:
    if field.code_list is None or code not in {
        value.code for value in field.code_list.values if value.active
    }:
        raise Invalid("unknown_choice", N_("Please choose one of the list."))
    return code
