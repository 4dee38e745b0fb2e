"""A test client whose requests are alone in the world, as in production: not inside the test's own application context."""

from __future__ import annotations

from contextvars import Context
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse


class Browser(FlaskClient):
    """Flask shares ``g`` between a request and an outer application context; every request here starts from none."""

    def open(self, *arguments: Any, **options: Any) -> TestResponse:
        return Context().run(super().open, *arguments, **options)
