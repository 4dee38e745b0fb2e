"""Audit sheets as an auditor, a reviewer and a stranger meet them."""

from __future__ import annotations

import io
import re
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pypdf import PdfReader
from sqlalchemy import select

from app.achievements.models import Achievement
from app.conversion.models import ConversionApplication
from app.documents import services
from app.documents.models import IssuedDocument
from app.evidence.store import store
from app.kernel.actor import SYSTEM
from app.kernel.database import db
from app.kernel.errors import Conflict, NotFound
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner
from app.recognition.models import RecognitionApplication
from app.rules.models import RuleVersion
from app.security import personal
from app.security.models import Person
from tests.support.story import log_in, post

DEGREE_LANGUAGE = "CET 4 及以上证书转2018秋法学专业学位外语"


def _text(pdf: bytes) -> str:
    """All words of a PDF without blanks, so that line breaks don't matter."""
    return re.sub(r"\s", "", "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages))


def _degree_language() -> ConversionApplication:
    """The case of spec 2.6, approved."""
    query = select(ConversionApplication).join(RuleVersion).where(RuleVersion.name == DEGREE_LANGUAGE)
    return db.session.scalars(query.where(ConversionApplication.state == "approved")).one()


def _issued() -> list[IssuedDocument]:
    """The papers as they are now, not as they were when the test first looked."""
    db.session.rollback()
    return list(db.session.scalars(select(IssuedDocument).order_by(IssuedDocument.id)))


def _draw(who: FlaskClient, kind: str, key: int, status: int = 200) -> bytes:
    answer = post(who, f"/console/documents/{kind}/{key}.pdf", {})
    assert answer.status_code == status
    return answer.data


def test_a_conversion_sheet_says_all_that_an_auditor_asks_for(demo: Flask) -> None:
    case = _degree_language()
    text = _text(_draw(log_in(demo, "auditor"), "conversion", case.id))
    learner = case.learner
    expected = [
        "学习成果转换审核表",
        learner.name,
        learner.number,
        personal.masked(learner.person, "identity"),
        case.number or "?",
        "审核通过",
        case.home_point.name,
        "广东开放大学",
        "大学英语等级考试(CET)四级及以上证书",
        case.achievements[0].certificate_number,
        "外语等级证书转学位外语",
        DEGREE_LANGUAGE,
        "学位外语0×100%=0",
        case.rule_version.digest if case.rule_version else "?",
        case.achievements[0].evidence[0].file.digest,
        "林碧莹",
        "教学点管理员",
        "认定委员会成员",
        "档案柜",
        "提交转换申请",
        "第1页共2页",
        "第2页共2页",
        "解知微",
    ]
    for words in expected:
        assert re.sub(r"\s", "", words) in text, words
    identity = personal.reveal(learner.person, "identity")
    assert identity is not None
    assert identity not in text


def test_names_with_rare_characters_can_be_copied_out_again(demo: Flask) -> None:
    query = select(ConversionApplication).join(Learner).join(Person).where(Person.name == "王𬭎喆")
    case = db.session.scalars(query).first()
    assert case is not None
    assert "王𬭎喆" in _text(_draw(log_in(demo, "auditor"), "conversion", case.id))


def test_every_case_of_every_state_can_be_printed_in_both_languages(demo: Flask) -> None:
    for kind, (model, issue) in services.SHEETS.items():
        for case in db.session.scalars(select(model)).all():
            for language, title in (("zh", "审核表"), ("en", "AuditSheet")):
                with UnitOfWork(db.session, SYSTEM) as uow:
                    _row, pdf = issue(uow, case, language)
                text = _text(pdf)
                assert title in text, (kind, case.id)
                assert (case.number or "?") in text


def test_a_new_sheet_supersedes_the_one_before(demo: Flask) -> None:
    case = _degree_language()
    auditor = log_in(demo, "auditor")
    first, second = _draw(auditor, "conversion", case.id), _draw(auditor, "conversion", case.id)
    rows = _issued()
    assert [(row.standing, row.digest) for row in rows] == [
        ("superseded", sha256(first).hexdigest()),
        ("valid", sha256(second).hexdigest()),
    ]
    assert len({row.code for row in rows} | {row.number for row in rows}) == 4
    again = auditor.get(f"/console/documents/conversion/{case.id}.pdf")
    assert again.data == second
    assert again.mimetype == "application/pdf"
    assert again.headers["Cache-Control"] == "no-store"
    assert f"/verify/{rows[1].code}" in PdfReader(io.BytesIO(second)).pages[0].extract_text() or rows[
        1
    ].code in _text(second)


def test_anyone_can_verify_and_learns_nothing_about_the_person(demo: Flask) -> None:
    case = _degree_language()
    pdf = _draw(log_in(demo, "center"), "conversion", case.id)
    (row,) = _issued()
    page = demo.test_client().get(f"/verify/{row.code}").text
    assert row.number
    for words in (row.number, sha256(pdf).hexdigest(), "有效"):
        assert words in page
    for secret in (case.learner.name, case.learner.number, case.number or "?", "学位外语"):
        assert secret not in page


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("center", 200),
        ("auditor", 200),
        ("point", 200),
        ("institution", 200),
        ("committee", 200),
        ("point2", 404),
        ("committee3", 404),
    ],
)
def test_who_may_draw_the_sheet_of_a_conversion(demo: Flask, word: str, status: int) -> None:
    _draw(log_in(demo, word), "conversion", _degree_language().id, status)


@pytest.mark.parametrize("word", ["admin", "assessor", "learner"])
def test_who_may_draw_none(demo: Flask, word: str) -> None:
    who, key = log_in(demo, word), _degree_language().id
    assert who.get(f"/console/documents/conversion/{key}.pdf").status_code == 403
    _draw(who, "conversion", key, 403)
    assert _issued() == []


def test_a_visitor_is_sent_to_log_in(demo: Flask) -> None:
    answer = demo.test_client().get(f"/console/documents/conversion/{_degree_language().id}.pdf")
    assert (answer.status_code, "/login/" in answer.headers["Location"]) == (302, True)


def test_a_committee_member_sees_no_digit_of_the_identity_number(demo: Flask) -> None:
    """Spec 1.2: to them the name only; neither on their own sheet nor on one that somebody else drew."""
    case = _degree_language()
    masked = personal.masked(case.learner.person, "identity")
    address = f"/console/documents/conversion/{case.id}.pdf"
    assert masked in _text(_draw(log_in(demo, "point"), "conversion", case.id))
    member = log_in(demo, "committee")
    assert member.get(address).status_code == 404
    own = _draw(member, "conversion", case.id)
    assert case.learner.name in _text(own)
    assert masked not in _text(own)
    assert masked[:4] + "*" not in _text(own)
    assert member.get(address).data == own


def test_nothing_is_handed_out_before_it_was_issued_and_nothing_that_does_not_exist(demo: Flask) -> None:
    auditor = log_in(demo, "auditor")
    unissued = f"conversion/{_degree_language().id}"
    for path in (unissued, "conversion/999999", f"conversion/{2**70}", "register/1"):
        assert auditor.get(f"/console/documents/{path}.pdf").status_code == 404, path


def test_a_paper_that_was_altered_in_the_store_is_not_handed_out(demo: Flask) -> None:
    case = _degree_language()
    with UnitOfWork(db.session, SYSTEM) as uow:
        row, pdf = services.issue_conversion_sheet(uow, case)
    path = store()._path(row.digest)  # type: ignore[attr-defined]
    path.chmod(0o644)
    path.write_bytes(pdf.replace(b"/Producer", b"/Producfr"))
    with pytest.raises(Conflict):
        services.read(row)


def test_a_recognition_sheet(demo: Flask) -> None:
    case = db.session.scalars(
        select(RecognitionApplication).where(RecognitionApplication.state == "refused")
    ).first()
    assert case is not None
    text = _text(_draw(log_in(demo, "auditor"), "recognition", case.id))
    for words in ("学习成果认定审核表", case.number or "?", case.achievement.name, "认定未通过", "认定轮次"):
        assert re.sub(r"\s", "", words) in text, words


def test_a_sheet_shows_the_case_as_it_was_decided_not_as_the_learner_changed_it_since(demo: Flask) -> None:
    query = select(RecognitionApplication).where(RecognitionApplication.state == "refused")
    case = db.session.scalars(query).first()
    assert case is not None
    name, file = case.achievement.name, case.achievement.evidence[0].file
    with UnitOfWork(db.session, SYSTEM) as uow:
        achievement = uow.session.get_one(Achievement, case.achievement_id)
        changed = {key: "改过的内容" if value == name else value for key, value in achievement.values.items()}
        achievement.name, achievement.values = "改过的内容", changed
        achievement.evidence.remove(achievement.evidence[0])
    text = _text(_draw(log_in(demo, "auditor"), "recognition", case.id))
    assert re.sub(r"\s", "", name) in text
    assert file.digest in text
    assert "改过的内容" not in text
    assert "作出决定时" in text


def test_a_sheet_is_sealed_and_another_reader_finds_the_seal_unbroken(demo: Flask, tmp_path: Path) -> None:
    pdf = _draw(log_in(demo, "auditor"), "conversion", _degree_language().id)
    paper = tmp_path / "sheet.pdf"
    paper.write_bytes(pdf)
    said = subprocess.run(["pdfsig", "-nocert", paper], capture_output=True, text=True, check=True).stdout
    assert "Signature is Valid" in said
    assert "Total document signed" in said
    assert "广东终身教育学分银行" in said
    place = pdf.rindex(b"<dc:title>") + 20
    paper.write_bytes(pdf[:place] + b"#" + pdf[place + 1 :])
    said = subprocess.run(["pdfsig", "-nocert", paper], capture_output=True, text=True, check=False).stdout
    assert "Signature is Valid" not in said


def test_the_command_finds_a_case_by_id_and_by_number(demo: Flask) -> None:
    case = _degree_language()
    for key in (str(case.id), case.number or "?"):
        with UnitOfWork(db.session, SYSTEM) as uow:
            row, pdf = services.report(uow, "conversion", key)
        assert row.conversion_id == case.id
        assert pdf.startswith(b"%PDF-")
    for key in ("0", "ZH-1999-000001", str(2**80), "-1", "１"):
        with pytest.raises(NotFound), UnitOfWork(db.session, SYSTEM) as uow:
            services.report(uow, "conversion", key)
