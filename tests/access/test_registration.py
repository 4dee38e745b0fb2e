"""立即注册: terms, everything on one page, checks of every field, and what is kept."""

from __future__ import annotations

from datetime import date

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.kernel.database import db
from app.learners.models import Learner
from app.security import personal
from app.security.models import Account, Consent, Person
from tests.support.access import SECRET, identity_number, last_code, messages, send, work
from tests.support.story import post, token

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
NUMBER = identity_number(date(1990, 5, 6), 217)


def filled(**changes: str) -> dict[str, object]:
    return {
        "login": "Zhangsan88", "name": "张三丰", "new": SECRET, "again": SECRET, "nationality": "CN", "ethnicity": "01",
        "gender": "male", "identity_type": "resident", "identity": NUMBER, "birth_date": "1990-05-06",
        "email": "zhang@example.org", "province": "440000", "city": "440100", "district": "440104",
        "address": "麓景西路41号", "home": "", "mobile": "13900139000", **changes,
    }  # fmt: skip


def agreed(app: Flask) -> FlaskClient:
    client = app.test_client()
    assert "请先" not in client.get("/register/").text
    assert client.get("/register/form/").headers["Location"] == "/register/"
    assert "同意服务条款后方可注册" in send(client, "/register/", {}).text
    assert send(client, "/register/", {"agree": "2026-1"}).headers["Location"] == "/register/form/"
    return client


def register(app: Flask, client: FlaskClient, **changes: str) -> str:
    """Fill everything in, with a fresh code; returns the page that answers."""
    asked = send(client, "/register/form/", {"send": "1", **filled(**changes)})
    assert asked.status_code == 200, asked.text[-3000:]
    answer = send(client, "/register/form/", filled(**changes) | {"code": last_code(app)})
    return client.get("/login/").text if answer.status_code == 302 else answer.text


def test_registration(demo: Flask) -> None:
    assert "注册信息已提交" in register(demo, agreed(demo))
    for name in ("zhangsan88", NUMBER, "13900139000"):
        client = demo.test_client()
        assert post(client, "/login/", {"username": name, "password": SECRET}).headers["Location"] == "/me/"
    account = db.session.scalars(
        select(Account).where(Account.login_index == personal.login_index("ZHANGSAN88"))
    ).one()
    person = account.person
    assert person is not None
    assert personal.reveal(person, "address") == "广东省广州市越秀区 麓景西路41号"
    assert (person.gender, person.ethnicity, person.nationality) == ("male", "01", "CN")
    consent = db.session.scalars(select(Consent).where(Consent.person_id == person.id)).one()
    assert consent.terms.edition == "2026-1"
    assert (
        db.session.scalars(select(Learner).where(Learner.person_id == person.id)).one().home_point.kind
        == "center"
    )


@SQLITE
@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("login", "1zhang", "用户名由 4 至 32 位英文字母与数字组成"),
        ("login", "learner", "该用户名已被使用"),
        ("identity", NUMBER[:17] + ("1" if NUMBER[17] != "1" else "2"), "证件号码有误|身份证号有误"),
        ("birth_date", "1990-05-07", "出生日期与"),
        ("gender", "female", "性别与"),
        ("email", "zhang@", "电子邮箱格式有误"),
        ("mobile", "02083772086", "手机号码"),
        ("district", "110101", "无效|请选择|Not a valid choice"),
        ("new", "zhangsanfeng1", "密码不能包含"),
        ("name", "<b>x</b>", "请按证件填写真实姓名"),
        ("ethnicity", "77", "Not a valid choice|无效|请选择"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(demo: Flask, field: str, value: str, words: str) -> None:
    client = agreed(demo)
    send(client, "/register/form/", {"send": "1", **filled()})
    code = last_code(demo)
    changes = {field: value} | ({"again": value} if field == "new" else {})
    answer = send(client, "/register/form/", filled(**changes) | {"code": code})
    assert answer.status_code == 422
    assert any(word in answer.text for word in words.split("|")), answer.text[-4000:]
    assert db.session.scalar(select(Person.id).where(Person.name == "张三丰")) is None


@SQLITE
def test_a_known_number_gets_the_same_answer_and_its_holder_is_told(demo: Flask) -> None:
    register(demo, agreed(demo))
    again = register(demo, agreed(demo), login="Lisi99", mobile="13900139001", email="li@example.org")
    assert "注册信息已提交" in again
    work(demo)
    assert [m["to"] for m in messages("已在学分银行登记")] == ["+8613900139000"]
    client = demo.test_client()
    assert post(client, "/login/", {"username": "Lisi99", "password": SECRET}).status_code == 401


@SQLITE
def test_a_code_is_for_one_mobile(demo: Flask) -> None:
    client = agreed(demo)
    send(client, "/register/form/", {"send": "1", **filled()})
    other = send(client, "/register/form/", filled(mobile="13900139002") | {"code": last_code(demo)})
    assert other.status_code == 422
    assert "请先为该手机号码获取验证码" in other.text


@SQLITE
def test_cascade_and_meter(demo: Flask) -> None:
    client = demo.test_client()
    assert client.get("/regions/440000").json[0] == ["440100", "广州市"]
    assert client.get("/regions/999999").json == []
    mark = token(client)
    for password, expected in (
        ("12345678", "weak"),
        ("Xk9#mQ2v", "fair"),
        (SECRET + "long enough", "strong"),
    ):
        answer = client.post("/strength/", data={"password": password, "csrf_token": mark})
        assert answer.json == {"strength": expected}, password
