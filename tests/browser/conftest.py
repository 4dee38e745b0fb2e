"""One server and one Chromium for all journeys; each journey logs its people in anew."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.conftest import house_of
from tests.support.site import Site, Visitor

Opens = Callable[..., Visitor]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All journeys run in one process, so that they share the server."""
    for item in items:
        if "tests/browser/" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Site]:
    site = Site(house_of("sqlite", None, tmp_path_factory, worker_id), tmp_path_factory.mktemp("site"))
    yield site
    site.stop()


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("Chromium is absent: `make test` installs it, or says why it can't")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def sessions() -> dict[str, Any]:
    """Cookies of people who have logged in before."""
    return {}


@pytest.fixture
def opens(site: Site, chromium: Browser, sessions: dict[str, Any]) -> Iterator[Opens]:
    """``opens("point")`` is that person at a browser, logged in; ``opens()`` a visitor; ``width=390`` a phone."""
    visitors: list[Visitor] = []

    def open_as(word: str = "", **options: Any) -> Visitor:
        visitor = Visitor(site, chromium, storage_state=sessions.get(word), **options)
        visitors.append(visitor)
        if word and word not in sessions:
            visitor.log_in(word)
            sessions[word] = visitor.cookies()
        return visitor

    yield open_as
    for visitor in visitors:
        visitor.leave()
