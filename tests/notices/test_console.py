"""The outbox and the templates, as the centre sees them."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select, update

from app.kernel.actor import SYSTEM
from app.kernel.database import db
from app.kernel.unit_of_work import UnitOfWork
from app.notices import services
from app.notices.models import Notice, NoticeTemplate
from tests.notices.conftest import MakePerson, Reader

OUTBOX, TEMPLATES = "/console/records/notice/", "/console/records/notice-template/"


@pytest.fixture
def center(app: Flask, make_person: MakePerson) -> Reader:
    return Reader(app, make_person(), "Center")


def template(code: str) -> NoticeTemplate:
    db.session.rollback()
    statement = select(NoticeTemplate).where(NoticeTemplate.code == code)
    return db.session.scalars(statement.execution_options(populate_existing=True)).one()


def sms(make_person: MakePerson, state: str, **options: object) -> int:
    """A posted SMS in this state."""
    person = make_person()
    with UnitOfWork(db.session, SYSTEM) as uow:
        rows = services.post(uow, "recognised", person.id, variables={"source": "密码学"}, **options)  # type: ignore[arg-type]
        key = next(row.id for row in rows if row.channel == "sms")
        uow.session.execute(update(Notice).where(Notice.id == key).values(state=state, error="SMTP 550"))
    return key


class TestOutbox:
    def test_list_and_filters(self, center: Reader, make_person: MakePerson) -> None:
        sms(make_person, "failed")
        page = center.get(OUTBOX)
        assert "学习成果认定通过" in page
        assert "发送失败" in page
        assert "陈喆" in page
        assert "学习成果认定通过" in center.get(f"{OUTBOX}?state=failed&channel=sms&person.name=陈")
        assert "学习成果认定通过" not in center.get(f"{OUTBOX}?state=sent&channel=sms")

    def test_secret_is_dots(self, center: Reader, make_person: MakePerson) -> None:
        person = make_person()
        with UnitOfWork(db.session, SYSTEM) as uow:
            key = services.post(uow, "code", person.id, variables={"minutes": 10}, secret={"code": "493817"})[
                0
            ].id
        page = center.get(f"{OUTBOX}{key}")
        assert "••••••" in page
        assert "493817" not in page
        assert "13800001234" not in page

    def test_resend_makes_a_copy(self, center: Reader, make_person: MakePerson) -> None:
        key = sms(make_person, "failed")
        center.post(f"{OUTBOX}{key}", f"{OUTBOX}resend", rowid=str(key), confirmed="1")
        db.session.rollback()
        states = [
            row.state
            for row in db.session.scalars(select(Notice).where(Notice.channel == "sms").order_by(Notice.id))
        ]
        assert states == ["failed", "pending"]
        center.post(f"{OUTBOX}{key}", f"{OUTBOX}resend", rowid=str(key), confirmed="1")
        assert "已经重发过" in center.get(f"{OUTBOX}{key}")

    def test_nothing_to_resend_while_on_its_way(self, center: Reader, make_person: MakePerson) -> None:
        key = sms(make_person, "pending")
        assert "resend" not in center.get(f"{OUTBOX}{key}")
        center.post(f"{OUTBOX}{key}", f"{OUTBOX}resend", rowid=str(key), confirmed="1")
        db.session.rollback()
        assert len(db.session.scalars(select(Notice).where(Notice.channel == "sms")).all()) == 1

    @pytest.mark.parametrize("role", ["TeachingPoint", "Committee", "Institution", "Admin", "Learner"])
    def test_others_stay_outside(self, app: Flask, make_person: MakePerson, role: str) -> None:
        key = sms(make_person, "failed")
        reader = Reader(app, make_person(), role)
        reader.get(OUTBOX, status=403)
        reader.get(f"{OUTBOX}{key}", status=403)
        reader.get(TEMPLATES, status=403)

    def test_auditor_reads_only(self, app: Flask, make_person: MakePerson) -> None:
        key = sms(make_person, "failed")
        auditor = Reader(app, make_person(), "Auditor")
        assert "resend" not in auditor.get(f"{OUTBOX}{key}")
        auditor.post(OUTBOX, f"{OUTBOX}resend", status=403, rowid=str(key), confirmed="1")


class TestTemplates:
    def test_page_with_a_preview(self, center: Reader) -> None:
        page = center.get(f"{TEMPLATES}{template('initial_passed').id}")
        assert (
            "您申请的 大学英语等级考试(CET)四级及以上证书 学习成果转换 学位外语 学习成果已经初审通过" in page
        )
        assert "has passed the initial review" in page

    def test_edit(self, center: Reader) -> None:
        row = template("lapsed")
        edit = f"{TEMPLATES}{row.id}/edit"
        words = {"name": row.name, "subject_zh": row.subject_zh, "subject_en": row.subject_en}
        words |= {"body_en": row.body_en, "by_sms": "y", "version": str(row.version)}
        refused = center.post(edit, edit, status=422, body_zh="您的 {source.__class__} 已失效", **words)
        assert "不是简单变量" in refused.get_data(as_text=True)
        assert "您的 {source.__class__} 已失效" in refused.get_data(as_text=True), "what was typed stays"
        center.post(edit, edit, status=422, body_zh="您的 {target} 已失效", **words)
        center.post(edit, edit, body_zh="您的 {source} 已失效。", **words)
        assert template("lapsed").body_zh == "您的 {source} 已失效。"
        assert not template("lapsed").by_email

    def test_variables_are_not_for_editing(self, center: Reader) -> None:
        row = template("lapsed")
        page = center.get(f"{TEMPLATES}{row.id}/edit")
        assert 'name="variables"' not in page
        assert 'name="code"' not in page
        center.get(f"{TEMPLATES}add", status=404)
        center.get(f"{TEMPLATES}{row.id}/delete", status=404)
