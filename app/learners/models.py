"""Learners: a person with an account at the bank, and where they belong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.kernel.choices import Choice, Choices, Tone
from app.kernel.database import Code, Editable, Key, Model
from app.kernel.errors import N_
from app.kernel.rows import Rows

if TYPE_CHECKING:
    from app.catalogue.models import Programme
    from app.organisations.models import Organisation
    from app.security.models import Account, Person

STANDINGS = Choices(
    Choice("imported", N_("Imported, not yet activated"), Tone.NEUTRAL),
    Choice("active", N_("Active"), Tone.SUCCESS),
    Choice("correction", N_("To be corrected"), Tone.WARNING),
    Choice("suspended", N_("Suspended"), Tone.WARNING),
    Choice("closed", N_("Closed"), Tone.DANGER),
)


class Learner(Editable, Model):
    """A learner. The home teaching point is where originals are shown: imported with them, chosen, else the
    centre.
    """

    __tablename__ = "learner"
    __table_args__ = (
        UniqueConstraint("number"),
        UniqueConstraint("person_id"),
        UniqueConstraint("user_id"),
        STANDINGS.check("standing"),
        Index("ix_learner_home_point_id", "home_point_id", "id"),
        Index("ix_learner_programme_id", "programme_id"),
        {"comment": "people with an account at the bank"},
    )
    __rows__ = Rows(learner="id", organisation="home_point_id")
    __lookup__ = ("person.name", "number")

    number: Mapped[str] = mapped_column(String(32), nullable=False, comment="account number, opaque")
    person_id: Mapped[int] = mapped_column(Key, ForeignKey("person.id"), nullable=False)
    user_id: Mapped[int | None] = mapped_column(Key, ForeignKey("ab_user.id"), comment="NULL until activated")
    home_point_id: Mapped[int] = mapped_column(
        Key, ForeignKey("organisation.id"), nullable=False, comment="所属教学点"
    )
    programme_id: Mapped[int | None] = mapped_column(
        Key, ForeignKey("programme.id"), comment="what they study"
    )
    standing: Mapped[str] = mapped_column(Code(STANDINGS), default="active", nullable=False)
    introduction: Mapped[str] = mapped_column(Text, default="", nullable=False, comment="个人简介")
    picture: Mapped[str | None] = mapped_column(String(64), comment="digest of the picture's file")

    person: Mapped[Person] = relationship("Person")
    user: Mapped[Account | None] = relationship("Account", foreign_keys=[user_id])
    home_point: Mapped[Organisation] = relationship("Organisation")
    programme: Mapped[Programme | None] = relationship("Programme")

    @property
    def name(self) -> str:
        return self.person.name

    def __repr__(self) -> str:
        return self.person.name
