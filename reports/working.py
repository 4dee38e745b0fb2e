"""Working papers 审计底稿: a sample as it was drawn, its cases, its findings."""

from __future__ import annotations

from pathlib import Path

from reports.frame import NODE_MODULES, close, moment_text, open_paper
from reports.labels import section, words
from reports.records import WorkingPaper
from reports.seal import Seal


def working_paper(
    record: WorkingPaper,
    *,
    language: str = "zh",
    seal: Seal | None = None,
    node_modules: Path = NODE_MODULES,
) -> bytes:
    """审计底稿 as PDF. Raises FileNotFoundError where the fonts are not installed."""
    w, cover = words(language), record.cover
    paper = open_paper(
        w["working_title"],
        number=cover.number,
        code=cover.code,
        url=cover.url,
        issued_at=cover.issued_at,
        language=language,
        node_modules=node_modules,
        most_pages=99,
    )
    paper.grid(
        (
            (w["number"], cover.number),
            (w["issued"], moment_text(cover.issued_at)),
            (w["issued_by"], cover.issued_by),
            *cover.facts,
            (w["seed"], record.seed),
            (w["formula"], record.formula),
            (w["source_of_formula"], record.source),
        )
    )
    paper.section(section(1, w["strata"], language))
    paper.table(
        (w["stratum"], w["population"], w["drawn"]),
        [(s.name, f"{s.population:,}", f"{s.drawn:,}") for s in record.strata],
        (4, 1, 1),
        numbers=frozenset({1, 2}),
    )
    paper.section(section(2, w["sampled_cases"], language))
    paper.table(
        (
            *(w["no"], w["case"], w["what"], w["stratum"], w["organisation"], w["reviewer"]),
            *(w["decided_on"], w["state"], w["result"]),
        ),
        [
            (
                *(str(c.place), c.number, c.kind, c.stratum, c.organisation, c.reviewer),
                *(moment_text(c.decided_at) if c.decided_at else "", c.state, c.result),
            )
            for c in record.cases
        ],
        (0.6, 1.6, 1, 1.4, 1.8, 1, 1.2, 1, 2),
        size=7.5,
        numbers=frozenset({0}),
    )
    paper.section(section(3, w["findings"], language))
    for number, found in enumerate(record.findings):
        if number:
            paper.room(80)
            paper.y -= 6
        paper.grid(
            (
                (w["case"], found.case_number),
                (w["severity"], f"{found.severity} · {found.state}"),
                (w["who"], found.who),
                (w["time"], moment_text(found.at)),
                (w["finding"], found.text),
                (w["follow_up"], found.follow_up),
            )
        )
    if not record.findings:
        paper.note(w["none"])
    paper.section(section(4, w["conclusion"], language))
    paper.grid(((w["conclusion"], record.conclusion),), columns=1)
    close(paper, w, cover.last_event, cover.checkpoint, cover.issued_at, seal)
    return paper.finish(seal)
