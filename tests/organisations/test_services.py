"""The tree of organisations stays a tree, and paths tell who stands below whom."""

from __future__ import annotations

import threading

import pytest
from flask import Flask
from sqlalchemy import select

from app.kernel.actor import SYSTEM
from app.kernel.database import db
from app.kernel.errors import Invalid
from app.kernel.unit_of_work import UnitOfWork
from app.organisations import services
from app.organisations.models import Organisation


def _tree(uow: UnitOfWork) -> dict[str, Organisation]:
    rows = {"root": services.centre(uow.session)}
    for name, kind, parent in (
        ("uni", "institution", None),
        ("college", "institution", "uni"),
        ("point", "teaching_point", "college"),
        ("other", "institution", "root"),
    ):
        above = rows[parent] if parent else None
        rows[name] = services.add(uow, code=name, name=name, kind=kind, parent=above)
    return rows


def _paths() -> dict[str, str]:
    rows = db.session.execute(select(Organisation.code, Organisation.path))
    return {row.code: row.path for row in rows}


def _change(key: int, **values: object) -> None:
    """What the form does: change columns of a row, then place it."""
    with UnitOfWork(db.session, SYSTEM) as uow:
        row = uow.session.get_one(Organisation, key)
        for name, value in values.items():
            setattr(row, name, value)
        services.place(uow, row)


def test_who_names_no_parent_stands_below_the_centre(system: UnitOfWork) -> None:
    rows = _tree(system)
    assert rows["uni"].parent_id == rows["root"].id
    assert rows["uni"].path == f"{rows['root'].path}{rows['uni'].id}/"


def test_a_move_takes_everything_below_along(app: Flask) -> None:
    with UnitOfWork(db.session, SYSTEM) as uow:
        rows = _tree(uow)
        assert rows["point"].path.startswith(rows["uni"].path)
        rows["college"].parent_id = rows["other"].id
        services.place(uow, rows["college"])
        assert rows["point"].path == f"{rows['college'].path}{rows['point'].id}/"
    paths = _paths()
    assert paths["college"] == f"{paths['other']}{rows['college'].id}/"
    assert paths["point"] == f"{paths['college']}{rows['point'].id}/"
    assert paths["uni"].count("/") == 3


def test_no_organisation_stands_below_itself(app: Flask) -> None:
    with UnitOfWork(db.session, SYSTEM) as uow:
        rows = _tree(uow)
    before = _paths()
    for above in ("uni", "college"):
        with pytest.raises(Invalid) as caught:
            _change(rows["uni"].id, parent_id=rows[above].id)
        assert caught.value.code == "own_ancestor"
    db.session.expire_all()
    assert _paths() == before


@pytest.mark.parametrize(
    ("kind", "parent", "code"),
    [
        ("teaching_point", "root", None),
        ("teaching_point", "point", "point_parent"),
        ("institution", "point", "parent_kind"),
        ("reviewer", "uni", "parent_kind"),
        ("issuer", "uni", None),
        ("center", None, "one_center"),
        ("center", "uni", "one_center"),
    ],
)
def test_kinds_and_where_they_may_stand(app: Flask, kind: str, parent: str | None, code: str | None) -> None:
    with UnitOfWork(db.session, SYSTEM) as uow:
        rows = _tree(uow)
    above = rows[parent] if parent else None
    if code is None:
        with UnitOfWork(db.session, SYSTEM) as uow:
            made = services.add(uow, code="new", name="new", kind=kind, parent=above)
        assert above is not None
        assert made.path.startswith(above.path)
    else:
        with pytest.raises(Invalid) as caught, UnitOfWork(db.session, SYSTEM) as uow:
            services.add(uow, code="new", name="new", kind=kind, parent=above)
        assert caught.value.code == code


def test_a_kind_is_not_changed_over_the_heads_of_those_below(app: Flask) -> None:
    with UnitOfWork(db.session, SYSTEM) as uow:
        rows = _tree(uow)
    with pytest.raises(Invalid) as caught:
        _change(rows["college"].id, kind="issuer")
    assert caught.value.code == "children_kind"


def test_two_moves_at_once_tie_no_knot(app: Flask) -> None:
    """Each of two institutions is put below the other at the same moment: one wins, the other is refused."""
    with UnitOfWork(db.session, SYSTEM) as uow:
        rows = _tree(uow)
        ids = (rows["uni"].id, rows["other"].id)
    start, refused = threading.Barrier(2), []

    def move(what: int, below: int) -> None:
        with app.app_context():
            start.wait()
            try:
                _change(what, parent_id=below)
            except Invalid as error:
                refused.append(error.code)

    threads = [threading.Thread(target=move, args=pair) for pair in (ids, ids[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == ["own_ancestor"]
    db.session.expire_all()
    for row in db.session.scalars(select(Organisation)):
        above = [int(part) for part in row.path.split("/") if part]
        assert above[-1] == row.id
        assert (above[-2] if len(above) > 1 else None) == row.parent_id
