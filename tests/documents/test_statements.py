"""Statements and transcripts, what strangers see of them, and what becomes of them when their ground is withdrawn."""

from __future__ import annotations

import io
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pypdf import PdfReader
from sqlalchemy import select

from app.achievements.models import Achievement
from app.appeals import services as appeals
from app.conversion.models import ConversionApplication
from app.documents import doubts, statements, verification
from app.documents.models import DocumentSource, IssuedDocument
from app.kernel.actor import SYSTEM
from app.kernel.database import db
from app.kernel.errors import Conflict, Invalid
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner
from app.security import personal
from tests.support.story import Cast, log_in, post

DEGREE = "CET 4 及以上证书转2018秋法学专业学位外语"


def _text(pdf: bytes) -> str:
    return re.sub(r"\s", "", "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages))


def _issue(learner_id: int, kind: str = "transcript", **more: str) -> tuple[IssuedDocument, bytes]:
    with UnitOfWork(db.session, SYSTEM) as uow:
        return statements.issue(uow, kind, uow.session.get_one(Learner, learner_id), **more)


def _approved() -> ConversionApplication:
    query = select(ConversionApplication).where(
        ConversionApplication.state == "approved", ConversionApplication.kind == "rule"
    )
    case = db.session.scalars(query).first()
    assert case is not None
    return case


def _standing(row: IssuedDocument) -> str:
    db.session.rollback()
    return db.session.get_one(IssuedDocument, row.id, populate_existing=True).standing


def _reverse(cast: Cast, case_id: int) -> None:
    with UnitOfWork(db.session, cast.by("center")) as uow:
        key = appeals.propose_reversal(uow, case_id, "证书系伪造").id
    with UnitOfWork(db.session, cast.by("center2")) as uow:
        reversal = uow.session.get_one(appeals.Reversal, key)
        appeals.decide_reversal(uow, key, "confirm", "核实", reversal.version)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_transcript_says_what_the_learner_holds_and_a_statement_every_posting(
    demo: Flask, language: str
) -> None:
    learner = _approved().learner
    row, pdf = _issue(learner.id, language=language)
    text = _text(pdf)
    held = db.session.scalars(
        select(Achievement).where(
            Achievement.learner_id == learner.id, Achievement.state.in_(("recognised", "catalogued"))
        )
    ).all()
    masked = personal.masked(learner.person, "identity")
    title = "学分证明" if language == "zh" else "TranscriptofCredits"
    for words in (title, learner.name, masked, row.number, row.code, *(one.name for one in held)):
        assert re.sub(r"\s", "", str(words)) in text, words
    identity = personal.reveal(learner.person, "identity")
    assert identity
    assert identity not in text
    sources = db.session.scalars(
        select(DocumentSource.achievement_id).where(DocumentSource.document_id == row.id)
    )
    assert set(sources) == {one.id for one in held}
    _row, pdf = _issue(learner.id, "statement", language=language)
    assert ("学分账户对账单" if language == "zh" else "CreditStatement") in _text(pdf)


def test_a_reversal_puts_what_was_built_on_it_under_review_until_the_centre_decides(
    demo: Flask, cast: Cast
) -> None:
    case = _approved()
    transcript, _pdf = _issue(case.learner_id)
    other, _pdf = _issue(cast.learner("learner3"))
    _reverse(cast, case.id)
    assert (_standing(transcript), _standing(other)) == ("under_review", "valid")
    page = demo.test_client().get(f"/verify/{transcript.code}").text
    assert "待复核" in page
    with pytest.raises(Invalid), UnitOfWork(db.session, cast.by("center")) as uow:
        doubts.decide(uow, transcript.id, "revoke", " ")
    with UnitOfWork(db.session, cast.by("center")) as uow:
        doubts.decide(uow, transcript.id, "revoke", "所列成果已撤销")
    assert _standing(transcript) == "revoked"
    assert "已撤销" in demo.test_client().get(f"/verify/{transcript.code}").text
    with pytest.raises(Conflict), UnitOfWork(db.session, cast.by("center")) as uow:
        doubts.decide(uow, transcript.id, "stand", "再议")
    newer, pdf = _issue(case.learner_id)
    assert _standing(transcript) == "revoked"  # a newer one doesn't whitewash it
    assert case.targets[0].catalogue_item.name not in _text(pdf)
    assert _standing(newer) == "valid"


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_only_the_centre_decides_and_an_auditor_looks_on(demo: Flask, cast: Cast) -> None:
    case = _approved()
    transcript, _pdf = _issue(case.learner_id)
    _reverse(cast, case.id)
    address = f"/console/documents/doubts/{transcript.id}/decide"
    auditor = log_in(demo, "auditor")
    assert transcript.number in auditor.get("/console/documents/doubts/").text
    for who in (auditor, log_in(demo, "point"), log_in(demo, "learner")):
        assert post(who, address, {"decision": "stand", "reason": "x"}).status_code in (403, 404)
    assert _standing(transcript) == "under_review"
    center = log_in(demo, "center")
    assert post(center, address, {"decision": "stand", "reason": "不影响所列学分"}).status_code == 302
    assert _standing(transcript) == "valid"


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_strangers_see_what_the_holder_agreed_to_and_nothing_more(demo: Flask, cast: Cast) -> None:
    learner = db.session.get_one(Learner, cast.learner("learner"))
    mine = log_in(demo, "learner")
    assert (
        post(
            mine, "/me/documents/", {"kind": "transcript", "language": "zh", "disclosure": "none"}
        ).status_code
        == 302
    )
    db.session.rollback()
    row = db.session.scalars(select(IssuedDocument).where(IssuedDocument.kind == "transcript")).one()
    stranger = demo.test_client()
    names = [entry["name"] for entry in (row.said or {})["entries"]]
    assert names

    def seen() -> tuple[bool, bool, bool]:
        page = stranger.get(f"/verify/{row.code.lower()}").text
        assert personal.masked(learner.person, "identity") not in page
        assert learner.number not in page
        return (learner.name in page, f"{learner.name[0]}*" in page, all(name in page for name in names))

    assert seen() == (False, False, False)
    for disclosure, expected in (("summary", (False, True, False)), ("full", (True, False, True))):
        assert post(mine, f"/me/documents/{row.id}/disclose", {"disclosure": disclosure}).status_code == 302
        assert seen() == expected
    other = log_in(demo, "learner2")
    assert post(other, f"/me/documents/{row.id}/disclose", {"disclosure": "none"}).status_code == 404
    assert other.get(f"/me/documents/{row.id}.pdf").status_code == 404
    assert mine.get(f"/me/documents/{row.id}.pdf").data.startswith(b"%PDF-")


def _upload(client: FlaskClient, content: bytes) -> str:
    return post(client, "/verify/", {"file": (io.BytesIO(content), "paper.pdf")}).text


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_an_uploaded_file_is_ours_or_extended_or_altered_or_unknown(demo: Flask) -> None:
    row, pdf = _issue(_approved().learner_id)
    session = db.session()
    place = pdf.rindex(b"stream") - 200
    cases = {
        "ours": pdf,
        "extended": pdf + b"\n1 0 obj\n<<>>\nendobj\n%%EOF\n",
        "altered": pdf[:place] + bytes([pdf[place] ^ 1]) + pdf[place + 1 :],
        "unknown": b"%PDF-1.7\nanother paper\n%%EOF\n",
    }
    for kind, content in cases.items():
        verdict = verification.check_file(session, content)
        assert verdict.kind == kind
        assert (verdict.paper is None) == (kind == "unknown")
    stranger = demo.test_client()
    assert "未经任何改动" in _upload(stranger, pdf)
    assert "被追加了内容" in _upload(stranger, cases["extended"])
    page = _upload(stranger, cases["altered"])
    assert "请勿采信" in page
    assert str(row.number) in page
    assert "不是本学分银行出具的" in _upload(stranger, cases["unknown"])
    assert "请选择文件" in _upload(stranger, b"")


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_every_bit_that_is_flipped_is_noticed(demo: Flask) -> None:
    _row, pdf = _issue(_approved().learner_id)
    for place in range(0, len(pdf), len(pdf) // 200):
        changed = pdf[:place] + bytes([pdf[place] ^ 0x10]) + pdf[place + 1 :]
        assert verification.check_file(db.session(), changed).kind != "ours", place


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_staff_issue_for_their_own_learners_only_and_tell_others_nothing(demo: Flask, cast: Cast) -> None:
    learner = cast.learner("learner")
    address = f"/console/documents/learner/{learner}"
    order = {"kind": "transcript", "language": "en", "disclosure": "full"}
    for word, status in (("point2", 404), ("committee", 403), ("admin", 403), ("learner", 403)):
        assert post(log_in(demo, word), address, order).status_code == status, word
    point = log_in(demo, "point")
    assert post(point, address, order).status_code == 302
    db.session.rollback()
    row = db.session.scalars(select(IssuedDocument).where(IssuedDocument.kind == "transcript")).one()
    assert (row.disclosure, row.language) == ("none", "en")
    assert str(row.number) in point.get(address).text
    assert point.get(f"/console/documents/paper/{row.id}.pdf").data.startswith(b"%PDF-")
    assert log_in(demo, "point2").get(f"/console/documents/paper/{row.id}.pdf").status_code == 404
