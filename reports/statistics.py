"""Review statistics 审核统计: a page of totals, then a chart with its table per question."""

from __future__ import annotations

from pathlib import Path

from reports.charts import bars
from reports.frame import NODE_MODULES, close, moment_text, open_paper
from reports.labels import section, words
from reports.records import Statistics
from reports.seal import Seal


def statistics(
    record: Statistics, *, language: str = "zh", seal: Seal | None = None, node_modules: Path = NODE_MODULES
) -> bytes:
    """审核统计 as PDF. Raises FileNotFoundError where the fonts are not installed."""
    w, cover = words(language), record.cover
    paper = open_paper(
        w["statistics_title"],
        number=cover.number,
        code=cover.code,
        url=cover.url,
        issued_at=cover.issued_at,
        language=language,
        node_modules=node_modules,
    )
    paper.grid(
        (
            (w["number"], cover.number),
            (w["issued"], moment_text(cover.issued_at)),
            (w["issued_by"], cover.issued_by),
            *cover.facts,
        )
    )
    paper.section(section(1, w["totals_of_cases"], language))
    paper.grid(record.totals, columns=3)
    for number, chart in enumerate(record.charts, 2):
        paper.section(section(number, chart.title, language), keep=200)
        bars(paper, chart)
    close(paper, w, cover.last_event, cover.checkpoint, cover.issued_at, seal)
    return paper.finish(seal)
