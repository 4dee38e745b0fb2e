"""Workbooks that somebody made to do harm: refused with a reason, the server alive, memory bounded."""

from __future__ import annotations

import io
import resource
import zipfile
from collections.abc import Callable

import pytest
from flask import Flask

from app.exchange import reading
from app.kernel.errors import Invalid
from app.kernel.storage import store
from tests.exchange.support import workbook

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
SHEET = "xl/worksheets/sheet1.xml"


def with_part(name: str, content: bytes) -> bytes:
    """A good workbook with one part put in or replaced."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook(("a", "b"), [["1", "2"]]))) as good,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bad,
    ):
        for part in good.namelist():
            if part != name:
                bad.writestr(part, good.read(part))
        bad.writestr(name, content)
    return out.getvalue()


def cell(inner: str) -> bytes:
    head = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    return f'{head}<sheetData><row r="1"><c r="A1">{inner}</c></row></sheetData></worksheet>'.encode()


def bomb() -> bytes:
    """A sheet of 300 MB that packs to almost nothing."""
    return with_part(SHEET, cell("<v>") + b" " * (300 << 20))


def lying() -> bytes:
    """A part that says it is small."""
    content = bytearray(with_part(SHEET, cell("<v>1</v>" + " " * (30 << 20))))
    at = content.rindex(SHEET.encode()) - 46  # its entry in the directory
    content[at + 24 : at + 28] = (100).to_bytes(4, "little")
    return bytes(content)


CRAFTED: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "no workbook": (lambda: b"hello", "x.xlsx", "not_a_workbook"),
    "another zip": (lambda: _zip({"a.txt": b"x"}), "x.xlsx", "not_a_workbook"),
    "bomb": (bomb, "x.xlsx", "bomb"),
    "lying about its size": (lying, "x.xlsx", "not_a_workbook"),
    "formula": (lambda: with_part(SHEET, cell("<f>1+1</f><v>2</v>")), "x.xlsx", "formula"),
    "formula behind a prefix": (
        lambda: with_part(SHEET, cell('<x:f t="shared">A1</x:f>')),
        "x.xlsx",
        "formula",
    ),
    "macro": (lambda: with_part("xl/vbaProject.bin", b"x"), "x.xlsx", "active"),
    "link": (lambda: with_part("xl/externalLinks/externalLink1.xml", b"<a/>"), "x.xlsx", "active"),
    "entities": (
        lambda: with_part(SHEET, b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + cell("&b;")),
        "x.xlsx",
        "active",
    ),
    "a cell beyond the world": (
        lambda: with_part(
            SHEET, cell("<v>1</v>").replace(b'r="A1"', b'r="XFD1048576"').replace(b'r="1"', b'r="1048576"')
        ),
        "x.xlsx",
        "",
    ),
    "broken xml": (lambda: with_part(SHEET, b"<worksheet><sheetData><row"), "x.xlsx", ""),
    "truncated": (lambda: workbook(("a",), [["1"]])[:-200], "x.xlsx", "not_a_workbook"),
    "binary csv": (lambda: b"a,b\n\0\x01", "x.csv", "not_a_workbook"),
    "wide csv": (lambda: b",".join([b"a"] * 5000), "x.csv", "too_large"),
}


def _zip(parts: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize("name", list(CRAFTED))
def test_refused(app: Flask, name: str) -> None:
    make, file, code = CRAFTED[name]
    digest = store().put(make())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rows: list[object] = []
    found = ""
    try:
        with reading.opened(digest, file) as sheet:
            rows = list(sheet.rows)
    except Invalid as refused:
        found = refused.code.removeprefix("workbook_")
    if code:
        assert found == code
    else:  # calamine's own affair: refused, or read as the little that it is
        assert found or len(rows) < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024  # kilobytes


def test_a_guard_removed_lets_the_formula_in(
    app: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    """The mutant: without the look at the packed parts a formula's value would come in."""
    from pathlib import Path

    child = Path(str(tmp_path)) / "child.py"
    child.write_text(reading._CHILD.read_text("utf-8").replace("    _inspect(path)\n", ""), "utf-8")
    monkeypatch.setattr(reading, "_CHILD", child)
    digest = store().put(with_part(SHEET, cell("<f>1+1</f><v>2</v>")))
    with reading.opened(digest, "x.xlsx") as sheet:
        assert [cells for _, cells in sheet.rows] == [["2"]]


def test_csv_as_excel_saves_it_in_china(app: Flask) -> None:
    digest = store().put("姓名,证件号码\n张三,'=1\n".encode("gb18030"))
    with reading.opened(digest, "x.csv") as sheet:
        assert [cells for _, cells in sheet.rows] == [["姓名", "证件号码"], ["张三", "=1"]]
