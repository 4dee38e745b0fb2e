"""A real server over a demo database of its own, and people who look at it with a real browser."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, TimeoutError

from tests.support.house import House

ROOT = Path(__file__).parents[2]
#: Where pictures of pages are kept, for people to look at.
PICTURES = ROOT / "var" / "screenshots"
DESKTOP, PHONE = 1280, 390


class Site:
    """``run.py`` over a copy of a house's demo database; ``base`` is its address."""

    def __init__(self, house: House, folder: Path) -> None:
        house.reset("demo")
        shutil.copytree(house.folder, folder, dirs_exist_ok=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.folder = folder
        self.base = f"http://127.0.0.1:{port}"
        environment = {
            **os.environ,
            "PORT": str(port),
            "CREDITBANK_DATA_DIR": str(folder),
            "CREDITBANK_DATABASE_URL": f"sqlite:///{folder / 'house.db'}",
        }
        self._log = (folder / "server.log").open("wb")
        self._server = subprocess.Popen(
            [sys.executable, "run.py"], cwd=ROOT, env=environment, stdout=self._log, stderr=self._log
        )
        self._await()

    def _await(self) -> None:
        for _attempt in range(200):
            try:
                connection = http.client.HTTPConnection(self.base.removeprefix("http://"), timeout=5)
                connection.request("GET", "/readyz")
                if connection.getresponse().status == 200:
                    return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError((self.folder / "server.log").read_text()[-2000:])

    def stop(self) -> None:
        self._server.terminate()
        self._server.wait(20)
        self._log.close()


class Visitor:
    """Somebody at a browser. Whatever a page complains of (script, policy, foreign address, broken answer) is kept."""

    def __init__(self, site: Site, browser: Browser, width: int = DESKTOP, **options: Any) -> None:
        self.site = site
        self.complaints: list[str] = []
        self._context = browser.new_context(
            base_url=site.base,
            viewport={"width": width, "height": 844 if width < 500 else 900},
            locale="zh-CN",
            timezone_id="Asia/Shanghai",
            accept_downloads=True,
            **options,
        )
        self._context.set_default_timeout(10_000)
        self._context.on("console", self._console)
        self._context.on("weberror", lambda error: self.complaints.append(f"script: {error.error}"))
        self._context.on("request", self._request)
        self._context.on("response", self._response)
        self.page: Page = self._context.new_page()
        #: Statuses that a page may answer with here; others are complaints.
        self.accepts: set[int] = set()

    def log_in(self, word: str, password: str = "") -> None:
        """By the page, as people do."""
        self.page.goto("/login/")
        self.page.fill("[name=username]", word)
        self.page.fill("[name=password]", password or f"Demo-{word}-2026")
        self.page.locator("main").get_by_role("button", name="登录").click()
        self.page.wait_for_url(lambda url: "/login" not in url)

    def see(self, *words: str) -> None:
        """The page shows all of these words."""
        main = self.page.locator("main")
        for text in words:
            try:
                main.get_by_text(text).filter(visible=True).first.wait_for(timeout=5000)
            except TimeoutError as error:
                raise AssertionError(f"{text} is not on {self.page.url}:\n{main.inner_text()}") from error

    def picture(self, name: str) -> None:
        """Keep what the page looks like, the whole of it."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png", full_page=True)

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        return int(
            self.page.evaluate(
                "Math.max(0, document.documentElement.scrollWidth - document.documentElement.clientWidth)"
            )
        )

    def leave(self) -> None:
        """Close, and fail on whatever a page complained of."""
        self._context.close()
        assert self.complaints == [], "\n".join(self.complaints)

    def cookies(self) -> Any:
        return self._context.storage_state()

    def _console(self, message: ConsoleMessage) -> None:
        expected = "Failed to load resource" in message.text and any(
            str(status) in message.text for status in self.accepts
        )
        if message.type in ("error", "warning") and not expected:
            self.complaints.append(f"{message.type} on {message.page and message.page.url}: {message.text}")

    def _request(self, request: Request) -> None:
        if request.url.startswith("http") and not request.url.startswith(f"{self.site.base}/"):
            self.complaints.append(f"foreign: {request.url}")

    def _response(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.accepts:
            self.complaints.append(f"{response.status} {response.request.method} {response.url}")
