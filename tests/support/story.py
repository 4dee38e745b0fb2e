"""The demo's people at a test's service: act as any of them, log in as any of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from app.demo.people import LEARNERS, STAFF
from app.demo.story import Story
from app.kernel.database import db
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner
from app.security import personal
from app.security.models import Account

Result = TypeVar("Result")


class Cast(Story):
    """The story's steps, over the demo database as it is."""

    def __init__(self) -> None:
        words = [row[0] for row in (*STAFF, *LEARNERS)]
        accounts = {}
        learners = {}
        for word in words:
            account = db.session.scalars(
                select(Account).where(Account.login_index == personal.login_index(word))
            ).one()
            accounts[word] = account.id
            learner = db.session.scalar(select(Learner.id).where(Learner.user_id == account.id))
            if learner is not None:
                learners[word] = learner
        super().__init__(accounts, learners)

    def learner(self, word: str) -> int:
        return self._learners[word]

    def account(self, word: str) -> int:
        return self._accounts[word]


def log_in(app: Flask, word: str, password: str = "") -> FlaskClient:
    """A browser in which ``word`` is logged in."""
    client = app.test_client()
    answer = post(client, "/login/", {"username": word, "password": password or f"Demo-{word}-2026"})
    assert answer.status_code == 302, answer.text[-2000:]
    return client


def token(client: FlaskClient, page: str = "/login/") -> str:
    """The form token of this browser's session."""
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get(page, follow_redirects=True).text)
    assert found, f"no form token on {page}"
    return found[1]


def post(client: FlaskClient, address: str, data: dict[str, object]) -> TestResponse:
    """Send a form as a browser would, with its token (any page of the session has the same)."""
    page = "/login/" if address == "/login/" else "/password/"
    return client.post(
        address, data={"csrf_token": token(client, page), **data}, content_type="multipart/form-data"
    )


def in_thread(app: Flask, word: Story, who: str, step: Callable[[UnitOfWork], Result]) -> Result:
    """One step in an application context of its own, as another process would take it."""
    with app.app_context():
        with UnitOfWork(db.session, word.by(who)) as uow:
            result = step(uow)
        db.session.remove()
        return result
