"""Keeping the tree of organisations whole, and the committees' rows in order."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.kernel.errors import N_, Invalid
from app.kernel.unit_of_work import UnitOfWork
from app.organisations.models import CommitteeMember, CommitteeScope, Organisation
from app.security.models import Account

#: Which kinds may stand below which. The management centre is the root; who names no parent stands below it.
BELOW = {
    "center": ("institution", "teaching_point", "reviewer", "issuer"),
    "institution": ("institution", "teaching_point", "issuer"),
    "teaching_point": (),
    "reviewer": (),
    "issuer": (),
}


def add(uow: UnitOfWork, *, parent: Organisation | None = None, **values: Any) -> Organisation:
    """A new organisation below ``parent`` (default: the centre). Raises Invalid as :func:`place`."""
    row = Organisation(parent_id=parent.id if parent else None, path="", **values)
    place(uow, row)
    return row


def place(uow: UnitOfWork, row: Organisation) -> None:
    """Check where a new or edited organisation stands; write its path and that of everything below it.

    Raises Invalid for a kind that can't stand there, a second centre, and an organisation below itself.
    """
    session = uow.session
    root = _lock_root(session)
    if row.parent_id is None and row.kind != "center" and root is not None:
        row.parent, row.parent_id = root, root.id
    parent = session.get(Organisation, row.parent_id, populate_existing=True) if row.parent_id else None
    before = row.path
    _check_place(session, row, root, parent)
    if row.id is None:
        row.path = f"new-{id(row)}"  # unique until the id is known
        session.add(row)
        uow.flush()
    row.path = f"{parent.path if parent else '/'}{row.id}/"
    uow.flush()
    if before and before != row.path:
        below = Organisation.path.startswith(before), Organisation.id != row.id
        moved = row.path + func.substr(Organisation.path, len(before) + 1)
        session.execute(
            update(Organisation).where(*below).values(path=moved), execution_options=_UNSYNCHRONISED
        )
        for seen in [known for known in session.identity_map.values() if isinstance(known, Organisation)]:
            session.expire(seen, ["path"])
        uow.record("organisation.moved", row, before=before, after=row.path)


_UNSYNCHRONISED = {"synchronize_session": False}


def _lock_root(session: Session) -> Organisation | None:
    """The root, locked: two moves at the same time come one after another, or they could tie a knot."""
    query = select(Organisation).where(Organisation.kind == "center").order_by(Organisation.id).limit(1)
    return session.scalar(query.with_for_update(of=Organisation))


def _check_place(
    session: Session, row: Organisation, root: Organisation | None, parent: Organisation | None
) -> None:
    if row.kind == "center":
        if parent is not None or (root is not None and root.id != row.id):
            raise Invalid("one_center", N_("There is one management centre, and nothing stands above it."))
    elif parent is not None and row.id is not None and f"/{row.id}/" in parent.path:
        raise Invalid("own_ancestor", N_("An organisation can't stand below itself."))
    elif row.kind == "teaching_point" and (parent is None or row.kind not in BELOW[parent.kind]):
        raise Invalid("point_parent", N_("A teaching point belongs to an institution."))
    elif parent is not None and row.kind not in BELOW[parent.kind]:
        raise Invalid("parent_kind", N_("This kind of organisation can't stand there."))
    if row.id is not None:
        children = select(Organisation.id).where(Organisation.parent_id == row.id)
        if session.scalar(children.where(Organisation.kind.not_in(BELOW[row.kind])).limit(1)) is not None:
            raise Invalid(
                "children_kind", N_("What stands below this organisation can't stand below that kind.")
            )


def institution_above(session: Session, point: Organisation) -> Organisation:
    """The registered institution that a teaching point belongs to; the centre for one of the centre's own."""
    row: Organisation | None = point
    while row is not None and row.kind == "teaching_point":
        row = session.get(Organisation, row.parent_id) if row.parent_id else None
    return row or point


def centre(session: Session) -> Organisation:
    """The management centre: the root of the tree, home of whoever has no other."""
    return session.scalars(
        select(Organisation).where(Organisation.kind == "center").order_by(Organisation.id)
    ).first()  # type: ignore[return-value]


def check_member(session: Session, row: CommitteeMember) -> None:
    """A member's days run forward, and their account may decide for a committee. Raises Invalid by field."""
    if row.until is not None and row.until < row.since:
        late = Invalid("until", N_("The last day lies before the first."))
        raise Invalid("until", late.message, fields={"until": [late]})
    account = session.get(Account, row.user_id)
    if account is None or "Committee" not in {role.name for role in account.roles}:
        none = Invalid("not_committee", N_("This account does not have the role of a committee member."))
        raise Invalid("not_committee", none.message, fields={"user": [none]})


def check_scope(row: CommitteeScope) -> None:
    """A scope covers something. Raises Invalid."""
    if row.programme_id is None and row.category_id is None and row.organisation_id is None:
        raise Invalid("covers_nothing", N_("Please choose a programme, a category or an institution."))
