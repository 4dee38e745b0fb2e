"""No plain identity number, mobile or e-mail in the database file, its dump, the logs or the outbox's rows (spec 5)."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from app.kernel.database import Model, db
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner
from app.security import personal
from app.security.models import Person
from tests.support.proof import measured
from tests.support.story import Cast, log_in, post

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
IDENTITY, MOBILE, EMAIL, ADDRESS = (
    "440106199001011234",
    "13912345678",
    "zhang.wei.1990@example.com",
    "天河区林和西路161号",
)


def _needles() -> list[bytes]:
    plain = [IDENTITY, MOBILE, f"+86{MOBILE}", EMAIL, EMAIL.upper(), ADDRESS, "1990-01-01"]
    return [form for word in plain for form in (word.encode(), word.encode("utf-16-le"))]


def _known_person(cast: Cast) -> int:
    """A learner whose data we know is written, changed and looked for."""

    def step(uow: UnitOfWork) -> int:
        person = uow.session.get_one(Learner, cast.learner("learner")).person
        personal.seal(
            person, identity_type="resident", identity=IDENTITY, mobile=MOBILE, email=EMAIL, address=ADDRESS,
            birth_date="1990-01-01",
        )  # fmt: skip
        return person.id

    return cast.act("", step)


def _dump() -> bytes:
    """Every value of every table, as a dump would hold it."""
    out = io.BytesIO()
    with db.engine.connect() as connection:
        for table in Model.metadata.sorted_tables:
            for row in connection.execute(text(f'SELECT * FROM "{table.name}"')):
                for value in row:
                    out.write(bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode())
                    out.write(b"\n")
    return out.getvalue()


def test_a_dump_holds_no_known_person_in_plain(cast: Cast, demo: Flask, backend: str) -> None:
    key = _known_person(cast)
    dump = _dump()
    assert [needle for needle in _needles() if needle in dump] == []
    person = db.session.get_one(Person, key)
    assert personal.reveal(person, "identity") == IDENTITY, "control: it is there, sealed"
    assert personal.find_by_identity(db.session(), "resident", IDENTITY) is person
    measured("personal", "dump: no plain identity number, mobile, e-mail, address, birth date", backend)


@SQLITE
def test_the_files_of_the_database_hold_none_either(cast: Cast, demo: Flask) -> None:
    """Also the journal beside it, and pages that were freed."""
    _known_person(cast)
    _known_person(cast)
    file = Path(str(db.engine.url.database))
    found = b"".join(path.read_bytes() for path in file.parent.glob(f"{file.name}*"))
    assert len(found) > 100_000
    assert [needle for needle in _needles() if needle in found] == []
    name = b"Demo-learner-2026"
    assert name not in found


@SQLITE
def test_a_plain_column_would_be_found_mutant(cast: Cast, demo: Flask) -> None:
    key = _known_person(cast)
    with db.engine.connect().execution_options(writes=True) as connection, connection.begin():
        connection.execute(
            text("UPDATE person SET identity_sealed = :plain WHERE id = :key"),
            {"plain": IDENTITY.encode(), "key": key},
        )
    assert any(needle in _dump() for needle in _needles())


@SQLITE
def test_logs_hold_none(cast: Cast, demo: Flask, caplog: pytest.LogCaptureFixture) -> None:
    _known_person(cast)
    with caplog.at_level(logging.DEBUG):
        for name, password in ((IDENTITY, "wrong"), (MOBILE, "wrong"), (EMAIL, "Wrong-Password-2026")):
            post(demo.test_client(), "/login/", {"username": name, "password": password})
        client = log_in(demo, "center")
        client.get(f"/console/records/learner/{cast.learner('learner')}")
        client.get("/console/records/learner/", query_string={"identity": IDENTITY, "q": MOBILE})
    said = "\n".join(
        f"{record.getMessage()} {record.exc_text or ''}"
        for record in caplog.records
        if record.name != "werkzeug"
    )
    for word in (IDENTITY, MOBILE, EMAIL, "Wrong-Password-2026"):
        assert word not in said


@SQLITE
def test_pages_of_others_show_masks(cast: Cast, demo: Flask) -> None:
    _known_person(cast)
    for word in ("center", "point", "institution", "auditor"):
        page = log_in(demo, word).get(f"/console/records/learner/{cast.learner('learner')}")
        assert page.status_code == 200
        for plain in (IDENTITY, MOBILE, EMAIL, ADDRESS):
            assert plain not in page.text, word
    assert IDENTITY[:4] + "*" * 10 + IDENTITY[-4:] in page.text or "*" not in page.text
