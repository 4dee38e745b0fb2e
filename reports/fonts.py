"""The fonts of our papers: Noto Sans SC, embedded, so that every name of the standard list of characters
prints and can be copied out.

reportlab drops a glyph that the font lacks without a word, and writes code points beyond U+FFFF wrongly into
the table that readers copy text by; both are put right here.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from pathlib import Path

from reportlab.pdfbase import pdfmetrics, ttfonts

REGULAR, BOLD = "NotoSansSC", "NotoSansSC-Bold"
_FILES = {REGULAR: "400Regular/NotoSansSC_400Regular.ttf", BOLD: "700Bold/NotoSansSC_700Bold.ttf"}
#: What stands for a sign that the font doesn't have.
MISSING = "〓"


@lru_cache(maxsize=1)
def register(node_modules: Path) -> None:
    """Load the fonts, once per process. Raises FileNotFoundError telling what to run."""
    folder = node_modules / "@expo-google-fonts/noto-sans-sc"
    for name, file in _FILES.items():
        if not (folder / file).is_file():
            raise FileNotFoundError(f"{folder / file} is missing: run `make setup`")
        pdfmetrics.registerFont(ttfonts.TTFont(name, str(folder / file)))
    ttfonts.makeToUnicodeCMap = _to_unicode


def printable(text: str) -> tuple[str, list[str]]:
    """``text`` with every sign that can't be drawn as 〓, and the code points of those signs ("U+E000")."""
    text = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\t", " ")
    strange = set(text) - _drawable()
    for sign in strange:
        text = text.replace(sign, MISSING)
    return text, sorted(f"U+{ord(sign):04X}" for sign in strange)


@lru_cache(maxsize=1)
def _drawable() -> frozenset[str]:
    """The signs of the font, and the line break; no control character, however it is drawn."""
    signs = map(chr, pdfmetrics.getFont(REGULAR).face.charToGlyph)
    return frozenset("\n").union(sign for sign in signs if unicodedata.category(sign)[0] != "C")


def _to_unicode(name: str, subset: list[int]) -> str:
    """The table from glyph numbers to text: UTF-16, surrogates included, in blocks of at most 100 (PDF
    32000-1, 9.10.3).
    """
    pairs = [
        f"<{number:02X}> <{chr(point).encode('utf-16-be', 'surrogatepass').hex().upper()}>"
        for number, point in enumerate(subset)
        if point  # the place of "no such glyph" stands for no text
    ]
    blocks = []
    for start in range(0, len(pairs), 100):
        part = pairs[start : start + 100]
        blocks += [f"{len(part)} beginbfchar", *part, "endbfchar"]
    head = [
        "/CIDInit /ProcSet findresource begin",
        "12 dict begin",
        "begincmap",
        f"/CIDSystemInfo << /Registry ({name}) /Ordering ({name}) /Supplement 0 >> def",
        f"/CMapName /{name} def",
        "/CMapType 2 def",
        "1 begincodespacerange",
        f"<00> <{max(len(subset) - 1, 0):02X}>",
        "endcodespacerange",
    ]
    return "\n".join(
        [*head, *blocks, "endcmap", "CMapName currentdict /CMap defineresource pop", "end", "end"]
    )


def width(text: str, size: float, font: str = REGULAR) -> float:
    """The width of ``text`` in points."""
    widths, default = _widths(font)
    return sum([widths.get(sign, default) for sign in text]) * size * 0.001


@lru_cache(maxsize=2)
def _widths(font: str) -> tuple[dict[str, float], float]:
    face = pdfmetrics.getFont(font).face
    return {chr(point): float(wide) for point, wide in face.charWidths.items()}, float(face.defaultWidth)
