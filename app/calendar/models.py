"""Days that differ from what the public-holiday package knows: the staff's own working calendar."""

from __future__ import annotations

import datetime

from sqlalchemy import Boolean, Date, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.database import Editable, Model


class WorkingDay(Editable, Model):
    """One day of the working calendar, overriding the shipped one (spec 2: 调休)."""

    __tablename__ = "working_day"
    __table_args__ = (
        UniqueConstraint("day"),
        {"comment": "working calendar: days that override the shipped calendar"},
    )

    day: Mapped[datetime.date] = mapped_column(Date, nullable=False, comment="civil date")
    is_working: Mapped[bool] = mapped_column(
        Boolean, nullable=False, comment="true: people work, though it may be a weekend"
    )
    name: Mapped[str] = mapped_column(String(100), default="", nullable=False, comment="why, e.g. 国庆节调休")

    def __repr__(self) -> str:
        return self.day.isoformat()
