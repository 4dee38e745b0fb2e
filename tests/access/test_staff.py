"""Invitations, second administrators, the second factor, and measures against accounts."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from datetime import date, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.access import invitations
from app.access.models import Invitation, StandingChange
from app.kernel import settings as kernel_settings
from app.kernel.actor import SYSTEM
from app.kernel.clock import today
from app.kernel.database import db
from app.kernel.errors import Conflict, Forbidden
from app.kernel.settings import settings
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner
from app.organisations.models import Organisation
from app.security import services, totp
from app.security.models import Account
from app.security.permissions import Role
from tests.support.access import SECRET, fresh, identity_number, messages, send, work
from tests.support.story import Cast, log_in, post

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


def invited(app: Flask, client: FlaskClient, role: str, login: str = "newcomer", day: int = 3) -> Invitation:
    place = {"TeachingPoint": "teaching_point"}.get(role, "center")
    fresh()
    key = db.session.scalars(select(Organisation.id).where(Organisation.kind == place)).first()
    answer = send(client, "/console/invitations/invite", {
        "login": login, "name": "新同事", "identity_type": "resident", "identity": identity_number(date(1988, 4, day), 333),
        "mobile": f"1390013900{day}", "email": f"{login}@example.org", "organisation": str(key), "department": "业务部",
        "roles": role,
    })  # fmt: skip
    assert answer.status_code == 302, re.sub(r"<[^>]+>|\s+", " ", answer.text)
    fresh()
    return db.session.scalars(select(Invitation).order_by(Invitation.id.desc())).first()  # type: ignore[return-value]


def link(app: Flask) -> str:
    work(app)
    found = re.search(r"/invited/(\S+?)[ 。]", messages("/invited/")[-1]["text"])
    assert found
    return f"/invited/{found[1]}"


def test_the_link_works_once_and_by_post(demo: Flask, cast: Cast) -> None:
    invited(demo, log_in(demo, "center"), "TeachingPoint")
    address, client = link(demo), demo.test_client()
    assert client.get(address).status_code == client.get(address).status_code == 200
    assert send(client, address, {"new": "short", "again": "short"}).status_code == 422
    assert send(client, address, {"new": SECRET, "again": SECRET}).status_code == 302
    assert client.get(address).status_code == 404
    assert (
        post(demo.test_client(), "/login/", {"username": "newcomer", "password": SECRET}).headers["Location"]
        == "/console/"
    )


@SQLITE
def test_an_old_link_is_dead_and_renewed(demo: Flask, cast: Cast) -> None:
    center = log_in(demo, "center")
    row = invited(demo, center, "TeachingPoint")
    first = link(demo)
    post(center, f"/console/invitations/{row.id}/renew", {})
    assert demo.test_client().get(first).status_code == 404
    assert demo.test_client().get(link(demo)).status_code == 200


def test_powerful_roles_wait_for_a_second_administrator(demo: Flask, cast: Cast) -> None:
    admin = log_in(demo, "admin")
    row = invited(demo, admin, "Auditor")
    work(demo)
    assert messages("/invited/") == []
    assert db.session.get_one(Account, row.account_id).roles == []
    post(admin, f"/console/invitations/{row.id}/approve", {})  # the one who asked
    fresh()
    assert db.session.get_one(Invitation, row.id).approved_at is None
    other = invited(demo, log_in(demo, "center"), "Center", "another", 4)
    post(admin, f"/console/invitations/{other.id}/approve", {})
    client = demo.test_client()
    assert send(client, link(demo), {"new": SECRET, "again": SECRET}).status_code == 302
    fresh()
    assert {role.name for role in db.session.get_one(Account, other.account_id).roles} == {"Center"}


@SQLITE
def test_an_administrator_alone_hands_out_no_powerful_role(demo: Flask, cast: Cast) -> None:
    admin, key = log_in(demo, "admin"), cast.account("point")
    page = admin.get(f"/console/records/account/{key}/edit")
    roles = {
        label: value for value, label in re.findall(r'<option[^>]*value="(\d+)"[^>]*>([^<]+)<', page.text)
    }
    assert page.status_code == 200
    assert roles or "roles" in page.text
    with UnitOfWork(db.session, cast.by("admin")) as uow:
        row = invitations.ask_roles(uow, uow.session.get_one(Account, key), (Role.AUDITOR,), "更换岗位")
        assert invitations.waits(row)
        with pytest.raises(Forbidden):
            invitations.approve(uow, row)
    assert "Auditor" not in {role.name for role in db.session.get_one(Account, key).roles}


def test_bootstrap_only_while_there_is_no_administrator(app: Flask) -> None:
    runner = app.test_cli_runner()
    options = ["user", "invite", "--bootstrap", "--login", "first", "--name", "秦朗", "--identity",
               identity_number(date(1980, 1, 2), 111), "--mobile", "13900139007", "--email", "first@example.org"]  # fmt: skip
    made = runner.invoke(args=options)
    assert made.exit_code == 0, made.output
    address = re.search(r"/invited/\S+", made.output)
    assert address
    client = app.test_client()
    assert send(client, address[0], {"new": SECRET, "again": SECRET}).status_code == 302
    again = runner.invoke(args=[*options[:4], "second", *options[5:]])
    assert again.exit_code == 1
    assert "administrator already" in again.output


@SQLITE
def test_second_factor_and_recovery_codes(demo: Flask, cast: Cast) -> None:
    client = log_in(demo, "center")
    secret = re.search(r"cb-mono[^>]*>([A-Z2-7]{32})<", client.get("/safety/factor").text)
    assert secret
    present = int(time.time()) // totp.STEP
    shown = send(client, "/safety/factor", {"code": totp.code_at(secret[1], present)})
    recovery = re.findall(r"<li>([0-9a-f]{6}-[0-9a-f]{6})</li>", shown.text)
    assert len(recovery) == 10
    entry = demo.test_client()
    first = post(entry, "/login/", {"username": "center", "password": "Demo-center-2026"})
    assert first.headers["Location"] == "/login/code/"
    assert entry.get("/console/").status_code == 302
    stale = send(entry, "/login/code/", {"code": totp.code_at(secret[1], present)})
    assert stale.status_code == 401, "a code that was used works no second time"
    assert send(entry, "/login/code/", {"code": recovery[0]}).headers["Location"] == "/console/"
    again = demo.test_client()
    post(again, "/login/", {"username": "center", "password": "Demo-center-2026"})
    assert send(again, "/login/code/", {"code": recovery[0]}).status_code == 401
    for _ in range(4):
        send(again, "/login/code/", {"code": "000000"})
    assert send(again, "/login/code/", {"code": recovery[1]}).status_code == 429


@SQLITE
def test_staff_set_a_second_factor_up_and_give_it_again(
    demo: Flask, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel_settings, "_current", replace(settings(), require_totp=True))
    client = log_in(demo, "center")
    assert client.get("/console/").headers["Location"] == "/safety/factor"
    secret = re.search(r"cb-mono[^>]*>([A-Z2-7]{32})<", client.get("/safety/factor").text)
    assert secret
    present = int(time.time()) // totp.STEP
    send(client, "/safety/factor", {"code": totp.code_at(secret[1], present - 1)})
    assert client.get("/console/").status_code == 200
    address = f"/console/records/learner/{cast.learner('learner')}/reveal"
    assert client.get(address).status_code == 200
    monkeypatch.setattr(
        kernel_settings, "_current", replace(settings(), policies=replace(settings().policies, fresh=0))
    )
    assert client.get(address).headers["Location"].startswith("/login/again/")
    asked = post(client, address, {"part": "mobile", "purpose": "核对身份"})
    assert asked.status_code == 403
    assert 'name="purpose" value="核对身份"' in asked.text
    wrong = post(client, address, {"part": "mobile", "purpose": "核对身份", "factor_code": "000000"})
    assert "+861380013" not in wrong.text
    right = post(
        client,
        address,
        {"part": "mobile", "purpose": "核对身份", "factor_code": totp.code_at(secret[1], present)},
    )
    assert "+861380013" in right.text
    assert log_in(demo, "learner").get("/me/").status_code == 200


def test_measures_hold_at_once_and_are_told(demo: Flask, cast: Cast) -> None:
    learner, center = log_in(demo, "learner"), log_in(demo, "center")
    address = f"/console/records/learner/{cast.learner('learner')}/standing"
    assert center.get(address).status_code == 200
    assert log_in(demo, "point").get(address).status_code == 403
    assert post(center, address, {"after": "suspended", "reason": ""}).status_code == 422
    assert post(center, address, {"after": "suspended", "reason": "提交虚假材料"}).status_code == 302
    assert learner.get("/me/").status_code == 302, "sessions end"
    learner = log_in(demo, "learner")
    assert "提交虚假材料" in learner.get("/me/profile/").text
    assert post(learner, "/me/recognition/submit", {}).status_code == 403
    work(demo)
    assert (
        "暂停使用" in messages("提交虚假材料")[-1]["text"] or "已暂停" in messages("提交虚假材料")[-1]["text"]
    )
    post(center, address, {"after": "closed", "reason": "冒用他人信息"})
    answer = post(demo.test_client(), "/login/", {"username": "learner", "password": "Demo-learner-2026"})
    assert answer.status_code == 401
    post(center, address, {"after": "active", "reason": "申诉成立，恢复"})
    log_in(demo, "learner")
    until = (today() + timedelta(days=10)).isoformat()
    assert (
        post(center, address, {"after": "correction", "reason": "头像不当", "until": until}).status_code
        == 302
    )
    fresh()
    assert len(db.session.scalars(select(StandingChange)).all()) == 4


@SQLITE
def test_who_deactivates_ends_sessions(demo: Flask, cast: Cast) -> None:
    point = log_in(demo, "point")
    with UnitOfWork(db.session, SYSTEM) as uow:
        account = uow.session.get_one(Account, cast.account("point"))
        account.active = False
        services.end_sessions(uow, account)
    assert point.get("/console/").status_code == 302
    answer = post(demo.test_client(), "/login/", {"username": "point", "password": "Demo-point-2026"})
    assert answer.status_code == 401


@SQLITE
def test_the_host_stands_in_for_a_second_administrator(demo: Flask, cast: Cast) -> None:
    row = invited(demo, log_in(demo, "admin"), "Auditor")
    done = demo.test_cli_runner().invoke(args=["user", "approve", str(row.id)])
    assert done.exit_code == 0, done.output
    assert link(demo)
    with UnitOfWork(db.session, SYSTEM) as uow, pytest.raises(Conflict):
        invitations.operator_approves(uow, uow.session.get_one(Invitation, row.id))
    assert db.session.scalar(select(Learner.id).limit(1))
