"""The generated part: a category's rows say which fields an achievement has, how they are checked and shown."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.achievements.models import Achievement
from app.catalogue.fields import checked
from app.catalogue.models import CatalogueItem, Category, CategoryField
from app.kernel.errors import N_, DomainError, Invalid
from app.kernel.numbering import decimal

#: What stands in a named column as well as among the values.
_COLUMNS = ("name", "issuer", "certificate_number", "score")


@dataclass(frozen=True)
class Shown:
    """One line of an achievement as people read it."""

    label_zh: str
    label_en: str
    text: str
    text_en: str = ""

    def label(self, language: str) -> str:
        return self.label_en if language == "en" else self.label_zh

    def value(self, language: str) -> str:
        return (self.text_en or self.text) if language == "en" else self.text


def active_fields(category: Category) -> list[CategoryField]:
    """The category's fields in force, in order."""
    return [field for field in category.fields if field.active]


def from_item(category: Category, item: CatalogueItem) -> dict[str, Any]:
    """The values that choosing a catalogue item fills in; not editable by the learner."""
    derived: dict[str, Any] = {"name": item.name, "issuer": item.organisation.name, "credits": item.credits}
    by_code = {
        "course": item.name,
        "course_code": item.code,
        "issuer_code": item.code,
        "major": item.programme.name if item.programme else None,
        "grade": {"本": "bachelor", "专": "diploma"}.get(item.programme.grade if item.programme else ""),
    }
    filled = {}
    for field in active_fields(category):
        if field.source == "catalogue":
            value = item.values.get(field.code)
            if value in (None, "", []):
                value = derived.get(field.meaning or "") if field.meaning else by_code.get(field.code)
            filled[field.code] = value
    return filled


def check(category: Category, given: Mapping[str, Any], item: CatalogueItem | None) -> dict[str, Any]:
    """The values of an achievement from what was typed (and the item chosen). Raises Invalid naming each bad
    field.
    """
    values = from_item(category, item) if item else {}
    errors: dict[str, list[DomainError]] = {}
    for field in active_fields(category):
        if field.kind == "file" or (item and field.source == "catalogue"):
            continue
        required = field.required or (field.source == "catalogue" and field.meaning == "name")
        try:
            values[field.code] = checked(field, given.get(field.code), required=required)
        except Invalid as error:
            errors[field.code] = [error]
    if errors:
        raise Invalid("fields", N_("Some fields need your attention."), fields=errors)
    return values


def apply(
    achievement: Achievement, category: Category, values: dict[str, Any], item: CatalogueItem | None
) -> None:
    """Write checked values into the achievement and its named columns."""
    achievement.values = values
    meanings = {field.meaning: values.get(field.code) for field in active_fields(category) if field.meaning}
    for column in _COLUMNS:
        setattr(achievement, column, str(meanings.get(column) or ""))
    if item is not None:
        achievement.name, achievement.issuer = item.name, item.organisation.name
    obtained = meanings.get("obtained_on")
    achievement.obtained_on = date.fromisoformat(obtained) if obtained else None
    achievement.identity_key = identity_key(category, achievement.certificate_number, achievement.obtained_on)


def identity_key(category: Category, number: str, obtained_on: date | None) -> str:
    """What tells two achievements of one item apart: the normalised certificate number; for courses the date
    (spec 1.3).
    """
    if category.dated or not number:
        return obtained_on.isoformat() if obtained_on else ""
    folded = unicodedata.normalize("NFKC", number).upper()
    return re.sub(r"[^0-9A-Z\u4e00-\u9fff]", "", folded)[:100]


def shown(achievement: Achievement) -> list[Shown]:
    """The achievement's fields as a detail page or a sheet shows them."""
    return [
        _shown(field, achievement.values.get(field.code))
        for field in active_fields(achievement.category)
        if field.kind != "file"
    ]


def _shown(field: CategoryField, value: Any) -> Shown:
    if value in (None, "", []):
        return Shown(field.label_zh, field.label_en, "-")
    if field.kind == "choice" and field.code_list is not None:
        labels = {row.code: row for row in field.code_list.values}
        rows = [labels[code] for code in (value if isinstance(value, list) else [value]) if code in labels]
        return Shown(
            field.label_zh,
            field.label_en,
            "、".join(row.label_zh for row in rows) or "-",
            ", ".join(row.label_en for row in rows),
        )
    if field.meaning == "credits":
        return Shown(field.label_zh, field.label_en, decimal(value))
    return Shown(field.label_zh, field.label_en, str(value))
