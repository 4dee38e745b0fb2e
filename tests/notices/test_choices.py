"""By which ways people want to be told, and what comes back."""

from __future__ import annotations

from email.message import EmailMessage
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest
from flask import Flask
from sqlalchemy import select

from app.kernel.actor import SYSTEM
from app.kernel.database import db
from app.kernel.unit_of_work import UnitOfWork
from app.notices import bounces, delivery, services
from app.notices.models import Notice
from tests.notices.conftest import Mailbox, MakePerson, Reader
from tests.notices.test_delivery import post, row

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@pytest.mark.parametrize(
    ("role", "page"), [("Learner", "/me/notices/"), ("Center", "/console/notices/mine/")]
)
@SQLITE
def test_who_declines_a_way_is_told_by_the_others(
    app: Flask, make_person: MakePerson, role: str, page: str
) -> None:
    person = make_person(email="chen@example.cn")
    assert set(post(person)) == {"in_app", "sms", "email"}
    reader = Reader(app, person, role)
    reader.post(page, f"{page}preferences", by_email="on")
    assert set(post(person, variables={"source": "法学概论"})) == {"in_app", "email"}
    assert 'name="by_sms" checked' not in reader.get(page)
    # codes and warnings can't be declined
    with UnitOfWork(db.session, SYSTEM) as uow:
        code = {"code": "493817"}
        rows = services.post(uow, "code", person.id, variables={"minutes": 10}, secret=code)
        assert {one.channel for one in rows} == {"sms", "email"}
    reader.post(page, f"{page}preferences", by_email="on", by_sms="on")
    assert set(post(person, variables={"source": "高等数学"})) == {"in_app", "sms", "email"}


def _report(message_id: str, action: str = "failed", status: str = "5.1.1", *, headers: bool = True) -> bytes:
    """What a mail server writes (RFC 3464)."""
    report = MIMEMultipart("report", report_type="delivery-status")
    report["From"], report["Subject"] = "MAILER-DAEMON@example.cn", "Undelivered Mail Returned to Sender"
    report["Message-ID"] = "<another.thing@example.cn>"
    report.attach(MIMEText("I'm sorry."))
    told = MIMEBase("message", "delivery-status")
    told.set_payload(
        [
            EmailMessage(),
            _block({"Final-Recipient": "rfc822; chen@example.cn", "Action": action, "Status": status}),
        ]
    )
    report.attach(told)
    if headers:
        original = MIMEText(f"Message-ID: {message_id}\nSubject: x\n\n")
        original.set_type("text/rfc822-headers")
    else:
        inner = EmailMessage()
        inner["Message-ID"] = message_id
        inner.set_content("x")
        original = MIMEBase("message", "rfc822")  # type: ignore[assignment]
        original.attach(inner)
    report.attach(original)
    return report.as_bytes()


def _block(fields: dict[str, str]) -> EmailMessage:
    block = EmailMessage()
    for name, value in fields.items():
        block[name] = value
    return block


@pytest.mark.parametrize("headers", [True, False])
@SQLITE
def test_a_bounce_marks_the_notice(
    app: Flask, mailbox: Mailbox, make_person: MakePerson, headers: bool
) -> None:
    sent = post(make_person(email="chen@example.cn"))["email"]
    delivery.deliver(app)
    assert row(sent).state == "sent"
    message_id = str(mailbox.taken[0]["Message-ID"])
    report = _report(message_id, headers=headers)
    runner = app.test_cli_runner()
    assert "came back" in runner.invoke(args=["notices", "bounce"], input=report).output
    assert row(sent).bounced_at is not None
    assert row(sent).error == "bounced 5.1.1"
    with UnitOfWork(db.session, SYSTEM) as uow:
        again = services.resend(uow, sent)
        assert again.state == "pending"


@SQLITE
def test_other_mail_marks_nothing(app: Flask, mailbox: Mailbox, make_person: MakePerson) -> None:
    sent = post(make_person(email="chen@example.cn"))["email"]
    delivery.deliver(app)
    message_id = str(mailbox.taken[0]["Message-ID"])
    for report in (
        _report(message_id, action="delayed", status="4.4.1"),
        _report(message_id, action="delivered", status="2.0.0"),
        _report("<recognised.00000000000000000000000000000000.email@localhost>"),
        _report("<'; DROP TABLE notice; --@x>"),
        mailbox.taken[0].as_bytes(),
        b"\0\xff not mail at all",
        b"",
    ):
        with UnitOfWork(db.session, SYSTEM) as uow:
            assert bounces.record(uow, report) is None
    assert row(sent).bounced_at is None
    assert db.session.scalars(select(Notice.id).where(Notice.bounced_at.is_not(None))).all() == []
