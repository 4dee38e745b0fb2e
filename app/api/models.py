"""Keys of the REST API, what each has used up of its rate, and the answers that a repeated request gets again."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.kernel.clock import now
from app.kernel.database import Editable, Identified, Key, Model, Moment, Recorded
from app.kernel.rows import Rows

if TYPE_CHECKING:
    from app.security.models import Account


class AccessKey(Editable, Model):
    """A key with which a program acts as an account, within ``scopes``. The token itself is kept as a hash only."""

    __tablename__ = "access_key"
    __table_args__ = (
        UniqueConstraint("public"),
        UniqueConstraint("token_hash"),
        Index("ix_access_key_user_id", "user_id"),
        {"comment": "keys of the REST API"},
    )
    __rows__ = Rows(user="user_id")

    name: Mapped[str] = mapped_column(String(100), nullable=False, comment="which system uses it")
    public: Mapped[str] = mapped_column(
        String(16), nullable=False, comment="the token's beginning, to tell keys apart"
    )
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), nullable=False)
    user_id: Mapped[int] = mapped_column(
        Key, ForeignKey("ab_user.id"), nullable=False, comment="whom it acts as"
    )
    scopes: Mapped[str] = mapped_column(String(300), nullable=False, comment="by space")
    expires_at: Mapped[datetime] = mapped_column(Moment, nullable=False)
    revoked_at: Mapped[datetime | None] = mapped_column(Moment)
    revoked_by_id: Mapped[int | None] = mapped_column(Key, ForeignKey("ab_user.id"))

    user: Mapped[Account] = relationship("Account", foreign_keys=[user_id])

    @property
    def usable(self) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and self.expires_at > now()

    def __repr__(self) -> str:
        return self.name


class ApiUsage(Identified, Model):
    """How many requests came in the running minute: one row per key, and per address for those without one."""

    __tablename__ = "api_usage"
    __table_args__ = (UniqueConstraint("caller"), {"comment": "requests of the running minute, per caller"})
    __audited__ = False

    caller: Mapped[str] = mapped_column(String(80), nullable=False, comment="key:<id>, or address:<hash>")
    minute: Mapped[int] = mapped_column(BigInteger, nullable=False, comment="minutes since 1970")
    count: Mapped[int] = mapped_column(Integer, nullable=False)


class ApiAnswer(Recorded, Model):
    """What a request with an idempotency key was answered, written in the transaction of what it did."""

    __tablename__ = "api_answer"
    __table_args__ = (
        UniqueConstraint("key_id", "idempotency_key"),
        Index("ix_api_answer_created_at", "created_at"),
        {"comment": "answers that a repeated request gets again"},
    )
    __audited__ = False

    key_id: Mapped[int] = mapped_column(Key, ForeignKey("access_key.id"), nullable=False)
    idempotency_key: Mapped[str] = mapped_column(String(64), nullable=False)
    fingerprint: Mapped[str] = mapped_column(
        String(64), nullable=False, comment="of method, address and body"
    )
    status: Mapped[int] = mapped_column(Integer, nullable=False)
    body: Mapped[str] = mapped_column(Text, nullable=False, comment="JSON")
