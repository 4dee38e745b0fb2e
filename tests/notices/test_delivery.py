"""Delivery: each notice once, through servers that refuse, hang, drop the line, and workers that die."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, update

from app.kernel.actor import SYSTEM
from app.kernel.clock import now
from app.kernel.database import db
from app.kernel.settings import settings
from app.kernel.unit_of_work import UnitOfWork
from app.notices import channels, delivery, services
from app.notices.models import Notice
from app.security import personal
from app.security.models import Person
from tests.notices import gateways
from tests.notices.conftest import Configure, Mailbox, MakePerson


@pytest.fixture(autouse=True)
def _fresh_gateways() -> None:
    gateways.taken.clear()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "PATIENCE", 0.3)


def post(person: Person, code: str = "recognised", *, link: str = "", **options: object) -> dict[str, int]:
    """Post a notice; returns the ids of its rows by channel."""
    options = {"variables": {"source": "密码学"}} | options
    with UnitOfWork(db.session, SYSTEM) as uow:
        rows = services.post(uow, code, person.id, link=link, **options)  # type: ignore[arg-type]
        return {row.channel: row.id for row in rows}


def row(notice_id: int) -> Notice:
    db.session.expire_all()
    found = db.session.get(Notice, notice_id)
    assert found is not None
    return found


def make_due(*ids: int) -> None:
    """As if the wait, or the lease, were over."""
    past = now() - timedelta(seconds=1)
    with UnitOfWork(db.session, SYSTEM) as uow:
        uow.session.execute(update(Notice).where(Notice.id.in_(ids)).values(due_at=past, lease_until=past))


def outbox(pattern: str) -> list[Path]:
    return sorted((settings().data_dir / "outbox").glob(pattern))


class TestFiles:
    def test_written_whole_with_the_code(self, app: Flask, make_person: MakePerson) -> None:
        ids = post(
            make_person(email="chen@example.com"),
            "code",
            variables={"minutes": 10},
            secret={"code": "493817"},
            link="/activate/",
        )
        assert delivery.deliver(app) == 2
        sms, mail = outbox("*.json"), outbox("*.eml")
        assert len(sms) == len(mail) == 1
        content = json.loads(sms[0].read_text("utf-8"))
        assert content["to"] == "+8613800001234"
        assert "493817" in content["text"]
        assert "••••••" not in content["text"]
        assert "您的验证码是 493817" in mail[0].read_text("utf-8"), "a person can read the file as it is"
        message = message_from_bytes(mail[0].read_bytes(), policy=policy.default)
        assert message["To"] == "chen@example.com"
        assert message["Subject"] == "您的验证码"
        assert f"{settings().base_url}/activate/" in message.get_content()
        assert oct(sms[0].stat().st_mode & 0o777) == "0o600"
        for notice_id in ids.values():
            notice = row(notice_id)
            assert (notice.state, notice.secret, notice.attempts) == ("sent", None, 1)
            assert notice.sent_at is not None
            assert "493817" not in notice.body

    def test_nothing_due_nothing_done(self, app: Flask, make_person: MakePerson) -> None:
        post(make_person())
        assert delivery.deliver(app) == 1
        assert delivery.deliver(app) == 0
        assert len(outbox("*")) == 1

    def test_written_again_after_a_crash_it_stands_once(self, app: Flask, make_person: MakePerson) -> None:
        sms = post(make_person())["sms"]
        delivery.deliver(app)
        with UnitOfWork(db.session, SYSTEM) as uow:  # the worker died before it could note the outcome
            uow.session.execute(update(Notice).where(Notice.id == sms).values(state="sending"))
        make_due(sms)
        assert delivery.deliver(app) == 1
        assert len(outbox("*.json")) == 1

    def test_full_disk_loses_nothing(
        self, app: Flask, make_person: MakePerson, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sms = post(make_person())["sms"]
        with monkeypatch.context() as patch:
            patch.setattr(channels.os, "replace", _no_space)
            assert delivery.deliver(app) == 0
        assert (row(sms).state, row(sms).attempts, row(sms).error) == ("pending", 0, "OSError")
        make_due(sms)
        assert delivery.deliver(app) == 1


def _no_space(*_arguments: object) -> None:
    raise OSError(28, "No space left on device")


class TestSmtp:
    def test_arrives(self, app: Flask, mailbox: Mailbox, make_person: MakePerson) -> None:
        post(make_person(mobile=None, email="chen@example.com"), link="/me/recognition/")
        assert delivery.deliver(app) == 1
        (message,) = mailbox.taken
        assert message["To"] == "chen@example.com"
        assert message["Subject"] == "学习成果认定通过"
        assert "密码学 学习成果已经认定通过" in message.get_content()
        assert message["Auto-Submitted"] == "auto-generated"

    def test_long_opinion_keeps_to_the_lines_of_smtp(
        self, app: Flask, mailbox: Mailbox, make_person: MakePerson
    ) -> None:
        opinion = "材料不清晰，" * 400
        post(
            make_person(mobile=None, email="chen@example.com"),
            "recognition_refused",
            variables={"source": "密码学", "opinion": opinion},
        )
        assert delivery.deliver(app) == 1
        assert opinion in mailbox.taken[0].get_content()
        assert max(map(len, mailbox.taken[0].as_bytes().splitlines())) < 998

    def test_one_bad_address_stops_nobody(
        self, app: Flask, mailbox: Mailbox, make_person: MakePerson
    ) -> None:
        mailbox.refused = {
            "gone@example.com": "550 5.1.1 no such user gone@example.com",
            "busy@example.com": "451 4.7.1 greylisted",
        }
        people = ("gone", "busy", "good\r\nBcc: x", "fine")
        ids = [post(make_person(mobile=None, email=f"{name}@example.com"))["email"] for name in people]
        assert delivery.deliver(app) == 1
        gone, busy, forged, fine = map(row, ids)
        assert (gone.state, gone.error) == ("failed", "SMTP 550 (SMTPRecipientsRefused)")
        assert (busy.state, busy.attempts) == ("pending", 1)
        assert timedelta(seconds=40) < busy.due_at - now() < timedelta(seconds=80)
        assert forged.state == "failed"
        assert fine.state == "sent"
        assert [message["To"] for message in mailbox.taken] == ["fine@example.com"]

    def test_three_tries_under_one_message_id(
        self, app: Flask, mailbox: Mailbox, make_person: MakePerson
    ) -> None:
        mailbox.refused = {"busy@example.com": "451 later"}
        email = post(make_person(mobile=None, email="busy@example.com"))["email"]
        for tried in (1, 2, 3):
            delivery.deliver(app)
            assert row(email).attempts == tried
            assert row(email).state == ("pending" if tried < 3 else "failed")
            make_due(email)
        assert delivery.deliver(app) == 0
        assert row(email).attempts == 3

    def test_line_dropped_after_the_content(
        self, app: Flask, mailbox: Mailbox, make_person: MakePerson
    ) -> None:
        mailbox.drop_at = "data"
        person = make_person(mobile=None, email="chen@example.com")
        email = post(person)["email"]
        delivery.deliver(app)
        notice = row(email)
        assert notice.state == "unknown"
        assert len(mailbox.taken) == 1, "it may have arrived, so it isn't sent again by itself"
        make_due(email)
        mailbox.drop_at = None
        assert delivery.deliver(app) == 0
        with UnitOfWork(db.session, SYSTEM) as uow:
            services.resend(uow, email)
        assert delivery.deliver(app) == 1

    def test_line_dropped_before_the_content(
        self, app: Flask, mailbox: Mailbox, make_person: MakePerson
    ) -> None:
        mailbox.drop_at = "rcpt"
        email = post(make_person(mobile=None, email="chen@example.com"))["email"]
        delivery.deliver(app)
        assert (row(email).state, row(email).attempts) == ("pending", 1)
        mailbox.drop_at = None
        make_due(email)
        assert delivery.deliver(app) == 1
        assert len(mailbox.taken) == 1

    @pytest.mark.usefixtures("impatient")
    @pytest.mark.parametrize(("at", "state"), [("rcpt", "pending"), ("data", "unknown")])
    def test_hanging(
        self, app: Flask, mailbox: Mailbox, make_person: MakePerson, at: str, state: str
    ) -> None:
        mailbox.hang_at = at
        ids = post(make_person(email="chen@example.com"))
        assert delivery.deliver(app) == 1, "the SMS goes out meanwhile"
        assert row(ids["email"]).state == state

    def test_message_id_is_stable(self, app: Flask, mailbox: Mailbox, make_person: MakePerson) -> None:
        email = post(make_person(mobile=None, email="chen@example.com"))["email"]
        delivery.deliver(app)
        with UnitOfWork(db.session, SYSTEM) as uow:
            uow.session.execute(update(Notice).where(Notice.id == email).values(state="sending"))
        make_due(email)
        delivery.deliver(app)
        first, second = (message["Message-ID"] for message in mailbox.taken)
        assert first == second == f"<{row(email).key}@localhost>"

    def test_server_down_is_nobodys_fault(
        self, app: Flask, configure: Configure, make_person: MakePerson
    ) -> None:
        configure(mail_url="smtp://127.0.0.1:9")
        ids = [post(make_person(email="chen@example.com")) for _ in range(3)]
        assert delivery.deliver(app) == 3, "SMS go out meanwhile"
        emails = [row(each["email"]) for each in ids]
        assert [(email.state, email.attempts) for email in emails] == [("pending", 0)] * 3
        assert emails[0].error == "ConnectionRefusedError"
        assert [email.error for email in emails[1:]] == ["", ""], "not even tried while the server is away"

    def test_password_never_in_the_open(
        self, app: Flask, mailbox: Mailbox, configure: Configure, make_person: MakePerson
    ) -> None:
        configure(mail_url=settings().mail_url.replace("//", "//bank:s%40cret@"))
        email = post(make_person(mobile=None, email="chen@example.com"))["email"]
        assert delivery.deliver(app) == 0
        assert row(email).error == "SMTPNotSupportedError"


class TestGateway:
    def test_each_outcome(self, app: Flask, configure: Configure, make_person: MakePerson) -> None:
        configure(sms_gateway="tests.notices.gateways:Failing")
        ids = [post(make_person(mobile=f"1380000123{digit}"))["sms"] for digit in range(6)]
        assert delivery.deliver(app) == 2
        assert [(row(each).state, row(each).error) for each in ids] == [
            ("sent", ""),
            ("failed", "code 17"),
            ("pending", "busy"),
            ("unknown", "no answer"),
            ("pending", "KeyError"),
            ("sent", ""),
        ]
        assert [key for key, _, _ in gateways.taken] == [row(ids[0]).key, row(ids[5]).key]

    def test_down_then_up_again(self, app: Flask, configure: Configure, make_person: MakePerson) -> None:
        ids = [post(make_person())["sms"] for _ in range(4)]
        configure(sms_gateway="tests.notices.gateways:Closed")
        for _ in range(5):
            assert delivery.deliver(app) == 0
            make_due(*ids)
        configure(sms_gateway="tests.notices.gateways:Taking")
        assert delivery.deliver(app) == 4
        assert len({key for key, _, _ in gateways.taken}) == 4

    def test_unknown_gateway_is_said(self, app: Flask, configure: Configure) -> None:
        configure(sms_gateway="tests.notices.gateways:Nowhere")
        with pytest.raises(ValueError, match="CREDITBANK_SMS_GATEWAY"):
            delivery.deliver(app)


def test_erased_before_delivery(app: Flask, make_person: MakePerson) -> None:
    person = make_person()
    sms = post(person)["sms"]
    with UnitOfWork(db.session, SYSTEM):
        personal.erase(person, "已注销用户")
    assert delivery.deliver(app) == 0
    assert row(sms).state == "no_address"


def test_unreadable_secret_stops_nobody(app: Flask, make_person: MakePerson) -> None:
    broken = post(make_person(), "code", variables={"minutes": 10}, secret={"code": "1"})["sms"]
    fine = post(make_person())["sms"]
    with UnitOfWork(db.session, SYSTEM) as uow:
        uow.session.execute(update(Notice).where(Notice.id == broken).values(secret=b"x" * 40))
    assert delivery.deliver(app) == 1
    assert (row(broken).state, row(broken).error) == ("failed", "unreadable (Unreadable)")
    assert row(fine).state == "sent"


def test_workers_that_die_over_a_notice(app: Flask, make_person: MakePerson) -> None:
    sms = post(make_person())["sms"]
    with UnitOfWork(db.session, SYSTEM) as uow:
        uow.session.execute(update(Notice).where(Notice.id == sms).values(state="sending", attempts=3))
    make_due(sms)
    assert delivery.deliver(app) == 0
    assert (row(sms).state, row(sms).error) == ("unknown", "worker lost")


def test_lease_in_force_is_respected(app: Flask, make_person: MakePerson) -> None:
    sms = post(make_person())["sms"]
    later = now() + timedelta(minutes=1)
    with UnitOfWork(db.session, SYSTEM) as uow:
        uow.session.execute(update(Notice).where(Notice.id == sms).values(state="sending", due_at=later))
    assert delivery.deliver(app) == 0
    assert row(sms).state == "sending"


def test_late_worker_does_not_overwrite(app: Flask, make_person: MakePerson) -> None:
    sms = post(make_person())["sms"]
    session = db.session()
    claimed = delivery._claim(session, "slow", {"sms"})
    assert claimed is not None
    make_due(sms)
    assert delivery.deliver(app) == 1  # another worker, after the lease ran out
    delivery._finish(session, "slow", sms, 1, state="failed", error="late")
    assert row(sms).state == "sent"


def in_parallel(app: Flask, make_person: MakePerson, configure: Configure) -> list[int]:
    """Four workers over forty notices; returns how many each delivered."""
    configure(sms_gateway="tests.notices.gateways:Slow")
    for number in range(40):
        post(make_person(mobile=f"138000012{number:02d}"))
    db.session.remove()
    counts: list[int] = []
    start = threading.Barrier(4)

    def work() -> None:
        with app.app_context():
            start.wait()
            counts.append(delivery.deliver(app))
            db.session.remove()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    return counts


def test_workers_in_parallel_send_each_once(
    app: Flask, configure: Configure, make_person: MakePerson
) -> None:
    counts = in_parallel(app, make_person, configure)
    assert sum(counts) == 40
    assert len(gateways.taken) == len({key for key, _, _ in gateways.taken}) == 40
    assert sum(1 for count in counts if count) > 1, "the work was shared"
    assert set(db.session.scalars(select(Notice.state).where(Notice.channel == "sms"))) == {"sent"}


def test_without_leases_they_double(
    app: Flask, configure: Configure, make_person: MakePerson, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mutant control of the test above: what one holds is the first that the next finds due."""
    monkeypatch.setattr(delivery, "LEASE", timedelta(days=-1))
    in_parallel(app, make_person, configure)
    assert len(gateways.taken) > 40


def test_stops_between_two_messages(app: Flask, make_person: MakePerson) -> None:
    for _ in range(3):
        post(make_person())
    asked = iter([False, True])
    assert delivery.deliver(app, lambda: next(asked)) == 1
    assert delivery.deliver(app) == 2
