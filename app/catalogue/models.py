"""Categories, their fields and evidence lists as data; programmes; catalogue items.

This is the low-code core (spec 1.3): a small category with its fields is a set of rows; the learner's form,
its checks and the detail page are generated from them.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.framework.models import FrameworkLevel
from app.kernel.choices import Choice, Choices, Tone
from app.kernel.database import Code, Editable, Hundredths, Key, Model, positive
from app.kernel.errors import N_
from app.kernel.rows import Rows
from app.organisations.models import Organisation


class CodeList(Editable, Model):
    """A list that choice fields draw from: 层次, 证书等级, 技师教育等级, 等级, 级别, 文化程度, and staff's own."""

    __tablename__ = "code_list"
    __table_args__ = (UniqueConstraint("code"), {"comment": "code lists of choice fields"})

    code: Mapped[str] = mapped_column(String(32), nullable=False)
    name_zh: Mapped[str] = mapped_column(String(100), nullable=False)
    name_en: Mapped[str] = mapped_column(String(100), nullable=False)

    values: Mapped[list[CodeValue]] = relationship(back_populates="code_list", order_by="CodeValue.position")

    def __repr__(self) -> str:
        return self.name_zh


class CodeValue(Editable, Model):
    """One value of a code list; staff map it to a qualification level, the only "level" that rules know."""

    __tablename__ = "code_value"
    __table_args__ = (UniqueConstraint("code_list_id", "code"), {"comment": "values of code lists"})

    code_list_id: Mapped[int] = mapped_column(Key, ForeignKey("code_list.id"), nullable=False)
    code: Mapped[str] = mapped_column(String(32), nullable=False)
    label_zh: Mapped[str] = mapped_column(String(100), nullable=False)
    label_en: Mapped[str] = mapped_column(String(100), nullable=False)
    position: Mapped[int] = mapped_column(Integer, default=0, nullable=False)
    level_id: Mapped[int | None] = mapped_column(
        Key, ForeignKey("framework_level.id"), comment="maps to this level"
    )
    active: Mapped[bool] = mapped_column(default=True, nullable=False)

    code_list: Mapped[CodeList] = relationship(back_populates="values")
    level: Mapped[FrameworkLevel | None] = relationship()

    def __repr__(self) -> str:
        return self.label_zh


RECOGNITIONS = Choices(
    Choice("automatic", N_("Automatic where a catalogue item was chosen")),
    Choice("review", N_("By application and review")),
)


class Category(Editable, Model):
    """成果分类: a large category (no parent), or a small one with its own form."""

    __tablename__ = "category"
    __table_args__ = (
        UniqueConstraint("code"),
        RECOGNITIONS.check("recognition"),
        {"comment": "categories of achievements, large and small"},
    )

    code: Mapped[str] = mapped_column(String(32), nullable=False)
    name_zh: Mapped[str] = mapped_column(String(100), nullable=False)
    name_en: Mapped[str] = mapped_column(String(100), nullable=False)
    parent_id: Mapped[int | None] = mapped_column(
        Key, ForeignKey("category.id"), comment="大类; NULL: is one"
    )
    position: Mapped[int] = mapped_column(Integer, default=0, nullable=False)
    recognition: Mapped[str] = mapped_column(Code(RECOGNITIONS), default="review", nullable=False)
    performance: Mapped[bool] = mapped_column(
        default=False,
        nullable=False,
        comment="业绩类: no catalogue, converted to a chosen target by committee",
    )
    dated: Mapped[bool] = mapped_column(
        default=False, nullable=False, comment="told apart by date, not by certificate number (courses)"
    )
    asks_credits: Mapped[bool] = mapped_column(default=True, nullable=False, comment="reviewer sets credits")
    asks_level: Mapped[bool] = mapped_column(
        default=False, nullable=False, comment="reviewer sets the qualification level"
    )
    active: Mapped[bool] = mapped_column(default=True, nullable=False)

    parent: Mapped[Category | None] = relationship(remote_side="Category.id")
    fields: Mapped[list[CategoryField]] = relationship(
        back_populates="category", order_by="CategoryField.position"
    )
    requirements: Mapped[list[EvidenceRequirement]] = relationship(
        back_populates="category", order_by="EvidenceRequirement.position"
    )

    def __repr__(self) -> str:
        return self.name_zh


FIELD_KINDS = Choices(
    Choice("text", N_("Text")),
    Choice("long_text", N_("Long text")),
    Choice("number", N_("Numeric")),
    Choice("date", N_("Date")),
    Choice("choice", N_("Choice")),
    Choice("file", N_("File")),
)
FIELD_SOURCES = Choices(
    Choice("catalogue", N_("From the catalogue")), Choice("learner", N_("By the learner"))
)
#: What a field means to the bank, so that rules, search and "no achievement twice" work on every category.
FIELD_MEANINGS = Choices(
    Choice("name", N_("Name of the achievement")),
    Choice("issuer", N_("Issuer")),
    Choice("certificate_number", N_("Certificate number")),
    Choice("obtained_on", N_("Date obtained")),
    Choice("score", N_("Score")),
    Choice("credits", N_("Credits")),
    Choice("level", N_("Level")),
)


class CategoryField(Editable, Model):
    """One field of a category's form."""

    __tablename__ = "category_field"
    __table_args__ = (
        UniqueConstraint("category_id", "code"),
        UniqueConstraint("category_id", "meaning"),
        FIELD_KINDS.check("kind"),
        FIELD_SOURCES.check("source"),
        FIELD_MEANINGS.check("meaning", nullable=True),
        CheckConstraint("(kind = 'choice') = (code_list_id IS NOT NULL)", name="choice_has_code_list"),
        CheckConstraint("kind <> 'file' OR source = 'learner'", name="file_is_by_learner"),
        {"comment": "fields of a category's form"},
    )

    category_id: Mapped[int] = mapped_column(Key, ForeignKey("category.id"), nullable=False)
    code: Mapped[str] = mapped_column(String(32), nullable=False, comment="key in the achievement's values")
    label_zh: Mapped[str] = mapped_column(String(100), nullable=False)
    label_en: Mapped[str] = mapped_column(String(100), nullable=False)
    help_zh: Mapped[str] = mapped_column(String(200), default="", nullable=False)
    help_en: Mapped[str] = mapped_column(String(200), default="", nullable=False)
    kind: Mapped[str] = mapped_column(Code(FIELD_KINDS), nullable=False)
    source: Mapped[str] = mapped_column(Code(FIELD_SOURCES), default="learner", nullable=False)
    meaning: Mapped[str | None] = mapped_column(Code(FIELD_MEANINGS))
    required: Mapped[bool] = mapped_column(default=False, nullable=False)
    multiple: Mapped[bool] = mapped_column(
        default=False, nullable=False, comment="several values of a choice"
    )
    maximum: Mapped[int | None] = mapped_column(Integer, comment="longest text, or largest number")
    code_list_id: Mapped[int | None] = mapped_column(Key, ForeignKey("code_list.id"))
    position: Mapped[int] = mapped_column(Integer, default=0, nullable=False)
    active: Mapped[bool] = mapped_column(default=True, nullable=False)

    category: Mapped[Category] = relationship(back_populates="fields")
    code_list: Mapped[CodeList | None] = relationship()

    def __repr__(self) -> str:
        return self.label_zh


class EvidenceRequirement(Editable, Model):
    """Evidence that a category asks for. Rows with one ``alternative`` are "at least one of" (manual, table
    3).
    """

    __tablename__ = "evidence_requirement"
    __table_args__ = (
        UniqueConstraint("category_id", "code"),
        {"comment": "evidence that a category asks for"},
    )

    category_id: Mapped[int] = mapped_column(Key, ForeignKey("category.id"), nullable=False)
    code: Mapped[str] = mapped_column(String(32), nullable=False)
    label_zh: Mapped[str] = mapped_column(String(100), nullable=False)
    label_en: Mapped[str] = mapped_column(String(100), nullable=False)
    required: Mapped[bool] = mapped_column(default=True, nullable=False)
    alternative: Mapped[str] = mapped_column(
        String(32), default="", nullable=False, comment="at least one of the rows with this word"
    )
    position: Mapped[int] = mapped_column(Integer, default=0, nullable=False)
    active: Mapped[bool] = mapped_column(default=True, nullable=False)

    category: Mapped[Category] = relationship(back_populates="requirements")

    def __repr__(self) -> str:
        return self.label_zh


class Programme(Editable, Model):
    """项目 / 专业: what an institution offers, e.g. 电子商务(2019春)(本)."""

    __tablename__ = "programme"
    __table_args__ = (
        UniqueConstraint("organisation_id", "name", "term", "grade"),
        positive("graduation_credits"),
        Index("ix_programme_name", "name"),
        {"comment": "what institutions offer"},
    )
    __rows__ = Rows(organisation="organisation_id")
    __lookup__ = ("name", "term")

    organisation_id: Mapped[int] = mapped_column(Key, ForeignKey("organisation.id"), nullable=False)
    name: Mapped[str] = mapped_column(String(150), nullable=False)
    term: Mapped[str] = mapped_column(
        String(20), default="", nullable=False, comment="intake term, e.g. 2019春"
    )
    grade: Mapped[str] = mapped_column(String(20), default="", nullable=False, comment="专, 本 …")
    graduation_credits: Mapped[int | None] = mapped_column(Hundredths, comment="hundredths of a credit")
    active: Mapped[bool] = mapped_column(default=True, nullable=False)

    organisation: Mapped[Organisation] = relationship()

    def __repr__(self) -> str:
        return self.name + "".join(f"({part})" for part in (self.term, self.grade) if part)


ITEM_STATES = Choices(
    Choice("proposed", N_("Proposed"), Tone.INFO),
    Choice("active", N_("In the catalogue"), Tone.SUCCESS),
    Choice("retired", N_("Retired"), Tone.NEUTRAL),
)


class CatalogueItem(Editable, Model):
    """名录成果: an achievement that the platform knows. ``project`` is its 项目名称 where no programme is linked."""

    __tablename__ = "catalogue_item"
    __table_args__ = (
        UniqueConstraint("organisation_id", "category_id", "programme_id", "code", "name"),
        ITEM_STATES.check("standing"),
        positive("credits"),
        Index("ix_catalogue_item_category_id", "category_id", "id"),
        Index("ix_catalogue_item_organisation_id", "organisation_id"),
        Index("ix_catalogue_item_programme_id", "programme_id"),
        Index("ix_catalogue_item_name", "name"),
        {"comment": "achievements that the platform knows"},
    )
    __rows__ = Rows(organisation="organisation_id")

    category_id: Mapped[int] = mapped_column(Key, ForeignKey("category.id"), nullable=False)
    organisation_id: Mapped[int] = mapped_column(
        Key, ForeignKey("organisation.id"), nullable=False, comment="institution or issuer"
    )
    programme_id: Mapped[int | None] = mapped_column(Key, ForeignKey("programme.id"))
    project: Mapped[str] = mapped_column(
        String(150), default="", nullable=False, comment="项目名称 of a certificate"
    )
    code: Mapped[str] = mapped_column(String(32), default="", nullable=False, comment="课程号, 机构代码 …")
    name: Mapped[str] = mapped_column(String(200), nullable=False)
    credits: Mapped[int | None] = mapped_column(Hundredths, comment="hundredths; NULL: unknown")
    level_id: Mapped[int | None] = mapped_column(Key, ForeignKey("framework_level.id"))
    values: Mapped[dict[str, Any]] = mapped_column(
        JSON, default=dict, nullable=False, comment="catalogue fields of the category"
    )
    standing: Mapped[str] = mapped_column(Code(ITEM_STATES), default="active", nullable=False)
    description: Mapped[str] = mapped_column(Text, default="", nullable=False)

    category: Mapped[Category] = relationship()
    organisation: Mapped[Organisation] = relationship()
    programme: Mapped[Programme | None] = relationship()
    level: Mapped[FrameworkLevel | None] = relationship()

    @property
    def project_name(self) -> str:
        return str(self.programme) if self.programme else self.project

    def __repr__(self) -> str:
        return self.name
