"""How cells of a workbook are read: as people write numbers, and nothing that only looks like one."""

from __future__ import annotations

import pytest

from app.exchange.fields import hundredths
from app.kernel.errors import Invalid


@pytest.mark.parametrize(
    ("text", "read"), [("3", 300), ("2.5", 250), ("０．２５", 25), ("100%", 10000), (" 4 ", 400)]
)
def test_credits_are_read_as_people_write_them(text: str, read: int) -> None:
    assert hundredths(text) == read


@pytest.mark.parametrize("text", ["10²", "½", "٣", "1e3", "-1", "1.234", "", "3,5", "三"])
def test_what_only_looks_like_a_number_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        hundredths(text)
