"""Reading a workbook that somebody made: in a limited child process, row by row, everything as text."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfileobj
from typing import Any

from app.kernel.errors import N_, Invalid
from app.kernel.storage import store

_CHILD = Path(__file__).with_name("sheet_child.py")
#: What is refused, by the child's code.
REFUSALS = {
    "not_a_workbook": N_("This is no workbook. Please upload an .xlsx or .csv file."),
    "broken": N_("This workbook can't be read. Please save it again and upload the new file."),
    "bomb": N_("This workbook unpacks to far more than it should hold. It was not opened."),
    "formula": N_("This workbook contains formulas. Please paste the values only."),
    "active": N_("This workbook contains macros, links to other files or embedded objects, or is encrypted."),
    "too_large": N_("This workbook is too large: at most 300,000 rows and 100 columns."),
    "empty": N_("This workbook is empty."),
}


@dataclass
class Sheet:
    """A sheet that is being read: its name, how many rows it says it has, and the rows with their numbers."""

    name: str
    height: int
    rows: Iterator[tuple[int, list[str]]]


@contextmanager
def opened(digest: str, name: str) -> Iterator[Sheet]:
    """The first visible sheet of a stored file. Raises Invalid for what isn't taken, also midway."""
    with tempfile.NamedTemporaryFile(suffix=Path(name).suffix[-5:]) as copy:
        with store().open(digest) as kept:
            copyfileobj(kept, copy)
        copy.flush()
        command = [sys.executable, "-I", str(_CHILD), copy.name, name]
        with subprocess.Popen(  # noqa: S603 -- our own script, no shell
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}
        ) as child:
            try:
                lines = _lines(child)
                head = next(lines)
                yield Sheet(head["sheet"], head["rows"], enumerate(lines, 1))
            finally:
                child.kill()


def _lines(child: subprocess.Popen[bytes]) -> Iterator[Any]:
    assert child.stdout is not None  # noqa: S101
    count = 0
    for line in child.stdout:
        found = json.loads(line)
        if isinstance(found, dict) and "refused" in found:
            raise refusal(found["refused"])
        count += 1
        yield found
    if child.wait() != 0 or count == 0:  # it was ended by its limits, or aborted over a crafted file
        raise refusal("broken")


def refusal(code: str) -> Invalid:
    """Why a file is not taken."""
    return Invalid(f"workbook_{code}", REFUSALS.get(code, REFUSALS["broken"]))


def head(sheet: Sheet, known: set[str]) -> tuple[int, list[str]]:
    """The row of column heads, with its number: of the first ten the one that most names are known in (titles often
    stand above it). Raises Invalid for an empty sheet.
    """
    best: tuple[int, int, list[str]] | None = None
    for number, cells in sheet.rows:
        score = sum(1 for cell in cells if folded(cell) in known)
        if any(cells) and (best is None or score > best[0]):
            best = (score, number, cells)
        if number >= 10 or (best is not None and best[0] >= 3):
            break
    if best is None:
        raise refusal("empty")
    return best[1], best[2]


def folded(text: str) -> str:
    """A column's head without what people add to it: stars, brackets' hints, spaces, case."""
    plain = text.replace("*", "").replace("＊", "").split("(")[0].split("（")[0]
    return "".join(plain.split()).casefold()


def matched(heads: Sequence[str], names: dict[str, set[str]]) -> dict[str, int]:
    """Which column holds which field, by its head; a field takes the first that fits."""
    found: dict[str, int] = {}
    for position, text in enumerate(heads):
        for field, known in names.items():
            if field not in found and folded(text) in known:
                found[field] = position
                break
    return found
