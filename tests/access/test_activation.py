"""激活账号 and 找回密码, step by step as the manual shows them."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from app.kernel.database import db
from app.kernel.settings import settings
from app.learners.models import Learner
from app.security.models import VerificationCode
from tests.support.access import SECRET, last_code, messages, send, work
from tests.support.story import Cast, log_in, post

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


def imported_number() -> str:
    return (settings().data_dir / "demo-imported-identity").read_text()


def test_three_steps(demo: Flask) -> None:
    client, number = demo.test_client(), imported_number()
    assert "登录账号" not in client.get("/activate/verify/", follow_redirects=False).text
    assert send(client, "/activate/", {"identity": number}).headers["Location"] == "/activate/verify/"
    assert send(client, "/activate/verify/", {"send": "1", "channel": "sms"}).status_code == 200
    code = last_code(demo)
    assert messages("验证码是")[-1]["to"].startswith("+861380013")
    assert send(client, "/activate/verify/", {"code": code}).headers["Location"] == "/activate/password/"
    weak = send(client, "/activate/password/", {"new": "12345678", "again": "12345678"})
    assert weak.status_code == 422
    assert "密码过于简单" in weak.text
    own = f"a!{number[-6:]}xQ"
    assert "密码不能包含" in send(client, "/activate/password/", {"new": own, "again": own}).text
    done = send(client, "/activate/password/", {"new": SECRET, "again": SECRET})
    assert done.headers["Location"] == "/login/"
    assert "激活成功" in client.get("/login/").text
    inside = demo.test_client()
    assert post(inside, "/login/", {"username": number, "password": SECRET}).headers["Location"] == "/me/"
    assert inside.get("/me/").status_code == 200
    learner = db.session.scalars(select(Learner).where(Learner.number == "L0000000")).one()
    assert learner.standing == "active"
    assert learner.person.mobile_verified_at is not None


@SQLITE
def test_the_proof_works_once(demo: Flask) -> None:
    """A cookie kept from the third step sets no second password."""
    client, number = demo.test_client(), imported_number()
    send(client, "/activate/", {"identity": number})
    send(client, "/activate/verify/", {"send": "1", "channel": "email"})
    send(client, "/activate/verify/", {"code": last_code(demo)})
    kept = client.get_cookie("session")
    assert kept is not None
    send(client, "/activate/password/", {"new": SECRET, "again": SECRET})
    thief = demo.test_client()
    thief.set_cookie("session", kept.value)
    again = send(thief, "/activate/password/", {"new": "Other-secret-77!", "again": "Other-secret-77!"})
    assert again.status_code == 409


@SQLITE
def test_nobody_can_tell_whether_a_number_is_known(demo: Flask) -> None:
    pages = []
    for number in (imported_number(), "440103199001011234", "nobody"):
        client = demo.test_client()
        first = send(client, "/activate/", {"identity": number})
        second = send(client, "/activate/verify/", {"send": "1", "channel": "sms"})
        third = send(client, "/activate/verify/", {"code": "000000"})
        pages.append(
            [first.headers["Location"], second.status_code, third.status_code, "验证码不正确" in third.text]
        )
    assert pages[0] == pages[1] == pages[2]
    work(demo)
    assert len(messages("验证码是")) == 1
    assert db.session.scalars(select(VerificationCode.payload)).all() == [None] * 3


def test_recovery_ends_sessions(demo: Flask, cast: Cast) -> None:
    before = log_in(demo, "learner")
    client = demo.test_client()
    send(client, "/recover/", {"kind": "", "name": "Learner"})
    send(client, "/recover/verify/", {"send": "1", "channel": "sms"})
    send(client, "/recover/verify/", {"code": last_code(demo)})
    assert send(client, "/recover/password/", {"new": SECRET, "again": SECRET}).status_code == 302
    assert before.get("/me/").status_code == 302
    log_in(demo, "learner", SECRET)


@SQLITE
def test_unverified_mailbox_recovers_nothing(demo: Flask, cast: Cast) -> None:
    from app.kernel.actor import SYSTEM
    from app.kernel.unit_of_work import UnitOfWork
    from app.security.models import Account

    with UnitOfWork(db.session, SYSTEM) as uow:
        person = uow.session.get_one(Account, cast.account("learner")).person
        assert person is not None
        person.email_verified_at = None
    client = demo.test_client()
    send(client, "/recover/", {"kind": "", "name": "learner"})
    send(client, "/recover/verify/", {"send": "1", "channel": "email"})
    work(demo)
    assert messages("验证码是") == []
