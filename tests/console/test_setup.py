"""How Flask-AppBuilder is set up (spec 6, set-up): one line there, one test here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask.testing import FlaskClient
from flask_babel import gettext
from flask_babel import lazy_gettext as _

from app.console.borrowed import MISSING, WRONG
from app.kernel.database import Model, db
from app.security.current import actor_of
from app.security.models import Account
from app.security.permissions import fab_roles
from tests.console.conftest import Places, Queries, put
from tests.console.lab import Book, RecView
from tests.support.story import Cast

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
HOME = "/console/records/book/"


@SQLITE
def test_migrations_never_drop_the_tables_of_flask_appbuilder(app: Flask) -> None:
    assert db.metadata is Model.metadata
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        found = compare_metadata(context, db.metadata)
    dropped = [change for change in found if isinstance(change, tuple) and change[0] == "remove_table"]
    assert [change[1].name for change in dropped if change[1].name != "alembic_version"] == []
    assert "ab_user" in db.metadata.tables


@SQLITE
def test_every_constraint_has_a_name_by_one_convention(app: Flask) -> None:
    nameless = [
        f"{table.name}: {constraint}"
        for table in Model.metadata.sorted_tables
        for constraint in table.constraints
        if not constraint.name
    ]
    assert nameless == []
    assert Model.metadata.tables["ab_user"].primary_key.name == "pk_ab_user"


@SQLITE
def test_form_tokens_are_asked_before_flask_appbuilder_answers(library: Flask) -> None:
    """CSRFProtect came first: its check runs before any view's; nothing with a cookie is exempt."""
    csrf = library.extensions["csrf"]
    exempt = {*csrf._exempt_views, *(str(one) for one in csrf._exempt_blueprints)}
    by_cookie = [name for name in exempt if ".api" not in name.lower() and "Api" not in name]
    assert by_cookie == []


@SQLITE
def test_nothing_that_changes_answers_get(center: FlaskClient, places: Places) -> None:
    put(Book(title="Kept", organisation_id=places.point))
    for address in (f"{HOME}1/delete", f"{HOME}lend", f"{HOME}withdraw", f"{HOME}delete/1"):
        assert center.get(address).status_code in (404, 405), address
    assert db.session.query(Book).count() == 1


@SQLITE
def test_the_security_api_stays_off(library: Flask) -> None:
    """It would fail at start with marshmallow 4, and pass the house's rules by."""
    assert library.config["FAB_ADD_SECURITY_API"] is False
    assert library.config["FAB_ADD_SECURITY_VIEWS"] is False
    names = {rule.endpoint.partition(".")[0] for rule in library.url_map.iter_rules()}
    own = {
        "SecurityApi",
        "UserApi",
        "RoleApi",
        "PermissionApi",
        "UserDBModelView",
        "RoleModelView",
        "AuthDBView",
    }
    assert names.isdisjoint(own | {"RegisterUserDBView", "ResetPasswordView", "ApiKeyApi", "MenuApi"})


@SQLITE
def test_patterns_of_roles_are_anchored(library: Flask, center: FlaskClient) -> None:
    patterns = dict(fab_roles()["Center"])
    view = next(pattern for pattern in patterns if "RecView" in pattern)
    assert re.match(view, "RecView")
    assert not re.match(view, "RecViewSecret")
    assert re.match(RecView.__name__, "RecViewSecret"), "control: unanchored, one name opens the other"
    assert not re.match(patterns[view], "can_index_all")
    assert center.get("/lab/secret/").status_code == 403


@SQLITE
def test_roles_cost_a_list_no_questions(center: FlaskClient, places: Places) -> None:
    put(*(Book(title=f"B{n}", organisation_id=places.point) for n in range(3)))
    with Queries() as asked:
        assert center.get(HOME).status_code == 200
    assert len(asked.statements) <= 5, "\n".join(asked.statements)
    assert not [one for one in asked.statements if "ab_permission" in one]


def test_a_web_process_makes_no_tables(tmp_path: Path) -> None:
    """One deploy command does; four workers starting on an empty database have nothing to quarrel about."""
    code = (
        "from app import create_app; app = create_app()\n"
        "assert app.config['FAB_UPDATE_PERMS'] is False and app.config['FAB_CREATE_DB'] is False\n"
        "from app.kernel.database import db; from sqlalchemy import inspect\n"
        "app.app_context().push(); print(inspect(db.engine).get_table_names())"
    )
    environment = {**os.environ, "CREDITBANK_DATA_DIR": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.stdout.strip() == "[]", ended.stderr[-2000:]


@SQLITE
def test_languages_and_where_their_texts_are(library: Flask) -> None:
    assert library.config["BABEL_DEFAULT_LOCALE"] in library.config["LANGUAGES"]
    assert Path(library.config["BABEL_TRANSLATION_DIRECTORIES"]).is_absolute()


@SQLITE
def test_texts_of_flask_appbuilder_are_completed_and_corrected(library: Flask) -> None:
    with library.test_request_context("/", headers={"Accept-Language": "zh"}):
        for text in (*MISSING, *WRONG):
            if text != "OpenID":
                assert re.search("[\u4e00-\u9fff]", gettext(text)), text
        assert "信息" not in gettext("User Registrations")


@SQLITE
def test_titles_are_the_views_own_words(center: FlaskClient, places: Places) -> None:
    put(Book(title="One", organisation_id=places.point))
    for address in (HOME, f"{HOME}1", f"{HOME}add", f"{HOME}1/edit"):
        page = center.get(address).text
        for words in ("List Book", "Show Book", "Add Book", "Edit Book"):
            assert words not in page, f"{address}: {words}"
        assert "<title>" in page


@SQLITE
def test_cells_never_print_what_python_calls_things(center: FlaskClient, places: Places) -> None:
    put(Book(title="Bare", organisation_id=places.point, active=False))
    for address in (HOME, f"{HOME}1"):
        page = re.sub(r"<[^>]*>", " ", center.get(address).text)
        for raw in ("None", "False", "True", "datetime", "<Book", "novel", "+00:00"):
            assert raw not in page, f"{address}: {raw}"
        assert "否" in page


@SQLITE
def test_the_family_name_comes_first(cast: Cast) -> None:
    account = db.session.get(Account, cast.account("learner"))
    assert account is not None
    name = actor_of(db.session(), account.id).name
    assert account.get_full_name() == repr(account) == name
    assert " " not in name


@SQLITE
def test_our_user_is_the_user(library: Flask) -> None:
    assert library.appbuilder.sm.user_model is Account  # type: ignore[attr-defined]
    assert {"person_id", "epoch", "login_index"} <= set(Account.__table__.columns.keys())
    assert str(_("Accounts"))
