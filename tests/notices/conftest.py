"""People to write to, and mail servers of every temper, on the loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from flask import Flask

from app.kernel import settings as kernel_settings
from app.kernel.actor import SYSTEM
from app.kernel.clock import now
from app.kernel.database import db
from app.kernel.settings import settings
from app.kernel.unit_of_work import UnitOfWork
from app.security import personal
from app.security.models import Person

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
