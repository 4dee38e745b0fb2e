"""People to write to, and mail servers of every temper, on the loopback."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable, Iterator
from contextvars import Context
from dataclasses import replace
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from flask import Flask
from flask_appbuilder.security.sqla.models import Role as RoleRow
from sqlalchemy import select
from werkzeug.test import TestResponse

from app.kernel import settings as kernel_settings
from app.kernel.actor import SYSTEM
from app.kernel.clock import now
from app.kernel.database import db
from app.kernel.settings import settings
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner
from app.organisations import services as organisations
from app.security import passwords, personal
from app.security.models import Account, Person

Configure = Callable[..., None]


@pytest.fixture
def configure(app: Flask) -> Configure:
    """Change settings for this test; the next one starts from its own."""

    def change(**changes: Any) -> None:
        kernel_settings.use(replace(settings(), **changes))

    return change


MakePerson = Callable[..., Person]


@pytest.fixture
def make_person(app: Flask) -> MakePerson:
    """A saved person; their e-mail is verified unless said otherwise."""

    def make(mobile: str | None = "13800001234", email: str | None = None, verified: bool = True) -> Person:
        with UnitOfWork(db.session, SYSTEM) as uow:
            person = personal.new_person("陈喆", mobile=mobile, email=email)
            person.email_verified_at = now() if email and verified else None
            uow.session.add(person)
        return person

    return make


class Mailbox:
    """A mail server's handler that keeps what it takes, and can be told to misbehave."""

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []
        self.refused: dict[str, str] = {}
        self.hang_at: str | None = None
        self.drop_at: str | None = None

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        await self._misbehave("rcpt", server)
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        from email import message_from_bytes, policy

        content = envelope.content
        assert isinstance(content, bytes)
        self.taken.append(message_from_bytes(content, policy=policy.default))  # type: ignore[arg-type]
        await self._misbehave("data", server)
        return "250 Taken"

    async def _misbehave(self, at: str, server: SMTP) -> None:
        if self.hang_at == at:
            await asyncio.sleep(3)
        if self.drop_at == at:
            assert server.transport is not None
            server.transport.abort()


@pytest.fixture
def mailbox(configure: Configure) -> Iterator[Mailbox]:
    """A mail server; the bank is told to send through it."""
    handler = Mailbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    configure(mail_url=f"smtp://127.0.0.1:{port}")
    yield handler
    controller.stop()


class Reader:
    """Somebody at a browser without scripts: logs in, reads pages, sends their forms."""

    def __init__(self, app: Flask, person: Person, role: str) -> None:
        self.client = app.test_client()
        with UnitOfWork(db.session, SYSTEM) as uow:
            row = uow.session.scalars(select(RoleRow).where(RoleRow.name == role)).one()
            name = f"{role}{person.id}"
            account = Account(username=name, email=name, first_name=name, last_name="", active=True)
            account.roles = [row]
            account.person_id, account.login_index = person.id, personal.login_index(name)
            account.organisation_id = centre = organisations.centre(uow.session).id
            account.password = passwords.hashed("a good long word")
            uow.session.add(account)
            uow.flush()
            if role == "Learner":
                mine = {"person_id": person.id, "user_id": account.id, "home_point_id": centre}
                uow.session.add(Learner(number=name, **mine))
        db.session.remove()
        self.post("/login/", "/login/", username=name, password="a good long word")

    def send(self, method: str, path: str, form: dict[str, str] | None = None) -> TestResponse:
        """One request in a context of its own: otherwise all requests of a test would share Flask's ``g``."""
        return Context().run(self.client.open, path, method=method, data=form)

    def get(self, path: str, status: int = 200) -> str:
        answer = self.send("GET", path)
        assert answer.status_code == status, (path, answer.status)
        return answer.get_data(as_text=True)

    def post(self, page: str, path: str, status: int = 302, **form: str) -> TestResponse:
        """Send a form of ``page`` to ``path``."""
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.get(page))
        assert token
        answer = self.send("POST", path, form | {"csrf_token": token[1]})
        assert answer.status_code == status, (path, answer.status, answer.get_data(as_text=True)[-3000:])
        return answer
