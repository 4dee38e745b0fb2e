"""The audit sheets 审核表: one recognition round, one conversion; all that an auditor asks for, on A4."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from reports.fonts import width
from reports.labels import words
from reports.layout import ACCENT, HEIGHT, LEFT, RIGHT, SOFT, TOP, WIDTH, Paper
from reports.records import ConversionSheet, RecognitionSheet, _Sheet

_CIVIL = ZoneInfo("Asia/Shanghai")
_NODE_MODULES = Path(__file__).resolve().parent.parent / "node_modules"


def recognition_sheet(
    record: RecognitionSheet, *, language: str = "zh", node_modules: Path = _NODE_MODULES
) -> bytes:
    """认定审核表 as PDF. Raises FileNotFoundError where the fonts are not installed."""
    w = words(language)
    paper = _begin(record, w["recognition_title"], w, language, node_modules)
    _parties(paper, record, w, ((w["round"], str(record.round)),))
    _achievements(
        paper, record, w, ((w["credits"], credits_text(record.credits)), (w["level"], record.level))
    )
    return _rest(paper, record, w)


def conversion_sheet(
    record: ConversionSheet, *, language: str = "zh", node_modules: Path = _NODE_MODULES
) -> bytes:
    """转换审核表 as PDF; without a rule it is the sheet of a performance conversion."""
    w = words(language)
    title = w["conversion_title"] if record.rule else w["performance_title"]
    paper = _begin(record, title, w, language, node_modules)
    _parties(paper, record, w, ((w["committee"], record.committee),))
    _achievements(paper, record, w, ())
    _rule_and_target(paper, record, w)
    return _rest(paper, record, w)


def credits_text(hundredths: int | None) -> str:
    """Credits with up to two decimals; "-" where unknown."""
    if hundredths is None:
        return "-"
    text = f"{abs(hundredths) // 100}.{abs(hundredths) % 100:02d}".rstrip("0").rstrip(".")
    return f"-{text}" if hundredths < 0 else text


def _time(moment: datetime) -> str:
    return moment.astimezone(_CIVIL).strftime("%Y-%m-%d %H:%M:%S")


def _begin(record: _Sheet, title: str, w: dict[str, str], language: str, node_modules: Path) -> Paper:
    footer = f"{w['number']} {record.number}    {w['code']} {record.code}"
    paper = Paper(
        title,
        f"{w['bank']} · {title}{w['continued']} · {record.number}",
        footer,
        w["page"],
        node_modules,
        language,
        record.issued_at,
    )
    side = 64.0
    paper.qr(record.url, WIDTH - RIGHT - side, HEIGHT - TOP - side + 12, side)
    paper.text(LEFT, HEIGHT - TOP, w["bank"], 9.5, colour=SOFT)
    paper.text(LEFT, HEIGHT - TOP - 26, title, 18 if language != "en" else 14, bold=True)
    _stamp(paper, record.state)
    caption = f"{w['verify']}  {record.code}"
    paper.text(LEFT, HEIGHT - TOP - 62, caption, 7.5, colour=SOFT)
    paper.canvas.setStrokeColorRGB(*ACCENT)
    paper.canvas.setLineWidth(1.2)
    paper.canvas.line(LEFT, HEIGHT - TOP - 70, WIDTH - RIGHT, HEIGHT - TOP - 70)
    paper.y = HEIGHT - TOP - 76
    paper.grid(
        (
            (w["number"], record.number),
            (w["case"], record.case_number),
            (w["issued"], _time(record.issued_at)),
            (w["issued_by"], record.issued_by),
        )
    )
    return paper


def _stamp(paper: Paper, state: str) -> None:
    wide = width(state, 9.5) + 16
    x, y = LEFT, HEIGHT - TOP - 47
    paper.canvas.setStrokeColorRGB(*ACCENT)
    paper.canvas.setLineWidth(0.9)
    paper.canvas.roundRect(x, y - 2, wide, 15, 3, stroke=1, fill=0)
    paper.text(x + 8, y + 2, state, 9.5, bold=True, colour=ACCENT)


def _parties(paper: Paper, record: _Sheet, w: dict[str, str], more: tuple[tuple[str, str], ...]) -> None:
    paper.section(w["parties"])
    paper.grid(
        (
            (w["learner"], record.learner),
            (w["identity"], record.identity),
            (w["home_point"], record.home_point),
            (w["authorised"], record.authorised_institution),
            (w["recognising"], record.recognising_institution),
            (w["submitted"], _time(record.submitted_at)),
            *more,
            *record.clocks,
        )
    )


def _achievements(paper: Paper, record: _Sheet, w: dict[str, str], more: tuple[tuple[str, str], ...]) -> None:
    paper.section(w["achievement"])
    for number, achievement in enumerate(record.achievements):
        if number:
            paper.y -= 6
        paper.grid(
            (
                (w["achievement"].split("、")[-1].lstrip("2 "), achievement.name),
                (w["category"], achievement.category),
                *achievement.fields,
                (w["achievement_state"], achievement.state),
                *more,
            )
        )


def _rule_and_target(paper: Paper, record: ConversionSheet, w: dict[str, str]) -> None:
    paper.section(w["rule"] if record.rule else w["target"])
    if record.rule:
        rule = record.rule
        paper.grid(
            (
                (w["agreement"], rule.agreement),
                (w["version"], str(rule.version)),
                (w["rule_name"], rule.name),
                (w["description"], rule.description),
                (w["digest"], rule.digest),
            )
        )
        paper.y -= 6
    rows = [
        (
            t.name,
            t.category,
            t.organisation,
            credits_text(t.credits),
            credits_text(t.ratio),
            credits_text(t.granted),
        )
        for t in record.targets
    ]
    paper.table(
        (w["target_name"], w["category"], w["target_org"], w["credits"], w["ratio"], w["granted"]),
        rows,
        (3, 1.3, 2.6, 0.9, 1.1, 1.1),
    )
    for t in record.targets:
        if t.credits is not None and t.granted is not None:
            sum_ = f"{credits_text(t.credits)} × {credits_text(t.ratio)}% = {credits_text(t.granted)}"
            paper.note(f"{w['arithmetic']}：{t.name}  {sum_}{w['half_up']}")


def _rest(paper: Paper, record: _Sheet, w: dict[str, str]) -> bytes:
    paper.section(w["evidence"])
    if record.evidence:
        rows = [
            (e.name, e.purpose, e.media_type, f"{e.size:,}", _time(e.uploaded_at), e.sha256)
            for e in record.evidence
        ]
        paper.table(
            (w["file"], w["what"], w["type"], w["size"], w["uploaded"], "SHA-256"),
            rows,
            (2.1, 1.5, 1.1, 0.95, 1.45, 2.9),
            size=7.5,
        )
    else:
        paper.note(w["none"])
    paper.section(w["attestation"])
    if record.attestations:
        seen = [
            (
                a.original,
                f"{a.witness}\n{a.organisation}",
                a.place,
                a.seen_on.isoformat(),
                str(a.pages),
                f"{a.copy_kept_at}\n{a.keep_until.isoformat()}",
            )
            for a in record.attestations
        ]
        paper.table(
            (
                w["original"],
                w["witness"],
                w["place"],
                w["seen_on"],
                w["pages"],
                f"{w['copy']} / {w['until']}",
            ),
            seen,
            (2.2, 1.8, 1.8, 1.2, 0.6, 2),
        )
    else:
        paper.note(w["none"])
    paper.section(w["reviews"])
    for review in record.reviews:
        decision = f"{review.decision}（{review.fault}）" if review.fault else review.decision
        paper.grid(
            (
                (w["stage"], review.stage),
                (w["decision"], decision),
                (w["reviewer"], review.reviewer),
                (w["role"], review.role),
                (w["organisation"], review.organisation),
                (w["department"], review.department),
                (w["time"], _time(review.at)),
                (w["opinion"], review.opinion),
            )
        )
        paper.y -= 6
    if not record.reviews:
        paper.note(w["none"])
    paper.section(w["recusals"], keep=30)
    if record.recusals:
        kept = [
            (r.stage, r.who, r.reason, w["blocked"] if r.blocked else w["warned"], _time(r.at))
            for r in record.recusals
        ]
        paper.table(
            (w["stage"], w["who"], w["reason"], w["decision"], w["time"]), kept, (1.2, 1.5, 3, 1, 1.7)
        )
    else:
        paper.note(w["none"])
    paper.section(w["appeals"], keep=30)
    if record.appeals:
        rows2 = [
            (a.kind, a.state, a.grounds, a.opinion, a.who, _time(a.at) if a.at else "-")
            for a in record.appeals
        ]
        paper.table(
            (w["what"], w["state"], w["grounds"], w["opinion"], w["who"], w["time"]),
            rows2,
            (0.9, 1, 2.6, 2.4, 1.1, 1.5),
        )
    else:
        paper.note(w["none"])
    paper.section(w["timeline"])
    paper.table(
        (w["time"], w["what"], w["who"]),
        [(_time(m.at), m.what, m.who) for m in record.timeline],
        (1.6, 3.4, 2),
    )
    paper.y -= 4
    paper.note(f"{w['last_event']}：{record.last_event[0]}  {record.last_event[1]}")
    if paper.missing:
        paper.note(w["missing"] + "、".join(paper.missing))
    return paper.finish()
