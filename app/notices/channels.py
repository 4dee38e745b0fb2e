"""The ways out of the house: e-mail by SMTP, SMS by a gateway, and by default files that a person can open.

A channel takes one :class:`Parcel` and returns when the other side has taken it. Otherwise it raises one of
the four outcomes below, each with a short reason that names no address: the reason is kept and shown.
"""

from __future__ import annotations

import json
import os
import re
import smtplib
import ssl
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from email.charset import BASE64, SHORTEST, Charset
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from flask import current_app
from flask_mail import BadHeaderError, Connection, Mail, Message

from app.kernel.settings import settings

#: Seconds that the other side may keep us waiting at a time. Gateways must give up by themselves after that.
PATIENCE = 15.0


class Undelivered(Exception):
    """``reason`` is short and without personal data, e.g. ``SMTP 550``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason[:300]


class Refused(Undelivered):
    """Not taken, and never will be: the address is wrong, or the words are."""


class TryLater(Undelivered):
    """Not taken this time."""


class Down(Undelivered):
    """The other side can't be reached at all; this message is not to blame."""


class OutcomeUnknown(Undelivered):
    """It may have been taken: the connection was lost while waiting for the answer."""


@dataclass(frozen=True)
class Parcel:
    """One message, ready to go. ``key``, the same over attempts, becomes the Message-ID or gateway's key."""

    id: int
    key: str
    code: str
    address: str
    subject: str
    text: str

    @property
    def file_name(self) -> str:
        """The same over attempts, so that a file is written twice but stands once."""
        return f"{self.id:08d}-{self.code}"


class Channel(Protocol):
    """Delivers parcels; raises the outcomes above."""

    def send(self, parcel: Parcel) -> None: ...

    def close(self) -> None: ...


class SmsGateway(Protocol):
    """What a provider of SMS must do, within PATIENCE; raises the outcomes above."""

    def send(self, key: str, mobile: str, text: str) -> None:
        """``key`` is stable over attempts: hand it on where the provider can tell repeats by it."""


def open_channels() -> dict[str, Channel]:
    """The channels that the settings name. Raises ValueError for a setting that names none."""
    from app.notices.gateways import gateway  # they raise this module's outcomes

    chosen = settings()
    outbox = chosen.data_dir / "outbox"
    return {
        "email": SmtpMail(chosen.mail_url) if chosen.mail_url else MailFiles(outbox),
        "sms": Sms(gateway(chosen.sms_gateway)) if chosen.sms_gateway else SmsFiles(outbox),
    }


class Sms:
    """SMS by a gateway."""

    def __init__(self, gateway: SmsGateway) -> None:
        self._gateway = gateway

    def send(self, parcel: Parcel) -> None:
        self._gateway.send(parcel.key, parcel.address, parcel.text)

    def close(self) -> None:
        pass


class SmsFiles:
    """Each SMS a JSON file in the outbox folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, parcel: Parcel) -> None:
        content = {"to": parcel.address, "text": parcel.text, "key": parcel.key}
        _write(
            self._folder / f"{parcel.file_name}.json",
            json.dumps(content, ensure_ascii=False, indent=2).encode(),
        )

    def close(self) -> None:
        pass


class MailFiles:
    """Each e-mail an ``.eml`` file in the outbox folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        _mail_state({"MAIL_SUPPRESS_SEND": True})

    def send(self, parcel: Parcel) -> None:
        _write(self._folder / f"{parcel.file_name}.eml", _compose(parcel, "utf-8").as_bytes())

    def close(self) -> None:
        pass


class SmtpMail:
    """E-mail by Flask-Mail over SMTP: ``smtp://user:password@host:port`` or ``smtps://…``.

    One connection serves many parcels. Over ``smtp://`` it is encrypted where the server offers that; a
    password is never sent over one that isn't.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise ValueError("CREDITBANK_MAIL_URL: smtp://user:password@host:port or smtps://…")
        secure = parts.scheme == "smtps"
        self._state = _mail_state(
            {
                "MAIL_SERVER": parts.hostname,
                "MAIL_PORT": parts.port or (465 if secure else 25),
                "MAIL_USE_SSL": secure,
                "MAIL_USERNAME": unquote(parts.username or "") or None,
                "MAIL_PASSWORD": unquote(parts.password or "") or None,
                "MAIL_SUPPRESS_SEND": False,
            }
        )
        self._connection: _Connection | None = None

    def send(self, parcel: Parcel) -> None:
        connection = self._connect()
        try:
            connection.send(_compose(parcel, _BASE64))
        except (BadHeaderError, UnicodeError, IndexError) as error:
            raise Refused(f"address: {type(error).__name__}") from error
        except (smtplib.SMTPException, OSError) as error:
            outcome = _outcome(error, connection.host.content_begun)
            self.close()
            raise outcome from error

    def _connect(self) -> _Connection:
        if self._connection is None:
            connection = _Connection(self._state)
            try:
                connection.host = connection.configure_host()
            except (smtplib.SMTPException, OSError) as error:
                raise Down(_reason(error)) from error
            self._connection = connection
        self._connection.host.content_begun = False
        return self._connection

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(smtplib.SMTPException, OSError):
                connection.host.quit()


class _Conversation:
    """Remembers whether the server has said 354: from then on it may have taken the message."""

    content_begun = False

    def getreply(self) -> tuple[int, bytes]:
        code, words = super().getreply()  # type: ignore[misc]
        self.content_begun = self.content_begun or code == 354
        return code, words


class _Smtp(_Conversation, smtplib.SMTP):
    pass


class _SmtpSsl(_Conversation, smtplib.SMTP_SSL):
    pass


class _Connection(Connection):
    """Flask-Mail's connection, with a limit to its patience and a care for passwords."""

    host: Any

    def configure_host(self) -> Any:
        mail, secure = self.mail, ssl.create_default_context()
        if mail.use_ssl:
            host: Any = _SmtpSsl(mail.server, mail.port, timeout=PATIENCE, context=secure)
        else:
            host = _Smtp(mail.server, mail.port, timeout=PATIENCE)
            host.ehlo_or_helo_if_needed()
            if host.has_extn("starttls"):
                host.starttls(context=secure)
        if mail.username and mail.password:
            if not isinstance(host.sock, ssl.SSLSocket):
                raise smtplib.SMTPNotSupportedError("the server offers no encryption")
            host.login(mail.username, mail.password)
        return host


def _outcome(error: Exception, content_begun: bool) -> Undelivered:
    """What to make of an error on an open connection."""
    code, reason = _code(error), _reason(error)
    if code is None:
        return OutcomeUnknown(reason) if content_begun else TryLater(reason)
    if code == 421:
        return Down(reason)
    of_message = isinstance(error, (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError))
    return Refused(reason) if code >= 500 and of_message else TryLater(reason)


def _code(error: Exception) -> int | None:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return int(next(iter(error.recipients.values()))[0])
    return int(error.smtp_code) if isinstance(error, smtplib.SMTPResponseException) else None


def _reason(error: Exception) -> str:
    """Code and kind only: servers repeat addresses in their words."""
    code = _code(error)
    return type(error).__name__ if code is None else f"SMTP {code} ({type(error).__name__})"


#: Chinese in 8 bits would make lines longer than SMTP allows.
_BASE64 = Charset("utf-8")
_BASE64.header_encoding = SHORTEST
_BASE64.body_encoding = BASE64


def _mail_state(config: dict[str, Any]) -> Any:
    state = Mail().init_mail(config)
    current_app.extensions["mail"] = state  # where Flask-Mail's messages look for it
    return state


def _compose(parcel: Parcel, charset: Any) -> Message:
    message = Message(
        parcel.subject,
        recipients=[parcel.address],
        body=parcel.text,
        sender=settings().mail_sender,
        charset=charset,
        extra_headers={"Auto-Submitted": "auto-generated"},
    )
    host = re.sub(r"[^A-Za-z0-9.-]", "", settings().mail_sender.rpartition("@")[2]) or "localhost"
    message.msgId = f"<{parcel.key}@{host}>"
    return message


def _write(path: Path, content: bytes) -> None:
    """There whole or not at all, and readable by the owner only: it may hold a code."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
            file.write(content)
        os.replace(file.name, path)
    except OSError as error:
        raise Down(type(error).__name__) from error
