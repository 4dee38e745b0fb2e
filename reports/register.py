"""Registers 审核登记册: a line per case, for a period, an organisation or a committee; as long as they come.

Rows come from an iterator and go to the page at once; the file is written page by page, so that a thousand pages take
no more memory than ten.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from reportlab.lib.pagesizes import A4, landscape

from reports.frame import NODE_MODULES, close, credits_text, day_text, moment_text, open_paper
from reports.labels import words
from reports.layout import Paper
from reports.records import Cover, RegisterRow
from reports.seal import Seal

_SHARES = (0.62, 1.5, 1.25, 3.1, 2.9, 2.3, 1.05, 1.05, 1.15, 0.8)


def register(
    cover: Cover,
    rows: Iterable[RegisterRow],
    out: IO[bytes],
    *,
    language: str = "zh",
    seal: Seal | None = None,
    node_modules: Path = NODE_MODULES,
    every: int = 100,
) -> Iterator[int]:
    """Write the register to ``out``, telling after every so many rows how many are done: whoever asks for the next may
    show it, or stop. Rows come in the order in which they are printed.
    """
    w = words(language)
    paper = open_paper(
        w["register_title"],
        number=cover.number,
        code=cover.code,
        url=cover.url,
        issued_at=cover.issued_at,
        language=language,
        node_modules=node_modules,
        size=landscape(A4),
        most_pages=999,
    )
    facts = (
        (w["number"], cover.number),
        (w["issued"], moment_text(cover.issued_at)),
        (w["issued_by"], cover.issued_by),
        *cover.facts,
    )
    paper.grid(facts, columns=3)
    heads = tuple(
        w[key]
        for key in (
            *("no", "case", "learner", "source_or_name", "target_name", "home_point"),
            *("submitted_on", "decided_on", "state", "credits"),
        )
    )
    sums = _Sums()
    part = group = None
    for row in rows:
        if row.part != part:
            part, group = row.part, None
            paper.section(part, keep=90)
        if row.group != group:
            group = row.group
            paper.room(60)
            paper.y -= 14
            paper.text(48, paper.y, group, 9, bold=True)
            paper.bookmark(group, level=1, above=10)
            paper.y -= 6
            paper.columns(heads, _SHARES, size=7.5, numbers=frozenset({0, 9}))
        sums.add(row)
        paper.row(_cells(sums.count, row))
        if sums.count % every == 0:
            yield sums.count
    if not sums.count:
        paper.section(w["register_title"])
        paper.note(w["no_cases"])
    _summary(paper, w, sums)
    close(paper, w, cover.last_event, cover.checkpoint, cover.issued_at, seal)
    paper.save(out, seal)
    yield sums.count


class _Sums:
    def __init__(self) -> None:
        self.count = 0
        self.cases: Counter[tuple[str, str]] = Counter()
        self.credits: Counter[tuple[str, str]] = Counter()

    def add(self, row: RegisterRow) -> None:
        self.count += 1
        self.cases[row.part, row.state] += 1
        self.credits[row.part, row.state] += row.credits or 0


def _cells(place: int, row: RegisterRow) -> tuple[str, ...]:
    return (
        str(place),
        row.number,
        row.learner,
        row.source,
        row.target,
        row.organisation,
        day_text(row.submitted_at),
        day_text(row.decided_at) if row.decided_at else "",
        row.state,
        credits_text(row.credits),
    )


def _summary(paper: Paper, w: dict[str, str], sums: _Sums) -> None:
    """How many cases came to what, so that a reader can count the register against it."""
    paper.section(w["summary"], keep=40)
    paper.table(
        (w["part"], w["state"], w["cases"], w["credits"]),
        [
            *(
                (part, state, f"{count:,}", credits_text(sums.credits[part, state]))
                for (part, state), count in sorted(sums.cases.items())
            ),
            (w["all"], "", f"{sums.count:,}", ""),  # the two kinds of credit are never added (spec 2.2)
        ],
        (3, 2, 1, 1),
        numbers=frozenset({2, 3}),
    )
