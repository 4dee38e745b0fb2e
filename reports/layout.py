"""A sheet of paper that fills from the top: sections, grids of facts, tables, page breaks, page x of y.

Text is drawn as text, never parsed: there is no markup to inject. Line breaking follows Chinese habits (no
closing mark at a line's start).
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import IO

import segno
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from reports.document import Document
from reports.fonts import BOLD, REGULAR, printable, width
from reports.seal import Seal

LEFT, RIGHT, TOP, BOTTOM = 48.0, 48.0, 52.0, 58.0
Colour = tuple[float, float, float]
INK, SOFT, LINE, FILL, ACCENT = (
    (0.11, 0.15, 0.2),
    (0.34, 0.38, 0.43),
    (0.72, 0.75, 0.79),
    (0.955, 0.962, 0.972),
    (0.09, 0.29, 0.59),
)
_NOT_FIRST = frozenset("，。、；：？！）》】〉”’…—%,.;:?!)]}·")
_NOT_LAST = frozenset("（《【〈“‘([{")
_SMALL = 7.5


class Paper:
    """One document under way. ``footer`` stands on every page; ``head`` at the top of every page but the
    first. ``page_words`` are the words around the page's number and the number of pages, e.g. "Page {page} of {pages}".
    ``identifier`` is the paper's address for verification.
    """

    def __init__(
        self,
        title: str,
        *,
        head: str,
        footer: str,
        page_words: str,
        identifier: str,
        node_modules: Path,
        language: str,
        created: datetime,
        size: tuple[float, float] = A4,
        most_pages: int = 9,
    ) -> None:
        self.head, self.footer, self.language = head, footer, language
        self.document = Document(
            title,
            author=head.partition(" · ")[0],
            subject=footer,
            identifier=identifier,
            language=language,
            created=created,
            node_modules=node_modules,
            size=size,
        )
        self.canvas: Canvas = self.document.canvas
        self.width, self.height = size
        self.right = self.width - RIGHT
        self.inner = self.right - LEFT
        self.y = self.height - TOP
        self.missing: list[str] = []
        #: Where the seal stands on the last page, if a place was kept.
        self.seal_box: tuple[float, float, float, float] | None = None
        self._before, _, self._after = page_words.partition("{pages}")
        self._reserved = width(f"{most_pages}{self._after}", _SMALL)
        self._sections = 0

    def finish(self, seal: Seal | None = None) -> bytes:
        """The PDF, sealed where a place for the seal was kept."""
        out = io.BytesIO()
        self.save(out, seal)
        return out.getvalue()

    def save(self, out: IO[bytes], seal: Seal | None = None) -> None:
        """Write the PDF; nothing can be drawn any more."""
        self._foot()
        last = self.document.pages
        if seal is None or self.seal_box is None:
            self.document.save(out, self._draw_total)
            return
        with tempfile.SpooledTemporaryFile(max_size=4 * 1024 * 1024) as plain:
            self.document.save(plain, self._draw_total)
            seal.sign(plain, out, last, self.seal_box)

    def _draw_total(self, canvas: Canvas, pages: int) -> None:
        canvas.setFillColorRGB(*SOFT)
        canvas.setFont(REGULAR, _SMALL)
        canvas.drawString(0, 0, f"{pages}{self._after}")

    def _foot(self) -> None:
        self.rule(BOTTOM - 10)
        self.text(LEFT, BOTTOM - 22, self.footer, _SMALL, colour=SOFT)
        words = self._before.format(page=self.document.pages + 1)
        start = self.right - self._reserved
        self.text(start - width(words, _SMALL), BOTTOM - 22, words, _SMALL, colour=SOFT)
        self.document.total(start, BOTTOM - 22, self._reserved + 30)

    def turn(self) -> None:
        """A new page."""
        self._foot()
        self.document.new_page()
        self.y = self.height - TOP
        self.text(LEFT, self.y, self.head, 8, colour=SOFT)
        self.y -= 16

    def room(self, height: float) -> None:
        """Turn the page unless ``height`` points are left."""
        if self.y - height < BOTTOM:
            self.turn()

    def rule(self, y: float, colour: Colour = LINE, thick: float = 0.5) -> None:
        """A line across the page."""
        self.canvas.setStrokeColorRGB(*colour)
        self.canvas.setLineWidth(thick)
        self.canvas.line(LEFT, y, self.right, y)

    def text(
        self, x: float, y: float, words: str, size: float, *, bold: bool = False, colour: Colour = INK
    ) -> None:
        """One line of text."""
        shown, missing = printable(words.replace("\n", " "))
        self.missing += [point for point in missing if point not in self.missing]
        self.canvas.setFillColorRGB(*colour)
        self.canvas.setFont(BOLD if bold else REGULAR, size)
        self.canvas.drawString(x, y, shown)

    def bookmark(self, words: str, *, level: int = 0, above: float = 14) -> None:
        """An entry of the reader's outline that leads here."""
        self._sections += 1
        key = f"section-{self._sections}"
        self.canvas.bookmarkHorizontal(key, 0, self.y + above)
        self.canvas.addOutlineEntry(printable(words)[0], key, level)

    def section(self, words: str, *, keep: float = 60, level: int = 0) -> None:
        """A section's head, with a bookmark; ``keep`` points of what follows stay on its page."""
        self.room(26 + keep)
        self.y -= 20
        self.canvas.setFillColorRGB(*ACCENT)
        self.canvas.rect(LEFT, self.y - 2, 3, 12, stroke=0, fill=1)
        self.text(LEFT + 9, self.y, words, 10.5, bold=True)
        self.bookmark(words, level=level)
        self.y -= 8

    def grid(self, pairs: Sequence[tuple[str, str]], columns: int = 2) -> None:
        """Labels and values in a ruled grid; a long value takes a row of its own."""
        label = 74.0 if self.language != "en" else 92.0
        row: list[tuple[str, str]] = []
        wide = (self.inner / columns) - label - 10
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
        cell = self.inner / columns
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
            self._boxes([LEFT + i * cell for i in range(len(row))], label, cell, height)
            for i, (names, values) in enumerate(wrapped):
                for j, line in enumerate(names[start : start + count]):
                    self.text(LEFT + i * cell + 5, self.y - 12 - j * 12, line, 8, colour=SOFT)
                for j, line in enumerate(values[start : start + count]):
                    self.text(LEFT + i * cell + label + 5, self.y - 12 - j * 12, line, 8.5)
            self.y -= height
            start += count

    def _boxes(self, starts: list[float], label: float, cell: float, height: float) -> None:
        canvas = self.canvas
        canvas.setStrokeColorRGB(*LINE)
        canvas.setLineWidth(0.5)
        canvas.setFillColorRGB(*FILL)
        for x in starts:
            canvas.rect(x, self.y - height, label, height, stroke=0, fill=1)
            canvas.rect(x, self.y - height, cell, height, stroke=1, fill=0)
            canvas.line(x + label, self.y, x + label, self.y - height)

    def table(
        self,
        heads: Sequence[str],
        rows: Sequence[Sequence[str]],
        shares: Sequence[float],
        *,
        size: float = 8,
        numbers: frozenset[int] = frozenset(),
    ) -> None:
        """A ruled table; its head stands again on every page, and a long cell goes on over the page. The columns in
        ``numbers`` stand at the right.
        """
        self.columns(heads, shares, size=size, numbers=numbers)
        for row in rows:
            self.row(row)

    def columns(
        self,
        heads: Sequence[str],
        shares: Sequence[float],
        *,
        size: float = 8,
        numbers: frozenset[int] = frozenset(),
    ) -> None:
        """Begin a table whose rows come one by one; see :meth:`row`."""
        self._widths = [self.inner * share / sum(shares) for share in shares]
        self._size, self._numbers = size, numbers
        self._heads = [wrap(word, w - 8, 8) for word, w in zip(heads, self._widths, strict=True)]
        self.room(40)
        self._head()

    def row(self, row: Sequence[str]) -> None:
        """One row of the table that :meth:`columns` began."""
        cells = [wrap(value or "-", w - 8, self._size) for value, w in zip(row, self._widths, strict=True)]
        most = max(len(cell) for cell in cells)
        start = 0
        while start < most:
            fitting = int((self.y - BOTTOM - 6) // 11)
            if fitting < min(most - start, 2):
                self.turn()
                self._head()
                continue
            count = min(most - start, fitting)
            self._table_row([cell[start : start + count] for cell in cells], count * 11 + 6, self._size)
            start += count

    def _head(self) -> None:
        height = max(len(line) for line in self._heads) * 11 + 6
        self.canvas.setFillColorRGB(*FILL)
        self.canvas.rect(LEFT, self.y - height, self.inner, height, stroke=0, fill=1)
        self._table_row(self._heads, height, 8, colour=SOFT)

    def _table_row(self, cells: list[list[str]], height: float, size: float, *, colour: Colour = INK) -> None:
        self.canvas.setStrokeColorRGB(*LINE)
        self.canvas.setLineWidth(0.5)
        x = LEFT
        for place, (lines, w) in enumerate(zip(cells, self._widths, strict=True)):
            self.canvas.rect(x, self.y - height, w, height, stroke=1, fill=0)
            for number, line in enumerate(lines):
                start = x + w - 4 - width(line, size) if place in self._numbers else x + 4
                self.text(start, self.y - 11 - number * 11, line, size, colour=colour)
            x += w
        self.y -= height

    def note(self, words: str) -> None:
        """A line of small print."""
        for line in wrap(words, self.inner, 8):
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
            place = 0
            for dark, run in groupby(
                row
            ):  # one bar for neighbours: half the strokes, and no hairline between them
                length = len(list(run))
                if dark:
                    path.rect(x + place * step, y + side - (r + 1) * step, length * step, step)
                place += length
        self.canvas.drawPath(path, stroke=0, fill=1)


def wrap(text: str, room: float, size: float) -> list[str]:
    """``text`` in lines of at most ``room`` points, broken as Chinese is: anywhere between signs, but Latin
    words and numbers stay whole where they fit, and marks don't begin a line.
    """
    lines: list[str] = []
    for paragraph in str(text).split("\n"):
        if width(paragraph, size) <= room:
            lines.append(paragraph)
            continue
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
