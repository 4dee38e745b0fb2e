"""Figures and lists as workbooks, and as CSV that spreadsheets open well: with a mark of its encoding, and without formulas."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import rustpy_xlsxwriter

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def csv_lines(rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """The lines of a CSV file, the byte-order mark first. What a spreadsheet would take for a formula is quoted."""
    yield "\ufeff"
    for row in rows:
        line = io.StringIO()
        csv.writer(line).writerow([_plain(value) for value in row])
        yield line.getvalue()


def _plain(value: Any) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if isinstance(value, str) and text[:1] in "=+-@\t\r" and text else text


def workbook(rows: Iterable[Sequence[Any]]) -> bytes:
    """A workbook with one sheet; the first row holds the heads. Texts stay texts, so no cell is a formula."""
    every = iter(rows)
    heads = [str(head) for head in next(every)]
    records = (dict(zip(heads, map(_cell, row), strict=True)) for row in every)
    first = next(records, None) or dict.fromkeys(heads, "")
    out = io.BytesIO()
    rustpy_xlsxwriter.write_worksheet(
        chain([first], records), out, sheet_name="Statistics", freeze_row=1, bold_headers=True
    )
    return out.getvalue()


def _cell(value: Any) -> str | int | float:
    return value if isinstance(value, int | float) else _plain(value)
