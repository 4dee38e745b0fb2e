"""What a learner takes along: the credit statement and the transcript 学分证明."""

from __future__ import annotations

from pathlib import Path

from reports.frame import NODE_MODULES, close, credits_text, moment_text, open_paper
from reports.labels import words
from reports.layout import LEFT, Paper, wrap
from reports.records import Cover, Holder, Statement, Transcript
from reports.seal import Seal


def statement(
    record: Statement, *, language: str = "zh", seal: Seal | None = None, node_modules: Path = NODE_MODULES
) -> bytes:
    """学分账户对账单 as PDF. Raises FileNotFoundError where the fonts are not installed."""
    w = words(language)
    paper = _open("statement_title", record.cover, language, node_modules)
    _holder(paper, record.cover, record.holder, w)
    paper.section(w["balance"])
    if record.balances:
        paper.table(
            (w["kind"], w["category"], w["level"], w["credits"]),
            [
                *(
                    (kind, category, level, credits_text(sum_))
                    for kind, category, level, sum_ in record.balances
                ),
                *((kind, w["all"], "", credits_text(sum_)) for kind, sum_ in record.totals),
            ],
            (1.4, 3, 2, 1),
            numbers=frozenset({3}),
        )
    else:
        paper.note(w["no_credits"])
    paper.note(w["kinds_apart"])
    paper.section(w["postings"])
    if record.entries:
        paper.table(
            (w["time"], w["achievement"], w["kind"], w["category"], w["level"], w["remark"], w["credits"]),
            [
                (
                    *(moment_text(e.at), e.name, e.kind, e.category, e.level, e.remark),
                    credits_text(e.credits),
                )
                for e in record.entries
            ],
            (1.5, 3, 0.9, 1.6, 0.9, 1.3, 0.8),
            size=7.5,
            numbers=frozenset({6}),
        )
    else:
        paper.note(w["no_credits"])
    return _end(paper, record.cover, w, seal)


def transcript(
    record: Transcript, *, language: str = "zh", seal: Seal | None = None, node_modules: Path = NODE_MODULES
) -> bytes:
    """学分证明 as PDF. Raises FileNotFoundError where the fonts are not installed."""
    w = words(language)
    paper = _open("transcript_title", record.cover, language, node_modules)
    _holder(paper, record.cover, record.holder, w)
    paper.y -= 20
    text = w["certifies"].format(name=record.holder.name, identity=record.holder.identity or "-")
    for line in wrap(text, paper.inner, 10):
        paper.text(LEFT, paper.y, line, 10)
        paper.y -= 16
    paper.y += 6
    paper.section(w["totals"])
    paper.grid(tuple((kind, credits_text(sum_)) for kind, sum_ in record.totals))
    if record.levels:
        paper.y -= 6
        paper.table(
            (w["level"], w["kind"], w["credits"]),
            [(level, kind, credits_text(sum_)) for level, kind, sum_ in record.levels],
            (3, 2, 1),
            numbers=frozenset({2}),
        )
    paper.note(w["kinds_apart"])
    paper.section(w["recognised_achievements"])
    if record.achievements:
        paper.table(
            heads=(
                *(w["no"], w["achievement"], w["category"], w["issuer"]),
                *(w["obtained"], w["level"], w["kind"], w["credits"]),
            ),
            rows=[
                (
                    *(str(place), a.name, a.category, a.issuer, a.obtained, a.level, a.kind),
                    credits_text(a.credits),
                )
                for place, a in enumerate(record.achievements, 1)
            ],
            shares=(0.55, 2.5, 1.4, 1.7, 1.15, 1.1, 1.3, 0.9),
            numbers=frozenset({0, 7}),
        )
    else:
        paper.note(w["no_credits"])
    return _end(paper, record.cover, w, seal)


def _open(title: str, cover: Cover, language: str, node_modules: Path) -> Paper:
    return open_paper(
        words(language)[title],
        number=cover.number,
        code=cover.code,
        url=cover.url,
        issued_at=cover.issued_at,
        language=language,
        node_modules=node_modules,
    )


def _holder(paper: Paper, cover: Cover, holder: Holder, w: dict[str, str]) -> None:
    paper.grid(
        (
            (w["learner"], holder.name),
            (w["identity"], holder.identity),
            (w["account_number"], holder.number),
            (w["home_point"], holder.home_point),
            (w["number"], cover.number),
            (w["issued"], moment_text(cover.issued_at)),
            *(((w["programme"], holder.programme),) if holder.programme else ()),
            *cover.facts,
        )
    )


def _end(paper: Paper, cover: Cover, w: dict[str, str], seal: Seal | None) -> bytes:
    close(paper, w, cover.last_event, cover.checkpoint, cover.issued_at, seal)
    return paper.finish(seal)
