"""Papers: an audit sheet against the same strokes on a raw canvas; a register's time and memory by its length."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import segno
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from reports import conversion_sheet
from reports.fonts import REGULAR, register
from reports.frame import NODE_MODULES
from reports.records import Cover, RegisterRow
from reports.register import register as draw_register
from tests.reports.samples import NOON, RARE, conversion

ROUNDS = 40
#: What a sheet asks of its canvas.
STROKES = (
    "setFillColorRGB",
    "setStrokeColorRGB",
    "setLineWidth",
    "setFont",
    "drawString",
    "rect",
    "line",
    "roundRect",
    "showPage",
)
LENGTHS = (500, 5_000, 20_000)


def main() -> None:
    sheet()
    registers()


def sheet() -> None:
    """The peer draws what our sheet draws, at the same places, with nothing to measure, wrap or remember."""
    register(NODE_MODULES)
    record = conversion()
    strokes = _strokes(record)
    ours, raw = [], []
    for _ in range(ROUNDS):  # side by side, so that a slow moment slows both
        ours.append(_timed(lambda: conversion_sheet(record)))
        raw.append(_timed(lambda: _replay(strokes, record.code)))
    mine, peer = statistics.median(ours) * 1000, statistics.median(raw) * 1000
    print(
        f"audit sheet {mine:.1f} ms, raw canvas {peer:.1f} ms: {mine / peer:.2f}x (goal 1.3x), {len(strokes)} strokes"
    )


def registers() -> None:
    """Each length in a process of its own, whose greatest memory the system tells."""
    first = 0.0
    for length in LENGTHS:
        done = subprocess.run(
            [sys.executable, "-m", "bench.papers", str(length)], capture_output=True, text=True, check=True
        )
        seconds, memory, size = (float(part) for part in done.stdout.split())
        first = first or memory
        print(
            f"register of {length:,} cases: {seconds:.1f} s ({length / seconds:,.0f} cases/s), {size / 1024:,.0f} KiB, "
            f"memory {memory / 1024:,.0f} MiB, {memory / first:.2f}x that of {LENGTHS[0]}"
        )


def _strokes(record: Any) -> list[tuple[str, tuple[Any, ...]]]:
    """Every call that the sheet makes on its canvas."""
    kept: list[tuple[str, tuple[Any, ...]]] = []
    originals = {name: getattr(Canvas, name) for name in STROKES}

    def spy(name: str) -> Any:
        def call(canvas: Canvas, *arguments: Any, **options: Any) -> Any:
            kept.append((name, arguments))
            return originals[name](canvas, *arguments, **options)

        return call

    for name in STROKES:
        setattr(Canvas, name, spy(name))
    try:
        conversion_sheet(record)
    finally:
        for name, original in originals.items():
            setattr(Canvas, name, original)
    return kept


def _replay(strokes: list[tuple[str, tuple[Any, ...]]], code: str) -> None:
    with tempfile.TemporaryFile() as out:
        canvas = Canvas(out, pagesize=A4, pageCompression=1, initialFontName=REGULAR)
        _squares(canvas, code)
        for name, arguments in strokes:
            getattr(canvas, name)(*arguments)
        canvas.save()


def _squares(canvas: Canvas, code: str) -> None:
    """The peer's QR code, square by square: the sheet has one too."""
    path = canvas.beginPath()
    for r, row in enumerate(segno.make(f"https://bank.example/verify/{code}", error="m", micro=False).matrix):
        for c, dark in enumerate(row):
            if dark:
                path.rect(480 + c * 2, 780 - r * 2, 2, 2)
    canvas.drawPath(path, stroke=0, fill=1)


def _timed(step: Any) -> float:
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def _rows(count: int) -> Iterator[RegisterRow]:
    for n in range(count):
        at = NOON + timedelta(minutes=n)
        yield RegisterRow(
            "转换", f"2026-{n * 12 // count + 1:02d}", f"ZH-2026-{n:06d}", RARE, "大学英语等级考试(CET)四级及以上证书",
            "学位外语", "广东开放大学直属学院教学点", at, at, "审核通过", 100,
        )  # fmt: skip


def _one(length: int) -> None:
    url = "https://bank.example/verify/" + "A" * 16
    cover = Cover("DJ-2026-000001", "A" * 16, url, NOON, "审计员", (), (1, "ab" * 32), (0, ""))
    with tempfile.NamedTemporaryFile() as out:
        start = time.perf_counter()
        for _ in draw_register(cover, _rows(length), out):
            pass
        out.flush()
        size = Path(out.name).stat().st_size
        print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, size)


if __name__ == "__main__":
    _one(int(sys.argv[1]))
