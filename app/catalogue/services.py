"""Keeping categories, code lists and the catalogue in order. What staff may not do is refused here, field by field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.catalogue.fields import checked
from app.catalogue.models import (
    CatalogueItem,
    Category,
    CategoryField,
    CodeList,
    CodeValue,
    EvidenceRequirement,
)
from app.kernel.database import Model
from app.kernel.errors import N_, DomainError, Invalid
from app.kernel.unit_of_work import UnitOfWork

_CODE = re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII)
_VALUE_CODE = re.compile(r"[A-Za-z0-9_.-]{1,32}", re.ASCII)
#: Which kinds of field can carry a meaning.
KINDS_OF_MEANING = {
    "name": ("text",),
    "issuer": ("text",),
    "certificate_number": ("text",),
    "obtained_on": ("date",),
    "score": ("text", "number"),
    "credits": ("number",),
    "level": ("choice",),
}
#: Meanings that a catalogue item keeps in columns of its own.
IN_COLUMNS = frozenset({"name", "issuer", "credits"})


def refuse(field: str, code: str, message: str, **params: Any) -> Invalid:
    """An Invalid that names the field it is about."""
    return Invalid(code, message, fields={field: [Invalid(code, message, **params)]}, **params)


def check_category(session: Session, row: Category) -> None:
    """Large categories have no parent, small ones have a large one above. Raises Invalid."""
    _check_code(row.code)
    if row.parent_id is None:
        if row.id is not None and _exists(session, CategoryField.category_id == row.id):
            raise refuse(
                "parent", "large_has_form", N_("A category with fields of its own must stand below another.")
            )
        return
    parent = session.get(Category, row.parent_id)
    if parent is None or parent.parent_id is not None or parent.id == row.id:
        raise refuse("parent", "not_large", N_("A small category stands below a large one."))
    if row.id is not None and _exists(session, Category.parent_id == row.id):
        raise refuse("parent", "has_small", N_("This category has small categories below it."))
    if row.performance and row.recognition != "review":
        raise refuse("recognition", "performance", N_("Performance achievements are recognised by review."))


def begin_form(uow: UnitOfWork, row: Category) -> None:
    """Give a new small category its first two fields, so that a learner can use it at once; staff add the rest."""
    if row.parent_id is None or _exists(uow.session, CategoryField.category_id == row.id):
        return
    source = "learner" if row.recognition == "review" else "catalogue"
    uow.session.add_all(
        (
            CategoryField(
                category_id=row.id, code="name", label_zh="成果名称", label_en="Achievement", kind="text", source=source,
                meaning="name", required=source == "learner", position=0,
            ),
            CategoryField(
                category_id=row.id, code="obtained_on", label_zh="获取时间", label_en="Date obtained", kind="date",
                source="learner", meaning="obtained_on", required=True, position=100,
            ),
        )
    )  # fmt: skip
    uow.flush()


def check_field(session: Session, row: CategoryField, before: Mapping[str, Any] | None = None) -> None:
    """A field's kind, source and meaning fit together and to its category; ``before``: its columns as they were.

    Raises Invalid naming the field of the form.
    """
    _check_code(row.code)
    category = session.get(Category, row.category_id)
    if category is None or category.parent_id is None:
        raise refuse("category", "large", N_("Fields belong to small categories."))
    if (row.kind == "choice") != (row.code_list_id is not None):
        raise refuse("code_list", "choice_list", N_("A choice, and only a choice, draws from a code list."))
    if row.kind == "file" and row.source != "learner":
        raise refuse("source", "file_source", N_("Files come from the learner."))
    if row.source == "catalogue" and category.performance:
        raise refuse("source", "no_catalogue", N_("Performance achievements have no catalogue."))
    if row.meaning and row.kind not in KINDS_OF_MEANING[row.meaning]:
        raise refuse("meaning", "kind_of_meaning", N_("A field of this kind can't mean that."))
    if row.maximum is not None and row.maximum < 1:
        raise refuse("maximum", "maximum", N_("The largest length or number is at least 1."))
    if before and (before["code"], before["category_id"]) != (row.code, row.category_id):
        raise refuse(
            "code", "code_fixed", N_("The code of a field can't change: achievements are kept under it.")
        )
    if before and before["kind"] != row.kind and _used(session, category.id):
        raise refuse("kind", "kind_fixed", N_("The kind of a field can't change once achievements have it."))
    if before and before["meaning"] == "name" and (row.meaning != "name" or not row.active):
        raise refuse("meaning", "name_needed", N_("Every category has one field that means its name."))


def check_requirement(session: Session, row: EvidenceRequirement) -> None:
    """Evidence is asked for by small categories. Raises Invalid."""
    _check_code(row.code)
    category = session.get(Category, row.category_id)
    if category is None or category.parent_id is None:
        raise refuse("category", "large", N_("Evidence belongs to small categories."))


def check_code_list(row: CodeList) -> None:
    """Raises Invalid for a code that can't be a key."""
    _check_code(row.code)


def check_code_value(session: Session, row: CodeValue, before: Mapping[str, Any] | None = None) -> None:
    """A value's code is what achievements keep, so it never changes. Raises Invalid."""
    if not _VALUE_CODE.fullmatch(row.code or ""):
        raise refuse("code", "value_code", N_("Letters, digits, dot, hyphen and underscore, at most 32."))
    if before and (before["code"], before["code_list_id"]) != (row.code, row.code_list_id):
        raise refuse("code", "code_fixed", N_("This code can't change: achievements are kept under it."))


def item_fields(category: Category) -> list[CategoryField]:
    """The catalogue fields of a category that an item keeps among its values (name, issuer and credits are columns)."""
    return [
        f for f in category.fields if f.active and f.source == "catalogue" and f.meaning not in IN_COLUMNS
    ]


def values_of(
    category: Category, given: Mapping[str, Any], before: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """An item's values from a generated form; what other fields (out of use) hold in ``before`` stays.

    Raises Invalid naming each bad field by its code.
    """
    errors: dict[str, list[DomainError]] = {}
    values = dict(before or {})
    for field in item_fields(category):
        try:
            values[field.code] = checked(field, given.get(field.code), required=field.required)
        except Invalid as error:
            errors[field.code] = [error]
    if errors:
        raise Invalid("fields", N_("Some fields need your attention."), fields=errors)
    return {code: value for code, value in values.items() if value not in (None, "", [])}


def set_values(row: CatalogueItem, category: Category, values: Mapping[str, Any]) -> None:
    """Give an item its values, and the level that a value maps to where none was chosen."""
    row.values = dict(values)
    if row.level_id is None:
        row.level_id = _level_of(category, row.values)


def check_item(session: Session, row: CatalogueItem) -> None:
    """An item belongs to a small category with a catalogue; its programme to its institution. Raises Invalid."""
    category = session.get(Category, row.category_id)
    if category is None or category.parent_id is None or category.performance:
        raise refuse("category", "no_catalogue", N_("This category has no catalogue."))
    if row.programme_id is not None:
        programmes = Model.metadata.tables["programme"]
        owner = session.scalar(
            select(programmes.c.organisation_id).where(programmes.c.id == row.programme_id)
        )
        if owner != row.organisation_id:
            raise refuse("programme", "other_programme", N_("This programme belongs to another institution."))


def approve(uow: UnitOfWork, row: CatalogueItem) -> None:
    """Take a proposed or retired item into the catalogue. Raises Invalid."""
    _stand(uow, row, "active", ("proposed", "retired"))


def retire(uow: UnitOfWork, row: CatalogueItem) -> None:
    """No longer offered; what was built on it stays. Raises Invalid."""
    _stand(uow, row, "retired", ("proposed", "active"))


def _stand(uow: UnitOfWork, row: CatalogueItem, standing: str, sources: tuple[str, ...]) -> None:
    if row.standing not in sources:
        raise Invalid("standing", N_("This is not possible for an item in this state."))
    row.standing = standing
    uow.flush()
    uow.record(f"catalogue.{standing}", row)


def _level_of(category: Category, values: Mapping[str, Any]) -> int | None:
    for field in item_fields(category):
        if field.code_list is not None and not field.multiple:
            for value in field.code_list.values:
                if value.code == values.get(field.code) and value.level_id is not None:
                    return value.level_id
    return None


def _check_code(code: str) -> None:
    if not _CODE.fullmatch(code or ""):
        raise refuse(
            "code", "code", N_("Small letters, digits and underscores, beginning with a letter, at most 32.")
        )


def _exists(session: Session, condition: Any) -> bool:
    return session.scalar(select(1).where(condition).limit(1)) is not None


def _used(session: Session, category_id: int) -> bool:
    achievements = Model.metadata.tables["achievement"]
    return _exists(session, achievements.c.category_id == category_id)
