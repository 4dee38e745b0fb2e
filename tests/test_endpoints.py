"""Every address of the house stands in the permission table, and what it doesn't grant is shut."""

from __future__ import annotations

import pytest
from flask import Flask

from app.security.gate import permission_of
from app.security.permissions import EVERYBODY, TABLE, Role
from tests.support.story import log_in, post

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@SQLITE
def test_every_endpoint_is_in_the_permission_table(app: Flask) -> None:
    named = {(row.view, action) for row in TABLE for action in row.actions}
    unnamed = {rule.rule: permission_of(app, rule.endpoint) for rule in app.url_map.iter_rules()}
    assert {rule: found for rule, found in unnamed.items() if found not in named} == {}


@SQLITE
def test_an_endpoint_that_nobody_named_is_shut(demo: Flask) -> None:
    """The mutant: a page that somebody forgot to enter into the table."""
    demo.view_functions["health.live"], kept = (lambda: "open"), demo.view_functions["health.live"]
    rules = [row for row in TABLE if row.view == "health"]
    assert rules, "the control needs a named endpoint"
    demo.view_functions["health.live"] = kept
    client = log_in(demo, "admin")
    assert client.get("/console/recognition/").status_code == 403
    assert demo.test_client().get("/console/recognition/").status_code == 302


@SQLITE
@pytest.mark.parametrize("role", [role for role in Role if role not in (Role.PUBLIC,)])
def test_no_role_reaches_what_the_table_does_not_grant(demo: Flask, role: Role) -> None:
    word = {
        Role.ADMIN: "admin", Role.CENTER: "center", Role.INSTITUTION: "institution", Role.POINT: "point", 
        Role.COMMITTEE: "committee",
        Role.ASSESSOR: "assessor", Role.AUDITOR: "auditor", Role.LEARNER: "learner",
    }[role]  # fmt: skip
    client = log_in(demo, word)
    for rule in demo.url_map.iter_rules():
        view, action = permission_of(demo, rule.endpoint)
        if any(row.view == view and action in row.actions and role in row.roles for row in TABLE):
            continue
        address = rule.rule.replace("<int:pk>", "1").replace("<pk>", "1")
        for part in ("achievement_id", "rule_id"):
            address = address.replace(f"<int:{part}>", "1")
        answer = client.get(address) if "GET" in (rule.methods or ()) else post(client, address, {})
        # The API knows callers by their key alone: who is only logged in is nobody there.
        shut = (401,) if address.startswith("/api/") else (403, 404, 405)
        assert answer.status_code in shut, f"{role} {address}: {answer.status_code}"


@SQLITE
def test_nothing_changes_by_get(demo: Flask) -> None:
    """Addresses that change something don't answer GET (the log-out's confirmation page and forms aside)."""
    changing = {
        "decide",
        "attest",
        "claim",
        "release",
        "bulk",
        "assign",
        "delete",
        "submit",
        "withdraw",
        "resubmit",
        "propose",
        "stand",
        "ask",
        "material",
    }
    for rule in demo.url_map.iter_rules():
        if permission_of(demo, rule.endpoint)[1] in changing:
            assert "GET" not in (rule.methods or ()), rule.rule


@SQLITE
def test_public_pages_open_for_everybody(app: Flask) -> None:
    for address in (
        "/",
        "/login/",
        "/framework/",
        "/standards/",
        "/rules/",
        "/help/",
        "/verify/",
        "/terms/",
        "/healthz",
        "/readyz",
    ):
        assert app.test_client().get(address).status_code == 200, address
    assert Role.PUBLIC in EVERYBODY
