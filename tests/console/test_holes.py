"""The rest of the holes (spec 6, security holes): what isn't about whose rows they are (``test_rows.py``)."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_appbuilder import MasterDetailView, ModelRestApi, ModelView, MultipleView
from flask_appbuilder.charts.views import BaseChartView
from flask_appbuilder.models.filters import Filters

from app.console.pages import Page
from app.console.reading import Reading
from tests.console.conftest import Places, every, fresh, put
from tests.console.lab import Book, OriginalView
from tests.support.story import log_in, post

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
HOME = "/console/records/book/"


def _both_at_once(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
    """Let two requests meet right before ``owner.name``, so that what they share is mixed up surely."""
    meeting, original = Barrier(2, timeout=10), getattr(owner, name)

    def meet(*arguments: Any, **options: Any) -> Any:
        try:
            meeting.wait()
        except BrokenBarrierError:
            pytest.fail("the two requests never met")
        return original(*arguments, **options)

    monkeypatch.setattr(owner, name, meet)


def _titles(app: Flask, places: Places, address: Callable[[str], str]) -> dict[str, set[str]]:
    """Which of the two books each of two simultaneous filtered lists shows."""
    put(*(Book(title=title, organisation_id=places.point) for title in ("Apple", "Banana")))
    browsers = {title: log_in(app, "center") for title in ("Apple", "Banana")}

    def ask(title: str) -> tuple[str, set[str]]:
        text = browsers[title].get(address(title)).text.partition("<tbody>")
        shown = text[2] or text[0]
        return title, {name for name in browsers if name in shown}

    with ThreadPoolExecutor(2) as pool:
        return dict(pool.map(ask, browsers))


@SQLITE
def test_filters_are_not_shared_between_threads(
    library: Flask, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    _both_at_once(monkeypatch, Reading, "filtered")
    _both_at_once(monkeypatch, Page, "__init__")
    found = _titles(library, places, lambda title: f"{HOME}?title={title}")
    assert found == {"Apple": {"Apple"}, "Banana": {"Banana"}}


@SQLITE
def test_filters_of_the_original_are_shared_control(
    library: Flask, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mutant: Flask-AppBuilder's own view under the same meeting shows somebody another's filter."""
    _both_at_once(monkeypatch, Filters, "get_joined_filters")
    address = f"{OriginalView.route_base or '/originalview'}/list/?_flt_3_title="
    found = _titles(library, places, lambda title: f"{address}{title}")
    assert found != {"Apple": {"Apple"}, "Banana": {"Banana"}}


@SQLITE
def test_no_view_keeps_anything_of_a_request(center: FlaskClient, library: Flask, places: Places) -> None:
    put(Book(title="One", organisation_id=places.point))
    views = [view for view in library.appbuilder.baseviews if isinstance(view, Reading)]  # type: ignore[attr-defined]
    before = [dict(vars(view)) for view in views]
    for address in (f"{HOME}?title=One&page=2", f"{HOME}1", f"{HOME}1/edit", f"{HOME}lookup/shelf?q=a"):
        assert center.get(address).status_code == 200
    assert [dict(vars(view)) for view in views] == before


@SQLITE
def test_the_session_does_not_grow_with_the_pages_seen(center: FlaskClient, places: Places) -> None:
    put(*(Book(title=f"B{n}", organisation_id=places.point) for n in range(3)))
    for n in range(12):
        center.get(f"{HOME}?title={'x' * 150}{n}")
    with center.session_transaction() as session:
        assert "page_history" not in session
    cookies = [cookie for cookie in center._cookies.values() if "session" in cookie.key]  # type: ignore[attr-defined]
    assert [len(cookie.value) < 100 for cookie in cookies] == [True]


HOSTILE = (
    "order=secret", "order=process", "order=organisation", "order=-", "order=title;DROP", "order=__class__",
    "order=metadata", "order=shelf.secret", "_oc_BookView=process&_od_BookView=desc", "_flt_0_process=hidden",
    "page=abc", "page=-1", "page=0", "page=99999999999999999999", "page=%C2%B2", "page=1e3", "page=%00", "page=１",
    "size=100000", "size=-1", "size=abc", "size=%C2%B2", "psize=100000", "psize_BookView=100000", "page_BookView=x",
    "kind=nonsense", "kind=%00", "active=maybe", "copies=abc", "copies=%C2%B2", "copies=99999999999999999999999",
    "barcode=9223372036854775808", "credits=1e9", "credits=1.234", "since.from=yesterday", "since.from=0001-01-01",
    "since.to=9999-12-31", "read_at.from=2026-13-45", "read_at.to=%C2%B2", "shelf=9223372036854775808", "shelf=%C2%B2",
    "shelf=abc", "tags=-1", "title=%00", "title=%ED%A0%80", "title=%E2%80%AEevil", "title=" + "x" * 5000,
    "shelf.name=%25_%25", "title=%FF%FE",
)  # fmt: skip


def test_hostile_parameters_of_a_list_are_clamped(center: FlaskClient, places: Places) -> None:
    """Paging, order and filters: never an error, never a long page, never an order by what isn't listed."""
    put(
        *(
            Book(title=f"B{n:03d}", organisation_id=places.point, note=f"{500 - n}", values={"n": 500 - n})
            for n in range(120)
        )
    )
    for words in HOSTILE:
        answer = center.get(f"{HOME}?{words}")
        assert answer.status_code == 200, words
        rows = answer.text.count('name="rowid"')
        assert rows <= 100, f"{words}: {rows} rows"
        if words.startswith(("order=", "_o", "page=", "page_", "psize", "size=")):
            assert rows, words
            titles = re.findall(r">(B[0-9]{3})<", answer.text)
            assert titles == sorted(titles), f"{words} orders by something that isn't listed"
        if words.startswith(("kind", "active=m", "copies", "barcode", "credits", "since.from", "read_at")):
            assert "is-invalid" in answer.text, f"{words}: nonsense goes unmarked"
            assert rows == 0, words


def test_ids_beyond_what_a_database_holds_are_not_found(center: FlaskClient, places: Places) -> None:
    put(Book(title="One", organisation_id=places.point))
    for key in (
        2**63 - 1,
        2**63,
        2**64,
        10**30,
        "9" * 5000,
        "²",
        "１",
        "1.0",
        "1e0",
        "-1",
        "+1",
        " 1",
        "0x1",
        "%00",
        "‮1",
    ):
        assert center.get(f"{HOME}{key}").status_code == 404, key
        assert center.get(f"{HOME}{key}/edit").status_code == 404, key
        answer = post(center, f"{HOME}lend", {"rowid": str(key), "confirmed": "1"})
        assert answer.status_code == 302, key
        assert fresh(Book, 1).lent is None


def test_too_many_ids_at_once_are_refused(center: FlaskClient, places: Places) -> None:
    put(Book(title="One", organisation_id=places.point))
    answer = post(center, f"{HOME}lend", {"rowid": ["1"] * 201, "confirmed": "1"})
    assert answer.status_code == 413
    assert fresh(Book, 1).lent is None


def test_database_errors_are_told_in_words_at_their_field(
    center: FlaskClient, places: Places, typed: dict[str, object]
) -> None:
    put(Book(title="Taken", organisation_id=places.point))
    twice = post(center, f"{HOME}add", {**typed, "title": "Taken"})
    rule = post(center, f"{HOME}add", {**typed, "since": "2026-02-02", "until": "2026-02-01"})
    for answer in (twice, rule):
        assert answer.status_code == 422
        for raw in (
            "INSERT",
            "UNIQUE",
            "constraint",
            "lab_book",
            "sqlite3",
            "psycopg",
            "CHECK",
            "IntegrityError",
        ):
            assert raw not in answer.text, raw
    assert "另一条记录已有此值" in twice.text or "已有" in twice.text
    assert "is-invalid" in twice.text
    assert len(every(Book)) == 1


def test_deleting_what_others_refer_to_is_told_in_words(center: FlaskClient, places: Places) -> None:
    from tests.console.lab import Shelf

    shelf = Shelf(name="Held", organisation_id=places.point)
    put(shelf)
    put(Book(title="On it", organisation_id=places.point, shelf_id=shelf.id))
    answer = post(center, f"/console/records/shelf/{shelf.id}/delete", {"confirmed": "1"})
    page = center.get(answer.location).text
    assert "FOREIGN KEY" not in page
    assert "foreign key" not in page
    assert "引用" in page
    assert fresh(Shelf, shelf.id) is not None


@SQLITE
def test_views_with_holes_of_their_own_are_not_in_use(library: Flask) -> None:
    """Master-detail lists without base filters, the upload folder's download, charts that load foreign scripts,
    REST that checks ids on /info only: none of them is registered, so none can be reached."""
    views = [view for view in library.appbuilder.baseviews if not isinstance(view, OriginalView)]  # type: ignore[attr-defined]
    for view in views:
        assert not isinstance(view, MasterDetailView | MultipleView | BaseChartView | ModelRestApi), type(
            view
        )
        if isinstance(view, ModelView):
            assert isinstance(view, Reading), f"{type(view)} is Flask-AppBuilder's, not ours"
            assert view.download is None
            assert view.action is None
            assert view.action_post is None
    ends = {rule.rule for rule in library.url_map.iter_rules() if "OriginalView" not in rule.endpoint}
    assert not [rule for rule in ends if "/download/" in rule or "/action/" in rule or "/action_post" in rule]


@SQLITE
def test_registration_is_ours_without_a_foreign_riddle(library: Flask) -> None:
    assert library.config["AUTH_USER_REGISTRATION"] is False
    for address in ("/register/form", "/registeruser/form", "/registeruserdbview/form"):
        assert library.test_client().get(address).status_code in (302, 308, 404)
    page = library.test_client().get("/register/").text
    assert "recaptcha" not in page.lower()
    assert "google" not in page.lower()


@SQLITE
def test_no_api_key_of_flask_appbuilder_opens_anything(library: Flask) -> None:
    """Their scopes are stored and never checked, so its keys aren't taken at all."""
    client = library.test_client()
    for header in ({"X-API-Key": "sst_x"}, {"Authorization": "Bearer sst_x"}):
        assert client.get(HOME, headers=header).status_code == 302
    assert not [
        rule for rule in library.url_map.iter_rules() if "apikey" in rule.endpoint.lower().replace("_", "")
    ]
