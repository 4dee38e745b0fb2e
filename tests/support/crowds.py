"""Several browsers at the same moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from flask import Flask
from flask.testing import FlaskClient

Result = TypeVar("Result")


def copy_of(app: Flask, client: FlaskClient) -> FlaskClient:
    """Another browser with the same session: two tabs of one person."""
    other = app.test_client()
    for cookie in client._cookies.values():  # type: ignore[attr-defined]
        other.set_cookie(cookie.key, cookie.value)
    return other


def at_once(steps: Sequence[Callable[[], Result]]) -> list[Result]:
    """Run all steps, beginning together."""
    start = Barrier(len(steps), timeout=60)

    def run(step: Callable[[], Result]) -> Result:
        start.wait()
        return step()

    with ThreadPoolExecutor(len(steps)) as pool:
        return list(pool.map(run, steps))
