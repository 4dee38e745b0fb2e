"""Shipped qualification levels with their descriptors, and examples of industry standards, in our own words.

The data is ``reference.json``. Levels follow the seven steps of schooling (spec 1.3: 层次 from 小学 to 博士);
each descriptor says what the level below does not ask yet.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sqlalchemy import select

from app.framework.models import FrameworkLevel, IndustryStandard, LevelDescriptor
from app.kernel.unit_of_work import UnitOfWork


def shipped() -> dict[str, Any]:
    """The data as it stands in the file."""
    data: dict[str, Any] = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))
    return data


def install(uow: UnitOfWork) -> int:
    """Add what is missing; what staff have changed stays as it is. Returns the number of rows added."""
    data = shipped()
    return _levels(uow, data["levels"]) + _standards(uow, data["standards"])


def _levels(uow: UnitOfWork, rows: list[dict[str, Any]]) -> int:
    present = set(uow.session.scalars(select(FrameworkLevel.number)))
    missing = [row for row in rows if row["number"] not in present]
    for row in missing:
        said = row.pop("descriptors").items()
        descriptors = [
            LevelDescriptor(dimension=name, text_zh=text["zh"], text_en=text["en"]) for name, text in said
        ]
        uow.session.add(FrameworkLevel(descriptors=descriptors, **row))
    uow.flush()
    return len(missing)


def _standards(uow: UnitOfWork, rows: list[dict[str, Any]]) -> int:
    """The examples, where there is no standard at all yet."""
    if uow.session.scalar(select(IndustryStandard.id).limit(1)) is not None:
        return 0
    levels = {level.number: level.id for level in uow.session.scalars(select(FrameworkLevel))}
    uow.session.add_all(IndustryStandard(level_id=levels[row.pop("level")], **row) for row in rows)
    return len(rows)
