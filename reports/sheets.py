"""The audit sheets 审核表: one recognition round, one conversion; all that an auditor asks for, on A4."""

from __future__ import annotations

from pathlib import Path

from reports.frame import NODE_MODULES, close, credits_text, moment_text, open_paper
from reports.labels import section, words
from reports.records import CaseSheet, ConversionSheet, RecognitionSheet
from reports.seal import Seal


def recognition_sheet(
    record: RecognitionSheet,
    *,
    language: str = "zh",
    seal: Seal | None = None,
    node_modules: Path = NODE_MODULES,
) -> bytes:
    """认定审核表 as PDF. Raises FileNotFoundError where the fonts are not installed."""
    sheet = _Sheet(record, "recognition_title", language, node_modules)
    sheet.parties(((sheet.w["round"], str(record.round)),))
    sheet.achievements(((sheet.w["credits"], credits_text(record.credits)), (sheet.w["level"], record.level)))
    return sheet.rest(seal)


def conversion_sheet(
    record: ConversionSheet,
    *,
    language: str = "zh",
    seal: Seal | None = None,
    node_modules: Path = NODE_MODULES,
) -> bytes:
    """转换审核表 as PDF; without a rule it is the sheet of a performance conversion."""
    title = "conversion_title" if record.rule else "performance_title"
    sheet = _Sheet(record, title, language, node_modules)
    sheet.parties(((sheet.w["committee"], record.committee),))
    sheet.achievements(())
    sheet.rule_and_target(record)
    return sheet.rest(seal)


class _Sheet:
    """One sheet under way: its sections number themselves."""

    def __init__(self, record: CaseSheet, title: str, language: str, node_modules: Path) -> None:
        self.record, self.w, self.language = record, words(language), language
        self._number = 0
        w = self.w
        self.paper = open_paper(
            w[title],
            number=record.number,
            code=record.code,
            url=record.url,
            issued_at=record.issued_at,
            language=language,
            node_modules=node_modules,
            stamps=(record.state, record.doubted),
        )
        self.paper.grid(
            (
                (w["number"], record.number),
                (w["case"], record.case_number),
                (w["issued"], moment_text(record.issued_at)),
                (w["issued_by"], record.issued_by),
            )
        )

    def section(self, key: str, *, keep: float = 60) -> None:
        self._number += 1
        self.paper.section(section(self._number, self.w[key], self.language), keep=keep)

    def nothing(self) -> None:
        """Say that a section has nothing in it."""
        self.paper.y -= 3
        self.paper.note(self.w["none"])

    def parties(self, more: tuple[tuple[str, str], ...]) -> None:
        record, w = self.record, self.w
        self.section("parties")
        self.paper.grid(
            (
                (w["learner"], record.learner),
                (w["identity"], record.identity),
                (w["home_point"], record.home_point),
                (w["authorised"], record.authorised_institution),
                (w["recognising"], record.recognising_institution),
                (w["submitted"], moment_text(record.submitted_at)),
                *more,
                *record.clocks,
            )
        )

    def achievements(self, more: tuple[tuple[str, str], ...]) -> None:
        w = self.w
        self.section("achievement")
        for number, achievement in enumerate(self.record.achievements):
            if number:
                self.paper.y -= 6
            self.paper.grid(
                (
                    (w["achievement"], achievement.name),
                    (w["category"], achievement.category),
                    *achievement.fields,
                    (w["achievement_state"], achievement.state),
                    *more,
                )
            )
        if self.record.as_of:
            self.paper.note(w["as_of"].format(at=moment_text(self.record.as_of)))

    def rule_and_target(self, record: ConversionSheet) -> None:
        w, paper, rule = self.w, self.paper, record.rule
        self.section("rule" if rule else "target")
        if rule:
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
        paper.table(
            (w["target_name"], w["category"], w["target_org"], w["credits"], w["ratio"], w["granted"]),
            [
                (
                    *(t.name, t.category, t.organisation),
                    *(credits_text(t.credits), credits_text(t.ratio), credits_text(t.granted)),
                )
                for t in record.targets
            ],
            (3, 1.3, 2.6, 0.9, 1.1, 1.1),
            numbers=frozenset({3, 4, 5}),
        )
        for t in record.targets:
            if t.credits is not None and t.granted is not None:
                sum_ = f"{credits_text(t.credits)} × {credits_text(t.ratio)}% = {credits_text(t.granted)}"
                paper.note(f"{w['arithmetic']}：{t.name}  {sum_}{w['half_up']}")

    def evidence(self) -> None:
        w, rows = self.w, self.record.evidence
        self.section("evidence")
        if not rows:
            return self.nothing()
        self.paper.table(
            (w["file"], w["what"], w["type"], w["size"], w["uploaded"], "SHA-256"),
            [
                (e.name, e.purpose, e.media_type, f"{e.size:,}", moment_text(e.uploaded_at), e.sha256)
                for e in rows
            ],
            (2.1, 1.5, 1.1, 0.95, 1.45, 2.9),
            size=7.5,
            numbers=frozenset({3}),
        )
        return None

    def attestations(self) -> None:
        w, rows = self.w, self.record.attestations
        self.section("attestation")
        if not rows:
            return self.nothing()
        copy = f"{w['copy']} / {w['until']}"
        self.paper.table(
            (w["original"], w["witness"], w["place"], w["seen_on"], w["pages"], copy),
            [
                (
                    *(a.original, f"{a.witness}\n{a.organisation}", a.place),
                    *(a.seen_on.isoformat(), str(a.pages)),
                    f"{a.copy_kept_at}\n{a.keep_until.isoformat()}",
                )
                for a in rows
            ],
            (2.2, 1.8, 1.8, 1.2, 0.6, 2),
        )
        return None

    def reviews(self) -> None:
        w = self.w
        self.section("reviews")
        if not self.record.reviews:
            return self.nothing()
        for number, review in enumerate(self.record.reviews):
            if number:
                self.paper.room(96)  # a review's head is not torn from its opinion
                self.paper.y -= 6
            decision = f"{review.decision}（{review.fault}）" if review.fault else review.decision
            self.paper.grid(
                (
                    (w["stage"], review.stage),
                    (w["decision"], decision),
                    (w["reviewer"], review.reviewer),
                    (w["role"], review.role),
                    (w["organisation"], review.organisation),
                    (w["department"], review.department),
                    (w["time"], moment_text(review.at)),
                    (w["opinion"], review.opinion),
                )
            )
        return None

    def assessments(self) -> None:
        """Only where any was asked for: most cases have none, and none is needed."""
        w, rows = self.w, self.record.assessments
        if not rows:
            return
        self.section("assessments")
        self.paper.table(
            (w["assessor"], w["question"], w["advice"], w["grounds"], w["time"]),
            [
                (
                    f"{a.organisation}\n{a.who}".rstrip(),
                    a.question,
                    a.advice or a.state,
                    a.grounds,
                    moment_text(a.at) if a.at else "",
                )
                for a in rows
            ],
            (1.7, 2.2, 0.9, 3, 1.5),
        )

    def recusals(self) -> None:
        w, rows = self.w, self.record.recusals
        self.section("recusals", keep=30)
        if not rows:
            return self.nothing()
        self.paper.table(
            (w["stage"], w["who"], w["reason"], w["decision"], w["time"]),
            [
                (
                    *(r.stage, r.who, f"{r.reason}\n{r.note}".rstrip()),
                    *(w["blocked"] if r.blocked else w["warned"], moment_text(r.at)),
                )
                for r in rows
            ],
            (1.2, 1.5, 3, 1, 1.7),
        )
        return None

    def appeals(self) -> None:
        w, rows = self.w, self.record.appeals
        self.section("appeals", keep=30)
        if not rows:
            return self.nothing()
        self.paper.table(
            (w["what"], w["state"], w["grounds"], w["opinion"], w["who"], w["time"]),
            [
                (a.kind, a.state, a.grounds, a.opinion, a.who, moment_text(a.at) if a.at else "-")
                for a in rows
            ],
            (0.9, 1, 2.6, 2.4, 1.1, 1.5),
        )
        return None

    def timeline(self) -> None:
        w, record = self.w, self.record
        self.section("timeline")
        self.paper.table(
            (w["time"], w["what"], w["who"]),
            [(moment_text(m.at), m.what, m.who) for m in record.timeline],
            (1.6, 3.4, 2),
        )

    def rest(self, seal: Seal | None) -> bytes:
        self.evidence()
        self.attestations()
        self.reviews()
        self.assessments()
        self.recusals()
        self.appeals()
        self.timeline()
        close(self.paper, self.w, self.record.last_event, self.record.checkpoint, self.record.issued_at, seal)
        return self.paper.finish(seal)
