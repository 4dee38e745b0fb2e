"""The outbox is written with what it tells, or not at all; once; and never with a secret in the open."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import func, inspect, select

from app.calendar.models import WorkingDay
from app.kernel.actor import SYSTEM, Actor
from app.kernel.clock import today
from app.kernel.database import db
from app.kernel.errors import Conflict, Invalid, NotFound
from app.kernel.unit_of_work import UnitOfWork
from app.notices import queries, services
from app.notices.models import Notice, NoticeTemplate
from tests.notices.conftest import Configure, MakePerson

SOURCE = {"source": "大学英语四级"}


def post(person_id: int, code: str = "recognised", **options: object) -> list[Notice]:
    options = {"variables": SOURCE} | options
    with UnitOfWork(db.session, SYSTEM) as uow:
        return services.post(uow, code, person_id, **options)  # type: ignore[arg-type]


def count() -> int:
    return db.session.scalar(select(func.count()).select_from(Notice)) or 0


def states(notices: list[Notice]) -> dict[str, str]:
    return {notice.channel: notice.state for notice in notices}


def test_one_row_per_channel(make_person: MakePerson) -> None:
    notices = post(make_person(email="chen@example.com").id, link="/me/recognition/")
    assert states(notices) == {"in_app": "sent", "sms": "pending", "email": "pending"}
    assert {notice.body for notice in notices} == {
        "【广东学银】您申请认定的 大学英语四级 学习成果已经认定通过，"
        "可登录广东终身教育学分银行信息管理平台查看。"
    }
    assert {notice.subject for notice in notices} == {"学习成果认定通过"}


def test_in_english_where_the_bank_speaks_it(make_person: MakePerson, configure: Configure) -> None:
    configure(locale="en")
    assert post(make_person().id)[0].subject == "Your achievement was recognised"


def test_no_address(make_person: MakePerson) -> None:
    unverified = make_person(mobile=None, email="chen@example.com", verified=False)
    assert states(post(unverified.id)) == {"in_app": "sent", "sms": "no_address", "email": "no_address"}


def test_nobody_and_nowhere(make_person: MakePerson) -> None:
    with pytest.raises(NotFound):
        post(999)
    for link in ("https://example.com/", "//example.com/", "/\\example.com/", "me/", "/me/\r\nx"):
        with pytest.raises(ValueError, match="page of ours"):
            post(make_person().id, link=link)


def test_rollback_writes_nothing(make_person: MakePerson) -> None:
    person = make_person()
    with pytest.raises(RuntimeError), UnitOfWork(db.session, SYSTEM) as uow:  # noqa: PT012
        services.post(uow, "recognised", person.id, variables=SOURCE)
        raise RuntimeError("the decision failed")
    assert count() == 0


class TestOnce:
    def test_repeated_for_the_same_act(self, make_person: MakePerson) -> None:
        person = make_person()
        with UnitOfWork(db.session, SYSTEM) as uow:
            case = _a_case(uow)
            assert len(services.post(uow, "recognised", person.id, variables=SOURCE)) == 3
            assert services.post(uow, "recognised", person.id, variables=SOURCE) == []
        with UnitOfWork(db.session, SYSTEM) as uow:
            uow.record("case.agree", case)  # the caller saw no answer and tries again
            assert services.post(uow, "recognised", person.id, variables=SOURCE) == []
        assert count() == 3

    def test_other_words_or_a_later_version_are_other_notices(self, make_person: MakePerson) -> None:
        person = make_person()
        with UnitOfWork(db.session, SYSTEM) as uow:
            case = _a_case(uow)
            services.post(uow, "recognised", person.id, variables=SOURCE)
            assert services.post(uow, "recognised", person.id, variables={"source": "密码学"})
            case.name = "changed"
            uow.flush()
            assert services.post(uow, "recognised", person.id, variables=SOURCE)
        assert count() == 9

    def test_named_event(self, make_person: MakePerson) -> None:
        person = make_person()
        assert post(person.id, "review_due", variables={"queue": "初审", "count": 3}, event="2026-10-09")
        assert not post(person.id, "review_due", variables={"queue": "初审", "count": 4}, event="2026-10-09")
        assert post(person.id, "review_due", variables={"queue": "初审", "count": 4}, event="2026-10-10")

    def test_without_an_act_each_is_its_own(self, make_person: MakePerson) -> None:
        person = make_person()
        assert post(person.id)
        assert post(person.id)


def _a_case(uow: UnitOfWork) -> WorkingDay:
    case = WorkingDay(day=today(), is_working=True)
    uow.session.add(case)
    uow.flush()
    assert inspect(case).identity
    uow.record("case.agree", case)
    return case


@pytest.mark.parametrize(
    "variables", [{}, {"source": "x", "target": "y"}, {"target": "y"}, {"source": "x", "opinion": "y"}]
)
def test_variables_are_those_of_the_template(make_person: MakePerson, variables: dict[str, str]) -> None:
    person = make_person()
    with pytest.raises(Invalid):
        post(person.id, variables=variables)
    assert count() == 0


def test_broken_template_never_gets_out(make_person: MakePerson) -> None:
    person = make_person()
    with UnitOfWork(db.session, SYSTEM) as uow:
        template = uow.session.scalars(
            select(NoticeTemplate).where(NoticeTemplate.code == "recognised")
        ).one()
        template.body_zh = "{source.__class__.__init__.__globals__}"
        with pytest.raises(Invalid) as refusal:
            services.check_template(template)
        assert list(refusal.value.fields) == ["body_zh"]
    with pytest.raises(Invalid):
        post(person.id)


class TestSecrets:
    def test_sealed_and_hidden(self, make_person: MakePerson) -> None:
        notices = post(
            make_person(email="chen@example.com").id,
            "code",
            variables={"minutes": 10},
            secret={"code": "493817"},
        )
        assert states(notices) == {"sms": "pending", "email": "pending"}, "nothing to read in the platform"
        for notice in notices:
            assert "••••••" in notice.body
            assert services.unseal(notice) == (notice.body.replace("••••••", "493817"), None)
        columns = [str(value) for row in db.session.execute(select(Notice.__table__)) for value in row]
        assert not any("493817" in column for column in columns)

    def test_opens_in_its_own_row_only(self, make_person: MakePerson) -> None:
        first, second = (
            post(make_person().id, "code", variables={"minutes": 10}, secret={"code": code})[0]
            for code in ("111111", "222222")
        )
        moved = Notice(key=second.key, secret=first.secret)
        with pytest.raises(Exception, match="notice"):
            services.unseal(moved)

    def test_each_code_is_a_notice_of_its_own(self, make_person: MakePerson) -> None:
        person = make_person()
        for _ in range(2):
            assert post(person.id, "code", variables={"minutes": 10}, secret={"code": "111111"})

    def test_address_of_its_own(self, make_person: MakePerson) -> None:
        person = make_person(mobile="13900005678", email="chen@example.com")
        notices = post(
            person.id,
            "contact_changed",
            variables={"what": "手机号码", "masked": "139****5678"},
            to={"sms": "13800001234"},
        )
        assert states(notices) == {"in_app": "sent", "sms": "pending"}
        assert services.unseal(notices[1])[1] == "13800001234"
        assert notices[1].secret is not None
        assert b"13800001234" not in notices[1].secret


class TestResend:
    def test_a_copy_under_a_new_key(self, make_person: MakePerson) -> None:
        old = _settled(post(make_person().id)[1], "failed")
        with UnitOfWork(db.session, Actor(user_id=None, roles=frozenset({"Center"}))) as uow:
            again = services.resend(uow, old.id)
        assert (again.state, again.body, again.channel) == ("pending", old.body, "sms")
        assert again.key != old.key
        assert old.state == "failed", "what happened stays written"
        with pytest.raises(Conflict, match="already"), UnitOfWork(db.session, SYSTEM) as uow:
            services.resend(uow, old.id)
        _settled(again, "unknown")
        with UnitOfWork(db.session, SYSTEM) as uow:
            assert services.resend(uow, again.id).key not in (old.key, again.key)

    def test_not_on_its_way_nor_secret_nor_in_the_platform(self, make_person: MakePerson) -> None:
        person = make_person()
        in_app, sms, _ = post(person.id)
        secret = post(person.id, "code", variables={"minutes": 10}, secret={"code": "111111"})[0]
        for notice in (in_app, sms, _settled(secret, "failed")):
            with pytest.raises(Conflict), UnitOfWork(db.session, SYSTEM) as uow:
                services.resend(uow, notice.id)

    def test_still_no_address(self, make_person: MakePerson) -> None:
        email = post(make_person().id)[2]
        assert email.state == "no_address"
        with UnitOfWork(db.session, SYSTEM) as uow:
            assert services.resend(uow, email.id).state == "no_address"


def _settled(notice: Notice, state: str) -> Notice:
    with UnitOfWork(db.session, SYSTEM):
        notice.state = state
    return notice


class TestBell:
    def test_unread_and_read(self, app: Flask, make_person: MakePerson) -> None:
        mine, other = make_person(), make_person()
        notices = [post(mine.id)[0] for _ in range(3)]
        foreign = post(other.id)[0]
        actor = Actor(user_id=None, person_id=mine.id, roles=frozenset({"Learner"}))
        assert queries.unread_count(db.session(), mine.id) == 3
        with UnitOfWork(db.session, actor) as uow:
            services.mark_read(uow, notices[0].id)
            services.mark_read(uow, foreign.id)
        assert queries.unread_count(db.session(), mine.id) == 2
        assert queries.unread_count(db.session(), other.id) == 1
        with UnitOfWork(db.session, actor) as uow:
            services.mark_read(uow)
        assert queries.unread_count(db.session(), mine.id) == 0
        assert queries.unread_count(db.session(), None) == 0

    def test_pages_newest_first(self, make_person: MakePerson) -> None:
        mine = make_person()
        ids = [post(mine.id)[0].id for _ in range(5)]
        rows, before = queries.mine(db.session(), mine.id, size=3)
        assert [row.id for row in rows] == ids[:1:-1]
        assert before is not None
        rows, before = queries.mine(db.session(), mine.id, before=before, size=3)
        assert [row.id for row in rows] == ids[1::-1]
        assert before is None

    def test_counted_up_to_a_limit(self, make_person: MakePerson, monkeypatch: pytest.MonkeyPatch) -> None:
        mine = make_person()
        for _ in range(3):
            post(mine.id)
        monkeypatch.setattr(queries, "MOST_UNREAD", 1)
        assert queries.unread_count(db.session(), mine.id) == 2
