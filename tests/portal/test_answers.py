"""在线解答: whoever asked is told of the answer, once."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from app.kernel.database import db
from app.kernel.unit_of_work import UnitOfWork
from app.notices.models import Notice
from app.portal import services
from tests.support.story import Cast, log_in, post


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_asker_is_told_once(demo: Flask, cast: Cast) -> None:
    with UnitOfWork(db.session, cast.by("learner")) as uow:
        key = services.ask(uow, "外省的课程成绩可以认定吗？", True).id
    client = log_in(demo, "center")
    for answer in ("可以，请提交成绩单。", "可以，请提交盖章的成绩单。"):
        version = client.get(f"/console/records/question/{key}/edit").text.partition('name="version"')[2]
        form = {
            "answer": answer,
            "topic": "认定",
            "version": version.partition('value="')[2].partition('"')[0],
        }
        done = post(client, f"/console/records/question/{key}/edit", dict(form))
        assert done.status_code == 302, done.text[-1500:]
    db.session.rollback()
    told = select(Notice).where(Notice.template_code == "question_answered", Notice.channel == "in_app")
    rows = db.session.scalars(told).all()
    assert len(rows) == 1
    assert "外省的课程成绩" in rows[0].body
    assert "提问已有解答" in log_in(demo, "learner").get("/me/notices/").text
