"""The administrator's page of accounts: roles are assigned there, and whoever's rights change logs in anew."""

from __future__ import annotations

import pytest
from flask import Flask

from app.kernel.database import db
from app.security.models import Account
from tests.support.forms import filled
from tests.support.story import Cast, log_in, post

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
HOME = "/console/records/account/"


def test_roles_are_on_offer_to_the_administrator_but_not_the_visitors(demo: Flask) -> None:
    found = log_in(demo, "admin").get(f"{HOME}lookup/roles?for=edit").json["results"]
    assert {one["text"] for one in found} >= {"Admin", "Center", "Auditor", "Learner"}
    assert "Public" not in {one["text"] for one in found}


def test_nobody_changes_their_own_rights(demo: Flask, cast: Cast) -> None:
    admin = log_in(demo, "admin")
    address = f"{HOME}{cast.account('admin')}/edit"
    form: dict[str, object] = dict(filled(admin.get(address).text, "version"))
    answer = post(admin, address, {**form, "department": "别处"})
    assert answer.status_code in (403, 422)
    db.session.rollback()
    assert db.session.get_one(Account, cast.account("admin")).department != "别处"


def test_others_than_the_administrator_do_not_reach_it(demo: Flask, cast: Cast) -> None:
    for word in ("center", "auditor", "institution", "learner"):
        client = log_in(demo, word)
        assert client.get(HOME).status_code == 403, word
        assert post(client, f"{HOME}{cast.account('point')}/edit", {"active": ""}).status_code == 403, word
