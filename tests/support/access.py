"""What tests of accounts need: codes as the worker sends them, people whom nobody knows."""

from __future__ import annotations

import json
import re
from email import message_from_bytes
from email.policy import default
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.demo.people import identity_number
from app.kernel.database import db
from app.kernel.settings import settings
from app.worker import run_once
from tests.support.story import token

_MESSAGES = ("find out whom codes go to", "deliver notices")
SECRET = "Kao-shi-2026!"


def work(app: Flask) -> None:
    """What the worker does about messages."""
    run_once(app, [task for task in app.extensions["worker"] if task.name in _MESSAGES])


def fresh() -> None:
    """Look at the database as it is now."""
    db.session.rollback()
    db.session.expire_all()


def messages(words: str = "") -> list[dict[str, str]]:
    """What lies in the outbox, oldest first, of those with ``words``: whom it goes to and its text."""
    found = []
    for path in sorted(Path(settings().data_dir / "outbox").glob("*")):
        if path.suffix == ".json":
            found.append(json.loads(path.read_text()))
        else:
            mail = message_from_bytes(path.read_bytes(), policy=default)
            found.append({"to": mail["To"], "text": mail.get_content()})
    return [message for message in found if words in message["text"]]


def last_code(app: Flask) -> str:
    """The six digits of the newest code, once the worker has been."""
    work(app)
    code = re.search(r"验证码是 ([0-9]{6})", messages("验证码是")[-1]["text"])
    assert code
    return code[1]


def send(client: FlaskClient, address: str, data: dict[str, object]) -> TestResponse:
    """Send a form of a visitor's, with the token of the page itself."""
    return client.post(address, data={"csrf_token": token(client, address), **data})


__all__ = ["SECRET", "fresh", "identity_number", "last_code", "messages", "send", "work"]
