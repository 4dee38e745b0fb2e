"""Bar charts on paper: drawn as vectors with our fonts, with every figure in a table below."""

from __future__ import annotations

import math

from reports.fonts import width
from reports.layout import BOTTOM, LEFT, LINE, SOFT, Colour, Paper
from reports.records import Chart

COLOURS: tuple[Colour, ...] = (
    (0.09, 0.29, 0.59),
    (0.47, 0.66, 0.87),
    (0.78, 0.45, 0.13),
    (0.55, 0.58, 0.62),
    (0.24, 0.55, 0.38),
)
_HEIGHT = 130.0
_SCALE = 34.0


def bars(paper: Paper, chart: Chart) -> None:
    """The chart with stacked bars, and its table."""
    paper.room(_HEIGHT + 70)
    _legend(paper, chart)
    _plot(paper, chart)
    _table(paper, chart)


def text_of(value: float, digits: int) -> str:
    """A figure as the table shows it."""
    return f"{value:,.{digits}f}"


def _legend(paper: Paper, chart: Chart) -> None:
    x = LEFT + _SCALE
    paper.y -= 14
    for colour, series in zip(COLOURS, chart.series, strict=False):
        paper.canvas.setFillColorRGB(*colour)
        paper.canvas.rect(x, paper.y, 8, 8, stroke=0, fill=1)
        paper.text(x + 11, paper.y + 1, series.name, 8, colour=SOFT)
        x += 22 + width(series.name, 8)
    paper.y -= 6


def _plot(paper: Paper, chart: Chart) -> None:
    foot = paper.y - _HEIGHT
    columns = [[series.values[n] for series in chart.series] for n in range(len(chart.labels))]
    most = nice(max((sum(one) if chart.stacked else max(one) for one in columns), default=0))
    left, wide = LEFT + _SCALE, paper.inner - _SCALE
    for part in range(5):
        y = foot + _HEIGHT * part / 4
        paper.canvas.setStrokeColorRGB(*LINE)
        paper.canvas.setLineWidth(0.4)
        paper.canvas.line(left, y, left + wide, y)
        words = text_of(most * part / 4, chart.digits if most >= 4 else 2)
        paper.text(left - 4 - width(words, 7), y - 2, words, 7, colour=SOFT)
    step = wide / max(len(chart.labels), 1)
    thick = min(step * 0.6, 40)
    for n, (label, values) in enumerate(zip(chart.labels, columns, strict=True)):
        x = left + step * n + (step - thick) / 2
        _label(paper, label, x + thick / 2, foot - 10, step)
        bar, y = thick if chart.stacked else thick / len(values), foot
        for colour, value in zip(COLOURS, values, strict=False):
            high = _HEIGHT * value / most
            paper.canvas.setFillColorRGB(*colour)
            paper.canvas.rect(x, y, bar, high, stroke=0, fill=1)
            x, y = (x, y + high) if chart.stacked else (x + bar, y)
    paper.y = foot - 14


def _label(paper: Paper, label: str, middle: float, y: float, room: float) -> None:
    """The label under a bar, cut where its neighbours begin; the table below has it whole."""
    while len(label) > 1 and width(label, 7) > room - 2:
        label = label[:-1]
    paper.text(middle - width(label, 7) / 2, y, label, 7, colour=SOFT)


def _table(paper: Paper, chart: Chart) -> None:
    paper.y -= 6
    if paper.y - 40 < BOTTOM:
        paper.turn()
    paper.table(
        (chart.first, *(series.name for series in chart.series)),
        [
            (label, *(text_of(series.values[n], chart.digits) for series in chart.series))
            for n, label in enumerate(chart.labels)
        ],
        (2.4, *(1.0 for _ in chart.series)),
        size=7.5,
        numbers=frozenset(range(1, len(chart.series) + 1)),
    )
    if chart.note:
        paper.note(chart.note)


def nice(value: float) -> float:
    """The end of the scale: 1, 2, 4 or 8 times a power of ten, not below ``value``."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 4, 8, 10) if step * power >= value)
