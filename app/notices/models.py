"""Notice templates, and the outbox of notices."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.kernel.choices import Choice, Choices, Tone
from app.kernel.database import Code, Editable, Key, Model, Moment
from app.kernel.errors import N_
from app.kernel.leases import Leased

if TYPE_CHECKING:
    from app.security.models import Person


class NoticeTemplate(Editable, Model):
    """The words of a notice in both languages; ``{name}`` marks a variable out of ``variables``."""

    __tablename__ = "notice_template"
    __table_args__ = (UniqueConstraint("code"), {"comment": "words of notices"})

    code: Mapped[str] = mapped_column(String(32), nullable=False, comment="e.g. initial_passed")
    name: Mapped[str] = mapped_column(String(100), nullable=False, comment="for staff")
    variables: Mapped[str] = mapped_column(
        String(300), default="", nullable=False, comment="allowed ones, by comma"
    )
    subject_zh: Mapped[str] = mapped_column(String(200), nullable=False)
    subject_en: Mapped[str] = mapped_column(String(200), nullable=False)
    body_zh: Mapped[str] = mapped_column(Text, nullable=False)
    body_en: Mapped[str] = mapped_column(Text, nullable=False)
    by_sms: Mapped[bool] = mapped_column(default=True, nullable=False)
    by_email: Mapped[bool] = mapped_column(default=True, nullable=False)

    def __repr__(self) -> str:
        return self.name


CHANNELS = Choices(
    Choice("in_app", N_("In the platform")), Choice("sms", N_("SMS")), Choice("email", N_("E-mail"))
)
NOTICE_STATES = Choices(
    Choice("pending", N_("Waiting"), Tone.INFO),
    Choice("sending", N_("Being sent"), Tone.INFO),
    Choice("sent", N_("Sent"), Tone.SUCCESS),
    Choice("unknown", N_("Outcome unknown"), Tone.WARNING),
    Choice("failed", N_("Not sent"), Tone.DANGER),
    Choice("no_address", N_("No address"), Tone.NEUTRAL),
)


class Notice(Leased, Editable, Model):
    """One message to one person over one channel: the transactional outbox.

    ``secret`` (codes, links, an address of its own) is sealed, and wiped after delivery. ``due_at`` of a
    leased notice is the end of its lease, so that one range of one index holds all that wants sending.
    """

    __tablename__ = "notice"
    __table_args__ = (
        CHANNELS.check("channel"),
        NOTICE_STATES.check("state"),
        Index(
            "ix_notice_pending",
            "due_at",
            "id",
            sqlite_where=text("state IN ('pending', 'sending')"),
            postgresql_where=text("state IN ('pending', 'sending')"),
        ),
        Index("ix_notice_person_id", "person_id", "channel", "id"),
        Index("ix_notice_state", "state", "id"),
        {"comment": "outbox of notices"},
    )
    __audited__ = False

    template_code: Mapped[str] = mapped_column(String(32), nullable=False)
    person_id: Mapped[int | None] = mapped_column(
        Key, ForeignKey("person.id"), comment="NULL: to an address of somebody who has no account yet"
    )
    channel: Mapped[str] = mapped_column(Code(CHANNELS), nullable=False)
    state: Mapped[str] = mapped_column(Code(NOTICE_STATES), default="pending", nullable=False)
    language: Mapped[str] = mapped_column(String(5), default="zh", nullable=False)
    variables: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, nullable=False)
    secret: Mapped[bytes | None] = mapped_column(LargeBinary, comment="sealed; wiped after delivery")
    subject: Mapped[str] = mapped_column(String(200), default="", nullable=False)
    body: Mapped[str] = mapped_column(Text, default="", nullable=False, comment="without secrets")
    link: Mapped[str] = mapped_column(
        String(200), default="", nullable=False, comment="page that it leads to"
    )
    resendable: Mapped[bool] = mapped_column(
        default=True, nullable=False, comment="false: it carried a secret"
    )
    sent_at: Mapped[datetime | None] = mapped_column(Moment)
    read_at: Mapped[datetime | None] = mapped_column(Moment)
    bounced_at: Mapped[datetime | None] = mapped_column(Moment, comment="came back after it was sent")
    error: Mapped[str] = mapped_column(String(300), default="", nullable=False)

    person: Mapped[Person | None] = relationship("Person")

    def __repr__(self) -> str:
        return self.subject


class NoticePreference(Editable, Model):
    """By which ways a person wants to be told, beside the platform itself. Codes and warnings go out all the same."""

    __tablename__ = "notice_preference"
    __table_args__ = (UniqueConstraint("person_id"), {"comment": "by which ways a person wants to be told"})

    person_id: Mapped[int] = mapped_column(Key, ForeignKey("person.id"), nullable=False)
    by_sms: Mapped[bool] = mapped_column(default=True, nullable=False)
    by_email: Mapped[bool] = mapped_column(default=True, nullable=False)
