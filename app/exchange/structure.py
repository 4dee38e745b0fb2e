"""Imports of organisations and programmes; and what all imports share whose rows are few, so that each goes through its
room's own services.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_babel import gettext
from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from app.audit import services as audit
from app.catalogue.models import Programme
from app.exchange.fields import Field, Loader, Made, Row, Words, hundredths, plain
from app.kernel.errors import N_, DomainError, Invalid
from app.kernel.unit_of_work import UnitOfWork
from app.organisations import services as organisations
from app.organisations.models import KINDS, Organisation
from verifier import merkle
from verifier.canonical import canonical


class RowByRow(Loader):
    """Rooms' services write the rows, one after another; a refusal takes back that row alone."""

    #: What a row of the workbook becomes, and what hangs on it; in the order in which they have to go again.
    models: tuple[type[Any], ...] = ()

    def make(self, uow: UnitOfWork, row: Row) -> Any:
        """Write one row by the room's services; returns the main record. Raises DomainError."""
        raise NotImplementedError

    def write(self, uow: UnitOfWork, rows: Sequence[Row]) -> Made:
        made = Made({model.__tablename__: [] for model in self.models})
        leaves: list[bytes] = []
        for row in rows:
            mark = len(uow.changes)
            try:
                with uow.session.begin_nested():
                    record = self.make(uow, row)
                    uow.flush()
            except DomainError as error:
                row.take(self._first(row), error)
                del uow.changes[mark:]
                continue
            row.made = record.id
            for change in uow.changes[mark:]:
                table = inspect(type(change.subject)).local_table.name
                if change.kind == "created" and table in made.ids:
                    made.ids[table].append(change.subject.id)
                    leaves.append(_leaf(change.subject))
        made.roots = [merkle.root(leaves).hex()]
        return made

    def _first(self, row: Row) -> str:
        return next(iter(row.cells), "")

    def mine(self, query: Any) -> Any:
        """Organisations that the actor may add to."""
        if self.actor.is_system or "Center" in self.actor.roles:
            return query
        return query.where(Organisation.path.startswith(self.actor.organisation_path or "-"))


def _leaf(record: Any) -> bytes:
    """A record with its columns as the Merkle tree takes them; the event of each row stands beside."""
    state = inspect(record)
    columns = {one.key: audit.plain(state.dict.get(one.key)) for one in state.mapper.column_attrs}
    return canonical([type(record).__tablename__, columns])


def named(session: Session, query: Any) -> dict[str, int]:
    """Organisations by code, and by name where only one has it."""
    found: dict[str, int] = {}
    twice = set()
    for key, code, name in session.execute(query):
        found[code] = key
        if name in found:
            twice.add(name)
        found[name] = key
    return {word: key for word, key in found.items() if word not in twice}


ALL = select(Organisation.id, Organisation.code, Organisation.name)


def institutions(session: Session) -> list[str]:
    kinds = ("center", "institution", "issuer")
    found = select(Organisation.name).where(Organisation.kind.in_(kinds), Organisation.active)
    return list(session.scalars(found.order_by(Organisation.name)))


class Organisations(RowByRow):
    """机构. What stands above another has to come before it."""

    table = "organisation"
    models = (Organisation,)

    @classmethod
    def fields(cls, session: Session) -> Sequence[Field]:
        return (
            Field("code", N_("Code"), True, longest=32),
            Field("name", N_("Name"), True),
            Field(
                "kind",
                N_("Kind"),
                True,
                options=lambda _session: [gettext(one.label) for one in KINDS if one.code != "center"],
            ),
            Field("parent", N_("Belongs to"), help=N_("Code or name.")),
            Field("address", N_("Address"), longest=300),
            Field("contact", N_("Contact")),
        )

    def prime(self) -> None:
        self._kinds = Words(KINDS, gettext)
        self._known = named(self.session, ALL)
        self._coming: set[str] = set()

    def key(self, row: Row) -> str:
        return row.get("code")

    def prepare(self, rows: Sequence[Row]) -> None:
        for row in rows:
            kind, parent = self._kinds.code(row.get("kind")), row.get("parent")
            if row.get("kind") and kind in (None, "center"):
                row.refuse("kind", N_("“%(word)s” is none of the list."), word=row.get("kind"))
            if parent and parent not in self._known and parent not in self._coming:
                row.refuse(
                    "parent", N_("There is no such organisation; what stands above has to come first.")
                )
            if kind == "teaching_point" and not parent:
                row.refuse("parent", N_("A teaching point belongs to an institution: please choose it."))
            if not row.problems:
                self._coming |= {row.get("code"), plain(row.get("name"))}
                row.ready = kind

    def find(self, rows: Sequence[Row]) -> None:
        codes = {row.get("code"): row for row in rows}
        found = self.session.execute(
            select(Organisation.code, Organisation.name).where(Organisation.code.in_(codes))
        )
        for code, name in found:
            if name == plain(codes[code].get("name")):
                codes[code].known = True
            else:
                codes[code].refuse("code", N_("This code belongs to “%(name)s”."), name=name)

    def make(self, uow: UnitOfWork, row: Row) -> Any:
        parent = None
        if row.get("parent"):
            parent = uow.session.scalar(
                select(Organisation).where(
                    (Organisation.code == row.get("parent")) | (Organisation.name == row.get("parent"))
                )
            )
            if parent is None:
                raise at("parent", N_("There is no such organisation; what stands above has to come first."))
        return organisations.add(
            uow, parent=parent, code=row.get("code"), name=plain(row.get("name")), kind=row.ready,
            address=plain(row.get("address")), contact=plain(row.get("contact")), created_by_id=uow.actor.user_id,
        )  # fmt: skip


def at(field: str, message: str, **params: Any) -> Invalid:
    return Invalid(field, message, fields={field: [Invalid(field, message, **params)]})


class Programmes(RowByRow):
    """项目 / 专业."""

    table = "programme"
    models = (Programme,)

    @classmethod
    def fields(cls, session: Session) -> Sequence[Field]:
        return (
            Field(
                "organisation",
                N_("Institution"),
                True,
                help=N_("Code or name."),
                options=institutions,
            ),
            Field("name", N_("Programme"), True, longest=150),
            Field("term", N_("Term"), longest=20),
            Field("grade", N_("Grade"), longest=20),
            Field("graduation_credits", N_("Credits for graduation")),
        )

    def prime(self) -> None:
        self._organisations = named(self.session, self.mine(ALL))

    def key(self, row: Row) -> str:
        return "\0".join(plain(row.get(part)) for part in ("organisation", "name", "term", "grade"))

    def prepare(self, rows: Sequence[Row]) -> None:
        for row in rows:
            organisation = self._organisations.get(row.get("organisation"))
            if organisation is None and row.get("organisation"):
                row.refuse("organisation", N_("There is no such institution, or it is not yours."))
            row.ready = {
                "organisation_id": organisation,
                **{part: plain(row.get(part)) for part in ("name", "term", "grade")},
                "graduation_credits": number(row, "graduation_credits"),
            }

    def find(self, rows: Sequence[Row]) -> None:
        for row in rows:
            given = {key: value for key, value in row.ready.items() if key != "graduation_credits"}
            row.known = self.session.scalar(select(Programme.id).filter_by(**given).limit(1)) is not None

    def make(self, uow: UnitOfWork, row: Row) -> Any:
        record = Programme(**row.ready, created_by_id=uow.actor.user_id)
        uow.session.add(record)
        return record


def number(row: Row, code: str) -> int | None:
    try:
        return hundredths(row.get(code)) if row.get(code) else None
    except Invalid as error:
        row.take(code, error)
        return None
