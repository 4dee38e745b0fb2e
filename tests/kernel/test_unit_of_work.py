"""The one write path: everything or nothing, and nothing past it."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.audit.models import AuditEvent
from app.kernel.actor import SYSTEM
from app.kernel.database import db
from app.kernel.errors import Conflict
from app.kernel.unit_of_work import UnitOfWork
from app.organisations.models import Organisation


def _organisation(name: str) -> Organisation:
    return Organisation(code=name, name=name, kind="issuer", path=f"/{name}/")


def _names() -> set[str]:
    db.session.rollback()
    return set(db.session.scalars(select(Organisation.name)))


def _events() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(AuditEvent)) or 0


def test_what_is_written_is_there_with_its_event_and_then_the_callbacks_run(app: Flask) -> None:
    before, order = _events(), []
    with UnitOfWork(db.session, SYSTEM) as uow:
        uow.session.add(_organisation("A"))
        uow.after_commit.append(lambda: order.append("A" in _names()))
        uow.on_failure.append(lambda: order.append("failed"))
    assert order == [True]
    assert _events() == before + 1


@pytest.mark.parametrize("where", ["in the block", "in the hook"])
def test_an_error_undoes_everything_newest_first(
    app: Flask, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, order = _events(), []

    def refuse(_uow: Any) -> None:
        raise RuntimeError("no")

    if where == "in the hook":
        monkeypatch.setattr(UnitOfWork, "before_commit", [*UnitOfWork.before_commit, refuse])

    def work() -> None:
        with UnitOfWork(db.session, SYSTEM) as uow:
            uow.session.add(_organisation("B"))
            uow.on_failure += [lambda: order.append("first"), lambda: order.append("second")]
            uow.after_commit.append(lambda: order.append("committed"))
            if where == "in the block":
                refuse(uow)

    with pytest.raises(RuntimeError):
        work()
    monkeypatch.undo()
    assert order == ["second", "first"]
    assert "B" not in _names()
    assert _events() == before
    with UnitOfWork(db.session, SYSTEM) as uow:
        assert uow.session.info["uow"] is uow, "the session is free again"


def test_nothing_is_written_outside_of_one(app: Flask) -> None:
    db.session.add(_organisation("C"))
    with pytest.raises(RuntimeError, match="outside a unit of work"):
        db.session.flush()
    db.session.rollback()
    row = db.session.scalars(select(Organisation).limit(1)).first()
    if row is not None:
        row.name = "D"
        with pytest.raises(RuntimeError, match="outside a unit of work"):
            db.session.commit()
    assert not {"C", "D"} & _names()


def test_none_is_opened_within_another(app: Flask) -> None:
    with (
        UnitOfWork(db.session, SYSTEM),
        pytest.raises(RuntimeError, match="already open"),
        UnitOfWork(db.session, SYSTEM),
    ):
        pass


def test_a_row_that_somebody_else_changed_meanwhile_is_a_conflict(app: Flask) -> None:
    with UnitOfWork(db.session, SYSTEM) as uow:
        uow.session.add(_organisation("E"))

    def overtaken() -> None:
        with UnitOfWork(db.session, SYSTEM) as uow:
            row = uow.session.scalars(select(Organisation).where(Organisation.name == "E")).one()
            uow.session.connection().exec_driver_sql("UPDATE organisation SET version = 7 WHERE name = 'E'")
            row.address = "mine"

    with pytest.raises(Conflict):
        overtaken()
    db.session.expire_all()
    assert db.session.scalars(select(Organisation.address).where(Organisation.name == "E")).one() != "mine"
