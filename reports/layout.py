"""A sheet of paper that fills from the top: sections, grids of facts, tables, page breaks, page x of y.

Text is drawn as text, never parsed: there is no markup to inject. Line breaking follows Chinese habits (no
closing mark at a line's start).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import segno
from reportlab import rl_config
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from reports.fonts import BOLD, REGULAR, printable, register, width

WIDTH, HEIGHT = A4
LEFT, RIGHT, TOP, BOTTOM = 48.0, 48.0, 52.0, 58.0
INNER = WIDTH - LEFT - RIGHT
INK, SOFT, LINE, FILL, ACCENT = (
    (0.11, 0.15, 0.2),
    (0.34, 0.38, 0.43),
    (0.72, 0.75, 0.79),
    (0.955, 0.962, 0.972),
    (0.09, 0.29, 0.59),
)
_NOT_FIRST = frozenset("，。、；：？！）》】〉”’…—%,.;:?!)]}·")
_NOT_LAST = frozenset("（《【〈“‘([{")


@dataclass
class Paper:
    """One document under way. ``footer`` stands on every page; ``head`` at the top of every page but the
    first.
    """

    title: str
    head: str
    footer: str
    page_words: str
    node_modules: Path
    language: str
    created: datetime
    y: float = HEIGHT - TOP
    missing: list[str] = field(default_factory=list)
    _pages: list[dict[str, Any]] = field(default_factory=list)
    _outline: list[tuple[int, str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        register(self.node_modules)
        self._out = io.BytesIO()
        rl_config.invariant = 1  # equal input makes equal bytes
        self.canvas = Canvas(
            self._out,
            pagesize=A4,
            pageCompression=1,
            invariant=1,
            lang="en" if self.language == "en" else "zh-CN",
        )
        self.canvas.setTitle(self.title)
        self.canvas.setAuthor(self.head)
        self.canvas.setSubject(f"{self.title} {self.created.isoformat()}")

    def finish(self) -> bytes:
        """The PDF, with page numbers on every page."""
        self._pages.append(dict(self.canvas.__dict__))
        for number, state in enumerate(self._pages, 1):
            self.canvas.__dict__.update(state)
            self._foot(number, len(self._pages))
            self._bookmarks(number - 1)
            Canvas.showPage(self.canvas)
        self.canvas.save()
        return self._out.getvalue()

    def _bookmarks(self, page: int) -> None:
        # Only now: a bookmark belongs to the page that is being closed.
        for number, (where, words, y) in enumerate(self._outline):
            if where == page:
                self.canvas.bookmarkHorizontal(f"section-{number}", 0, y)
                self.canvas.addOutlineEntry(words, f"section-{number}", 0)

    def _foot(self, page: int, pages: int) -> None:
        self.canvas.setStrokeColorRGB(*LINE)
        self.canvas.setLineWidth(0.5)
        self.canvas.line(LEFT, BOTTOM - 10, WIDTH - RIGHT, BOTTOM - 10)
        self.text(LEFT, BOTTOM - 22, self.footer, 7.5, colour=SOFT)
        words = self.page_words.format(page=page, pages=pages)
        self.text(WIDTH - RIGHT - width(words, 7.5), BOTTOM - 22, words, 7.5, colour=SOFT)

    def turn(self) -> None:
        """A new page."""
        self._pages.append(dict(self.canvas.__dict__))
        self.canvas._startPage()
        self.y = HEIGHT - TOP
        self.text(LEFT, self.y, self.head, 8, colour=SOFT)
        self.y -= 16

    def room(self, height: float) -> None:
        """Turn the page unless ``height`` points are left."""
        if self.y - height < BOTTOM:
            self.turn()

    def text(
        self,
        x: float,
        y: float,
        words: str,
        size: float,
        *,
        bold: bool = False,
        colour: tuple[float, float, float] = INK,
    ) -> None:
        """One line of text."""
        shown, missing = printable(words.replace("\n", " "))
        self.missing += [point for point in missing if point not in self.missing]
        self.canvas.setFillColorRGB(*colour)
        self.canvas.setFont(BOLD if bold else REGULAR, size)
        self.canvas.drawString(x, y, shown)

    def section(self, words: str, *, keep: float = 60) -> None:
        """A section's head, with a bookmark; ``keep`` points of what follows stay on its page."""
        self.room(26 + keep)
        self.y -= 20
        self.canvas.setFillColorRGB(*ACCENT)
        self.canvas.rect(LEFT, self.y - 2, 3, 12, stroke=0, fill=1)
        self.text(LEFT + 9, self.y, words, 10.5, bold=True)
        self._outline.append((len(self._pages), words, self.y + 14))
        self.y -= 8

    def grid(self, pairs: Sequence[tuple[str, str]], columns: int = 2) -> None:
        """Labels and values in a ruled grid; a long value takes a row of its own."""
        label = 74.0 if self.language != "en" else 92.0
        row: list[tuple[str, str]] = []
        wide = (INNER / columns) - label - 10
        for name, value in pairs:
            if "\n" in value or width(value, 8.5) > wide * 1.9:
                self._grid_row(row, len(row) or 1, label)
                self._grid_row([(name, value)], 1, label)
                row = []
                continue
            row.append((name, value))
            if len(row) == columns:
                self._grid_row(row, columns, label)
                row = []
        self._grid_row(row, len(row) or 1, label)

    def _grid_row(self, row: list[tuple[str, str]], columns: int, label: float) -> None:
        if not row:
            return
        cell = INNER / columns
        wrapped = [
            (wrap(name, label - 8, 8), wrap(value or "-", cell - label - 10, 8.5)) for name, value in row
        ]
        most = max(max(len(a), len(b)) for a, b in wrapped)
        start = 0
        while start < most:
            fitting = max(int((self.y - BOTTOM - 8) // 12), 0)
            if fitting < min(most - start, 2):
                self.turn()
                continue
            count = min(most - start, fitting)
            height = count * 12 + 7
            self._boxes(
                [(LEFT + i * cell, label) for i in range(len(row))],
                height,
                LEFT + cell * len(row) if columns > 1 else WIDTH - RIGHT,
                cell,
            )
            for i, (names, values) in enumerate(wrapped):
                for j, line in enumerate(names[start : start + count]):
                    self.text(LEFT + i * cell + 5, self.y - 12 - j * 12, line, 8, colour=SOFT)
                for j, line in enumerate(values[start : start + count]):
                    self.text(LEFT + i * cell + label + 5, self.y - 12 - j * 12, line, 8.5)
            self.y -= height
            start += count

    def _boxes(self, cells: list[tuple[float, float]], height: float, right: float, cell: float) -> None:
        canvas = self.canvas
        canvas.setStrokeColorRGB(*LINE)
        canvas.setLineWidth(0.5)
        for x, label in cells:
            canvas.setFillColorRGB(*FILL)
            canvas.rect(x, self.y - height, label, height, stroke=0, fill=1)
            canvas.rect(x, self.y - height, min(cell, right - x), height, stroke=1, fill=0)
            canvas.line(x + label, self.y, x + label, self.y - height)

    def table(
        self, heads: Sequence[str], rows: Sequence[Sequence[str]], shares: Sequence[float], *, size: float = 8
    ) -> None:
        """A ruled table; its head stands again on every page, and a long cell goes on over the page."""
        widths = [INNER * share / sum(shares) for share in shares]
        self.room(40)
        self._head(heads, widths)
        for row in rows:
            cells = [wrap(value or "-", w - 8, size) for value, w in zip(row, widths, strict=True)]
            most = max(len(cell) for cell in cells)
            start = 0
            while start < most:
                fitting = int((self.y - BOTTOM - 6) // 11)
                if fitting < min(most - start, 2):
                    self.turn()
                    self._head(heads, widths)
                    continue
                count = min(most - start, fitting)
                self._table_row([cell[start : start + count] for cell in cells], widths, count * 11 + 6, size)
                start += count

    def _head(self, heads: Sequence[str], widths: Sequence[float]) -> None:
        lines = [wrap(word, w - 8, 8) for word, w in zip(heads, widths, strict=True)]
        height = max(len(line) for line in lines) * 11 + 6
        self.canvas.setFillColorRGB(*FILL)
        self.canvas.rect(LEFT, self.y - height, INNER, height, stroke=0, fill=1)
        self._table_row(lines, widths, height, 8, colour=SOFT)

    def _table_row(
        self,
        cells: list[list[str]],
        widths: Sequence[float],
        height: float,
        size: float,
        colour: tuple[float, float, float] = INK,
    ) -> None:
        self.canvas.setStrokeColorRGB(*LINE)
        self.canvas.setLineWidth(0.5)
        x = LEFT
        for lines, w in zip(cells, widths, strict=True):
            self.canvas.rect(x, self.y - height, w, height, stroke=1, fill=0)
            for number, line in enumerate(lines):
                self.text(x + 4, self.y - 11 - number * 11, line, size, colour=colour)
            x += w
        self.y -= height

    def note(self, words: str) -> None:
        """A line of small print."""
        for line in wrap(words, INNER, 8):
            self.room(14)
            self.y -= 12
            self.text(LEFT, self.y, line, 8, colour=SOFT)

    def qr(self, content: str, x: float, y: float, side: float) -> None:
        """A QR code as vector squares, its lower left corner at (x, y)."""
        matrix = segno.make(content, error="m", micro=False).matrix
        step = side / len(matrix)
        self.canvas.setFillColorRGB(0, 0, 0)
        path = self.canvas.beginPath()
        for r, row in enumerate(matrix):
            for c, dark in enumerate(row):
                if dark:
                    path.rect(x + c * step, y + side - (r + 1) * step, step, step)
        self.canvas.drawPath(path, stroke=0, fill=1)


def wrap(text: str, room: float, size: float) -> list[str]:
    """``text`` in lines of at most ``room`` points, broken as Chinese is: anywhere between signs, but Latin
    words and numbers stay whole where they fit, and marks don't begin a line.
    """
    lines: list[str] = []
    for paragraph in str(text).split("\n"):
        line, used = "", 0.0
        for piece in _pieces(paragraph):
            wide = width(piece, size)
            if used + wide <= room or not line:
                while wide > room and len(piece) > 1:  # a word longer than a line is cut
                    cut = next((n for n in range(len(piece) - 1, 0, -1) if width(piece[:n], size) <= room), 1)
                    lines.append(piece[:cut])
                    piece = piece[cut:]
                    wide = width(piece, size)
                line, used = line + piece, used + wide
                continue
            if (piece[0] in _NOT_FIRST and len(line) > 1) or line[-1] in _NOT_LAST:
                lines.append(line[:-1])
                line = line[-1] + piece
            else:
                lines.append(line.rstrip())
                line = piece.lstrip()
            used = width(line, size)
        lines.append(line)
    return lines or [""]


def _pieces(text: str) -> list[str]:
    pieces: list[str] = []
    for sign in text:
        joins = (
            sign.isascii()
            and not sign.isspace()
            and pieces
            and pieces[-1][-1].isascii()
            and not pieces[-1][-1].isspace()
        )
        if joins and len(pieces[-1]) < 64:
            pieces[-1] += sign
        else:
            pieces.append(sign)
    return pieces
