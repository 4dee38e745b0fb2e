"""Which imports there are, how a workbook looks to them, and asking for one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from flask_babel import force_locale, gettext
from sqlalchemy.orm import Session

from app.exchange import reading
from app.exchange.fields import Field, Loader
from app.exchange.held import Achievements
from app.exchange.items import Catalogue
from app.exchange.people import Learners
from app.exchange.rulebook import Rules
from app.exchange.structure import Organisations, Programmes
from app.jobs import services as jobs
from app.jobs.models import Job
from app.kernel.actor import Actor
from app.kernel.errors import N_, Conflict, Forbidden, Invalid, NotFound
from app.kernel.unit_of_work import UnitOfWork
from app.security.permissions import authorise


@dataclass(frozen=True)
class Import:
    """One kind of import: its code, what it is called, how rows are loaded."""

    code: str
    label: str
    loader: type[Loader]
    note: str = ""


#: In the order in which one refers to the other.
IMPORTS = {
    one.code: one
    for one in (
        Import("organisations", N_("Organisations"), Organisations),
        Import("programmes", N_("Programmes"), Programmes),
        Import("catalogue", N_("Catalogue items"), Catalogue),
        Import(
            "rules",
            N_("Conversion rules"),
            Rules,
            N_("Rules come in as drafts; somebody else publishes them."),
        ),
        Import(
            "learners",
            N_("Learners"),
            Learners,
            N_("Learners set a password when they activate their account."),
        ),
        Import(
            "achievements",
            N_("Learners' achievements"),
            Achievements,
            N_("What the catalogue has is accepted at once; the rest waits for the learner to apply."),
        ),
    )
}


def kind_of(code: str) -> Import:
    """The kind of import with this code. Raises NotFound."""
    if code not in IMPORTS:
        raise NotFound
    return IMPORTS[code]


def allowed_kinds(actor: Actor) -> list[Import]:
    """What an actor may import."""
    found = []
    for one in IMPORTS.values():
        try:
            authorise(actor, f"ImportKind.{one.code}")
        except Forbidden:
            continue
        found.append(one)
    return found


def fields_of(session: Session, kind: Import) -> list[Field]:
    """The columns of an import, with the example and the further heads that ``heads.json`` knows for each."""
    known = _heads().get(kind.code, {})
    found = []
    for field in kind.loader.fields(session):
        example, *others = known.get(field.code, [""])
        found.append(replace(field, example=example, others=(*field.others, *others)))
    return found


@cache
def _heads() -> dict[str, dict[str, list[str]]]:
    """Import → field → its example, and what people call it besides its label."""
    found: dict[str, dict[str, list[str]]] = json.loads(
        Path(__file__).with_name("heads.json").read_text("utf-8")
    )
    return found


def names(fields: Sequence[Field]) -> dict[str, set[str]]:
    """By which heads each field is known, folded."""
    found: dict[str, set[str]] = {}
    for language in ("zh", "en"):
        with force_locale(language):
            for field in fields:
                words = (field.label, gettext(field.label), *field.others)
                found.setdefault(field.code, set()).update(map(reading.folded, words))
    return found


@dataclass(frozen=True)
class Preview:
    """How a workbook looks: its sheet, column heads, the first rows, and which column seems to hold which field."""

    sheet: str
    heads: list[str]
    rows: list[list[str]]
    mapping: dict[str, int]


def preview(session: Session, kind: Import, digest: str, name: str) -> Preview:
    """The head of a stored workbook. Raises Invalid for one that isn't taken."""
    known = names(fields_of(session, kind))
    with reading.opened(digest, name) as sheet:
        _number, heads = reading.head(sheet, set().union(*known.values()))
        rows = [cells for _, cells in zip(range(5), (cells for _n, cells in sheet.rows), strict=False)]
        return Preview(sheet.name, heads, rows, reading.matched(heads, known))


def ask(
    uow: UnitOfWork,
    kind: Import,
    digest: str,
    name: str,
    mapping: dict[str, int],
    *,
    dry_run: bool,
    language: str = "zh",
    key: str = "",
) -> Job:
    """Ask for a check (``dry_run``) or for loading. Raises Forbidden, Invalid where a column is missing."""
    authorise(uow.actor, f"ImportKind.{kind.code}")
    missing = [
        field.label
        for field in kind.loader.fields(uow.session)
        if field.required and field.code not in mapping
    ]
    if missing:
        raise Invalid("columns", N_("No column was chosen for “%(field)s”."), field=gettext(missing[0]))
    parameters = {"digest": digest, "file": name, "mapping": mapping, "dry_run": dry_run}
    return jobs.ask(uow, f"import.{kind.code}", parameters, name=name, key=key, language=language)


def load_checked(uow: UnitOfWork, checked: Job) -> Job:
    """Load what a check has looked at; once, however often it is asked for. Raises Conflict."""
    if checked.state != "done" or not checked.parameters.get("dry_run"):
        raise Conflict("not_checked", N_("This can be loaded after it has been checked."))
    parameters = checked.parameters
    kind = kind_of(checked.kind.removeprefix("import."))
    return ask(
        uow, kind, parameters["digest"], parameters["file"], parameters["mapping"],
        dry_run=False, language=checked.language, key=f"load:{checked.id}",
    )  # fmt: skip
