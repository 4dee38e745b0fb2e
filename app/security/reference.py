"""The terms of service that learners agree to: a first edition in our own words (``terms/``)."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from app.kernel.clock import now
from app.kernel.unit_of_work import UnitOfWork
from app.security.models import Terms

EDITION = "2026-1"


def body(language: str) -> str:
    """The text in one language (``zh`` or ``en``)."""
    return (Path(__file__).parent / "terms" / f"{EDITION}.{language}.txt").read_text("utf-8")


def install(uow: UnitOfWork) -> int:
    """Add the first edition where it is missing."""
    if uow.session.scalar(select(Terms.id).where(Terms.edition == EDITION)) is not None:
        return 0
    uow.session.add(Terms(edition=EDITION, body_zh=body("zh"), body_en=body("en"), published_at=now()))
    return 1
