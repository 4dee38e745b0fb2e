"""The trail in the database: what is altered, missing, inserted, cut off or rewritten is named, on both databases."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import pytest
from flask import Flask, current_app
from sqlalchemy import select, text

from app.audit import checkpoints, verification
from app.audit.models import AuditCheckpoint, AuditEvent, AuditHead
from app.audit.services import append_all, record_chunk, record_removal
from app.kernel.actor import SYSTEM
from app.kernel.database import db
from app.kernel.errors import Invalid
from app.kernel.settings import settings
from app.kernel.unit_of_work import UnitOfWork
from app.organisations.models import Organisation
from app.security import personal
from app.security.models import Person
from tests.support.house import House
from verifier import export
from verifier.chain import link


@pytest.fixture
def trail(house: House, tmp_path: Path) -> Flask:
    """A deployed house with a signing key and a place for checkpoints of the test's own; one checkpoint written."""
    app = house.reset(
        checkpoint_key_file=tmp_path / "key.pem",
        checkpoint_url=f"file://{tmp_path / 'kept'}",
        checkpoint_public_key=tmp_path / "key.pub",
    )
    with app.app_context():
        rename("广东学分银行")
        assert checkpoints.write(db.session()) is not None
        yield app
        db.session.rollback()
        db.session.remove()


def rename(name: str) -> None:
    with UnitOfWork(db.session, SYSTEM) as uow:
        uow.session.scalars(select(Organisation).order_by(Organisation.id)).first().name = name  # type: ignore[union-attr]


def damage(*statements: str, **values: object) -> None:
    """What somebody does who owns the database: triggers off, anything changed."""
    db.session.remove()
    with db.engine.connect().execution_options(writes=True) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET session_replication_role = replica"))
        else:
            for (name,) in connection.execute(
                text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            ).all():
                connection.execute(text(f"DROP TRIGGER {name}"))
        for statement in statements:
            connection.execute(text(statement), values)
    db.engine.dispose()


def verdict() -> str:
    """What ``audit verify`` says is wrong, empty for nothing; its exit status says the same."""
    result = current_app.test_cli_runner().invoke(args=["audit", "verify"])  # type: ignore[attr-defined]
    wrong = [
        line.removeprefix("Error: ") for line in result.output.splitlines() if line.startswith("Error: ")
    ]
    assert result.exit_code == len(wrong), result.output
    assert bool(wrong) != ("as their events left them" in result.output)
    return "".join(wrong)


def last() -> int:
    return db.session.scalars(select(AuditHead.sequence)).one()


def test_an_untouched_house_verifies(trail: Flask) -> None:
    assert verdict() == ""
    rename("省学分银行")
    assert verdict() == ""


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("statement", "named"),
    [
        # one line each: what was done, what is named
        ("UPDATE audit_event SET canonical = :bytes WHERE sequence = 40", "event 40: altered"),
        ("UPDATE audit_event SET hash = :bytes WHERE sequence = 41", "event 41: altered"),
        ("UPDATE audit_event SET actor_id = 7 WHERE sequence = 42", "event 42: altered: a column beside it"),
        (
            "UPDATE audit_event SET action = 'record.made' WHERE sequence = 43",
            "event 43: altered: a column beside it",
        ),
        (
            "UPDATE audit_event SET at = '2020-01-01 00:00:00' WHERE sequence = 44",
            "event 44: altered: a column",
        ),
        ("DELETE FROM audit_event WHERE sequence = 45", "event 45: missing"),
        ("DELETE FROM audit_event WHERE sequence >= 46", "event 46: cut off"),
        ("UPDATE audit_head SET hash = :bytes", "altered: the end of the chain is another one"),
        ("DELETE FROM audit_checkpoint", "missing: it is kept elsewhere"),
        ("UPDATE audit_checkpoint SET root = :bytes", "altered: its signature does not fit"),
        (
            "UPDATE organisation SET name = '假机构'",
            "organisation 1: altered: name is not what its events say",
        ),
        ("DELETE FROM notice_template WHERE id = 3", "notice_template 3: missing"),
    ],
)
def test_what_was_done_behind_the_applications_back_is_named(
    trail: Flask, statement: str, named: str
) -> None:
    damage(statement, **({"bytes": b"x" * 32} if ":bytes" in statement else {}))
    assert named in verdict()


def test_reordered_and_inserted_events_are_named(trail: Flask) -> None:
    damage(
        "UPDATE audit_event SET sequence = 99950 WHERE sequence = 50",
        "UPDATE audit_event SET sequence = 50 WHERE sequence = 51",
        "UPDATE audit_event SET sequence = 51 WHERE sequence = 99950",
    )
    assert verdict().startswith("event 50: reordered")
    damage(
        "UPDATE audit_event SET sequence = 99950 WHERE sequence = 50",
        "UPDATE audit_event SET sequence = 50 WHERE sequence = 51",
        "UPDATE audit_event SET sequence = 51 WHERE sequence = 99950",
        "INSERT INTO audit_event (sequence, at, role, action, subject_table, canonical, hash)"
        " SELECT sequence + 1, at, role, action, subject_table, canonical, :other FROM audit_event"
        " WHERE sequence = (SELECT max(sequence) FROM audit_event)",
        other=b"y" * 32,
    )
    assert verdict().startswith(f"event {last() + 1}: ")


def test_a_rewritten_whole_is_told_by_the_checkpoint_kept_elsewhere(trail: Flask, house: House) -> None:
    """Somebody with all rights on the database changes one event, links all that follow anew, moves the end, and
    takes the checkpoint out: the chain in itself is whole.
    """
    rows = db.session.execute(
        select(AuditEvent.sequence, AuditEvent.canonical).order_by(AuditEvent.sequence)
    ).all()
    head, statements, values = bytes(32), [], {}
    for sequence, written in rows:
        if sequence == 20:
            written = written.replace(b'"why":""', b'"why":"x"')
        head = link(head, written)
        statements.append(
            f"UPDATE audit_event SET canonical = :c{sequence}, hash = :h{sequence} WHERE sequence = {sequence}"
        )
        values |= {f"c{sequence}": written, f"h{sequence}": head}
    damage("UPDATE audit_head SET hash = :end", "DELETE FROM audit_checkpoint", end=head)
    db.session.remove()
    with db.engine.connect().execution_options(writes=True) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET session_replication_role = replica"))
        for statement, (sequence, _written) in zip(statements, rows, strict=True):
            connection.execute(
                text(statement),
                {f"c{sequence}": values[f"c{sequence}"], f"h{sequence}": values[f"h{sequence}"]},
            )
    db.engine.dispose()
    alone = verification.verify(db.session(), None)
    assert alone.flaw is None  # the control: in itself it is whole
    assert verdict().startswith("checkpoint ")
    kept = checkpoints.kept()[-1]
    told = verification.walk(
        verification._Reader(db.session()).rows(), verification.Tip(), {kept.sequence: kept.contradicts}
    )
    assert told is not None
    assert str(told).startswith(f"event {kept.sequence}: rewritten")
    rename("再改")
    with pytest.raises(checkpoints.Refused):  # and the worker puts its name to no such thing
        checkpoints.write(db.session())


def test_a_chain_that_was_cut_and_grown_again_gets_no_signature(trail: Flask) -> None:
    end = last()
    before = db.session.execute(select(AuditEvent.hash).where(AuditEvent.sequence == end - 1)).scalar_one()
    damage(
        f"DELETE FROM audit_event WHERE sequence = {end}",
        f"UPDATE audit_head SET sequence = {end - 1}, hash = :before",
        "DELETE FROM audit_checkpoint",
        before=before,
    )
    rename("一")
    rename("二")
    with pytest.raises(checkpoints.Refused, match=f"event {end}: rewritten"):
        checkpoints.write(db.session())


def test_concurrent_writers_make_one_chain(trail: Flask) -> None:
    problems: list[BaseException] = []

    def write(number: int) -> None:
        try:
            with trail.app_context():
                for turn in range(5):
                    with UnitOfWork(db.session, SYSTEM) as uow:
                        uow.session.add(personal.new_person(f"学员{number}{turn}"))
                db.session.remove()
        except BaseException as error:
            problems.append(error)

    start = last()
    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):  # checkpoints and checks bear others who write
        checkpoints.write(db.session())
        report = verification.verify(db.session(), checkpoints.known_public_key(), checkpoints.kept())
        assert report.flaw is None
        db.session.rollback()
        threads[0].join(0.05)
    assert not problems
    assert last() == start + 30
    checkpoints.write(db.session())
    assert verdict() == ""


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_without_the_lock_on_the_end_concurrent_writers_would_break_it(
    trail: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mutant control: an append that does not follow the end as it is now."""
    from app.audit import services

    stale = AuditHead(id=1, sequence=last() - 1, hash=bytes(32))
    monkeypatch.setattr(services, "_head", lambda session: stale)
    with pytest.raises(Exception, match=r"UNIQUE|audit_event"):
        rename("三")


def test_the_export_of_a_house_checks_out_offline(trail: Flask, tmp_path: Path) -> None:
    rename("机构四号")
    runner = trail.test_cli_runner()
    written = runner.invoke(args=["audit", "export", str(tmp_path / "trail")])
    assert written.exit_code == 0, written.output
    content = (tmp_path / "trail").read_bytes()
    public = checkpoints.known_public_key()
    assert public is not None
    outcome = export.check(io.BytesIO(content), public, checkpoints.kept())
    assert (outcome.flaw, outcome.events, outcome.signed) == (None, last(), last())
    damaged = content.replace("四号".encode(), "五号".encode())
    assert str(export.check(io.BytesIO(damaged), public).flaw).startswith(f"event {last()}: altered")


def test_signing_is_for_whoever_has_the_key(trail: Flask, tmp_path: Path, house: House) -> None:
    assert (tmp_path / "key.pem").stat().st_mode & 0o077 == 0
    private = (tmp_path / "key.pem").read_bytes()
    house.reset(checkpoint_key_file=None, checkpoint_public_key=tmp_path / "key.pub")
    assert checkpoints.run(db.session()) == 0
    with pytest.raises(Invalid):
        checkpoints.write(db.session())
    assert private not in (tmp_path / "key.pub").read_bytes()
    assert settings().checkpoint_key_file is None


def test_the_worker_signs_what_is_new_and_nothing_else(trail: Flask) -> None:
    assert checkpoints.run(db.session()) == 0
    rename("六")
    assert checkpoints.run(db.session()) == 1
    assert checkpoints.run(db.session()) == 0
    rows = db.session.scalars(select(AuditCheckpoint.sequence).order_by(AuditCheckpoint.sequence)).all()
    assert rows == [point.sequence for point in checkpoints.kept()]
    task = next(task for task in trail.extensions["worker"] if task.name == "sign a checkpoint")
    assert 0 < task.every <= 60


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_checkpoint_is_never_written_over_another(trail: Flask) -> None:
    file = next(checkpoints.place().glob("*.checkpoint"))
    with pytest.raises(checkpoints.Refused):
        checkpoints._write_file(file, b"other\n")
    file.write_bytes(file.read_bytes()[:-5] + b"\n")
    assert "not" in verdict()


def test_names_are_commitments_that_end_with_the_persons_key(trail: Flask) -> None:
    with UnitOfWork(db.session, SYSTEM) as uow:
        person = personal.new_person("欧阳测试", identity="11010519491231002X")
        uow.session.add(person)
    text_of = _texts(person.id)
    assert "欧阳测试" not in text_of
    assert "11010519491231002X" not in text_of
    assert personal.commitment(person, "name", "欧阳测试") in text_of
    assert personal.commitment(person, "name", "欧阳") not in text_of
    with UnitOfWork(db.session, SYSTEM) as uow:
        row = uow.session.get_one(Person, person.id)
        personal.rename(row, "已注销")
        row.key = None
    assert "欧阳测试" not in _texts(person.id)
    assert personal.commitment(row, "name", "欧阳测试") == personal.ERASED
    assert verdict() == ""


def _texts(key: int) -> str:
    query = select(AuditEvent.canonical).where(
        AuditEvent.subject_table == "person", AuditEvent.subject_id == key
    )
    return b"\n".join(db.session.scalars(query)).decode()


def test_bulk_work_is_one_event_with_the_root_over_its_rows(trail: Flask) -> None:
    from sqlalchemy import func, insert

    first = (db.session.scalar(select(func.max(Organisation.id))) or 0) + 1
    rows = [
        {
            "id": first + n,
            "code": f"P{n}",
            "name": f"教学点{n}",
            "kind": "teaching_point",
            "path": f"/1/{first + n}/",
            "parent_id": 1,
            "active": True,
        }
        for n in range(7)
    ]
    before = last()
    with UnitOfWork(db.session, SYSTEM) as uow:
        uow.session.execute(insert(Organisation), rows)
        record_chunk(uow, Organisation, rows, why="test")
    assert last() == before + 1
    assert verdict() == ""
    with UnitOfWork(db.session, SYSTEM) as uow:  # changed by hand later: still what was written then
        uow.session.get_one(Organisation, first + 3).name = "改名"
    assert verdict() == ""
    damage(f"UPDATE organisation SET name = '假' WHERE id = {first + 5}")
    assert verdict().startswith(f"organisation {first} to {first + 6}: altered")


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_ids_that_are_given_out_again_begin_a_new_life(trail: Flask) -> None:
    """SQLite does that: written in bulk, deleted one by one or in bulk, and written again under the same ids."""
    from sqlalchemy import delete, func, insert

    first = (db.session.scalar(select(func.max(Organisation.id))) or 0) + 1
    ids = list(range(first, first + 4))

    def write(word: str) -> None:
        rows = [
            {
                "id": key,
                "code": f"{word}{key}",
                "name": f"{word}{key}",
                "kind": "teaching_point",
                "path": f"/1/{key}/",
                "parent_id": 1,
                "active": True,
            }
            for key in ids
        ]
        with UnitOfWork(db.session, SYSTEM) as uow:
            uow.session.execute(insert(Organisation), rows)
            record_chunk(uow, Organisation, rows)

    write("A")
    with UnitOfWork(db.session, SYSTEM) as uow:
        uow.session.execute(delete(Organisation).where(Organisation.id.in_(ids)))
        record_removal(uow, Organisation, ids)
    assert verdict() == ""
    write("B")
    assert verdict() == ""
    with UnitOfWork(db.session, SYSTEM) as uow:
        for key in ids:
            uow.session.delete(uow.session.get_one(Organisation, key))
    assert verdict() == ""
    write("C")
    assert verdict() == ""
    damage(f"UPDATE organisation SET name = 'B{first}' WHERE id = {first}")
    assert verdict().startswith(f"organisation {first} to {ids[-1]}: altered")


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_row_without_an_event_is_named(trail: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(UnitOfWork, "before_commit", [])
    with UnitOfWork(db.session, SYSTEM) as uow:
        uow.session.add(personal.new_person("无迹"))
    monkeypatch.setattr(UnitOfWork, "before_commit", [append_all])
    assert "inserted: no event tells of it" in verdict()
