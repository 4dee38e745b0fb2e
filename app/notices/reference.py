"""The notice templates that the product ships (spec 2.8)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sqlalchemy import select

from app.kernel.unit_of_work import UnitOfWork
from app.notices.models import NoticeTemplate
from app.notices.services import check_template


def shipped() -> list[dict[str, Any]]:
    """The templates as shipped, one mapping of columns each."""
    rows: list[dict[str, Any]] = json.loads(Path(__file__).with_name("templates.json").read_text("utf-8"))
    return rows


def install(uow: UnitOfWork) -> int:
    """Add the templates that are not there yet; returns how many. Staff's own words are left as they are.

    Which variables a template has is decided by the code that posts it, so that is brought up to date.
    """
    have = {row.code: row for row in uow.session.scalars(select(NoticeTemplate))}
    added = 0
    for columns in shipped():
        template = have.get(columns["code"])
        if template is None:
            template = NoticeTemplate(**columns)
            check_template(template)
            uow.session.add(template)
            added += 1
        elif template.variables != columns["variables"]:
            template.variables = columns["variables"]
    uow.flush()
    return added
