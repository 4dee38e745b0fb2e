"""What people do with their own account: contacts, particulars, sessions, a copy of everything, closing it."""

from __future__ import annotations

import io
import json
import sqlite3
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from PIL import Image
from sqlalchemy import func, select

from app.access import closing, profile
from app.access.models import Closure, Correction
from app.audit.verification import verify, verify_records
from app.conversion.models import ConsumptionHold
from app.evidence.models import EvidenceFile
from app.evidence.store import store
from app.kernel import settings as kernel_settings
from app.kernel.actor import SYSTEM
from app.kernel.database import db
from app.kernel.settings import settings
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner
from app.recognition.models import RecognitionApplication
from app.security import personal
from app.security.models import Account, Person, PersonKey, UserSession
from tests.support.access import fresh, last_code, messages, send, work
from tests.support.story import Cast, log_in, post

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


def picture(colour: str = "navy") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (600, 300), colour).save(out, "PNG")
    return out.getvalue()


def person_of(cast: Cast, word: str) -> Person:
    fresh()
    return db.session.get_one(Learner, cast.learner(word)).person


def test_a_new_mobile_is_proved_and_the_old_one_told(demo: Flask, cast: Cast) -> None:
    client = log_in(demo, "learner")
    old = personal.reveal(person_of(cast, "learner"), "mobile")
    asked = {"send": "1", "channel": "sms", "address": "13912340001"}
    assert send(client, "/contact/", asked | {"password": "wrong"}).status_code == 422
    assert send(client, "/contact/", asked | {"password": "Demo-learner-2026"}).status_code == 200
    code = last_code(demo)
    assert messages("验证码是")[-1]["to"] == "+8613912340001"
    assert send(client, "/contact/", {"code": code}).status_code == 302
    assert personal.reveal(person_of(cast, "learner"), "mobile") == "+8613912340001"
    work(demo)
    told = messages("已变更为")[-1]
    assert told["to"] == old
    assert "139****0001" in told["text"]
    assert "13912340001" not in told["text"]


@SQLITE
def test_own_sessions_are_listed_and_ended(demo: Flask, cast: Cast) -> None:
    here, there = log_in(demo, "learner"), log_in(demo, "learner")
    foreign = log_in(demo, "learner2")
    page = here.get("/safety/")
    assert page.text.count('name="session"') >= 2
    fresh()
    foreign_key = db.session.scalars(
        select(UserSession.id).where(UserSession.user_id == cast.account("learner2"))
    ).one()
    post(here, "/safety/end", {"session": str(foreign_key)})
    assert foreign.get("/me/").status_code == 200, "nobody ends others' sessions"
    post(here, "/safety/end", {"session": "others"})
    assert there.get("/me/").status_code == 302
    assert here.get("/me/").status_code == 200


@SQLITE
def test_particulars_and_a_correction_under_review(demo: Flask, cast: Cast) -> None:
    client = log_in(demo, "learner")
    assert client.get("/me/profile/").status_code == 200
    post(client, "/me/profile/introduction", {"introduction": "爱读书"})
    post(client, "/me/profile/picture", {"picture": (io.BytesIO(picture()), "me.png")})
    assert client.get("/me/profile/photo").mimetype == "image/jpeg"
    place = {"province": "440000", "city": "440100", "district": "440104", "address": "麓景西路41号"}
    assert post(client, "/me/profile/address", place).status_code == 302
    asked = {
        "part": "name",
        "value": "曾炫雲",
        "reason": "名字写错了",
        "file": (io.BytesIO(picture()), "id.png"),
    }
    assert post(client, "/me/profile/correct", asked).status_code == 302
    assert (
        post(
            client, "/me/profile/correct", {"part": "name", "value": "曾", "reason": "名字写错了"}
        ).status_code
        == 422
    )
    fresh()
    row = db.session.scalars(select(Correction)).one()
    assert "曾炫雲".encode() not in row.sealed
    assert log_in(demo, "point2").get("/console/corrections/").text.count("曾炫雲") == 0
    point = log_in(demo, "point")
    assert "曾炫雲" in point.get("/console/corrections/").text
    assert (
        post(
            log_in(demo, "point2"), f"/console/corrections/{row.id}/decide", {"decision": "accept"}
        ).status_code
        == 404
    )
    assert post(point, f"/console/corrections/{row.id}/decide", {"decision": "accept"}).status_code == 302
    assert person_of(cast, "learner").name == "曾炫雲"
    work(demo)
    assert messages("更正申请已处理")


@SQLITE
def test_a_copy_of_everything(demo: Flask, cast: Cast) -> None:
    answer = post(log_in(demo, "learner"), "/me/profile/copy", {})
    assert answer.mimetype == "application/zip"
    archive = zipfile.ZipFile(io.BytesIO(answer.data))
    data = json.loads(archive.read("data.json"))
    assert data["person"]["mobile"].startswith("+861380013")
    assert data["achievements"]
    assert data["conversions"]
    assert len([name for name in archive.namelist() if name.startswith("files/")]) == len(data["files"])


def close(demo: Flask, cast: Cast, monkeypatch: pytest.MonkeyPatch, word: str = "learner") -> None:
    monkeypatch.setattr(closing, "under_way", lambda *_: False)
    client = log_in(demo, word)
    assert post(client, "/me/profile/close", {"password": f"Demo-{word}-2026"}).status_code == 422
    wrong = post(client, "/me/profile/close", {"sure": "1", "password": "wrong"})
    assert wrong.status_code == 422
    done = post(client, "/me/profile/close", {"sure": "1", "password": f"Demo-{word}-2026"})
    assert done.status_code == 302, done.text[-2000:]


@SQLITE
def test_nothing_is_closed_while_something_is_being_decided(demo: Flask, cast: Cast) -> None:
    assert closing.under_way(db.session(), cast.learner("learner"))
    client = log_in(demo, "learner")
    answer = post(client, "/me/profile/close", {"sure": "1", "password": "Demo-learner-2026"})
    assert answer.status_code == 409
    assert person_of(cast, "learner").erased_at is None


def test_closing_erases_and_keeps(demo: Flask, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    before = person_of(cast, "learner")
    seal, number = before.holder_seal, personal.reveal(before, "identity")
    holds = db.session.scalar(
        select(func.count(ConsumptionHold.id)).where(ConsumptionHold.holder_seal == seal)
    )
    files = db.session.scalars(
        select(EvidenceFile.digest).where(EvidenceFile.learner_id == cast.learner("learner"))
    ).all()
    others = set(
        db.session.scalars(
            select(EvidenceFile.digest).where(EvidenceFile.learner_id != cast.learner("learner"))
        )
    )
    assert holds
    assert set(files) - others
    close(demo, cast, monkeypatch)
    person = person_of(cast, "learner")
    assert person.name == "已注销用户"
    assert person.erased_at is not None
    assert db.session.get(PersonKey, person.id) is None
    assert [getattr(person, f"{part}_sealed") for part in personal.PARTS] == [None] * 5
    assert person.holder_seal == seal, "bars spending twice"
    assert (
        db.session.scalar(select(func.count(ConsumptionHold.id)).where(ConsumptionHold.holder_seal == seal))
        == holds
    )
    assert [store().has(digest) for digest in set(files) - others] == [False] * len(set(files) - others)
    assert all(store().has(digest) for digest in others)
    assert verify(db.session(), None).flaw is None
    assert verify_records(db.session()).flaw is None
    assert db.session.get_one(Account, cast.account("learner")).password is None
    for name in ("learner", number or ""):
        answer = post(demo.test_client(), "/login/", {"username": name, "password": "Demo-learner-2026"})
        assert answer.status_code == 401
    again = personal.new_person("曾炫云", identity_type="resident", identity=number)
    assert again.holder_seal == seal, "the same document is the same holder, also with a new account"


def test_a_restored_backup_stays_closed(
    demo: Flask, cast: Cast, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    runner, folder = demo.test_cli_runner(), tmp_path / "backup"
    made = runner.invoke(args=["backup", str(folder)])
    assert made.exit_code == 0, made.output
    if (folder / "data/database.db").exists():
        copy = sqlite3.connect(folder / "data/database.db")
        assert copy.execute("SELECT count(*) FROM person_key").fetchone() == (0,)
        copy.close()
    uid = person_of(cast, "learner").uid
    close(demo, cast, monkeypatch)
    with UnitOfWork(
        db.session, SYSTEM
    ) as uow:  # the database is lost with its own list: the file beside it remains
        assert uow.session.scalar(select(Closure.id).where(Closure.person_uid == uid)) is not None
    done = runner.invoke(args=["restore", str(folder), "--yes"])
    assert done.exit_code == 0, done.output
    assert "1 accounts closed again; the audit trail is whole" in done.output
    person = person_of(cast, "learner")
    assert person.erased_at is not None
    assert personal.reveal(person, "identity") is None
    assert db.session.get(PersonKey, person.id) is None
    assert personal.reveal(person_of(cast, "learner2"), "mobile"), "others' keys are back"
    assert db.session.scalar(select(RecognitionApplication.id).limit(1))
    (settings().data_dir / "closures.jsonl").unlink()


def test_keys_are_rotated(demo: Flask, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = (*settings().data_keys, b"n" * 32)
    monkeypatch.setattr(kernel_settings, "_current", replace(settings(), data_keys=keys))
    before = db.session.get_one(PersonKey, person_of(cast, "learner").id).wrapped
    done = demo.test_cli_runner().invoke(args=["keys", "rotate"])
    assert done.exit_code == 0, done.output
    fresh()
    assert {row[0] for row in db.session.scalars(select(PersonKey.wrapped))} == {1}
    assert before[0] == 0
    monkeypatch.setattr(kernel_settings, "_current", replace(settings(), data_keys=(keys[0], b"n" * 32)))
    assert personal.reveal(person_of(cast, "learner"), "mobile")
    again = demo.test_cli_runner().invoke(args=["keys", "rotate"])
    assert "0 of" in again.output
    assert verify(db.session(), None).flaw is None
    assert verify_records(db.session()).flaw is None
    assert profile.ACCEPTED.code == "accepted"


def test_whoever_finds_a_session_open_cannot_go_on_guessing_the_password(demo: Flask) -> None:
    """The present password, asked for by 修改密码, contacts and closing, is counted in one place for all of them."""
    client = log_in(demo, "learner")
    form = {"new": "很长的一句新密码 2026", "again": "很长的一句新密码 2026"}
    for turn in range(5):
        assert post(client, "/password/", {"old": f"guess {turn}", **form}).status_code == 422
    closing = post(client, "/me/profile/close", {"sure": "1", "password": "Demo-learner-2026"})
    assert closing.status_code == 429
    assert "分钟" in closing.text
    assert post(client, "/password/", {"old": "Demo-learner-2026", **form}).status_code == 429
    log_in(demo, "learner")  # logging in has a count of its own: nobody locks another out this way
