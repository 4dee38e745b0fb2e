"""Programs at the API: a key for each of the demo's people, used without any browser."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.api import services
from app.api.scopes import SCOPES
from app.kernel.database import db
from app.kernel.unit_of_work import UnitOfWork
from tests.support.story import Cast

_numbers = count(1)


class Program:
    """A client of the API with one key."""

    def __init__(self, app: Flask, token: str) -> None:
        self._client = app.test_client()
        self.token = token

    def get(self, path: str, **options: Any) -> TestResponse:
        return self._send("GET", path, **options)

    def post(self, path: str, body: Any, key: str = "", **options: Any) -> TestResponse:
        headers = {"Idempotency-Key": key or f"test-key-{next(_numbers)}", **options.pop("headers", {})}
        return self._send("POST", path, data=json.dumps(body), headers=headers, **options)

    def _send(self, method: str, path: str, **options: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return self._client.open(
            f"/api/v1{path}",
            method=method,
            headers=headers,
            **{"content_type": "application/json", **options},
        )


Programs = Callable[..., Program]


@pytest.fixture
def program(demo: Flask, cast: Cast) -> Programs:
    """A program with a key of one of the demo's people; with all scopes that mean something to them, or ``scopes``."""

    def make(word: str, scopes: Iterable[str] | None = None) -> Program:
        who = cast.by(word)
        wanted = services.usable_scopes(who.roles) if scopes is None else scopes
        with UnitOfWork(db.session, who) as uow:
            _, token = services.issue(uow, f"system of {word}", wanted)
        return Program(demo, token)

    return make


ALL = tuple(SCOPES.codes)
