"""Kept views of lists, and phrases for opinions: each person's own; a view may be shared with colleagues."""

from __future__ import annotations

from sqlalchemy import Boolean, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.database import Key, Model, Recorded
from app.kernel.rows import Rows


class SavedView(Recorded, Model):
    """A list's filters, order and columns under a name."""

    __tablename__ = "saved_view"
    __table_args__ = (
        UniqueConstraint("user_id", "page", "name"),
        Index("ix_saved_view_page", "page"),
        {"comment": "lists with filters, order and columns that somebody kept"},
    )
    __rows__ = Rows(user="user_id")

    user_id: Mapped[int] = mapped_column(Key, ForeignKey("ab_user.id"), nullable=False)
    page: Mapped[str] = mapped_column(String(100), nullable=False, comment="endpoint of the list")
    name: Mapped[str] = mapped_column(String(40), nullable=False)
    query: Mapped[str] = mapped_column(String(1000), nullable=False, comment="the address's parameters")
    shared: Mapped[bool] = mapped_column(
        Boolean, default=False, nullable=False, comment="shown to all who may open the list"
    )

    def __repr__(self) -> str:
        return self.name


class Phrase(Recorded, Model):
    """Words that a reviewer uses again and again."""

    __tablename__ = "phrase"
    __table_args__ = (
        UniqueConstraint("user_id", "text"),
        {"comment": "reviewers' own phrases for opinions"},
    )
    __rows__ = Rows(user="user_id")

    user_id: Mapped[int] = mapped_column(Key, ForeignKey("ab_user.id"), nullable=False)
    text: Mapped[str] = mapped_column(String(500), nullable=False)

    def __repr__(self) -> str:
        return self.text
