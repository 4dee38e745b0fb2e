"""Forms and column types (spec 6, forms and types): one line there, one test here."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import inspect

from app.console.declarations import Misdeclared
from app.console.interface import Records
from app.console.views import RecordView
from tests.console.conftest import Places, every, fresh, one, put
from tests.console.lab import COLUMNS, LABELS, Book, Shelf, Stamp, Tag
from tests.support.forms import filled
from tests.support.story import post, token

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
HOME = "/console/records/book/"
TOKEN = UUID("12345678-1234-5678-1234-567812345678")


def everything(places: Places, **other: Any) -> Book:
    """A book with a value in every column, some of them hard to type."""
    columns: dict[str, Any] = {
        "title": "所有列 <b>& \"quotes\"",
        "organisation_id": places.point,
        "kind": "essay",
        "credits": 250,
        "ratio": 3333,
        "copies": 7,
        "barcode": 2**62,
        "price": Decimal("12.30"),
        "since": date(2026, 2, 28),
        "until": date(2026, 3, 1),
        "read_at": datetime(2026, 10, 9, 16, 30, 15, 123456, UTC),
        "opens": time(9, 30, 15),
        "token": TOKEN,
        "values": {"name": "张三", "list": [1, 2.5, None, True], "deep": {"a": {"b": "\n\t\"'<"}}, "empty": {}},
        "data": "d", "errors": "e", "meta": "m", "note": "第一行\n\n  第二行 𬭎", "lent": False,
    }  # fmt: skip
    return Book(**{**columns, **other})


def stored(key: int) -> dict[str, Any]:
    row = fresh(Book, key)
    return {column.key: getattr(row, column.key) for column in inspect(Book).column_attrs} | {
        "tags": sorted(tag.id for tag in row.tags)
    }


def test_an_unchanged_save_changes_nothing(center: FlaskClient, places: Places) -> None:
    """JSON, times of day, moments with seconds, UUIDs, large numbers, nested text: all come back as they were."""
    shelf, tags = Shelf(name="S", organisation_id=places.point), [Tag(name="red"), Tag(name="blue")]
    put(shelf, *tags)
    book = everything(places, shelf_id=shelf.id, tags=tags)
    put(book)
    before = stored(book.id)
    sent: dict[str, Any] = dict(filled(center.get(f"{HOME}{book.id}/edit").text, "version"))
    assert post(center, f"{HOME}{book.id}/edit", sent).status_code == 302
    assert stored(book.id) == before
    sent["data"] = sent["data_"] = "another"
    assert post(center, f"{HOME}{book.id}/edit", sent).status_code == 302
    after = stored(book.id)
    assert {name for name in before if before[name] != after[name]} == {"data", "version", "changed_at"}


def test_every_type_is_typed_shown_and_searched(
    center: FlaskClient, places: Places, typed: dict[str, object]
) -> None:
    sent = {
        **typed,
        "credits": "2.5",
        "ratio": "33.33",
        "copies": "７",
        "barcode": str(2**62),
        "price": "12.30",
        "since": "2026-02-28",
        "read_at": "2026-10-10T00:30",
        "opens": "09:30",
        "token": str(TOKEN),
        "values_": '{"name": "张三", "n": [1, 2.5, null]}',
        "lent": "no",
    }
    answer = post(center, f"{HOME}add", sent)
    assert answer.status_code == 302, answer.text
    row = one(Book)
    assert (row.credits, row.ratio, row.copies, row.barcode, row.price) == (
        250,
        3333,
        7,
        2**62,
        Decimal("12.30"),
    )
    assert (row.since, row.opens, row.token, row.lent) == (date(2026, 2, 28), time(9, 30), TOKEN, False)
    assert row.read_at == datetime(2026, 10, 9, 16, 30, tzinfo=UTC)
    assert row.values == {"name": "张三", "n": [1, 2.5, None]}
    page = center.get(f"{HOME}{row.id}").text
    for words in ("2.5", "33.33 %", "2026-10-10 00:30", "09:30", str(TOKEN), "张三"):
        assert words in page, words


def test_days_are_those_of_china(center: FlaskClient, places: Places) -> None:
    """The date-time filter: 16:30 in London's winter is the next day already, both ends of a span count."""
    put(everything(places, title="Tenth"))
    for span, found in (
        ("read_at.from=2026-10-10&read_at.to=2026-10-10", True),
        ("read_at.to=2026-10-09", False),
        ("read_at.from=2026-10-11", False),
        ("since.from=2026-02-28&since.to=2026-02-28", True),
        ("since.from=2026-03-01", False),
    ):
        assert ("Tenth" in center.get(f"{HOME}?{span}").text) is found, span


IMPOSSIBLE = {
    "values_": ("{", "[1]", "nope", '{"a": NaN}', '{"a": 1, "a": 2}', '{"a": "\\ud800"}', "[" * 100_000),
    "copies": ("²", "10²", "①", "abc", "1.5", "2147483648", "99999999999999999999", "1e3", "--1", "٣"),
    "credits": ("-1", "1.234", "²", "99999999"),
    "barcode": ("9223372036854775808", "x"),
    "since": ("2026-02-30", "0001-01-01", "tomorrow", "²"),
    "read_at": ("2026-13-01T00:00", "2026-01-01T00:00+08:00", "9999-01-01T00:00"),
    "opens": ("25:00", "²", "9"),
    "token": ("123", "zz", "²"),
    "kind": ("nonsense", "", "\0"),
    "title": ("", "   ", "\u3000", "x" * 101, "a\0b"),
    "note": ("x" * 100_001,),
}


@SQLITE
def test_what_a_column_cannot_hold_is_refused_at_its_field(
    center: FlaskClient, typed: dict[str, object]
) -> None:
    sent = {**typed, "csrf_token": token(center, "/password/")}
    for field, texts in IMPOSSIBLE.items():
        for text in texts:
            answer = center.post(f"{HOME}add", data={**sent, field: text})
            assert answer.status_code == 422, f"{field}: {text[:30]!r}"
            assert "is-invalid" in answer.text, f"{field}: {text[:30]!r}"
    assert every(Book) == []


def test_refusals_keep_what_was_typed(center: FlaskClient, typed: dict[str, object]) -> None:
    """Of a check, of a hook before the write and of the database alike."""
    for title in ("Refused by check", "Refused by hook"):
        answer = post(
            center, f"{HOME}add", {**typed, "title": title, "note": "typed with care", "copies": "42"}
        )
        assert answer.status_code == 422
        again = filled(answer.text, "title")
        assert (again["title"], again["note"], again["copies"]) == ([title], ["typed with care"], ["42"])
    assert every(Book) == []


def test_hooks_after_a_write_are_still_before_the_commit(center: FlaskClient, places: Places) -> None:
    put(everything(places, title="As it was"))
    sent: dict[str, Any] = dict(filled(center.get(f"{HOME}1/edit").text, "version"))
    answer = post(center, f"{HOME}1/edit", {**sent, "title": "Refused after"})
    assert answer.status_code == 422
    assert fresh(Book, 1).title == "As it was"


def test_a_refused_change_leaves_no_dirty_row(center: FlaskClient, places: Places) -> None:
    """Nothing of a refused change reaches the database, nor the next request, nor the list."""
    put(everything(places, title="As it was"), everything(places, title="The other"))
    sent: dict[str, Any] = dict(filled(center.get(f"{HOME}1/edit").text, "version"))
    for title in ("Refused by hook", "The other"):
        assert post(center, f"{HOME}1/edit", {**sent, "title": title}).status_code == 422
        assert fresh(Book, 1).title == "As it was"
    assert post(center, f"{HOME}1/edit", {**sent, "title": "Then changed"}).status_code == 302
    assert fresh(Book, 1).title == "Then changed"
    assert "Refused by hook" not in center.get(HOME).text


@SQLITE
def test_a_forgotten_list_of_columns_stops_the_start(library: Flask) -> None:
    said: dict[str, Any] = {
        "datamodel": Records(Book), "label": "Book", "label_plural": "Books", "list_columns": ["title"],
        "show_columns": ["title"], "add_columns": ["title"], "edit_columns": ["title"], "search_columns": ["title"],
        "label_columns": LABELS,
    }  # fmt: skip
    type("FineView", (RecordView,), said)()
    for forgotten in (
        "list_columns",
        "show_columns",
        "add_columns",
        "edit_columns",
        "search_columns",
        "label",
    ):
        with pytest.raises(Misdeclared):
            type("ForgetfulView", (RecordView,), {k: v for k, v in said.items() if k != forgotten})()


@SQLITE
def test_what_the_house_writes_is_never_in_a_form(library: Flask) -> None:
    for column in ("id", "version", "state", "created_at", "created_by_id", "changed_at"):
        said = {
            "datamodel": Records(Book), "label": "Book", "label_plural": "Books", "list_columns": ["title"],
            "show_columns": ["title"], "add_columns": ["title", column], "edit_columns": ["title"],
            "search_columns": ["title"], "label_columns": LABELS,
        }  # fmt: skip
        with pytest.raises(Misdeclared):
            type("WritingView", (RecordView,), said)()


@SQLITE
def test_what_is_posted_beside_the_form_is_passed_over(
    center: FlaskClient, places: Places, typed: dict[str, object]
) -> None:
    more = {
        "id": "77",
        "created_by_id": "1",
        "version": "9",
        "organisation_id": str(places.sibling),
        "shelf_id": "1",
    }
    assert post(center, f"{HOME}add", {**typed, **more}).status_code == 302
    row = one(Book)
    assert (row.id, row.version, row.organisation_id, row.shelf_id) == (1, 1, places.institution, None)


@SQLITE
def test_remote_selects_hold_only_what_is_chosen(center: FlaskClient, places: Places) -> None:
    shelves = [Shelf(name=f"Shelf {n:03d}", organisation_id=places.point) for n in range(60)]
    put(*shelves)
    put(everything(places, shelf_id=shelves[7].id))
    page = center.get(f"{HOME}1/edit").text
    assert "Shelf 007" in page
    assert "Shelf 008" not in page
    assert f'data-remote="{HOME}lookup/shelf?for=edit"' in page
    assert "Shelf 0" not in center.get(f"{HOME}add").text
    assert f'value="{shelves[9].id}" selected' in center.get(f"{HOME}add?shelf={shelves[9].id}").text


def test_columns_whose_names_mean_something_to_forms(
    center: FlaskClient, places: Places, typed: dict[str, object]
) -> None:
    names = {"data": "one", "errors": "two", "meta": "three", "process": ""}
    sent = {**typed, **{f"{name}_": value for name, value in names.items()}, **names}
    assert post(center, f"{HOME}add", sent).status_code == 302
    row = one(Book)
    assert {name: getattr(row, name) for name in names} == names
    assert center.get(f"{HOME}{row.id}/edit").status_code == 200


def test_a_stale_save_is_told_and_keeps_what_was_typed(center: FlaskClient, places: Places) -> None:
    put(everything(places, title="First"))
    opened: dict[str, Any] = dict(filled(center.get(f"{HOME}1/edit").text, "version"))
    assert post(center, f"{HOME}1/edit", {**opened, "title": "Theirs"}).status_code == 302
    late = post(center, f"{HOME}1/edit", {**opened, "title": "Mine"})
    assert late.status_code == 409
    assert fresh(Book, 1).title == "Theirs"
    again: dict[str, Any] = dict(filled(late.text, "version"))
    assert again["title"] == ["Mine"]
    assert "Theirs" in late.text
    assert post(center, f"{HOME}1/edit", again).status_code == 302
    assert fresh(Book, 1).title == "Mine"


@SQLITE
def test_a_save_without_a_true_version_is_stale(center: FlaskClient, places: Places) -> None:
    """Whoever leaves the version out doesn't get round the comparison."""
    put(everything(places, title="First"))
    sent: dict[str, Any] = dict(filled(center.get(f"{HOME}1/edit").text, "version"))
    del sent["version"]
    for more in ({}, *({"version": text} for text in ("", "0", "²", "abc", "9" * 30, "\0"))):
        assert post(center, f"{HOME}1/edit", {**sent, **more, "title": "Blind"}).status_code == 409, more
        assert fresh(Book, 1).title == "First"


def test_a_stale_delete_deletes_nothing(center: FlaskClient, places: Places) -> None:
    put(everything(places, title="First"))
    post(center, f"{HOME}1/delete", {"confirmed": "1", "version": "7"})
    assert fresh(Book, 1) is not None


@SQLITE
def test_jobs_can_write_without_a_person(library: Flask, places: Places) -> None:
    """AuditMixin's user columns are NOT NULL; ours say by NULL that the system itself acted."""
    put(everything(places))
    put(Stamp(text="By the system", book_id=1))
    assert one(Stamp).created_by_id is None
    assert set(COLUMNS) <= set(dir(Book))


def test_text_is_stored_as_typed(center: FlaskClient, typed: dict[str, object]) -> None:
    """Rare characters, marks of right-to-left text, quotes and markup are text like any other."""
    for n, text in enumerate(
        ("𬭎龘堃喆", "abc\u202etxt", "O'Brien \"; DROP TABLE lab_book; --", "<script>x</script>")
    ):
        assert post(center, f"{HOME}add", {**typed, "title": f"{n}", "note": text}).status_code == 302
        row = every(Book)[-1]
        assert row.note == text
        assert "<script>x" not in center.get(f"{HOME}{row.id}").text
