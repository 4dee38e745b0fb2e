"""Persons, the accounts they log in with, and what belongs to logging in.

A :class:`Person` is one human being, however many accounts they hold: separation of duties compares persons.
Personal data is sealed with a key of its own per person (``wrapped_key``); destroying the key erases it.
Plain values never reach a column.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

from flask_appbuilder.security.sqla.models import User as FabUser
from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.kernel.choices import Choice, Choices
from app.kernel.database import Code, Editable, Identified, Key, Model, Moment, Recorded
from app.kernel.errors import N_
from app.kernel.rows import Rows

IDENTITY_TYPES = Choices(
    Choice("resident", N_("Resident identity card")),
    Choice("passport", N_("Passport")),
    Choice("hmt_permit", N_("Mainland travel permit for Hong Kong, Macao and Taiwan residents")),
    Choice("hmt_residence", N_("Residence permit for Hong Kong, Macao and Taiwan residents")),
    Choice("foreign_residence", N_("Foreign permanent resident identity card")),
    Choice("officer", N_("Military officer card")),
)
GENDERS = Choices(Choice("male", N_("Male")), Choice("female", N_("Female")))


class Person(Editable, Model):
    """A human being. ``name`` is plain (staff search by it); the rest is sealed, and found by keyed blind
    indexes.

    Read and write the sealed parts through ``app.security.personal`` (reveal, seal), never the columns
    themselves.
    """

    __tablename__ = "person"
    __table_args__ = (
        UniqueConstraint("uid"),
        UniqueConstraint("identity_index"),
        IDENTITY_TYPES.check("identity_type", nullable=True),
        GENDERS.check("gender", nullable=True),
        CheckConstraint(
            "erased_at IS NULL OR (identity_sealed IS NULL AND mobile_sealed IS NULL AND email_sealed IS NULL "
            "AND birth_date_sealed IS NULL AND address_sealed IS NULL AND identity_index IS NULL "
            "AND mobile_index IS NULL AND email_index IS NULL)",
            name="erased_holds_nothing",
        ),
        Index("ix_person_mobile_index", "mobile_index"),
        Index("ix_person_email_index", "email_index"),
        Index("ix_person_name", "name"),
        {"comment": "human beings; personal data sealed under a key per person"},
    )
    __personal__ = ("name", "name_search")

    uid: Mapped[str] = mapped_column(
        String(36), default=lambda: str(uuid4()), nullable=False, comment="binds sealed values to the row"
    )
    name: Mapped[str] = mapped_column(String(100), nullable=False, comment="真实姓名")
    name_search: Mapped[str] = mapped_column(
        String(600), default="", nullable=False, comment="name, pinyin and initials, folded"
    )
    erased_at: Mapped[datetime | None] = mapped_column(Moment)
    identity_type: Mapped[str | None] = mapped_column(Code(IDENTITY_TYPES))
    identity_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    identity_index: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    holder_seal: Mapped[bytes | None] = mapped_column(
        LargeBinary(32), comment="survives erasure: bars spending twice"
    )
    mobile_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    mobile_index: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    mobile_verified_at: Mapped[datetime | None] = mapped_column(Moment)
    email_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    email_index: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    email_verified_at: Mapped[datetime | None] = mapped_column(Moment)
    birth_date_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    address_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    gender: Mapped[str | None] = mapped_column(Code(GENDERS))
    nationality: Mapped[str] = mapped_column(
        String(2), default="CN", nullable=False, comment="ISO 3166-1 alpha-2"
    )
    ethnicity: Mapped[str | None] = mapped_column(String(2), comment="GB/T 3304, 01 to 56, 97, 98")

    key: Mapped[PersonKey | None] = relationship(back_populates="person", cascade="all, delete-orphan")

    @property
    def wrapped_key(self) -> bytes | None:
        """The person's data key, wrapped; None once it was destroyed."""
        return self.key.wrapped if self.key is not None else None

    def __repr__(self) -> str:
        return self.name


class PersonKey(Model):
    """The data key of a person, wrapped. In a table of its own, so that backups can keep keys apart from data, and
    destroying one row erases a person.
    """

    __tablename__ = "person_key"
    __table_args__ = ({"comment": "wrapped data keys of persons; backed up apart from everything else"},)
    __audited__ = False

    person_id: Mapped[int] = mapped_column(
        Key, ForeignKey("person.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    wrapped: Mapped[bytes] = mapped_column(LargeBinary, nullable=False)

    person: Mapped[Person] = relationship(back_populates="key")


class Account(FabUser):
    """A user: an account. ``username`` and ``email`` hold opaque ids; logging in goes through
    ``login_index`` and the person's indexes.
    """

    __tablename__ = "ab_user"
    __table_args__ = (UniqueConstraint("login_index"), {"extend_existing": True})
    __rows__ = Rows(organisation="organisation_id", user="id")
    __lookup__ = ("person.name",)

    person_id: Mapped[int | None] = mapped_column(Key, ForeignKey("person.id", use_alter=True), index=True)
    organisation_id: Mapped[int | None] = mapped_column(
        Key, ForeignKey("organisation.id", use_alter=True), index=True
    )
    department: Mapped[str] = mapped_column(
        String(100), default="", nullable=False, comment="部门; prefills opinions"
    )
    login_index: Mapped[bytes | None] = mapped_column(
        LargeBinary(32), comment="blind index of the chosen user name"
    )
    login_sealed: Mapped[bytes | None] = mapped_column(LargeBinary, comment="the chosen user name, sealed")
    epoch: Mapped[int] = mapped_column(
        Integer, default=1, nullable=False, comment="raised to end every session of the account"
    )
    employer_id: Mapped[int | None] = mapped_column(
        Key, ForeignKey("organisation.id", use_alter=True), comment="where they work, if elsewhere"
    )
    totp_sealed: Mapped[bytes | None] = mapped_column(
        LargeBinary, comment="secret of the second factor, sealed; NULL: none"
    )
    totp_step: Mapped[int] = mapped_column(
        Integer, default=0, nullable=False, comment="last time step used: no code works twice"
    )
    version: Mapped[int] = mapped_column(Integer, default=1, nullable=False)

    person: Mapped[Person | None] = relationship(foreign_keys=[person_id], lazy="joined")
    organisation: Mapped[Any] = relationship("Organisation", foreign_keys=[organisation_id])
    employer: Mapped[Any] = relationship("Organisation", foreign_keys=[employer_id])

    __mapper_args__ = {"version_id_col": version}

    def get_full_name(self) -> str:
        """The family name comes first."""
        return self.person.name if self.person else self.username

    def __repr__(self) -> str:
        return self.get_full_name()


class UserSession(Identified, Model):
    """A session on the server: the cookie holds a random token, the row its hash, so that log-out ends it
    everywhere.
    """

    __tablename__ = "user_session"
    __table_args__ = (
        UniqueConstraint("token_hash"),
        Index("ix_user_session_user_id", "user_id"),
        Index("ix_user_session_expires_at", "expires_at"),
        {"comment": "sessions; the cookie's token is stored as a hash"},
    )
    __audited__ = False

    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), nullable=False)
    user_id: Mapped[int | None] = mapped_column(Key, ForeignKey("ab_user.id", ondelete="CASCADE"))
    epoch: Mapped[int] = mapped_column(
        Integer, default=0, nullable=False, comment="the user's epoch at log-in"
    )
    content: Mapped[str] = mapped_column(Text, default="{}", nullable=False, comment="JSON")
    created_at: Mapped[datetime] = mapped_column(Moment, nullable=False)
    seen_at: Mapped[datetime] = mapped_column(Moment, nullable=False)
    expires_at: Mapped[datetime] = mapped_column(Moment, nullable=False, comment="absolute end")
    address: Mapped[str] = mapped_column(String(64), default="", nullable=False)
    agent: Mapped[str] = mapped_column(String(200), default="", nullable=False)


CODE_PURPOSES = Choices(
    Choice("activate", N_("Activate account")),
    Choice("register", N_("Register")),
    Choice("recover", N_("Recover password")),
    Choice("change", N_("Change contact")),
)


class VerificationCode(Identified, Model):
    """A code sent to a mobile or mailbox: six digits, 10 minutes, five tries, single use (spec 5)."""

    __tablename__ = "verification_code"
    __table_args__ = (
        CODE_PURPOSES.check("purpose"),
        CheckConstraint("tries BETWEEN 0 AND 5", name="tries_limited"),
        Index("ix_verification_code_target_index", "target_index", "sent_at"),
        Index(
            "ix_verification_code_unsent",
            "id",
            sqlite_where=text("payload IS NOT NULL"),
            postgresql_where=text("payload IS NOT NULL"),
        ),
        {"comment": "codes sent to prove a mobile or mailbox"},
    )
    __audited__ = False

    purpose: Mapped[str] = mapped_column(Code(CODE_PURPOSES), nullable=False)
    target_index: Mapped[bytes] = mapped_column(
        LargeBinary(32), nullable=False, comment="blind index of the address"
    )
    binding: Mapped[bytes] = mapped_column(
        LargeBinary(32), nullable=False, comment="hash of the session it was asked in"
    )
    code_hash: Mapped[bytes] = mapped_column(LargeBinary(32), nullable=False)
    sent_at: Mapped[datetime] = mapped_column(Moment, nullable=False)
    expires_at: Mapped[datetime] = mapped_column(Moment, nullable=False)
    tries: Mapped[int] = mapped_column(Integer, default=0, nullable=False)
    used_at: Mapped[datetime | None] = mapped_column(Moment)
    spent_at: Mapped[datetime | None] = mapped_column(
        Moment, comment="when what it proved was made use of, once"
    )
    payload: Mapped[bytes | None] = mapped_column(
        LargeBinary, comment="code and whom to send it to, sealed; wiped by the worker that sends it"
    )


class RecoveryCode(Identified, Model):
    """One of the codes that stand in for a lost second factor; each works once."""

    __tablename__ = "recovery_code"
    __table_args__ = (
        UniqueConstraint("user_id", "code_hash"),
        {"comment": "recovery codes of second factors, hashed"},
    )
    __audited__ = False

    user_id: Mapped[int] = mapped_column(Key, ForeignKey("ab_user.id", ondelete="CASCADE"), nullable=False)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary(32), nullable=False)
    used_at: Mapped[datetime | None] = mapped_column(Moment)


class Throttle(Identified, Model):
    """Failures counted per account or address, across processes; ``locked_until`` doubles with each lock
    (spec 5).
    """

    __tablename__ = "throttle"
    __table_args__ = (UniqueConstraint("key"), {"comment": "failed attempts and locks"})
    __audited__ = False

    key: Mapped[str] = mapped_column(String(128), nullable=False, comment="what is counted, hashed")
    failures: Mapped[int] = mapped_column(Integer, default=0, nullable=False)
    locks: Mapped[int] = mapped_column(Integer, default=0, nullable=False)
    since: Mapped[datetime | None] = mapped_column(Moment, comment="begin of the window that is counted in")
    locked_until: Mapped[datetime | None] = mapped_column(Moment)


class Terms(Editable, Model):
    """A version of the terms of service 服务条款, in both languages; published ones are not edited any more."""

    __tablename__ = "terms"
    __table_args__ = (UniqueConstraint("edition"), {"comment": "terms of service, by edition"})

    edition: Mapped[str] = mapped_column(String(32), nullable=False, comment="e.g. 2026-1")
    body_zh: Mapped[str] = mapped_column(Text, nullable=False)
    body_en: Mapped[str] = mapped_column(Text, nullable=False)
    published_at: Mapped[datetime | None] = mapped_column(Moment)

    def __repr__(self) -> str:
        return self.edition


class Consent(Recorded, Model):
    """That a person agreed to an edition of the terms."""

    __tablename__ = "consent"
    __table_args__ = (
        UniqueConstraint("person_id", "terms_id"),
        {"comment": "who agreed to which edition of the terms, when"},
    )

    person_id: Mapped[int] = mapped_column(Key, ForeignKey("person.id"), nullable=False)
    terms_id: Mapped[int] = mapped_column(Key, ForeignKey("terms.id"), nullable=False)
    address: Mapped[str] = mapped_column(String(64), default="", nullable=False)

    person: Mapped[Person] = relationship()
    terms: Mapped[Terms] = relationship()
