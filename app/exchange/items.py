"""Import of the catalogue; and how the fields of categories become columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.catalogue import services as catalogue
from app.catalogue.models import CatalogueItem, Category, CategoryField, Programme
from app.exchange.fields import Field, Row, day, plain
from app.exchange.structure import ALL, RowByRow, institutions, named, number
from app.framework.models import FrameworkLevel
from app.kernel.errors import N_, Invalid
from app.kernel.unit_of_work import UnitOfWork


def categories(session: Session) -> list[Category]:
    """Small categories with their fields, in order."""
    small = (
        select(Category).where(Category.parent_id.is_not(None), Category.active).order_by(Category.position)
    )
    return list(session.scalars(small))


def extra_fields(wanted: Sequence[CategoryField]) -> list[Field]:
    """A column for each field of the categories that none of the fixed columns stands for; equal labels share one."""
    found: dict[str, Field] = {}
    for one in wanted:
        if one.kind != "file":
            found.setdefault(
                one.label_zh,
                Field(f"value:{one.label_zh}", one.label_zh, others=(one.label_en,), longest=2000),
            )
    return list(found.values())


def typed(field: CategoryField, text: str) -> Any:
    """What was typed for a category's field: choices by their words, dates in every usual form."""
    if not text or field.kind not in ("choice", "date"):
        return text
    if field.kind == "date":
        return day(text).isoformat()
    values = field.code_list.values if field.code_list else []
    words = {word: one.code for one in values for word in (one.label_zh, one.label_en, one.code)}
    if field.multiple:
        return [words.get(part.strip(), part) for part in text.replace("；", ";").split(";")]
    return words.get(text, text)


class Catalogue(RowByRow):
    """成果名录."""

    table = "catalogue_item"
    models = (CatalogueItem,)

    @classmethod
    def fields(cls, session: Session) -> Sequence[Field]:
        small = [one for one in categories(session) if not one.performance]
        return (
            Field(
                "organisation",
                N_("Institution"),
                True,
                help=N_("Code or name."),
                options=institutions,
            ),
            Field(
                "category",
                N_("Category"),
                True,
                options=lambda _session: [one.name_zh for one in small],
            ),
            Field(
                "programme",
                N_("Programme"),
                help=N_("A programme of the institution, or any name of a project."),
            ),
            Field("code", N_("Code"), longest=32),
            Field("name", N_("Name of the achievement"), True),
            Field("credits", N_("Credits")),
            Field("level", N_("Qualification level"), help=N_("1 to 7.")),
            Field("description", N_("Description"), longest=2000),
            *extra_fields([field for one in small for field in catalogue.item_fields(one)]),
        )

    def prime(self) -> None:
        self._organisations = named(self.session, self.mine(ALL))
        self._categories = {
            word: one for one in categories(self.session) for word in (one.name_zh, one.name_en, one.code)
        }
        self._levels = {str(row.number): row.id for row in self.session.scalars(select(FrameworkLevel))}
        self._programmes = {
            (row.organisation_id, str(row)): row.id for row in self.session.scalars(select(Programme))
        }

    def key(self, row: Row) -> str:
        parts = ("organisation", "category", "programme", "code", "name")
        return "\0".join(plain(row.get(part)) for part in parts)

    def prepare(self, rows: Sequence[Row]) -> None:
        for row in rows:
            organisation = self._organisations.get(row.get("organisation"))
            if organisation is None and row.get("organisation"):
                row.refuse("organisation", N_("There is no such institution, or it is not yours."))
            category = self._categories.get(row.get("category"))
            if row.get("category") and (category is None or category.performance):
                row.refuse("category", N_("“%(word)s” is none of the list."), word=row.get("category"))
                continue
            level = self._levels.get(row.get("level").removesuffix("级"))
            if row.get("level") and level is None:
                row.refuse("level", N_("There are the levels 1 to 7."))
            programme = self._programmes.get((organisation or 0, row.get("programme")))
            row.ready = {
                "organisation_id": organisation,
                "category_id": category.id if category else None,
                "programme_id": programme,
                "project": "" if programme else plain(row.get("programme")),
                "code": plain(row.get("code")),
                "name": plain(row.get("name")),
                "credits": number(row, "credits"),
                "level_id": level,
                "description": plain(row.get("description")),
            }
            if category is not None:
                row.ready["values"] = self._values(row, category)

    def _values(self, row: Row, category: Category) -> dict[str, Any]:
        given = {}
        for field in catalogue.item_fields(category):
            try:
                given[field.code] = typed(field, row.get(f"value:{field.label_zh}"))
            except Invalid as error:
                row.take(f"value:{field.label_zh}", error)
        try:
            return catalogue.values_of(category, given)
        except Invalid as error:
            labels = {field.code: field.label_zh for field in category.fields}
            for code, refusals in error.fields.items():
                for one in refusals:
                    row.refuse(f"value:{labels.get(code, code)}", one.message, **one.params)
            return {}

    def find(self, rows: Sequence[Row]) -> None:
        for row in rows:
            parts = ("organisation_id", "category_id", "programme_id", "project", "code", "name")
            given = {part: row.ready[part] for part in parts}
            row.known = self.session.scalar(select(CatalogueItem.id).filter_by(**given).limit(1)) is not None

    def make(self, uow: UnitOfWork, row: Row) -> Any:
        values = {key: value for key, value in row.ready.items() if key != "values"}
        record = CatalogueItem(**values, created_by_id=uow.actor.user_id)
        category = uow.session.get_one(Category, record.category_id)
        catalogue.set_values(record, category, row.ready["values"])
        catalogue.check_item(uow.session, record)
        uow.session.add(record)
        return record
