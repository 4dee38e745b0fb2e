"""Shipped categories with their forms and evidence lists (spec 1.3; manual, tables 1 to 3), and code lists.

The data is ``reference.json``. One field stands beyond the tables: 发证机构 of 技师教育. Without it a
typed-in certificate has no 来源机构, and 回避 can't ask who issued it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sqlalchemy import select

from app.catalogue.models import Category, CategoryField, CodeList, CodeValue, EvidenceRequirement
from app.framework.models import FrameworkLevel
from app.kernel.unit_of_work import UnitOfWork


def shipped() -> dict[str, Any]:
    """The data as it stands in the file."""
    data: dict[str, Any] = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))
    return data


def install(uow: UnitOfWork) -> int:
    """Add what is missing; staff's changes stay. Returns the number of lists and categories added."""
    data = shipped()
    added = _code_lists(uow, data["code_lists"])
    lists = {row.code: row.id for row in uow.session.scalars(select(CodeList))}
    present = {row.code: row.id for row in uow.session.scalars(select(Category))}
    for number, large in enumerate(data["categories"]):
        if large["code"] not in present:
            row = Category(position=number, recognition="review", **_named(large, "name"))
            uow.session.add(row)
            uow.flush()
            present[row.code] = row.id
            added += 1
        for position, small in enumerate(large["small"]):
            if small["code"] not in present:
                uow.session.add(_small(data, lists, present[large["code"]], position, small))
                added += 1
    uow.flush()
    return added


def _code_lists(uow: UnitOfWork, rows: list[dict[str, Any]]) -> int:
    present = set(uow.session.scalars(select(CodeList.code)))
    levels = {level.number: level.id for level in uow.session.scalars(select(FrameworkLevel))}
    missing = [row for row in rows if row["code"] not in present]
    for row in missing:
        values = [
            CodeValue(position=number, level_id=levels.get(value.pop("level", 0)), **_named(value, "label"))
            for number, value in enumerate(row.pop("values"))
        ]
        uow.session.add(CodeList(values=values, **_named(row, "name")))
    uow.flush()
    return len(missing)


def _small(
    data: dict[str, Any], lists: dict[str, int], parent_id: int, position: int, row: dict[str, Any]
) -> Category:
    form, evidence = data["forms"][row.pop("form")], data["evidence"][row.pop("evidence")]
    return Category(
        parent_id=parent_id,
        position=position,
        fields=[_field(lists, number, dict(field)) for number, field in enumerate(form)],
        requirements=[
            EvidenceRequirement(position=number, **_named(dict(line), "label"))
            for number, line in enumerate(evidence)
        ],
        **_named(row, "name"),
    )


def _field(lists: dict[str, int], position: int, row: dict[str, Any]) -> CategoryField:
    code_list = row.pop("code_list", None)
    row.setdefault("kind", "text")
    return CategoryField(
        position=position, code_list_id=lists[code_list] if code_list else None, **_named(row, "label")
    )


def _named(row: dict[str, Any], column: str) -> dict[str, Any]:
    """``row`` with its ``zh`` and ``en`` under the names of the columns; ``small`` is left out."""
    rest = {key: value for key, value in row.items() if key not in ("zh", "en", "small")}
    return {f"{column}_zh": row["zh"], f"{column}_en": row["en"], **rest}
