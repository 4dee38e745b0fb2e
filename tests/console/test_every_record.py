"""What the base views promise, on every record that the product registers: found from the views, so a new one is in."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import inspect, select

from app.console.filters import RelationFilter
from app.console.reading import Reading
from app.kernel.actor import Actor
from app.kernel.database import db
from app.security.permissions import Role, allowed
from tests.console.conftest import Queries
from tests.support.story import log_in

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
WORDS = {Role.CENTER: "center", Role.ADMIN: "admin", Role.AUDITOR: "auditor", Role.INSTITUTION: "institution"}
#: Questions that a record's page may cost where it does more than show the record: a rule's runs the linter over it.
MORE = {"RuleView": 18}
HOSTILE = "page=%C2%B2&size=99999&order=__class__&psize=100000"


@pytest.fixture
def looked_at(demo: Flask) -> list[tuple[Reading, FlaskClient, str]]:
    """(view, somebody who may list it, where it is)."""
    browsers: dict[str, FlaskClient] = {}
    found = []
    for view in demo.appbuilder.baseviews:  # type: ignore[attr-defined]
        if not isinstance(view, Reading) or view.route_base.startswith("/lab"):
            continue
        role = next(
            (
                role
                for role in WORDS
                if allowed(Actor(1, roles=frozenset({role})), f"{view.permission_name}.list")
            ),
            None,
        )
        assert role is not None, f"nobody may list {view.permission_name}"
        word = WORDS[role]
        if word not in browsers:
            browsers[word] = log_in(demo, word)
        found.append((view, browsers[word], f"{view.route_base}/"))
    assert len(found) > 30
    return found


def test_lists_cost_five_questions_at_most(looked_at: list[tuple[Reading, FlaskClient, str]]) -> None:
    costly = {}
    for view, client, home in looked_at:
        client.get(f"{home}?size=100")
        with Queries() as asked:
            assert client.get(home).status_code == 200, home
        if len(asked.statements) > 5:
            costly[view.permission_name] = len(asked.statements)
    assert costly == {}


def test_pages_of_records_cost_twelve_questions_at_most(
    looked_at: list[tuple[Reading, FlaskClient, str]],
) -> None:
    costly = {}
    for view, client, home in looked_at:
        key = db.session.scalar(select(view.datamodel.key).order_by(view.datamodel.key).limit(1))
        if key is None:
            continue
        for address in (f"{home}{key}", f"{home}{key}/edit", f"{home}add"):
            with Queries() as asked:
                assert client.get(address).status_code in (200, 403, 404, 405, 409), address
            if len(asked.statements) > MORE.get(view.permission_name, 12):
                costly[address] = len(asked.statements)
    assert costly == {}


def test_no_list_falls_over_hostile_words(looked_at: list[tuple[Reading, FlaskClient, str]]) -> None:
    for view, client, home in looked_at:
        assert client.get(f"{home}?{HOSTILE}").status_code == 200, home
        for word in ("²", "\u202e", "%00", "9223372036854775808", "x" * 3000, "'\";--", "１２"):
            words = {name: word for one in view.all_filters for name in one.parameters}
            address = (
                home if word != "%00" else f"{home}?" + "&".join(f"{name}=%00%ED%A0%80" for name in words)
            )
            answer = client.get(address, query_string=words if word != "%00" else None)
            assert answer.status_code == 200, f"{home} {word!r}"
        for key in ("²", "%00", 2**63, "-1", "9" * 400):
            assert client.get(f"{home}{key}").status_code == 404, f"{home}{key}"


def test_no_look_up_falls_over_hostile_words_or_gives_more_than_twenty(
    looked_at: list[tuple[Reading, FlaskClient, str]],
) -> None:
    for view, client, home in looked_at:
        columns = {one.name for one in view.all_filters if isinstance(one, RelationFilter)}
        for column in columns:
            for word in ("", "a", "\0", "²", "\u202e", "%", "x" * 5000):
                answer = client.get(f"{home}lookup/{column}", query_string={"q": word})
                assert answer.status_code == 200, f"{home}{column} {word!r}"
                assert len(answer.json["results"]) <= 20


def test_states_are_in_no_form_and_facts_have_none(looked_at: list[tuple[Reading, FlaskClient, str]]) -> None:
    for view, _client, _home in looked_at:
        written = {*view.add_columns, *view.edit_columns}
        assert not written & {"state", "version", "id", "created_at", "created_by_id", "changed_at"}
        if getattr(view.datamodel.obj, "__append_only__", False):
            assert (view.add, view.edit, view.delete) == (None, None, None), view.permission_name
        if view.edit is not None:
            assert inspect(view.datamodel.obj).version_id_col is not None
