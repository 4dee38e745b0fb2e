"""Hostile words in every form, address and query: no crash, and nothing unstorable is stored (spec 5, security)."""

from __future__ import annotations

import io
import random
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict
from werkzeug.routing import Rule

from app.security.gate import permission_of
from app.security.permissions import Role, holds
from tests.hostile.test_matrix import BODY, WORDS
from tests.support.forms import filled
from tests.support.places import fingerprint, moved
from tests.support.proof import amount, measured
from tests.support.story import Cast, log_in, token

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
#: Neither database takes these; whoever sends one changes nothing.
UNSTORABLE = ("\0", "a\0b", "\0" * 50, "张\0三")
ODD = (
    "", " ", "²", "１", "٣", "-1", "0", "1e9", "NaN", "9" * 19, "9" * 400, str(2**63), "0x10", "1_000", "+1",
    "\u202egnp.exe", "\u200b", "\ufeff", "‏", "e\u0301" * 50, "𬭎", "🧧", "x" * 20_000, "'; DROP TABLE learner; --",
    "{{7*7}}", "${7*7}", "%s%n", "<script>alert(1)</script>", "../../etc/passwd", "=1+1", "\r\nSet-Cookie: a=b",
    "null", "[]", "{}", "true", "2026-02-30", "0001-01-01", "9999-12-31", "0001-01-01T00:00:00+23:59~1",
    "9999-12-31T23:59:59-23:59~1",
)  # fmt: skip
QUERY = (
    "page", "size", "order", "after", "before", "q", "category", "item", "name", "issuer", "state", "next", "for", "month",
    "kind", "from", "to", "level", "organisation", "project", "programme", "code", "language", "term", "year", "day",
)  # fmt: skip
KEYS = ("0", "1", "²", "-1", str(2**63), "9" * 60, "1.0", "%00", "..", "１", "a\u202eb", "1;1", "%ED%A0%80")
#: They need no word from outside to do what they are for.
WORDLESS = {"claim", "release", "read", "read_all", "logout"}


def _address(rule: Rule, chance: random.Random) -> str:
    address = rule.rule
    for name in rule.arguments:
        for form in (f"<int:{name}>", f"<string:{name}>", f"<path:{name}>", f"<{name}>"):
            address = address.replace(form, chance.choice(KEYS))
    return address


def _fields(client: FlaskClient, address: str, known: dict[str, list[str]]) -> list[str]:
    """The names of the fields that an address asks for: of its page where it has one, else what forms have at all."""
    if address not in known:
        answer = client.get(address)
        page = answer.text if answer.status_code == 200 and answer.mimetype == "text/html" else ""
        known[address] = list(filled(page)) if 'name="csrf_token"' in page else []
    return known[address] or list(BODY)


def _throw(
    app: Flask, who: list[tuple[Role, FlaskClient, str]], times: int, words: tuple[str, ...]
) -> dict[str, int]:
    """``times`` requests with random hostile words; how the answers came out. Fails at the first crash."""
    chance = random.Random(20261125)
    rules = [
        rule for rule in app.url_map.iter_rules() if permission_of(app, rule.endpoint)[1] not in WORDLESS
    ]
    known: dict[str, list[str]] = {}
    found: dict[str, int] = {}
    for _turn in range(times):
        role, client, form_token = chance.choice(who)
        rule = chance.choice(rules)
        view, action = permission_of(app, rule.endpoint)
        if not holds(frozenset({role}), view, f"can_{action}"):
            continue
        address = _address(rule, chance)
        if "POST" in (rule.methods or ()) and chance.random() < 0.7:
            data: MultiDict[str, Any] = MultiDict({"csrf_token": form_token, "confirmed": "1"})
            for name in (*_fields(client, address, known), "rowid", f"slot-{chance.choice(KEYS)}"):
                if name not in ("csrf_token", "confirmed"):
                    data.setlist(name, [chance.choice(words) for _ in range(chance.choice((1, 1, 1, 3)))])
            file = f"{chance.choice(words)[:200]}.png".replace("\0", "").replace("\r\n", "").replace('"', "")
            data[f"evidence_{chance.choice(KEYS)}"] = (
                io.BytesIO(b"\x89PNG\r\n\x1a\n junk"),
                file.encode("utf-8", "replace").decode(),
            )
            kept = {name: [_sent(one) for one in data.getlist(name)] for name in data}
            answer = client.post(address, data=kept, content_type="multipart/form-data")
        else:
            query = {name: _sent(chance.choice(words)) for name in chance.sample(QUERY, 6)}
            answer = client.get(address, query_string=query)
        assert answer.status_code < 500, f"{role} {rule.methods} {address}: {answer.status_code}"
        found[str(answer.status_code)] = found.get(str(answer.status_code), 0) + 1
    return found


def _sent(word: Any) -> Any:
    """Halves of surrogate pairs travel as the bytes that a hostile client would send."""
    if isinstance(word, str):
        return (
            word.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
            if "\ud800" <= max(word, default="") <= "\udfff"
            else word
        )
    return word


def _everybody(demo: Flask) -> list[tuple[Role, FlaskClient, str]]:
    found = []
    for role, word in WORDS.items():
        client = log_in(demo, word)
        found.append((role, client, token(client, "/password/")))
    visitor = demo.test_client()
    return [*found, (Role.PUBLIC, visitor, token(visitor))]


def test_no_hostile_word_crashes_anything(demo: Flask, backend: str) -> None:
    times = amount(400, 10_000)
    found = _throw(demo, _everybody(demo), times, ODD + UNSTORABLE + ("\ud800", "x\udfff"))
    assert sum(found.values()) > times // 10
    assert set(found) & {"404", "422", "302"}
    measured("inputs", f"{sum(found.values()):,} requests answered, 0 of them 5xx ({found})", backend)


@SQLITE
def test_nothing_unstorable_changes_anything(demo: Flask) -> None:
    people = _everybody(demo)
    before = fingerprint(demo)
    _throw(demo, people, amount(250, 3_000), UNSTORABLE)
    changed = moved(before, fingerprint(demo))
    assert changed == [], changed


@SQLITE
def test_a_crash_would_be_seen_mutant(demo: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: read numbers as a careless hand would, and the same words find it."""
    monkeypatch.setattr("app.conversion.views.whole", lambda text: int(text) if text.isdigit() else None)
    monkeypatch.setattr("app.recognition.views.whole", lambda text: int(text) if text.isdigit() else None)
    learner = log_in(demo, "learner")
    answers = [learner.get("/me/conversion/", query_string={"category": word}).status_code for word in ODD]
    assert 500 in answers


@SQLITE
def test_headers_and_cookies_of_a_stranger(demo: Flask) -> None:
    client = demo.test_client()
    for cookie in ("s1.", "s1.\x7f", "s1." + "x" * 5000, "eyJ.x.y", "s1.²", "%00", "s1.%00"):
        answer = client.get("/me/", headers={"Cookie": f"session={cookie.encode().decode('latin-1')}"})
        assert answer.status_code == 302, cookie
    for name, value in (
        ("Accept-Language", "x" * 3000), ("Accept-Language", "zz-²;q=abc"), ("Host", "evil.example"), ("Referer", "\x80"),
        ("X-Forwarded-For", "1.2.3.4, ²"), ("Range", "bytes=9-1"), ("If-None-Match", '"'), ("Content-Length", "0"),
        ("Accept", "application/json;q=²"), ("HX-Request", "true"), ("X-Forwarded-Host", "evil.example"),
    ):  # fmt: skip
        answer = client.get("/", headers={name: value.encode("utf-8").decode("latin-1")})
        assert answer.status_code < 500, name
        assert "evil.example" not in answer.text, name


@SQLITE
def test_a_link_to_the_log_in_leads_nowhere_else(demo: Flask) -> None:
    for target in (
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "\\\\evil",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/%09/evil.example",
        "\x00/evil",
        "/logout/",
        " //evil.example",
    ):
        client = demo.test_client()
        answer = client.post(
            "/login/", query_string={"next": target},
            data={"csrf_token": token(client), "username": "center", "password": "Demo-center-2026"},
        )  # fmt: skip
        if "\0" in target:
            assert answer.status_code == 400
            continue
        assert answer.status_code == 302
        assert answer.location in ("/console/", "/%09/evil.example", "/%2509/evil.example"), (
            f"{target!r}: {answer.location}"
        )


@SQLITE
def test_oversize_requests_are_refused_early(demo: Flask, cast: Cast) -> None:
    client = log_in(demo, "center")
    form = {"csrf_token": token(client, "/password/"), "name": "x" * (3 * 1024 * 1024)}
    assert client.post("/console/records/organisation/add", data=form).status_code in (413, 422)
    many = {"csrf_token": form["csrf_token"], **{f"f{n}": "x" for n in range(5000)}}
    assert client.post(
        "/console/records/organisation/add", data=many, content_type="multipart/form-data"
    ).status_code in (413, 422)
    assert cast.by("center").user_id
