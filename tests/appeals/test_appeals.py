"""Appeals and reversals (spec 2.7): once, in time, by others; what was built on a reversal is under review."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.accounts import queries as accounts
from app.achievements.models import Achievement
from app.appeals import services
from app.appeals.models import Appeal
from app.conversion.models import ConversionApplication
from app.demo.world import CET
from app.kernel.clock import now
from app.kernel.database import db
from app.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from app.notices.models import Notice
from app.recognition import services as recognition
from tests.support.story import Cast, log_in, post

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
LAW = "CET 4 及以上证书转2018春法学专业学位外语"
WORK = {"name": "物流行业工作5年", "issuer": "粤通物流有限公司", "obtained_on": "2021-03-01"}


def _refused_work(cast: Cast) -> tuple[int, int]:
    achievement = cast.add("learner", "performance_work", WORK)
    return achievement, cast.recognise("learner", achievement, "refuse", "证明不足")


def _refused_conversion(cast: Cast, stage: str) -> int:
    numbers = {"certificate_number": "190488771234", "obtained_on": "2020-05-22"}
    case = cast.convert("learner", cast.add("learner", "vocational", numbers, CET), LAW)
    if stage == "final":
        cast.decide(case, "initial", "agree", "point")
    cast.decide(case, stage, "refuse", "point" if stage == "initial" else "committee", "不符合")
    return case


def test_an_upheld_appeal_of_a_recognition_gives_what_agreement_would_have_given(cast: Cast) -> None:
    achievement, case = _refused_work(cast)
    appeal = cast.act("learner", lambda uow: services.file_recognition(uow, case, "原件已补齐").id)
    with pytest.raises(Conflict, match="appealed"):  # the first chosen closes the other
        cast.act("learner", lambda uow: recognition.submit(uow, [achievement]))
    with pytest.raises(Forbidden):  # a teaching point's refusal goes to the centre
        cast.act("committee2", lambda uow: services.decide(uow, appeal, "uphold", "成立", 1))
    cast.act("center", lambda uow: services.decide(uow, appeal, "uphold", "材料齐全，申诉成立", 1))
    assert db.session.get_one(Achievement, achievement).state == "recognised"
    told = db.session.scalars(select(Notice.channel).where(Notice.template_code == "appeal_decided")).all()
    assert {"in_app", "sms", "email"} <= set(told)


def test_a_refusal_submitted_anew_can_be_appealed_no_more(cast: Cast) -> None:
    achievement, case = _refused_work(cast)
    cast.act("learner", lambda uow: recognition.submit(uow, [achievement]))
    with pytest.raises(Conflict, match="again"):
        cast.act("learner", lambda uow: services.file_recognition(uow, case, "不服"))


@SQLITE
def test_grounds_are_needed_and_the_period_is_kept(cast: Cast) -> None:
    case = _refused_conversion(cast, "initial")
    with pytest.raises(Invalid, match="grounds"):
        cast.act("learner", lambda uow: services.file_conversion(uow, case, "  "))
    with time_machine.travel(now() + timedelta(days=60)), pytest.raises(Conflict, match="passed"):
        cast.act("learner", lambda uow: services.file_conversion(uow, case, "太晚了"))
    with pytest.raises(NotFound):
        cast.act("learner2", lambda uow: services.file_conversion(uow, case, "别人的"))


@SQLITE
def test_a_dismissed_appeal_leaves_the_refusal_and_there_is_no_second(cast: Cast) -> None:
    case = _refused_conversion(cast, "initial")
    appeal = cast.act("learner", lambda uow: services.file_conversion(uow, case, "请再看").id)
    cast.act("center", lambda uow: services.decide(uow, appeal, "dismiss", "维持原决定", 1))
    assert db.session.get_one(ConversionApplication, case).state == "initial_refused"
    with pytest.raises(Conflict, match="appealed already"):
        cast.act("learner", lambda uow: services.file_conversion(uow, case, "再来"))


def test_the_database_lets_nobody_decide_on_an_appeal_against_themselves(cast: Cast) -> None:
    """The control: past every service, the CHECK still stands."""
    case = _refused_conversion(cast, "final")
    appeal = cast.act("learner", lambda uow: services.file_conversion(uow, case, "请再看").id)
    row = db.session.get_one(Appeal, appeal)
    who = cast.by("committee")
    assert row.against_person_id == who.person_id
    table = Appeal.__table__
    values = {
        "state": "dismissed",
        "decided_at": now(),
        "decided_by_id": who.user_id,
        "decided_person_id": who.person_id,
    }
    with pytest.raises(IntegrityError), db.engine.connect().execution_options(writes=True) as connection:
        connection.execute(table.update().where(table.c.id == appeal).values(**values))
    other = values | {
        "decided_by_id": cast.by("committee2").user_id,
        "decided_person_id": cast.by("committee2").person_id,
    }
    with db.engine.connect().execution_options(writes=True) as connection:
        connection.execute(table.update().where(table.c.id == appeal).values(**other))
        connection.rollback()


@SQLITE
def test_the_learner_appeals_on_the_page_and_foreign_cases_are_not_found(cast: Cast, demo: Flask) -> None:
    case = _refused_conversion(cast, "final")
    other = log_in(demo, "learner2")
    assert post(other, f"/me/appeals/conversion/{case}", {"grounds": "别人的"}).status_code == 404
    mine = log_in(demo, "learner")
    answer = post(mine, f"/me/appeals/conversion/{case}", {"grounds": "规则允许四级证书"})
    assert answer.status_code == 302
    assert (
        "规则允许四级证书"
        in log_in(demo, "committee2")
        .get(f"/console/appeals/{db.session.scalar(select(Appeal.id).where(Appeal.conversion_id == case))}")
        .text
    )


@SQLITE
def test_what_was_built_on_a_reversed_approval_is_under_review_until_the_centre_looks(cast: Cast) -> None:
    numbers = {"certificate_number": "190488771234", "obtained_on": "2020-05-22"}
    source = cast.add("learner", "vocational", numbers, CET)
    case = cast.convert("learner", source, LAW)
    cast.decide(case, "initial", "agree", "point")
    cast.decide(case, "final", "agree", "committee")
    before = accounts.totals(accounts.balances(db.session(), cast.learner("learner")))
    cast.act("", lambda uow: services.doubt_what_was_built(uow, [source]))
    db.session.expire_all()
    row = db.session.get_one(ConversionApplication, case)
    made = db.session.scalars(select(Achievement).where(Achievement.granted_by_id == case)).one()
    assert (row.suspect, made.suspect, row.state) == (True, True, "approved")
    cast.act("center", lambda uow: services.confirm_suspect(uow, case, "已核对原件"))
    db.session.expire_all()
    assert not db.session.get_one(ConversionApplication, case).suspect
    assert accounts.totals(accounts.balances(db.session(), cast.learner("learner"))) == before
