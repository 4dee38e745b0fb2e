"""Imports of people: learners, and the staff who look after them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from flask_babel import gettext
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.catalogue.models import Programme
from app.exchange import bulk
from app.exchange.fields import IMPORT, Field, Loader, Made, Row, Words, day, plain
from app.kernel.errors import N_, Invalid
from app.kernel.unit_of_work import UnitOfWork
from app.learners import identity, nations
from app.learners.models import Learner
from app.learners.services import HOMES
from app.organisations.models import Organisation
from app.security import personal
from app.security.models import GENDERS, IDENTITY_TYPES, Person, PersonKey

_MAILBOX = re.compile(r"[^\s@<>()\",;:\\]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_NAME = re.compile(r"[^\W\d_][\w .·•'’-]{0,98}[\w.)）]?")

IDENTITY_FIELDS = (
    Field(
        "identity_type",
        N_("Kind of document"),
        help=N_("Resident identity card where nothing is given."),
        options=lambda _session: [gettext(one.label) for one in IDENTITY_TYPES],
    ),
    Field(
        "identity",
        N_("Identity number"),
        required=True,
        help=N_("As text, or digits get lost."),
        longest=32,
    ),
)


def homes(session: Session) -> list[str]:
    """Teaching points, and whatever else can be a home."""
    found = select(Organisation.name).where(Organisation.kind.in_(HOMES), Organisation.active)
    return list(session.scalars(found.order_by(Organisation.name)))


class Identities:
    """Reads kind and number of a document off a row."""

    def __init__(self) -> None:
        self._kinds = Words(IDENTITY_TYPES, gettext)

    def read(self, row: Row) -> tuple[str, str] | None:
        """(kind, normal number), or None after noting what is wrong."""
        word = row.get("identity_type")
        kind = self._kinds.code(word) if word else "resident"
        if kind is None:
            row.refuse("identity_type", N_("“%(word)s” is none of the list."), word=word)
            return None
        if row.get("identity").startswith("\0"):
            row.refuse(
                "identity", N_("Excel kept this as a number and lost digits. Please enter it as text.")
            )
            return None
        return kind, personal.normal_identity(row.get("identity"))

    def index(self, row: Row) -> str:
        """What two rows about the same person have in common."""
        word = row.get("identity_type")
        kind = self._kinds.code(word) if word else "resident"
        number = row.get("identity")
        return personal.identity_index(kind, number).hex() if kind and number else ""


class Learners(Loader):
    """学习者: people with an account at the bank. They set a password when they activate it, so none is made here."""

    table = "learner"

    @classmethod
    def fields(cls, session: Session) -> Sequence[Field]:
        return (
            Field("name", N_("Name"), True, longest=100),
            *IDENTITY_FIELDS,
            Field(
                "gender",
                N_("Gender"),
                options=lambda _session: [gettext(one.label) for one in GENDERS],
                help=N_("Follows from a resident's identity number."),
            ),
            Field(
                "birth_date",
                N_("Date of birth"),
                help=N_("Follows from a resident's identity number."),
            ),
            Field("nationality", N_("Nationality")),
            Field(
                "ethnicity",
                N_("Ethnic group"),
                options=lambda _session: list(nations.ETHNICITIES.values()),
            ),
            Field("mobile", N_("Mobile")),
            Field("email", N_("E-mail")),
            Field("address", N_("Address")),
            Field(
                "home_point",
                N_("Home teaching point"),
                True,
                help=N_("Code or name."),
                options=homes,
            ),
            Field(
                "programme",
                N_("Programme"),
                help=N_("As its name is shown, with term and grade."),
            ),
        )

    def prime(self) -> None:
        self._identities = Identities()
        self._genders = Words(GENDERS, gettext)
        self._ethnicities = Words(
            nations.ETHNICITIES | {f"{code}": code for code in nations.ETHNICITIES},
            lambda label: label.removesuffix("族"),
        )
        self._nationalities = {name: code for code, name in nations.nationalities("zh").items()} | {
            code: code for code in nations.nationalities("zh")
        }
        homes = select(Organisation.id, Organisation.code, Organisation.name).where(
            Organisation.kind.in_(HOMES), Organisation.active
        )
        if not self.actor.is_system and "Center" not in self.actor.roles:
            homes = homes.where(Organisation.path.startswith(self.actor.organisation_path or "-"))
        self._homes: dict[str, int] = {}
        for key, code, name in self.session.execute(homes):
            self._homes |= {code: key, name: key}
        self._programmes: dict[str, list[int]] = {}
        for programme in self.session.scalars(select(Programme).where(Programme.active)):
            self._programmes.setdefault(str(programme), []).append(programme.id)

    def key(self, row: Row) -> str:
        return self._identities.index(row)

    def prepare(self, rows: Sequence[Row]) -> None:
        for row in rows:
            self._prepare(row)

    def _prepare(self, row: Row) -> None:
        name = plain(row.get("name"))
        if name and not _NAME.fullmatch(name):
            row.refuse("name", N_("This can't be a person's name."))
        document = self._identities.read(row) if row.get("identity") else None
        birth, gender = self._birth(row), self._gender(row)
        if document is not None:
            kind, number = document
            try:
                identity.check(kind, number, birth, gender)
            except Invalid as error:
                row.take("identity", error)
            else:
                if kind in ("resident", "hmt_residence"):
                    birth, gender = birth or identity.birth_date(number), gender or identity.gender_of(number)
        columns = {
            "gender": gender or None,
            "nationality": self._nationality(row),
            "ethnicity": self._ethnicity(row),
        }
        home, programme = self._home(row), self._programme(row)
        contacts = self._contacts(row)
        if row.problems or document is None:
            return
        person = personal.new_person(
            name, identity_type=document[0], identity=document[1],
            birth_date=birth.isoformat() if birth else None, **contacts,
        )  # fmt: skip
        row.ready = {
            "person": {**_columns(person), **columns},
            "key": person.wrapped_key,
            "learner": {"home_point_id": home, "programme_id": programme, "standing": "imported"},
        }

    def _birth(self, row: Row) -> Any:
        try:
            return day(row.get("birth_date")) if row.get("birth_date") else None
        except Invalid as error:
            row.take("birth_date", error)
            return None

    def _gender(self, row: Row) -> str:
        word = row.get("gender")
        code = self._genders.code(word) if word else ""
        if code is None:
            row.refuse("gender", N_("“%(word)s” is none of the list."), word=word)
        return code or ""

    def _nationality(self, row: Row) -> str:
        word = row.get("nationality") or "CN"
        code = self._nationalities.get(word)
        if code is None:
            row.refuse("nationality", N_("“%(word)s” is none of the list."), word=word)
        return code or "CN"

    def _ethnicity(self, row: Row) -> str | None:
        word = row.get("ethnicity")
        code = self._ethnicities.code(word) if word else None
        if word and code is None:
            row.refuse("ethnicity", N_("“%(word)s” is none of the list."), word=word)
        return code

    def _home(self, row: Row) -> int | None:
        word = row.get("home_point")
        found = self._homes.get(word)
        if word and found is None:
            row.refuse("home_point", N_("There is no such teaching point, or it is not yours."))
        return found

    def _programme(self, row: Row) -> int | None:
        word = row.get("programme")
        if not word:
            return None
        found = self._programmes.get(word.replace("（", "(").replace("）", ")"), [])
        if len(found) != 1:
            row.refuse("programme", N_("There is no such programme, or several are called so."))
            return None
        return found[0]

    def _contacts(self, row: Row) -> dict[str, str | None]:
        mobile, email = row.get("mobile"), row.get("email")
        if mobile.startswith("\0"):
            row.refuse("mobile", N_("Excel kept this as a number and lost digits. Please enter it as text."))
        elif mobile:
            try:
                personal.normal_mobile(mobile)
            except Invalid as error:
                row.take("mobile", error)
        if email and not _MAILBOX.fullmatch(email):
            row.refuse("email", N_("This is not an e-mail address."))
        address = plain(row.get("address"))
        return {"mobile": mobile or None, "email": email or None, "address": address or None}

    def find(self, rows: Sequence[Row]) -> None:
        indexes = {row.ready["person"]["identity_index"]: row for row in rows}
        found = self.session.execute(
            select(Person.identity_index, Person.id, Person.name, Learner.id)
            .outerjoin(Learner, Learner.person_id == Person.id)
            .where(Person.identity_index.in_(indexes))
        )
        for index, person, name, learner in found:
            row = indexes[bytes(index or b"")]
            if name != row.ready["person"]["name"]:
                row.refuse("name", N_("This identity number is known under another name."))
            elif learner is not None:
                row.known = True
            else:  # staff who learn
                row.ready["person_id"] = person

    def write(self, uow: UnitOfWork, rows: Sequence[Row]) -> Made:
        session, made = uow.session, Made()
        fresh = [row for row in rows if "person_id" not in row.ready]
        people = bulk.next_ids(session, Person, len(fresh))
        for row, key in zip(fresh, people, strict=True):
            row.ready["person_id"] = key
        learners = bulk.next_ids(session, Learner, len(rows))
        by = {"created_by_id": uow.actor.user_id}
        persons = [{"id": row.ready["person_id"], **row.ready["person"], **by} for row in fresh]
        values = []
        for row, key in zip(rows, learners, strict=True):
            row.made = key
            given = {"number": f"L{key:09d}", "person_id": row.ready["person_id"], **row.ready["learner"]}
            values.append({"id": key, **given, **by})
        made.ids = {"learner": learners, "person": people}
        made.roots = [
            *bulk.write(uow, Person, persons, IMPORT),
            *bulk.write(uow, Learner, values, IMPORT),
        ]
        keys = [{"person_id": row.ready["person_id"], "wrapped": row.ready["key"]} for row in fresh]
        if keys:
            session.execute(insert(PersonKey), keys)  # of no event: keys are kept out of the trail
        return made


_PERSON = (
    "uid", "name", "name_search", "identity_type", "identity_sealed", "identity_index", "holder_seal",
    "mobile_sealed", "mobile_index", "email_sealed", "email_index", "birth_date_sealed", "address_sealed",
)  # fmt: skip


def _columns(person: Person) -> dict[str, Any]:
    return {name: getattr(person, name) for name in _PERSON}
