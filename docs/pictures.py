"""``make pictures``: the README's pictures, taken of a fresh demo in a headless browser; small in bytes.

Needs Chromium and poppler, which ``make test`` installs.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, Route, sync_playwright

from tests.support.house import House
from tests.support.site import PHONE, Site, Visitor

PICTURES = Path(__file__).resolve().parent / "pictures"


def main() -> int:
    """Take every picture anew."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None or shutil.which("pdftoppm") is None:
        print("Chromium and poppler are needed; `make test` installs them.")  # noqa: T201
        return 1
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        site = Site(House(folder / "house", None, "pictures"), folder / "site")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            _portal(Visitor(site, browser))
            _desk(Visitor(site, browser))
            _queue(Visitor(site, browser))
            _learner(Visitor(site, browser, width=PHONE))
            _sheet(Visitor(site, browser), folder)
        finally:
            browser.close()
            site.stop()
    return 0


def _portal(visitor: Visitor) -> None:
    visitor.page.goto("/")
    _keep(visitor.page, "portal")


def _desk(visitor: Visitor) -> None:
    visitor.log_in("point")
    visitor.page.goto("/console/conversion/initial/")
    visitor.page.get_by_role("link", name="审核", exact=True).first.click()
    visitor.page.wait_for_selector(".cb-ready")
    _keep(visitor.page, "desk")


def _queue(visitor: Visitor) -> None:
    visitor.log_in("center")
    visitor.page.goto("/console/conversion/final/?state=all")
    _keep(visitor.page, "queue")


def _learner(visitor: Visitor) -> None:
    visitor.log_in("learner")
    visitor.page.goto("/me/")
    _keep(visitor.page, "learner")


def _sheet(visitor: Visitor, folder: Path) -> None:
    visitor.log_in("auditor")
    page = visitor.page
    page.goto("/console/conversion/final/?state=approved")
    page.get_by_role("link", name="查看详情").first.click()

    def keep(route: Route) -> None:
        (folder / "sheet.pdf").write_bytes(route.fetch().body())
        route.fulfill(status=204)

    page.route("**/console/documents/**", keep)
    with page.expect_response("**/console/documents/**"):
        page.get_by_role("button", name="审核表").first.click()
    command = [
        "pdftoppm",
        "-png",
        "-singlefile",
        "-r",
        "90",
        str(folder / "sheet.pdf"),
        str(folder / "sheet"),
    ]
    subprocess.run(command, check=True)  # noqa: S603
    _shrink((folder / "sheet.png").read_bytes(), "sheet")


def _keep(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    _shrink(page.screenshot(), name)


def _shrink(content: bytes, name: str) -> None:
    PICTURES.mkdir(exist_ok=True)
    with Image.open(io.BytesIO(content)) as picture:
        picture.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(
            PICTURES / f"{name}.png", optimize=True
        )


if __name__ == "__main__":
    sys.exit(main())
