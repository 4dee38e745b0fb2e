"""Whose rows: every way to a row passes the row policy and the view's base filters (spec 6, security holes)."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.kernel.database import db
from app.security.models import Account
from tests.console.conftest import Places, fresh, put
from tests.console.lab import Book, Shelf, Stamp, Tag
from tests.support.story import post

HOME = "/console/records/book/"


@pytest.fixture
def books(library: Flask, places: Places) -> dict[str, int]:
    """One book of the point, one of its sibling, one of the point outside of the view's base filters."""
    mine = Book(title="Own", organisation_id=places.point)
    theirs = Book(title="Foreign", organisation_id=places.sibling)
    hidden = Book(title="Hidden", organisation_id=places.point, process="hidden")
    put(mine, theirs, hidden)
    return {"mine": mine.id, "theirs": theirs.id, "hidden": hidden.id}


def test_a_list_has_only_rows_of_the_actor(point: FlaskClient, books: dict[str, int]) -> None:
    page = point.get(HOME).text
    assert "Own" in page
    assert "Foreign" not in page
    assert "Hidden" not in page


def test_no_address_of_a_foreign_or_hidden_row_opens(point: FlaskClient, books: dict[str, int]) -> None:
    for key in (books["theirs"], books["hidden"], 999_999, 2**63, 2**70, "abc", "-1", "1%00", "１"):
        assert point.get(f"{HOME}{key}").status_code == 404
        assert point.get(f"{HOME}{key}/edit").status_code == 404
        assert post(point, f"{HOME}{key}/edit", {"title": "x"}).status_code == 404
        assert post(point, f"{HOME}{key}/delete", {"confirmed": "1"}).status_code == 404
    assert point.get(f"{HOME}{books['mine']}").status_code == 200
    assert fresh(Book, books["theirs"]).title == "Foreign"


def test_actions_take_own_rows_only(point: FlaskClient, books: dict[str, int]) -> None:
    answer = post(point, f"{HOME}lend", {"rowid": [str(key) for key in books.values()], "confirmed": "1"})
    assert answer.status_code == 302
    page = point.get(answer.location).text
    assert "已完成 1 条记录" in page
    assert "另有 2 条记录被跳过" in page
    assert fresh(Book, books["mine"]).lent is True
    assert fresh(Book, books["theirs"]).lent is None
    assert fresh(Book, books["hidden"]).lent is None


def test_an_action_without_the_permission_is_refused(point: FlaskClient, books: dict[str, int]) -> None:
    answer = post(point, f"{HOME}withdraw", {"rowid": str(books["mine"]), "confirmed": "1", "reason": "old"})
    assert answer.status_code == 403
    assert fresh(Book, books["mine"]).active is True


def test_an_unknown_action_is_not_found(center: FlaskClient, books: dict[str, int]) -> None:
    assert post(center, f"{HOME}explode", {"rowid": str(books["mine"])}).status_code in (404, 405)
    assert center.get(f"{HOME}action/lend/{books['mine']}").status_code == 404
    assert post(center, f"{HOME}action_post", {"action": "lend", "rowid": "1"}).status_code in (404, 405)


def test_an_action_reports_what_it_skipped_and_why(center: FlaskClient, books: dict[str, int]) -> None:
    rows = {"rowid": [str(books["mine"]), str(books["theirs"])], "confirmed": "1"}
    post(center, f"{HOME}lend", {**rows, "rowid": str(books["mine"])})
    center.get(HOME)
    answer = post(center, f"{HOME}lend", rows)
    page = center.get(answer.location).text
    assert "It is lent already." in page
    assert "Own" in page
    assert fresh(Book, books["theirs"]).lent is True


def test_an_action_asks_before_it_acts(center: FlaskClient, books: dict[str, int]) -> None:
    asked = post(center, f"{HOME}lend", {"rowid": str(books["mine"])})
    assert asked.status_code == 200
    assert "Lend these books?" in asked.text
    without_reason = post(center, f"{HOME}withdraw", {"rowid": str(books["mine"]), "confirmed": "1"})
    assert "请填写" in without_reason.text
    assert fresh(Book, books["mine"]).active is True
    post(center, f"{HOME}withdraw", {"rowid": str(books["mine"]), "confirmed": "1", "reason": "torn"})
    assert (fresh(Book, books["mine"]).active, fresh(Book, books["mine"]).note) == (False, "torn")


def test_deleting_asks_first_and_never_by_get(center: FlaskClient, books: dict[str, int]) -> None:
    assert center.get(f"{HOME}{books['mine']}/delete").status_code in (404, 405)
    assert "Own" in post(center, f"{HOME}{books['mine']}/delete", {}).text
    assert fresh(Book, books["mine"]) is not None
    post(center, f"{HOME}{books['mine']}/delete", {"confirmed": "1"})
    assert fresh(Book, books["mine"]) is None


def test_nothing_is_written_without_the_form_token(center: FlaskClient, books: dict[str, int]) -> None:
    for address in (
        f"{HOME}add",
        f"{HOME}{books['mine']}/edit",
        f"{HOME}{books['mine']}/delete",
        f"{HOME}lend",
    ):
        assert center.post(address, data={"confirmed": "1", "rowid": str(books["mine"])}).status_code == 400
    assert fresh(Book, books["mine"]).lent is None


def test_related_rows_are_filtered_and_hide_what_their_view_hides(
    library: Flask, point: FlaskClient, places: Places, books: dict[str, int]
) -> None:
    shelf = Shelf(name="Shared", organisation_id=places.point, secret="never shown")
    put(shelf)
    put(
        Book(title="On it, own", organisation_id=places.point, shelf_id=shelf.id, note="not a list column"),
        Book(title="On it, foreign", organisation_id=places.sibling, shelf_id=shelf.id),
        Book(title="On it, hidden", organisation_id=places.point, shelf_id=shelf.id, process="hidden"),
    )
    page = point.get(f"/console/records/shelf/{shelf.id}").text
    assert "On it, own" in page
    assert "On it, foreign" not in page
    assert "On it, hidden" not in page
    assert "never shown" not in page
    assert "not a list column" not in page


def test_lookups_offer_what_may_be_read_twenty_at_most(
    library: Flask, point: FlaskClient, center: FlaskClient, places: Places
) -> None:
    put(*(Shelf(name=f"Shelf {n:03d}", organisation_id=places.point) for n in range(30)))
    put(Shelf(name="Shelf foreign", organisation_id=places.sibling))
    found = point.get(f"{HOME}lookup/shelf?q=shelf").json["results"]
    assert len(found) == 20
    assert point.get(f"{HOME}lookup/shelf?q=foreign").json["results"] == []
    assert [one["text"] for one in center.get(f"{HOME}lookup/shelf?q=foreign").json["results"]] == [
        "Shelf foreign"
    ]
    assert point.get(f"{HOME}lookup/shelf?q=%25").json["results"] == []
    assert point.get(f"{HOME}lookup/shelf?q=%00").json["results"] == []
    for strange in ("title", "nothing", "created_by_id"):
        assert point.get(f"{HOME}lookup/{strange}").status_code == 404


def test_forms_offer_only_what_is_in_use(center: FlaskClient, places: Places) -> None:
    put(Shelf(name="Gone", organisation_id=places.point, active=False))
    assert center.get(f"{HOME}lookup/shelf?q=Gone&for=add").json["results"] == []
    assert len(center.get(f"{HOME}lookup/shelf?q=Gone").json["results"]) == 1


def test_posted_ids_that_are_not_on_offer_are_refused(
    point: FlaskClient, places: Places, typed: dict[str, object]
) -> None:
    foreign, own = (
        Shelf(name="F", organisation_id=places.sibling),
        Shelf(name="O", organisation_id=places.point),
    )
    put(foreign, own)
    for key in (foreign.id, 999_999, 2**64, "x", "1;2"):
        answer = post(point, f"{HOME}add", {**typed, "organisation": places.point, "shelf": key})
        assert answer.status_code == 422
        assert "请从列出的记录中选择" in answer.text
        assert typed["title"] in answer.text
    assert (
        post(point, f"{HOME}add", {**typed, "organisation": places.point, "shelf": own.id}).status_code == 302
    )
    assert db.session.query(Book).filter(Book.title == typed["title"]).one().shelf_id == own.id


def test_many_posted_ids_are_each_looked_at(
    point: FlaskClient, places: Places, typed: dict[str, object]
) -> None:
    tags = [Tag(name="red"), Tag(name="blue")]
    put(*tags)
    ids = [str(tag.id) for tag in tags]
    refused = post(point, f"{HOME}add", {**typed, "organisation": places.point, "tags": [*ids, "4711"]})
    assert refused.status_code == 422
    assert post(point, f"{HOME}add", {**typed, "organisation": places.point, "tags": ids}).status_code == 302
    assert len(db.session.query(Book).filter(Book.title == typed["title"]).one().tags) == 2


def test_the_address_can_not_pass_a_relation_by(
    point: FlaskClient, places: Places, typed: dict[str, object]
) -> None:
    foreign = Shelf(name="F", organisation_id=places.sibling)
    put(foreign)
    address = f"{HOME}add?_flt_0_shelf={foreign.id}&shelf={foreign.id}"
    assert "F</option>" not in point.get(address).text
    assert post(point, address, {**typed, "organisation": places.point}).status_code == 302
    assert db.session.query(Book).filter(Book.title == typed["title"]).one().shelf_id is None


def test_a_row_can_not_be_made_or_moved_elsewhere(
    point: FlaskClient, places: Places, books: dict[str, int], typed: dict[str, object]
) -> None:
    answer = post(point, f"{HOME}add", {**typed, "organisation": places.sibling})
    assert answer.status_code == 422
    assert db.session.query(Book).filter(Book.title == typed["title"]).count() == 0
    moved = post(
        point, f"{HOME}{books['mine']}/edit", {**typed, "organisation": places.sibling, "version": "1"}
    )
    assert moved.status_code == 422
    assert fresh(Book, books["mine"]).organisation_id == places.point
    offered = point.get(f"{HOME}lookup/organisation?for=edit").json["results"]
    assert [one["id"] for one in offered] == [places.point]


def test_rows_that_one_may_only_read_have_no_buttons(
    library: Flask, center: FlaskClient, point: FlaskClient, places: Places
) -> None:
    shelf = Shelf(name="Read only", organisation_id=places.point)
    put(shelf)
    assert f"/console/records/shelf/{shelf.id}/edit" in center.get("/console/records/shelf/").text
    page = point.get("/console/records/shelf/").text
    assert "Read only" in page
    assert f"/console/records/shelf/{shelf.id}/edit" not in page
    assert "/console/records/shelf/add" not in page
    assert post(point, f"/console/records/shelf/{shelf.id}/edit", {"name": "x"}).status_code == 403


def test_facts_are_listed_and_shown_only(center: FlaskClient, places: Places, books: dict[str, int]) -> None:
    stamp = Stamp(text="Seen", book_id=books["mine"])
    put(stamp)
    home = "/console/records/stamp/"
    assert "Seen" in center.get(home).text
    assert "Seen" in center.get(f"{home}{stamp.id}").text
    for address in (f"{home}add", f"{home}{stamp.id}/edit", f"{home}{stamp.id}/delete"):
        assert post(center, address, {"text": "x"}).status_code in (404, 405)
        assert center.get(address).status_code in (404, 405)


def test_whoever_may_not_is_shown_the_door(library: Flask, center: FlaskClient) -> None:
    assert library.test_client().get(HOME).location.startswith("/login/")
    assert center.get("/lab/rec/").status_code == 200
    assert center.get("/lab/secret/").status_code == 403


def test_the_upload_folder_is_not_served(center: FlaskClient) -> None:
    assert center.get(f"{HOME}download/creditbank.db").status_code == 404
    assert center.get("/bookview/download/creditbank.db").status_code == 404


def test_the_interface_itself_passes_no_policy_by(
    library: Flask, places: Places, books: dict[str, int]
) -> None:
    """Whatever of Flask-AppBuilder's calls the interface, it gets the actor's rows: here a visitor's, none."""
    from app.console.interface import Records

    records = Records(Book)
    with library.test_request_context("/"):
        assert records.get(books["mine"]) is None
        assert records.query() == (0, [])
        assert records.get_related_obj("shelf", 1) is None
        assert Records(Account).query() == (0, [])
