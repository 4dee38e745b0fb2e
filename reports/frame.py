"""What every paper of ours has: its head with title, number and QR code, and its end with checkpoint and seal."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from reportlab.lib.pagesizes import A4

from reports.fonts import width
from reports.labels import words
from reports.layout import ACCENT, LEFT, SOFT, TOP, Paper
from reports.seal import SIDE, Seal

_CIVIL = ZoneInfo("Asia/Shanghai")
NODE_MODULES = Path(__file__).resolve().parent.parent / "node_modules"


def credits_text(hundredths: int | None) -> str:
    """Credits with up to two decimals; "-" where unknown."""
    if hundredths is None:
        return "-"
    text = f"{abs(hundredths) // 100}.{abs(hundredths) % 100:02d}".rstrip("0").rstrip(".")
    return f"-{text}" if hundredths < 0 else text


def moment_text(moment: datetime) -> str:
    """A moment on the clocks of China, to the second."""
    local = moment.astimezone(_CIVIL)
    return (
        f"{local.year:04d}-{local.month:02d}-{local.day:02d} "
        f"{local.hour:02d}:{local.minute:02d}:{local.second:02d}"
    )


def day_text(moment: datetime) -> str:
    """The civil day of a moment."""
    return moment_text(moment)[:10]


def open_paper(
    title: str,
    *,
    number: str,
    code: str,
    url: str,
    issued_at: datetime,
    language: str,
    node_modules: Path,
    stamps: tuple[str, ...] = (),
    size: tuple[float, float] = A4,
    most_pages: int = 9,
) -> Paper:
    """A paper with its head drawn: bank, title, state, QR code and what it is for."""
    w = words(language)
    paper = Paper(
        title,
        head=f"{w['bank']} · {title}{w['continued']} · {number}",
        footer=f"{w['number']} {number}    {w['code']} {code}",
        page_words=w["page"],
        identifier=url,
        node_modules=node_modules,
        language=language,
        created=issued_at,
        size=size,
        most_pages=most_pages,
    )
    side = 64.0
    top = paper.height - TOP
    paper.qr(url, paper.right - side, top - side + 12, side)
    paper.text(LEFT, top, w["bank"], 9.5, colour=SOFT)
    paper.text(LEFT, top - 26, title, 18 if language != "en" else 14, bold=True)
    x = LEFT
    for words_ in filter(None, stamps):
        x = _stamp(paper, words_, x) + 6
    paper.text(LEFT, top - 62, f"{w['verify']}  {code}", 7.5, colour=SOFT)
    paper.rule(top - 70, ACCENT, 1.2)
    paper.y = top - 76
    return paper


def _stamp(paper: Paper, state: str, x: float) -> float:
    wide = width(state, 9.5) + 16
    y = paper.height - TOP - 47
    paper.canvas.setStrokeColorRGB(*ACCENT)
    paper.canvas.setLineWidth(0.9)
    paper.canvas.roundRect(x, y - 2, wide, 15, 3, stroke=1, fill=0)
    paper.text(x + 8, y + 2, state, 9.5, bold=True, colour=ACCENT)
    return x + wide


def close(
    paper: Paper,
    w: dict[str, str],
    last_event: tuple[int, str],
    checkpoint: tuple[int, str],
    issued_at: datetime,
    seal: Seal | None,
) -> None:
    """Where the audit trail stood, which signs could not be printed, and the place of the seal."""
    paper.y -= 4
    if last_event[0]:
        paper.note(f"{w['last_event']}：{last_event[0]}  {last_event[1]}")
    if checkpoint[0]:
        paper.note(f"{w['checkpoint']}：{checkpoint[0]}  {checkpoint[1]}")
    if paper.missing:
        paper.note(w["missing"] + "、".join(paper.missing))
    if seal is None:
        return
    paper.room(SIDE + 16)
    paper.y -= SIDE + 10
    left = paper.right - SIDE
    paper.seal_box = (left, paper.y, left + SIDE, paper.y + SIDE)
    for line, y in (
        (w["bank"], 44),
        (day_text(issued_at), 30),
        (w["sealed"], 14),
    ):
        size = 7.5 if line == w["sealed"] else 9
        paper.text(left - 14 - width(line, size), paper.y + y, line, size, colour=SOFT)
