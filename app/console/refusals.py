"""Database errors as refusals that people understand: on the field to blame where there is one, never SQL.

The database repeats the rules of workflows and forms; whoever gets past a form (two people at once, a rule over
several columns) is told by the name of the constraint what is wrong.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, PrimaryKeyConstraint, Table, UniqueConstraint, inspect
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InternalError

from app.kernel.database import db
from app.kernel.errors import N_, Conflict, DomainError, Invalid
from app.kernel.unit_of_work import UnitOfWork
from app.security.current import actor

log = logging.getLogger(__name__)

#: CHECK constraints by name → what a person reads.
RULES: dict[str, str] = {
    "ck_agreement_ends_after_start": N_("The end lies before the beginning."),
    "ck_announcement_expires_after": N_("The end lies before the beginning."),
    "ck_attestation_kept_after_seen": N_("The copy must be kept beyond the day when the original was seen."),
    "ck_attestation_pages_plausible": N_("The number of pages must lie between 1 and 999."),
    "ck_category_field_choice_has_code_list": N_("A choice needs a code list, and only a choice has one."),
    "ck_category_field_file_is_by_learner": N_("A file can only come from the learner."),
    "ck_committee_member_until_after_since": N_("The end lies before the beginning."),
    "ck_committee_scope_covers_something": N_(
        "Please choose at least one of programme, category and institution."
    ),
    "ck_framework_level_number_in_framework": N_("The framework has the levels 1 to 7."),
    "ck_organisation_teaching_point_has_institution": N_(
        "A teaching point belongs to an institution: please choose it."
    ),
    "ck_question_answered_has_answer": N_("Please write an answer first."),
    "ck_question_published_is_answered": N_(
        "Only an answered question can be published, and only with the asker's consent."
    ),
    "ck_rule_published_has_version": N_("A rule without a published version can't be published."),
    "ck_rule_source_takes_something": N_("Please choose a catalogue item or a category."),
    "ck_rule_target_ratio_plausible": N_("The ratio must lie between 0 and 1000 per cent."),
    "ck_rule_version_any_says_how_many": N_("“Any of” says how many are needed, “all of” doesn't."),
    "ck_rule_version_ends_after_start": N_("The end lies before the beginning."),
}


class Kind(StrEnum):
    """What sort of rule was broken."""

    UNIQUE = "unique"
    REFERENCE = "reference"
    CHECK = "check"
    MISSING = "missing"
    SEALED = "sealed"
    RANGE = "range"


@dataclass(frozen=True)
class Broken:
    """A broken rule: its kind, its name if the database tells it, and the columns concerned."""

    kind: Kind
    name: str = ""
    columns: tuple[str, ...] = ()


@contextmanager
def writing(model: type[Any], *, deleting: bool = False) -> Iterator[UnitOfWork]:
    """A unit of work of the actor whose database errors come out as DomainErrors."""
    try:
        with UnitOfWork(db.session, actor()) as uow:
            yield uow
    except (IntegrityError, DataError, InternalError) as error:
        raise refusal(error, model, deleting=deleting) from error


def refusal(error: DBAPIError, model: type[Any], *, deleting: bool = False) -> DomainError:
    """What a person reads about a database error that came up while writing a row of ``model``."""
    broken = _read(error.orig, inspect(model).local_table)
    if broken is None:
        raise error
    log.info("refused by the database: %s %s", broken.kind, broken.name or broken.columns)
    if broken.kind is Kind.REFERENCE:
        if deleting:
            return in_use()
        return Conflict("gone", N_("A chosen record no longer exists. Please choose again."))
    if broken.kind is Kind.SEALED:
        return Conflict("sealed", N_("This record is closed: it can't be changed or deleted any more."))
    message = _message(broken)
    fields: dict[str, list[DomainError]] = {
        column: [Invalid(broken.kind, message)] for column in broken.columns
    }
    return Invalid(broken.kind, message, fields)


def in_use() -> Conflict:
    """Other rows hang on the one that somebody wants to delete."""
    return Conflict(
        "in_use", N_("Other records refer to this one, so it can't be deleted. Take it out of use instead.")
    )


def _message(broken: Broken) -> str:
    if broken.kind is Kind.UNIQUE:
        if len(broken.columns) > 1:
            return N_("Another record already has this combination.")
        return N_("Another record already has this value.")
    if broken.kind is Kind.MISSING:
        return N_("Please fill this in.")
    if broken.kind is Kind.RANGE:
        return N_("A value is too long or too large.")
    return RULES.get(broken.name, N_("These values don't fit together: a rule of this record refuses them."))


def _read(error: Any, table: Table) -> Broken | None:
    return (
        _read_sqlite(error, table) if hasattr(error, "sqlite_errorname") else _read_postgresql(error, table)
    )


def _read_sqlite(error: Any, table: Table) -> Broken | None:
    kind = {
        "SQLITE_CONSTRAINT_UNIQUE": Kind.UNIQUE,
        "SQLITE_CONSTRAINT_PRIMARYKEY": Kind.UNIQUE,
        "SQLITE_CONSTRAINT_FOREIGNKEY": Kind.REFERENCE,
        "SQLITE_CONSTRAINT_CHECK": Kind.CHECK,
        "SQLITE_CONSTRAINT_NOTNULL": Kind.MISSING,
        "SQLITE_CONSTRAINT_TRIGGER": Kind.SEALED,
        "SQLITE_TOOBIG": Kind.RANGE,
    }.get(error.sqlite_errorname)
    if kind is None:
        return None
    said = str(error).partition(": ")[2]
    if kind is Kind.UNIQUE and said.startswith("index "):
        name = said.removeprefix("index ").strip("'")
        return Broken(kind, name, _columns_of(table, name))
    if kind in (Kind.UNIQUE, Kind.MISSING):
        return Broken(kind, "", tuple(re.findall(rf"\b{table.name}\.(\w+)", said)))
    return Broken(kind, said)


def _read_postgresql(error: Any, table: Table) -> Broken | None:
    state = getattr(error, "sqlstate", "") or ""
    kind = {
        "23505": Kind.UNIQUE,
        "23503": Kind.REFERENCE,
        "23514": Kind.CHECK,
        "23502": Kind.MISSING,
        "P0001": Kind.SEALED,
        "22001": Kind.RANGE,
        "22003": Kind.RANGE,
    }.get(state)
    if kind is None:
        return None
    name = error.diag.constraint_name or ""
    if kind is Kind.MISSING:
        return Broken(kind, "", (error.diag.column_name,))
    return Broken(kind, name, _columns_of(table, name) if kind is Kind.UNIQUE else ())


def _columns_of(table: Table, name: str) -> tuple[str, ...]:
    rules: list[UniqueConstraint | PrimaryKeyConstraint | Index] = [*table.indexes, table.primary_key]
    rules += [rule for rule in table.constraints if isinstance(rule, UniqueConstraint)]
    found = next((rule for rule in rules if rule.name is not None and str(rule.name) == name), None)
    return tuple(column.name for column in found.columns) if found is not None else ()
