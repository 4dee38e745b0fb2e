"""What the life of an account leaves behind: invitations, corrections under review, changes of standing, closures."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.kernel.choices import Choice, Choices
from app.kernel.database import Code, Editable, Key, Model, Moment, Recorded
from app.kernel.errors import N_
from app.kernel.rows import Rows
from app.learners.models import STANDINGS


class Invitation(Editable, Model):
    """Roles that somebody is to have: with a one-time link where the account is new. Powerful roles wait for a second
    administrator. The link's token is stored as a hash; a link works once, by POST, for 24 hours (spec 5).
    """

    __tablename__ = "invitation"
    __table_args__ = (
        UniqueConstraint("token_hash"),
        CheckConstraint("approved_by_id <> created_by_id", name="approved_by_another"),
        CheckConstraint("(approved_by_id IS NULL) = (approved_at IS NULL)", name="approved_has_time"),
        CheckConstraint("refused_at IS NULL OR approved_at IS NULL", name="not_both"),
        CheckConstraint(
            "token_hash IS NULL OR NOT needs_second OR approved_at IS NOT NULL OR by_operator",
            name="no_link_before_approval",
        ),
        Index("ix_invitation_account_id", "account_id"),
        {"comment": "roles given to people, and the links that new ones come in by"},
    )

    account_id: Mapped[int] = mapped_column(Key, ForeignKey("ab_user.id"), nullable=False)
    roles: Mapped[str] = mapped_column(String(200), nullable=False, comment="by space")
    reason: Mapped[str] = mapped_column(String(300), default="", nullable=False)
    needs_second: Mapped[bool] = mapped_column(default=False, nullable=False)
    by_operator: Mapped[bool] = mapped_column(
        default=False, nullable=False, comment="let through by whoever runs the host"
    )
    approved_by_id: Mapped[int | None] = mapped_column(Key, ForeignKey("ab_user.id"))
    approved_at: Mapped[datetime | None] = mapped_column(Moment)
    refused_at: Mapped[datetime | None] = mapped_column(Moment)
    token_hash: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    expires_at: Mapped[datetime | None] = mapped_column(Moment)
    used_at: Mapped[datetime | None] = mapped_column(Moment)

    account: Mapped[Any] = relationship("Account", foreign_keys=[account_id])
    asked_by: Mapped[Any] = relationship(
        "Account", primaryjoin="foreign(Invitation.created_by_id) == Account.id", viewonly=True
    )


#: What a learner can't change without somebody looking at their document.
CORRECTABLE = Choices(
    Choice("name", N_("Name")),
    Choice("identity", N_("Identity number")),
    Choice("birth_date", N_("Date of birth")),
    Choice("gender", N_("Gender")),
    Choice("nationality", N_("Nationality")),
    Choice("ethnicity", N_("Ethnic group")),
)


class Correction(Editable, Model):
    """更正申请: what a learner says is wrong in their particulars, and what came of it. ``sealed`` holds the new value
    under the person's key, so that closing the account erases it too.
    """

    __tablename__ = "correction"
    __table_args__ = (
        CORRECTABLE.check("part"),
        CheckConstraint("(decided_by_id IS NULL) = (decided_at IS NULL)", name="decided_has_time"),
        CheckConstraint("(accepted IS NULL) = (decided_at IS NULL)", name="decided_has_answer"),
        Index(
            "uq_correction_open",
            "learner_id",
            "part",
            unique=True,
            sqlite_where=text("decided_at IS NULL"),
            postgresql_where=text("decided_at IS NULL"),
        ),
        {"comment": "corrections of particulars under review"},
    )
    __rows__ = Rows(through="learner")

    learner_id: Mapped[int] = mapped_column(Key, ForeignKey("learner.id"), nullable=False)
    part: Mapped[str] = mapped_column(Code(CORRECTABLE), nullable=False)
    sealed: Mapped[bytes] = mapped_column(LargeBinary, nullable=False, comment="the new value, sealed")
    reason: Mapped[str] = mapped_column(String(300), nullable=False)
    file_id: Mapped[int | None] = mapped_column(Key, ForeignKey("evidence_file.id"), comment="the document")
    decided_by_id: Mapped[int | None] = mapped_column(Key, ForeignKey("ab_user.id"))
    decided_at: Mapped[datetime | None] = mapped_column(Moment)
    accepted: Mapped[bool | None] = mapped_column()
    answer: Mapped[str] = mapped_column(String(300), default="", nullable=False)

    learner: Mapped[Any] = relationship("Learner")
    file: Mapped[Any] = relationship("EvidenceFile")


class StandingChange(Recorded, Model):
    """限期改正, 暂停使用, 注销登记, and taking them back: who, why, until when. Only ever added."""

    __tablename__ = "standing_change"
    __table_args__ = (
        STANDINGS.check("before"),
        STANDINGS.check("after"),
        CheckConstraint("before <> after", name="changes_something"),
        Index("ix_standing_change_learner_id", "learner_id", "id"),
        {"comment": "changes of learners' standing; only ever added"},
    )
    __append_only__ = True
    __rows__ = Rows(through="learner")

    learner_id: Mapped[int] = mapped_column(Key, ForeignKey("learner.id"), nullable=False)
    before: Mapped[str] = mapped_column(Code(STANDINGS), nullable=False)
    after: Mapped[str] = mapped_column(Code(STANDINGS), nullable=False)
    reason: Mapped[str] = mapped_column(Text, nullable=False)
    until: Mapped[date | None] = mapped_column(Date, comment="to be corrected by this day")

    learner: Mapped[Any] = relationship("Learner")


class Closure(Recorded, Model):
    """An account that its person closed. Kept in a file apart from the database too, so that a restored backup closes
    it again.
    """

    __tablename__ = "closure"
    __table_args__ = (
        UniqueConstraint("person_uid"),
        {"comment": "closed accounts; replayed after a restore; only ever added"},
    )
    __append_only__ = True

    person_uid: Mapped[str] = mapped_column(String(36), nullable=False)
