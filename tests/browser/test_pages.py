"""Every page that a click can reach, for every role: it answers, complains of nothing, and fits a phone."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Error

from tests.browser.conftest import Opens
from tests.support.site import DESKTOP, PHONE, Visitor

START = {
    "": ["/", "/login/"],
    "learner2": ["/me/"],
    "point": ["/console/"],
    "committee": ["/console/"],
    "assessor": ["/console/"],
    "institution": ["/console/"],
    "auditor": ["/console/"],
    "admin": ["/console/"],
    "center": ["/console/"],
}
#: Answers that are no pages of ours: files, papers, another language, the end of a session.
NOT_PAGES = re.compile(
    r"/(evidence|documents|export|lang|logout|vendor|static|healthz|readyz|swagger|api|metrics)\b|\.\w+$"
)
#: One page of each kind is enough: digits and codes of rows are one kind.
_KEY = re.compile(r"(?<=/)(\d+|[A-Z0-9]{4}(-[A-Z0-9]{4})+)(?=/|$)")

#: Kinds of pages that some role has seen already; each is looked at once.
_seen: set[str] = set()


@pytest.mark.parametrize("word", START)
def test_every_page_answers_and_fits(opens: Opens, word: str) -> None:
    visitor = opens(word)
    waiting = list(START[word])
    looked = 0
    while waiting:
        address = waiting.pop(0)
        kind = _kind(address)
        if kind in _seen and address not in START[word]:
            continue
        _seen.add(kind)
        looked += 1
        _look(visitor, address)
        waiting += [link for link in _links(visitor) if _kind(link) not in _seen]
    assert looked


def _look(visitor: Visitor, address: str) -> None:
    page = visitor.page
    page.set_viewport_size({"width": DESKTOP, "height": 900})
    try:
        page.goto(address)
    except Error as error:
        if "Download is starting" in str(error):
            return  # a file, no page
        raise
    assert page.locator("h1").count() == 1, f"{address}: one heading of the first rank"
    assert " · " in page.title(), address
    assert visitor.overflow() == 0, f"{address} is wider than {DESKTOP} px"
    page.set_viewport_size({"width": PHONE, "height": 844})
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert visitor.overflow() == 0, f"{address} is wider than {PHONE} px, by {visitor.overflow()}"


def _links(visitor: Visitor) -> list[str]:
    hrefs: list[str] = visitor.page.eval_on_selector_all("a[href]", "links => links.map(link => link.href)")
    own = [urlsplit(href) for href in hrefs if href.startswith(visitor.site.base)]
    return [_address(one.path, one.query) for one in own if not NOT_PAGES.search(one.path)]


def _address(path: str, query: str) -> str:
    return f"{path}?{query}" if query else path


def _kind(address: str) -> str:
    parts = urlsplit(address)
    names = sorted(
        {pair.partition("=")[0] for pair in parts.query.split("&") if pair} & {"category", "item", "typed"}
    )
    return _KEY.sub("N", parts.path) + "?" * bool(names) + "&".join(names)
