"""Guangdong qualifications framework: levels 1 to 7 with their descriptors, and industry standards."""

from __future__ import annotations

from datetime import date

from sqlalchemy import CheckConstraint, Date, ForeignKey, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.kernel.choices import Choice, Choices
from app.kernel.database import Code, Editable, Key, Model
from app.kernel.errors import N_

DIMENSIONS = Choices(
    Choice("knowledge", N_("Knowledge")),
    Choice("skills", N_("Skills")),
    Choice("competence", N_("Competence")),
)


class FrameworkLevel(Editable, Model):
    """A qualification level 资历等级."""

    __tablename__ = "framework_level"
    __table_args__ = (
        UniqueConstraint("number"),
        CheckConstraint("number BETWEEN 1 AND 7", name="number_in_framework"),
        {"comment": "qualification levels 1 to 7"},
    )

    number: Mapped[int] = mapped_column(Integer, nullable=False)
    name_zh: Mapped[str] = mapped_column(String(100), nullable=False)
    name_en: Mapped[str] = mapped_column(String(100), nullable=False)
    summary_zh: Mapped[str] = mapped_column(
        Text, default="", nullable=False, comment="typical qualifications"
    )
    summary_en: Mapped[str] = mapped_column(Text, default="", nullable=False)

    descriptors: Mapped[list[LevelDescriptor]] = relationship(back_populates="level")

    def __repr__(self) -> str:
        return self.name_zh


class LevelDescriptor(Editable, Model):
    """What a level demands in one of the three dimensions."""

    __tablename__ = "level_descriptor"
    __table_args__ = (
        UniqueConstraint("level_id", "dimension"),
        DIMENSIONS.check("dimension"),
        {"comment": "knowledge, skills and competence per level"},
    )

    level_id: Mapped[int] = mapped_column(Key, ForeignKey("framework_level.id"), nullable=False)
    dimension: Mapped[str] = mapped_column(Code(DIMENSIONS), nullable=False)
    text_zh: Mapped[str] = mapped_column(Text, nullable=False)
    text_en: Mapped[str] = mapped_column(Text, nullable=False)

    level: Mapped[FrameworkLevel] = relationship(back_populates="descriptors")

    def __repr__(self) -> str:
        return f"{self.level} · {self.dimension}"


class IndustryStandard(Editable, Model):
    """A standard of an industry, mapped to a qualification level 行业标准."""

    __tablename__ = "industry_standard"
    __table_args__ = (UniqueConstraint("code"), {"comment": "industry standards"})

    code: Mapped[str] = mapped_column(String(64), nullable=False)
    title: Mapped[str] = mapped_column(String(200), nullable=False)
    industry: Mapped[str] = mapped_column(String(100), nullable=False)
    level_id: Mapped[int | None] = mapped_column(Key, ForeignKey("framework_level.id"))
    issued_by: Mapped[str] = mapped_column(String(200), nullable=False)
    issued_on: Mapped[date | None] = mapped_column(Date)
    summary: Mapped[str] = mapped_column(Text, default="", nullable=False)
    active: Mapped[bool] = mapped_column(default=True, nullable=False)

    level: Mapped[FrameworkLevel | None] = relationship()

    def __repr__(self) -> str:
        return f"{self.code} {self.title}"
