"""Reads one workbook, in a process of its own with limits: ``python -I sheet_child.py FILE NAME``.

It imports nothing of the house and gets nothing of its environment. What it finds goes to standard output, a JSON
value a line: first ``{"sheet": name, "rows": count}``, then a list of texts per row; or ``{"refused": code}``.
"""

from __future__ import annotations

import csv
import io
import json
import re
import resource
import sys
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any

#: Bytes of memory, seconds of processor time.
MEMORY, SECONDS = 1 << 30, 90
MOST_ROWS, MOST_COLUMNS, LONGEST = 300_000, 100, 4000
#: Bytes that a workbook may unpack to; and how many times its size a large part may.
UNPACKED, RATIO = 700 << 20, 250

_FORMULA = re.compile(rb"<(?:\w+:)?f[ >/]")
_ENTITIES = re.compile(rb"<!(?:DOCTYPE|ENTITY)")
_ACTIVE = re.compile(r"vbaproject|/externallinks/|/embeddings/|/activex/|macrosheets/|dialogsheets/", re.I)


class Refused(Exception):
    """The file is not taken; its argument is the reason's code."""


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    path, name = sys.argv[1:3]
    out = sys.stdout
    try:
        for line in _csv(path) if name.lower().endswith(".csv") else _workbook(path):
            out.write(json.dumps(line, ensure_ascii=True))
            out.write("\n")
    except Refused as refused:
        print(json.dumps({"refused": str(refused)}))
    except (MemoryError, RecursionError):
        print(json.dumps({"refused": "too_large"}))
    except Exception:
        print(json.dumps({"refused": "broken"}))


def _workbook(path: str) -> Iterator[Any]:
    _inspect(path)
    from python_calamine import CalamineWorkbook, SheetVisibleEnum

    book = CalamineWorkbook.from_path(path)
    shown = [one.name for one in book.sheets_metadata if one.visible == SheetVisibleEnum.Visible]
    if not shown:
        raise Refused("empty")
    sheet = book.get_sheet_by_name(shown[0])
    if sheet.total_height > MOST_ROWS or sheet.total_width > MOST_COLUMNS:
        raise Refused("too_large")
    yield {"sheet": sheet.name[:64], "rows": sheet.total_height}
    first = (sheet.start or (0, 0))[0]
    for _ in range(first):
        yield []
    for row in sheet.iter_rows():
        yield [_text(cell) for cell in row]


def _inspect(path: str) -> None:
    """Look at the packed parts before anything understands them: bombs, formulas, macros, entities."""
    try:
        with zipfile.ZipFile(path) as packed:
            parts = packed.infolist()
            if not any(part.filename == "xl/workbook.xml" for part in parts):
                raise Refused("not_a_workbook")
            if len(parts) > 2000 or sum(part.file_size for part in parts) > UNPACKED:
                raise Refused("bomb")
            for part in parts:
                if part.flag_bits & 1 or _ACTIVE.search(f"/{part.filename}"):
                    raise Refused("active")
                if part.file_size > 5 << 20 and part.file_size > RATIO * max(part.compress_size, 1):
                    raise Refused("bomb")
                if part.filename.endswith((".xml", ".rels")):
                    _scan(packed, part)
    except zipfile.BadZipFile as error:
        raise Refused("not_a_workbook") from error


def _scan(packed: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    sheet = part.filename.startswith("xl/worksheets/")
    seen, tail = 0, b""
    with packed.open(part) as file:
        while piece := file.read(1 << 20):
            seen += len(piece)
            if seen > part.file_size or seen > UNPACKED:
                raise Refused("bomb")
            window = tail + piece
            if sheet and _FORMULA.search(window):
                raise Refused("formula")
            if _ENTITIES.search(window):
                raise Refused("active")
            tail = window[-64:]


def _csv(path: str) -> Iterator[Any]:
    with open(path, "rb") as file:
        content = file.read()
    if b"\0" in content:
        raise Refused("not_a_workbook")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = content.decode("gb18030")
        except UnicodeDecodeError as error:
            raise Refused("not_a_workbook") from error
    csv.field_size_limit(LONGEST * 4)
    rows = text.count("\n") + 1
    if rows > MOST_ROWS:
        raise Refused("too_large")
    yield {"sheet": "", "rows": rows}
    try:
        for row in csv.reader(io.StringIO(text)):
            if len(row) > MOST_COLUMNS:
                raise Refused("too_large")
            yield [_text(cell) for cell in row]
    except csv.Error as error:
        raise Refused("broken") from error


def _text(cell: Any) -> str:
    """A cell as people would type it. A number that has lost digits is marked by a leading NUL."""
    if cell is None or cell == "":
        return ""
    if isinstance(cell, str):
        plain = cell.strip().replace("\0", "")[: LONGEST + 1]
        # Our own exports put an apostrophe before what would be a formula.
        return plain[1:] if plain[:1] == "'" and plain[1:2] in ("=", "+", "-", "@", "\t") else plain
    if isinstance(cell, bool):
        return "1" if cell else "0"
    if isinstance(cell, float):
        if abs(cell) >= 1e15:
            return f"\0{cell:.0f}"
        return str(int(cell)) if cell.is_integer() else repr(cell)
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(" ", "minutes")
    if isinstance(cell, date):
        return cell.isoformat()
    return str(cell)[:LONGEST]


if __name__ == "__main__":
    main()
