"""The tree of organisations, and the committees with what they cover."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.kernel.choices import Choice, Choices
from app.kernel.database import Code, Editable, Key, Model
from app.kernel.errors import N_
from app.kernel.rows import Rows

if TYPE_CHECKING:
    from app.catalogue.models import Category, Programme
    from app.security.models import Account

KINDS = Choices(
    Choice("center", N_("Management centre")),
    Choice("institution", N_("Registered institution")),
    Choice("teaching_point", N_("Teaching point")),
    Choice("reviewer", N_("Third-party reviewer")),
    Choice("issuer", N_("Issuer")),
)


class Organisation(Editable, Model):
    """A node of the tree. ``path`` is materialised (``/1/4/``): "own and below" is a prefix of it."""

    __tablename__ = "organisation"
    __table_args__ = (
        UniqueConstraint("code"),
        UniqueConstraint("path"),
        KINDS.check("kind"),
        CheckConstraint(
            "kind <> 'teaching_point' OR parent_id IS NOT NULL", name="teaching_point_has_institution"
        ),
        Index("ix_organisation_parent_id", "parent_id"),
        Index("ix_organisation_name", "name"),
        {"comment": "management centre, institutions, teaching points, reviewers, issuers"},
    )
    __rows__ = Rows(organisation="id")

    code: Mapped[str] = mapped_column(String(32), nullable=False, comment="机构代码")
    name: Mapped[str] = mapped_column(String(200), nullable=False)
    kind: Mapped[str] = mapped_column(Code(KINDS), nullable=False)
    parent_id: Mapped[int | None] = mapped_column(Key, ForeignKey("organisation.id"))
    path: Mapped[str] = mapped_column(
        String(255), nullable=False, comment="ids from the root: /1/4/; written by services"
    )
    address: Mapped[str] = mapped_column(
        String(300), default="", nullable=False, comment="where originals are shown"
    )
    contact: Mapped[str] = mapped_column(
        String(200), default="", nullable=False, comment="telephone and hours"
    )
    active: Mapped[bool] = mapped_column(default=True, nullable=False)

    parent: Mapped[Organisation | None] = relationship(remote_side="Organisation.id")

    def __repr__(self) -> str:
        return self.name


class Committee(Editable, Model):
    """A 专业认定委员会: decides finally on what its scope covers."""

    __tablename__ = "committee"
    __table_args__ = (UniqueConstraint("name"), {"comment": "committees that decide finally"})

    name: Mapped[str] = mapped_column(String(200), nullable=False)
    active: Mapped[bool] = mapped_column(default=True, nullable=False)

    members: Mapped[list[CommitteeMember]] = relationship(back_populates="committee")
    scopes: Mapped[list[CommitteeScope]] = relationship(back_populates="committee")

    def __repr__(self) -> str:
        return self.name


class CommitteeMember(Editable, Model):
    """A person who sits on a committee from a day, until a day or for good."""

    __tablename__ = "committee_member"
    __table_args__ = (
        UniqueConstraint("committee_id", "user_id"),
        CheckConstraint("until IS NULL OR until >= since", name="until_after_since"),
        Index("ix_committee_member_user_id", "user_id"),
        {"comment": "who sits on which committee"},
    )

    committee_id: Mapped[int] = mapped_column(Key, ForeignKey("committee.id"), nullable=False)
    user_id: Mapped[int] = mapped_column(Key, ForeignKey("ab_user.id"), nullable=False)
    since: Mapped[date] = mapped_column(Date, nullable=False)
    until: Mapped[date | None] = mapped_column(Date)

    committee: Mapped[Committee] = relationship(back_populates="members")
    user: Mapped[Account] = relationship(foreign_keys=[user_id])

    def __repr__(self) -> str:
        return f"{self.committee} · {self.user}"


class CommitteeScope(Editable, Model):
    """One row of what a committee covers: AND inside the row, OR between rows (spec 2.4)."""

    __tablename__ = "committee_scope"
    __table_args__ = (
        UniqueConstraint("committee_id", "programme_id", "category_id", "organisation_id"),
        CheckConstraint(
            "programme_id IS NOT NULL OR category_id IS NOT NULL OR organisation_id IS NOT NULL",
            name="covers_something",
        ),
        {"comment": "what a committee decides: programme, category, target institution"},
    )

    committee_id: Mapped[int] = mapped_column(Key, ForeignKey("committee.id"), nullable=False)
    programme_id: Mapped[int | None] = mapped_column(Key, ForeignKey("programme.id"), comment="of the target")
    category_id: Mapped[int | None] = mapped_column(
        Key, ForeignKey("category.id"), comment="of the source achievement"
    )
    organisation_id: Mapped[int | None] = mapped_column(
        Key, ForeignKey("organisation.id"), comment="target institution"
    )

    committee: Mapped[Committee] = relationship(back_populates="scopes")
    programme: Mapped[Programme | None] = relationship("Programme")
    category: Mapped[Category | None] = relationship("Category")
    organisation: Mapped[Organisation | None] = relationship()

    def __repr__(self) -> str:
        return " + ".join(str(part) for part in (self.programme, self.category, self.organisation) if part)
