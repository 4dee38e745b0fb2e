"""The words of a notice: templates with plain ``{name}`` places, and values put in the reader's language.

``str.format`` is not used: its places reach attributes and items (``{0.__class__}``).
"""

from __future__ import annotations

import gettext
import re
from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from string import Formatter

from app.kernel.choices import Choice
from app.kernel.clock import civil
from app.kernel.errors import N_, Invalid

#: What may stand for a place in a notice. A Choice is shown by its label, a moment by its civil day.
Value = str | int | date | datetime | Choice

#: What is shown in the place of a secret.
MASK = "••••••"

_CATALOGUES = Path(__file__).resolve().parents[2] / "translations"
_NAME = re.compile(r"[a-z][a-z_]*")
_BLANKS = re.compile(r"[\s\x00-\x1f\x7f]+")


def check(text: str, allowed: frozenset[str]) -> None:
    """Raises Invalid unless every place in ``text`` is a plain name out of ``allowed``."""
    for _, name, form, conversion in _parts(text):
        if name is None:
            continue
        if form or conversion or not _NAME.fullmatch(name):
            raise Invalid("bad_place", N_("“{%(place)s}” is not a plain variable."), place=name)
        if name not in allowed:
            raise Invalid("unknown_variable", N_("This notice has no variable “{%(place)s}”."), place=name)


def fill(text: str, values: Mapping[str, str]) -> str:
    """``text`` with each place filled. Raises Invalid for a place that ``values`` doesn't name."""
    check(text, frozenset(values))
    return "".join(literal + (values[name] if name else "") for literal, name, _, _ in _parts(text))


def shown(value: Value, language: str) -> str:
    """``value`` as people read it, on one line."""
    if isinstance(value, Choice):
        return _catalogue(language).gettext(value.label)
    if isinstance(value, datetime):
        value = civil(value).date()
    if isinstance(value, date):
        return f"{value.year}年{value.month}月{value.day}日" if language == "zh" else value.isoformat()
    return _BLANKS.sub(" ", str(value)).strip()


def _parts(text: str) -> list[tuple[str, str | None, str | None, str | None]]:
    try:
        return list(Formatter().parse(text))
    except ValueError as error:
        raise Invalid(
            "bad_braces", N_("A brace is not closed. Write {{ or }} for a brace itself.")
        ) from error


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    return gettext.translation("messages", _CATALOGUES, [language], fallback=True)
