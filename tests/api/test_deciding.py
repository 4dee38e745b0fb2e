"""Writing: decisions by the services of the desks, once per idempotency key, within the rate."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from app.api import services
from app.api.models import AccessKey, ApiAnswer
from app.catalogue.models import CatalogueItem
from app.conversion.models import ConversionApplication
from app.kernel.clock import now, today
from app.kernel.database import db
from app.kernel.unit_of_work import UnitOfWork
from app.recognition.models import RecognitionApplication
from app.review.models import Recusal, Review
from tests.api.conftest import Program, Programs
from tests.support.story import Cast

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
SEEN = {
    "original": "证书原件",
    "place": "教学点",
    "seen_on": str(today()),
    "pages": 1,
    "copy_kept_at": "档案柜",
    "keep_until": str(today() + timedelta(days=400)),
}


def _waiting(program: Program, kind: str, state: str) -> dict[str, Any]:
    rows = program.get(f"/{kind}?state={state}").json["items"]  # type: ignore[index]
    assert rows
    found: dict[str, Any] = program.get(f"/{kind}/{rows[0]['id']}").json  # type: ignore[assignment]
    return found


def _decide(program: Program, kind: str, case: dict[str, Any], **more: Any) -> TestResponse:
    body = {"decision": "agree", "opinion": "材料齐全，同意。", "version": case["version"], **more}
    return program.post(f"/{kind}/{case['id']}/decisions", body)


def _count(model: type[Any], *conditions: Any) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model).where(*conditions)) or 0


def test_a_conversion_is_attested_and_decided_as_at_the_desk(demo: Flask, program: Programs) -> None:
    point, committee = program("point"), program("committee")
    case = _waiting(point, "conversions", "initial_review")
    if not case["attestations"]:
        refused = _decide(point, "conversions", case)
        assert (refused.status_code, refused.json["code"]) == (422, "not_attested")  # type: ignore[index]
        seen = point.post(f"/conversions/{case['id']}/attestations", SEEN)
        assert seen.status_code == 201, seen.text
        case = seen.json  # type: ignore[assignment]
        assert case["attestations"][0]["original"] == "证书原件"
    answer = _decide(point, "conversions", case)
    assert answer.status_code == 201, answer.text
    decided: dict[str, Any] = answer.json  # type: ignore[assignment]
    assert decided["state"] == "final_review"
    assert decided["decisions"][-1]["stage"] == "initial"
    late = _decide(point, "conversions", case)
    assert late.status_code in (403, 409)
    # the committee decides finally, by the same table
    case = _waiting(committee, "conversions", "final_review")
    answer = _decide(committee, "conversions", case)
    assert answer.status_code in (201, 409, 422), answer.text
    assert _count(Review, Review.conversion_id == decided["id"], Review.stage == "initial") == 1


@SQLITE
def test_a_recognition_is_decided_with_credits(program: Programs) -> None:
    center = program("center")
    case = _waiting(center, "recognitions", "submitted")
    seen = center.post(f"/recognitions/{case['id']}/attestations", SEEN)
    answer = _decide(center, "recognitions", seen.json, credits="2.5")  # type: ignore[arg-type]
    assert answer.status_code == 201, answer.text
    assert answer.json["state"] == "recognised"  # type: ignore[index]
    row = db.session.get_one(RecognitionApplication, case["id"])
    assert row.achievement.credits in (250, None)


@SQLITE
def test_stale_versions_and_bad_bodies_change_nothing(program: Programs) -> None:
    center = program("center")
    case = _waiting(center, "recognitions", "submitted")
    path = f"/recognitions/{case['id']}/decisions"
    before = _count(Review)
    stale = {**case, "version": case["version"] + 1}
    assert _decide(center, "recognitions", stale, decision="refuse").status_code == 409
    for body in (
        {},
        [],
        None,
        {"decision": "maybe", "opinion": "x", "version": 1},
        {"decision": "agree", "opinion": "x", "version": 1.5},
        {"decision": "agree", "opinion": "x", "version": "1"},
        {"decision": "agree", "opinion": "\0", "version": 1},
        {"decision": "agree", "opinion": "\ud800", "version": 1},
        {"decision": "agree", "opinion": "x", "version": 1, "state": "recognised"},
    ):
        answer = center.post(path, body)
        assert answer.status_code == 422, body
        assert answer.json["errors"]  # type: ignore[index]
    for data, kind, status in (
        ("{", "application/json", 400),
        ("[" * 20000, "application/json", 400),
        ('{"version": NaN}', "application/json", 400),
        ("decision=agree", "application/x-www-form-urlencoded", 415),
        ('"' + "x" * 300_000 + '"', "application/json", 413),
    ):
        headers = {"Idempotency-Key": "bad-bodies"}
        answer = center._send("POST", path, data=data, content_type=kind, headers=headers)
        assert answer.status_code == status, (data[:20], answer.text)
    assert center._send("POST", path, data="{}").status_code in (400, 422)
    assert _count(Review) == before
    assert _count(ApiAnswer) == 0


def test_the_same_request_sent_again_is_one_decision(demo: Flask, program: Programs) -> None:
    center = program("center")
    case = _waiting(center, "recognitions", "submitted")
    body = {"decision": "refuse", "opinion": "证书无法辨认。", "version": case["version"]}
    path = f"/recognitions/{case['id']}/decisions"
    answers: list[TestResponse] = []

    def send() -> None:
        answers.append(center.post(path, body, key="the-very-same"))

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert sum("Idempotency-Replayed" in answer.headers for answer in answers) == 5
    assert _count(Review, Review.recognition_id == case["id"], Review.stage == "recognition") == 1
    # the control: another key is another request, and comes too late
    assert center.post(path, body, key="another-key").status_code in (403, 409)
    other = center.post(path, {**body, "opinion": "别的意见。"}, key="the-very-same")
    assert (other.status_code, other.json["code"]) == (422, "idempotency_key_reused")  # type: ignore[index]


@SQLITE
def test_answers_are_forgotten_after_a_week(program: Programs, cast: Cast) -> None:
    center = program("center")
    case = _waiting(center, "recognitions", "submitted")
    _decide(center, "recognitions", case, decision="refuse")
    row = db.session.scalars(select(ApiAnswer)).one()
    with UnitOfWork(db.session, cast.by("admin")) as uow:
        assert services.forget_old(uow) == 0
        uow.session.get_one(ApiAnswer, row.id).created_at = now() - timedelta(days=8)
        uow.flush()
        assert services.forget_old(uow) == 1


@SQLITE
def test_whoever_must_keep_out_is_blocked_here_too(program: Programs, cast: Cast) -> None:
    """A member of the centre who decided at the point's stage may not decide on the appeal's round by the API."""
    center = program("center")
    case = _waiting(center, "recognitions", "submitted")
    row = db.session.get_one(RecognitionApplication, case["id"])
    person = row.learner.person_id
    db.session.rollback()
    from sqlalchemy import update

    from app.security.models import Account

    with db.engine.connect().execution_options(writes=True) as connection, connection.begin():
        connection.execute(
            update(Account).where(Account.id == cast.account("center")).values(person_id=person)
        )
    answer = _decide(center, "recognitions", case, decision="refuse")
    assert (answer.status_code, answer.json["code"]) == (403, "recusal")  # type: ignore[index]
    assert _count(Recusal, Recusal.recognition_id == case["id"], Recusal.blocked) == 1


def test_the_rate_is_one_over_all_processes(demo: Flask, program: Programs) -> None:
    """Counted in the database: twelve threads with sessions of their own share one allowance."""
    program("point")
    key = db.session.scalars(select(AccessKey.id)).one()
    db.session.rollback()
    let_through: list[int] = []

    def call() -> None:
        for _ in range(5):
            try:
                let_through.append(services.take(db.engine, f"key:{key}", 30).remaining)
            except services.TooMany:
                continue

    with demo.app_context():
        engine_threads = []
        for _ in range(12):
            context = demo.app_context()

            def run(context: Any = context) -> None:
                with context:
                    call()

            engine_threads.append(threading.Thread(target=run))
        for thread in engine_threads:
            thread.start()
        for thread in engine_threads:
            thread.join()
    assert sorted(let_through) == list(range(30))


@SQLITE
def test_beyond_the_rate_the_answer_is_429(house: Any, program: Programs) -> None:
    from dataclasses import replace

    from app.kernel import settings as kernel_settings

    kernel_settings.use(replace(kernel_settings.settings(), api_rate=3))
    mine = program("point")
    answers = [mine.get("/caller") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert answers[0].headers["RateLimit-Remaining"] == "2"
    assert answers[-1].headers["Retry-After"]
    nobody = Program(house.app, "cbk_00000000_guess")
    assert [nobody.get("/caller").status_code for _ in range(4)] == [401, 401, 401, 429]


def test_an_institution_adds_to_its_own_catalogue_only(demo: Flask, program: Programs, cast: Cast) -> None:
    mine = program("institution")
    own = cast.by("institution").organisation_id
    body = {
        "category": "course",
        "organisation": own,
        "name": "数据库原理",
        "code": "30771",
        "credits": "3.5",
    }
    answer = mine.post("/catalogue/items", body)
    assert answer.status_code == 201, answer.text
    assert answer.json["credits"] == "3.5"  # type: ignore[index]
    again = mine.post("/catalogue/items", body)
    assert answer.json == mine.get(f"/catalogue/items/{answer.json['id']}").json  # type: ignore[index]
    assert again.status_code in (201, 422)  # SQL takes two empty programmes for different
    other = db.session.scalars(
        select(CatalogueItem.organisation_id).where(CatalogueItem.organisation_id != own)
    ).first()
    foreign = mine.post("/catalogue/items", {**body, "organisation": other, "name": "别人的课程"})
    assert foreign.status_code == 403
    assert _count(CatalogueItem, CatalogueItem.name == "别人的课程") == 0
    assert mine.post("/catalogue/items", {**body, "category": "nothing"}).status_code == 404
    assert _count(ConversionApplication)
