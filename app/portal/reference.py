"""A welcome, and the questions that people ask most: ``reference.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sqlalchemy import select

from app.kernel.clock import now
from app.kernel.unit_of_work import UnitOfWork
from app.portal.models import Announcement, Question


def shipped() -> dict[str, Any]:
    """The data as it stands in the file."""
    data: dict[str, Any] = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))
    return data


def install(uow: UnitOfWork) -> int:
    """Add both where there is nothing yet; returns the number of rows added."""
    data, moment, added = shipped(), now(), 0
    if uow.session.scalar(select(Announcement.id).limit(1)) is None:
        uow.session.add(Announcement(published_at=moment, pinned=True, **data["announcement"]))
        added += 1
    if uow.session.scalar(select(Question.id).limit(1)) is None:
        uow.session.add_all(Question(answered_at=moment, published=True, **row) for row in data["questions"])
        added += len(data["questions"])
    return added
