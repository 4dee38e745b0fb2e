"""Templates take plain names only; values are put in the reader's language."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from app.kernel.choices import Choice
from app.kernel.errors import Invalid
from app.notices import words

ALLOWED = frozenset({"source", "target"})


@pytest.mark.parametrize(
    "text",
    [
        "{0.__class__}",
        "{source.__class__.__mro__}",
        "{source[0]}",
        "{source!r}",
        "{source:>1000000000}",
        "{source:{target}}",
        "{}",
        "{0}",
        "{ source }",
        "{Source}",
        "{__class__}",
        "{unknown}",
        "{source",
        "source}",
        "{source\x00}",
    ],
)
def test_hostile_and_unknown_places_are_refused(text: str) -> None:
    with pytest.raises(Invalid):
        words.check(text, ALLOWED)
    with pytest.raises(Invalid):
        words.fill(text, dict.fromkeys(ALLOWED, "x"))


def test_values_are_never_read_as_templates() -> None:
    assert words.fill("{source} → {target}", {"source": "{target}", "target": "{0.__class__}"}) == (
        "{target} → {0.__class__}"
    )


def test_braces_can_be_written() -> None:
    assert words.fill("{{{source}}}", {"source": "x"}) == "{x}"


def test_values_in_the_readers_language() -> None:
    late_in_utc = datetime(2026, 10, 9, 20, tzinfo=UTC)
    assert words.shown(late_in_utc, "zh") == "2026年10月10日"
    assert words.shown(late_in_utc, "en") == "2026-10-10"
    assert words.shown(date(2026, 1, 2), "zh") == "2026年1月2日"
    assert words.shown(Choice("x", "No such label"), "zh") == "No such label"
    assert words.shown("a\r\nBcc: b\x00c\td", "zh") == "a Bcc: b c d"
    assert words.shown(3, "en") == "3"
