"""Script stored in every text column: no page runs it, no PDF holds a link, a picture or a local file of it (spec 5)."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser

import pytest
from flask import Flask
from pypdf import PdfReader
from sqlalchemy import String, Text, text

from app.conversion.models import ConversionApplication
from app.documents.services import report
from app.kernel.actor import SYSTEM
from app.kernel.database import Code, Model, db
from app.kernel.unit_of_work import UnitOfWork
from app.recognition.models import RecognitionApplication
from app.security.gate import permission_of
from app.security.permissions import Role, holds
from tests.hostile.test_matrix import WORDS
from tests.support.proof import full, measured
from tests.support.story import log_in

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
ATTACK = "<cbx onx=1>\"'><cbx onx=2><img src=file:///etc/passwd><a href=http://evil.example>x</a>{{7*7}}"
#: What the house itself reads again: codes, keys, hashes, paths, patterns, secrets; no person types them.
OURS = re.compile(
    r"(^|_)(code|codes|key|keys|hash|digest|path|uid|kind|state|token|content|media_type|purpose|standing|username|password"
    r"|email|email_addr|canonical|variables|number|mode|decision|reason|stage|channel|language|action|subject_table|role"
    r"|template_code|field_code|meaning|source|origin|edition|identity_key|term|grade|lease_owner|link|payload|scopes"
    r"|nationality|ethnicity|identity_type|gender|created_for|agent|address|rule_name|fault|advice|body|pinyin|initials)$"
)


class _Elements(HTMLParser):
    """Whether the attack became an element or an attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "cbx" or any(name.startswith("onx") for name, _value in attributes):
            self.found.append(tag)
        if any(
            value and value.startswith(("file:", "http://evil"))
            for name, value in attributes
            if name in ("src", "href")
        ):
            self.found.append(f"{tag} with an address of the attack")


def _plant() -> int:
    """The attack in every text column that takes it, past all forms and services; how many columns."""
    planted = 0
    for table in Model.metadata.sorted_tables:
        if table.name.startswith(
            ("ab_permission", "ab_view", "ab_role", "alembic", "audit", "user_session", "throttle")
        ):
            continue
        for column in table.columns:
            kind = column.type
            if (
                not isinstance(kind, String | Text)
                or isinstance(kind, Code)
                or column.primary_key
                or OURS.search(column.name)
            ):
                continue
            word = ATTACK[: kind.length or 200]
            try:
                with db.engine.connect().execution_options(writes=True) as connection, connection.begin():
                    key = next(iter(table.primary_key)).name
                    unique = f" || {key}" if (kind.length or 999) > len(word) + 8 else ""
                    connection.execute(
                        text(
                            f'UPDATE "{table.name}" SET "{column.name}" = :word{unique} WHERE "{column.name}" IS NOT NULL'
                        ),
                        {"word": word},
                    )
                planted += 1
            except Exception:  # noqa: S112 -- a fact, a CHECK or a unique key: the database takes no such text there
                continue
    return planted


def _open(app: Flask) -> dict[str, str]:
    """Every page of every role, with the first rows of each record."""
    pages = {}
    roles = WORDS if full() else {role: WORDS[role] for role in (Role.CENTER, Role.LEARNER, Role.COMMITTEE)}
    for role, word in roles.items():
        client = log_in(app, word)
        for rule in app.url_map.iter_rules():
            view, action = permission_of(app, rule.endpoint)
            if "GET" not in (rule.methods or ()) or view in ("static", "vendor", "appbuilder", "LocaleView"):
                continue
            if not holds(frozenset({role}), view, f"can_{action}") or rule.rule.startswith("/api/"):
                continue
            address = re.sub(r"<[^>]*>", "1", rule.rule)
            answer = client.get(address)
            assert answer.status_code < 500, f"{role} {address}"
            if answer.mimetype == "text/html":
                pages[f"{word} {address}"] = answer.text
    return pages


@SQLITE
def test_stored_script_runs_on_no_page(demo: Flask) -> None:
    planted = _plant()
    assert planted > 60
    pages = _open(demo)
    shown = 0
    for where, page in pages.items():
        reader = _Elements()
        reader.feed(page)
        assert reader.found == [], where
        assert ">49<" not in page
        shown += "&lt;cbx" in page
    assert shown > 30, "control: the attack is on the pages, as text"
    measured(
        "markup",
        f"{planted} columns planted, {len(pages)} pages read, on {shown} of them the attack stood as text: none ran",
    )


@SQLITE
def test_the_reader_would_see_it_mutant(demo: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: one template that trusts its text, and the same reader finds it."""
    _plant()
    monkeypatch.setattr(demo.jinja_env, "autoescape", False)
    demo.jinja_env.cache.clear()  # type: ignore[union-attr]
    page = log_in(demo, "center").get("/console/records/organisation/").text
    demo.jinja_env.cache.clear()  # type: ignore[union-attr]
    reader = _Elements()
    reader.feed(page)
    assert reader.found


@SQLITE
def test_stored_markup_is_text_on_paper(demo: Flask) -> None:
    _plant()
    for kind, model in (("recognition", RecognitionApplication), ("conversion", ConversionApplication)):
        for key in db.session.scalars(
            text(f"SELECT id FROM {model.__tablename__} ORDER BY id LIMIT 3")
        ).all():
            with UnitOfWork(db.session, SYSTEM) as uow:
                _paper, content = report(uow, kind, str(key))
            reader = PdfReader(io.BytesIO(content))
            for page in reader.pages:
                links = [one.get_object() for one in page.get("/Annots", [])]
                assert not [link for link in links if "evil" in str(link) or "/Launch" in str(link)]
            assert b"root:x:" not in content
            assert b"evil.example>" not in content
            assert not reader.attachments
            words = "".join(page.extract_text() for page in reader.pages)
            assert "root:" not in words
