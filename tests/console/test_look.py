"""Templates, scripts and field widgets (spec 6, look): Bootstrap 5.3 and ours, nothing of Flask-AppBuilder's."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.console.conftest import Places, put
from tests.console.lab import Book, Shelf
from tests.console.test_forms import everything
from tests.support.story import post

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
HOME = "/console/records/book/"
#: Words of Bootstrap 3, of jQuery's widgets and of Flask-AppBuilder's own files.
OLD = re.compile(
    r'class="[^"]*\b(panel|glyphicon|btn-default|well|col-xs-|input-group-addon|hidden-xs|pull-right|my_select2'
    r"|appbuilder_date|appbuilder_datetime|table-bordered)|data-toggle=|data-target=|/static/appbuilder/|jquery|select2"
)
INLINE = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>|\sstyle=|<style|\son[a-z]+=|javascript:")


@pytest.fixture
def rich(places: Places) -> None:
    shelf = Shelf(name="On show", organisation_id=places.point)
    put(shelf)
    put(everything(places, title="On show too", shelf_id=shelf.id))


@SQLITE
def test_pages_are_bootstrap_five_without_anything_inline(
    center: FlaskClient, rich: None, typed: dict[str, object]
) -> None:
    pages = {
        address: center.get(address).text for address in (HOME, f"{HOME}1", f"{HOME}add", f"{HOME}1/edit")
    }
    pages["asked"] = post(center, f"{HOME}lend", {"rowid": "1"}).text
    pages["delete"] = post(center, f"{HOME}1/delete", {}).text
    pages["refused"] = post(center, f"{HOME}add", {**typed, "title": ""}).text
    pages["shelf"] = center.get("/console/records/shelf/1").text
    pages["search"] = center.get(f"{HOME}?title=nothing&kind=x").text
    for address, page in pages.items():
        assert not OLD.search(page), f"{address}: {OLD.search(page)}"
        assert not INLINE.search(page), f"{address}: {INLINE.search(page)}"
        assert "bootstrap" in page


@SQLITE
def test_every_file_that_a_page_names_is_there(library: Flask, center: FlaskClient, rich: None) -> None:
    found = set()
    for address in (HOME, f"{HOME}1", f"{HOME}1/edit", "/login/"):
        found |= set(
            re.findall(
                r'(?:src|href)="(/(?:static|vendor)/[^"]+)"', center.get(address, follow_redirects=True).text
            )
        )
    assert found
    for file in found:
        assert center.get(file).status_code == 200, file


@SQLITE
def test_every_field_has_its_label_and_help(center: FlaskClient, rich: None) -> None:
    page = center.get(f"{HOME}1/edit").text
    ids = set(re.findall(r'<(?:input|select|textarea)[^>]*\bid="([^"]+)"', page))
    labelled = set(re.findall(r'<label[^>]*\bfor="([^"]+)"', page))
    assert {
        one for one in ids if one not in labelled and one not in ("version", "csrf_token", "reason")
    } == set()
    assert "How many there are." in page
    described = set(re.findall(r'aria-describedby="([^"]+)"', page))
    assert described <= set(re.findall(r'\bid="([^"]+)"', page))


@SQLITE
def test_filters_are_in_sight_and_kept_in_the_address(center: FlaskClient, rich: None) -> None:
    page = center.get(f"{HOME}?title=On+show&order=-title&size=10").text
    assert 'name="title" value="On show"' in page
    assert 'name="order" value="-title"' in page
    assert re.search(r'aria-sort="descending"', page)


@SQLITE
def test_our_templates_and_scripts_replace_theirs(library: Flask) -> None:
    for name in (
        "appbuilder/general/lib.html", "appbuilder/general/confirm.html", "appbuilder/baselayout.html",
        "appbuilder/general/security/login_db.html", "appbuilder/general/model/list.html",
    ):  # fmt: skip
        source = library.jinja_env.get_template(name).filename
        assert source is not None
        assert "/app/" in source.replace("\\", "/")
        assert "site-packages" not in source
    scripts = (library.static_folder or "") + "/js/creditbank.js"
    with open(scripts, encoding="utf-8") as file:
        text = re.sub(r"//[^\n]*", "", file.read())
    assert not re.search(r'"[A-Z][a-z]+ [a-z ]+"', text), (
        "a script carries words: they belong into the page, translated"
    )
    assert Book.__tablename__ == "lab_book"
