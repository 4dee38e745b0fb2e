"""Finding people by two characters: what is found is what scanning would find, by an index."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select, text

from app.kernel.actor import SYSTEM
from app.kernel.database import db
from app.kernel.unit_of_work import UnitOfWork
from app.security import personal
from app.security.grams import guard, named_like
from app.security.models import Person

NAMES = ("王小明", "王晓明", "欧阳小明", "单文博", "张%三", "O'Neil", "𬭎喆")


@pytest.fixture
def people(app: Flask) -> dict[str, int]:
    with UnitOfWork(db.session, SYSTEM) as uow:
        rows = [personal.new_person(name) for name in NAMES]
        uow.session.add_all(rows)
        uow.flush()
        return {row.name: row.id for row in rows}


def found(word: str) -> set[str]:
    db.session.rollback()
    return set(
        db.session.scalars(select(Person.name).where(named_like(word), Person.name.in_((*NAMES, "李四"))))
    )


@pytest.mark.parametrize(
    "word",
    ["小明", "王", "阳小明", "xiaoming", "WXM", "shan", "dan", "%三", "o'n", "明王", "𬭎", "𬭎喆", "_"],
)
def test_what_is_found(app: Flask, people: dict[str, int], word: str) -> None:
    scanned = select(Person.name).where(
        Person.name.in_(NAMES), Person.name_search.contains(word.casefold(), autoescape=True)
    )
    assert found(word) == set(db.session.scalars(scanned))


def test_a_new_name_is_found_and_the_old_one_is_not(app: Flask, people: dict[str, int]) -> None:
    with UnitOfWork(db.session, SYSTEM) as uow:
        personal.rename(uow.session.get_one(Person, people["王小明"]), "李四")
    assert found("李四") == {"李四"}
    assert found("小明") == {"欧阳小明"}
    assert found("王晓") == {"王晓明"}


def test_an_index_finds_them(app: Flask, people: dict[str, int]) -> None:
    statement = select(Person.id).where(named_like("小明"))
    bind = db.session.connection()
    plain = str(statement.compile(bind, compile_kwargs={"literal_binds": True}))
    if bind.dialect.name == "sqlite":
        plan = " ".join(row[3] for row in bind.execute(text(f"EXPLAIN QUERY PLAN {plain}")))
        assert "SEARCH person_gram USING PRIMARY KEY (gram=?)" in plan
        return
    bind.execute(text("SET enable_seqscan = off"))
    plan = " ".join(row[0] for row in bind.exec_driver_sql("EXPLAIN " + plain))
    assert "ix_person_name_grams" in plan


def test_guarding_twice_changes_nothing(app: Flask, people: dict[str, int]) -> None:
    with db.engine.connect().execution_options(writes=True) as connection, connection.begin():
        guard(connection)
    assert found("小明") == {"王小明", "欧阳小明"}
