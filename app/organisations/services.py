"""Keeping the tree of organisations whole."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.kernel.errors import Invalid, N_
from app.kernel.unit_of_work import UnitOfWork
from app.organisations.models import Organisation


def add(uow: UnitOfWork, *, parent: Organisation | None = None, **values: Any) -> Organisation:
    """A new organisation below ``parent``. Raises Invalid for a kind that can't stand there."""
    row = Organisation(parent_id=parent.id if parent else None, path="", **values)
    place(uow, row)
    return row


def place(uow: UnitOfWork, row: Organisation) -> None:
    """Write the path of a new or moved organisation, and of everything below it. Raises Invalid."""
    session = uow.session
    parent = session.get(Organisation, row.parent_id) if row.parent_id else None
    if row.kind == "teaching_point" and (parent is None or parent.kind not in ("institution", "center")):
        raise Invalid("point_parent", N_("A teaching point belongs to an institution."))
    before = row.path
    if row.id is None:
        row.path = f"new-{id(row)}"  # unique until the id is known
        session.add(row)
        uow.flush()
    elif parent is not None and f"/{row.id}/" in parent.path:
        raise Invalid("own_ancestor", N_("An organisation can't stand below itself."))
    row.path = f"{parent.path if parent else '/'}{row.id}/"
    uow.flush()
    if before and before != row.path:
        below = Organisation.path.startswith(before), Organisation.id != row.id
        moved = row.path + func.substr(Organisation.path, len(before) + 1)
        session.execute(update(Organisation).where(*below).values(path=moved).execution_options(synchronize_session=False))
        uow.record("organisation.moved", row, before=before, after=row.path)


def institution_above(session: Session, point: Organisation) -> Organisation:
    """The registered institution that a teaching point belongs to; the centre for a point of the centre's own."""
    row: Organisation | None = point
    while row is not None and row.kind == "teaching_point":
        row = session.get(Organisation, row.parent_id) if row.parent_id else None
    return row or point


def centre(session: Session) -> Organisation:
    """The management centre: the root of the tree, home of whoever has no other."""
    return session.scalars(select(Organisation).where(Organisation.kind == "center").order_by(Organisation.id)).first()  # type: ignore[return-value]
