"""Lists that can grow (spec 6, scale): what a page may cost, whatever the number of rows."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_appbuilder.charts.views import BaseChartView
from sqlalchemy import select

from app.console import pages
from app.console.declarations import Misdeclared
from app.console.interface import Records
from app.console.views import FactView
from app.kernel.database import db
from tests.console.conftest import Places, Queries, put
from tests.console.lab import LABELS, Book, Shelf, Stamp, Tag

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
HOME = "/console/records/book/"


def _books(places: Places, number: int) -> None:
    shelves = [Shelf(name=f"Shelf {n}", organisation_id=places.point) for n in range(number)]
    tags = [Tag(name=f"tag {n}") for n in range(5)]
    put(*shelves, *tags)
    put(
        *(
            Book(
                title=f"Book {n:04d}",
                organisation_id=(places.point, places.sibling)[n % 2],
                shelf_id=shelf.id,
                tags=tags,
            )
            for n, shelf in enumerate(shelves)
        )
    )


def test_a_page_of_a_hundred_rows_costs_no_more_questions_than_one_of_one(
    center: FlaskClient, point: FlaskClient, places: Places
) -> None:
    """N+1: 205 queries as shipped. Five at most, for a list with relations in it, whoever looks."""
    _books(places, 200)
    counts = []
    for client in (center, point):
        for address in (
            f"{HOME}?size=100&title=0001",
            f"{HOME}?size=100",
            f"{HOME}?size=100&page=2&order=-title",
        ):
            client.get(address)
            with Queries() as asked:
                page = client.get(address).text
            counts.append(len(asked.statements))
            assert len(asked.statements) <= 5, f"{address}\n" + "\n".join(asked.statements)
        assert page.count("<tr>") >= 2
    assert len(set(counts[:3])) == 1, counts


def test_a_record_with_many_relations_costs_a_fixed_number_of_questions(
    center: FlaskClient, places: Places
) -> None:
    _books(places, 60)
    for address in (f"{HOME}1", f"{HOME}1/edit", f"{HOME}add", "/console/records/shelf/1"):
        with Queries() as asked:
            assert center.get(address).status_code == 200
        assert len(asked.statements) <= 8, f"{address}\n" + "\n".join(asked.statements)


@SQLITE
def test_keys_come_first_and_relations_only_for_the_page(center: FlaskClient, places: Places) -> None:
    """A deferred join: LIMIT stands inside the select of keys, not behind the joins."""
    _books(places, 30)
    with Queries() as asked:
        center.get(f"{HOME}?size=10&page=3")
    (rows,) = [one for one in asked.statements if "lab_shelf" in one and "lab_book" in one]
    inner = re.search(r"\(SELECT lab_book\.id AS .key.*?LIMIT", rows, re.S)
    assert inner, rows
    assert "lab_shelf" not in inner[0]


@SQLITE
def test_counts_stop_at_a_cap(center: FlaskClient, places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    _books(places, 30)
    monkeypatch.setattr(pages, "CAP", 20)
    with Queries() as asked:
        page = center.get(f"{HOME}?size=10").text
    assert "20+" in page
    (counted,) = [one for one in asked.statements if "count(" in one and "lab_book" in one]
    assert "LIMIT" in counted
    assert center.get(f"{HOME}?size=10&page=99").status_code == 200


@SQLITE
def test_what_a_page_weighs_does_not_grow_with_the_tables_around_it(
    center: FlaskClient, places: Places
) -> None:
    """Remote selects: 37 MB for an add form as shipped."""
    light = {address: len(center.get(address).data) for address in (HOME, f"{HOME}add")}
    put(*(Shelf(name=f"Shelf number {n}", organisation_id=places.point) for n in range(300)))
    for address, size in light.items():
        assert len(center.get(address).data) - size < 200, address
        assert size < 40_000, address


@SQLITE
def test_search_is_over_the_columns_that_a_view_names(center: FlaskClient, places: Places) -> None:
    put(Book(title="Found", organisation_id=places.point, note="needle"))
    for words in ("note=needle", "_flt_3_note=needle", "process=nothing", "shelf.secret=hidden"):
        assert "Found" in center.get(f"{HOME}?{words}").text, f"{words} is no filter of this view"


def test_words_of_two_characters_are_found_and_wildcards_are_text(
    center: FlaskClient, places: Places
) -> None:
    put(
        *(
            Book(title=title, organisation_id=places.point)
            for title in ("电子商务概论", "计算机应用", "50%_off", "50 off")
        )
    )
    for word, found in (
        ("商务", {"电子商务概论"}),
        ("50%25", {"50%_off"}),
        ("%25_", {"50%_off"}),
        ("OFF", {"50%_off", "50 off"}),
    ):
        page = center.get(f"{HOME}?title={word}").text.partition("<tbody>")[2]
        assert {
            title for title in ("电子商务概论", "计算机应用", "50%_off", "50 off") if title in page
        } == found, word


@SQLITE
def test_nothing_is_ordered_by_a_related_column(center: FlaskClient, places: Places) -> None:
    _books(places, 3)
    page = center.get(HOME).text
    assert "order=shelf" not in page
    assert "order=organisation" not in page
    assert "order=title" in page or "order=-title" in page
    for column in ("shelf.name", "shelf"):
        said = {
            "datamodel": Records(Book), "label": "Book", "label_plural": "Books", "list_columns": ["title"],
            "show_columns": ["title"], "search_columns": [], "label_columns": LABELS, "order_columns": [column],
        }  # fmt: skip
        with pytest.raises(Misdeclared):
            type("OrderlyView", (FactView,), said)()


def test_keyset_pages_hold_every_row_once_and_take_any_place(library: Flask, places: Places) -> None:
    """Queues page by (moment, key): as fast on the last page as on the first, ties included."""
    _books(places, 3)
    put(*(Stamp(text=f"S{n}", book_id=1) for n in range(23)))
    seen, address = [], "/?size=10"
    for _turn in range(4):
        with library.test_request_context(address):
            page = pages.keyset(db.session(), select(Stamp), Stamp.created_at, Stamp.id, default=10)
        seen += [row.id for row in page.rows]
        if page.next_link is None:
            break
        address = page.next_link
    assert seen == sorted(seen)
    assert len(seen) == 23
    for place in (
        "x",
        "~",
        "2026-01-01~1",
        "2026-01-01T00:00:00+00:00~²",
        "2026-01-01T00:00:00+00:00~99999999999999999999",
        "\0~1",
    ):
        with library.test_request_context("/", query_string={"after": place}):
            assert len(pages.keyset(db.session(), select(Stamp), Stamp.created_at, Stamp.id).rows) == 23


@SQLITE
def test_no_chart_of_flask_appbuilder_and_no_foreign_script(library: Flask, center: FlaskClient) -> None:
    assert not [view for view in library.appbuilder.baseviews if isinstance(view, BaseChartView)]  # type: ignore[attr-defined]
    page = center.get(HOME).text
    assert re.findall(r'(?:src|href)="(?:https?:)?//', page) == []
