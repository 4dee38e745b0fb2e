"""Bounces: a mail server hands its reports (RFC 3464) on, and the notice that came back is marked.

The notice is found by the Message-ID that it went out with, which is its key; what others forge changes nothing but
a mark, and no address is read from the report.
"""

from __future__ import annotations

import re
from email import message_from_bytes
from email.message import Message
from email.policy import default

from sqlalchemy import select

from app.kernel.clock import now
from app.kernel.unit_of_work import UnitOfWork
from app.notices.models import Notice

_KEY = re.compile(r"<([A-Za-z0-9_.-]{10,128})@[^>\s]+>")
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
#: No report of a mail server is longer.
LARGEST = 1024 * 1024


def read(report: bytes) -> tuple[str, str] | None:
    """Key and status (e.g. ``5.1.1``) out of a delivery report; None where it doesn't say that delivery failed."""
    message = message_from_bytes(report[:LARGEST], policy=default)
    status = key = ""
    for part in message.walk():
        kind = part.get_content_type()
        if kind == "message/delivery-status":
            status = status or _failure(part)
        elif kind == "text/rfc822-headers":
            content = part.get_payload(decode=True)
            found = message_from_bytes(content if isinstance(content, bytes) else b"", policy=default)
            key = key or _key(found)
        elif part is not message:
            key = key or _key(part)
    return (key, status) if key and status else None


def record(uow: UnitOfWork, report: bytes) -> Notice | None:
    """Mark the notice that a report is about; None where it names none of ours that was sent by e-mail."""
    found = read(report)
    if found is None:
        return None
    key, status = found
    notice: Notice | None = uow.session.scalar(
        select(Notice).where(Notice.key == key, Notice.channel == "email").with_for_update()
    )
    if notice is None or notice.state not in ("sent", "unknown"):
        return None
    if notice.bounced_at is None:
        notice.bounced_at, notice.error = now(), f"bounced {status}"
        uow.flush()
        uow.record("notice.bounced", notice, status=status)
    return notice


def _failure(part: Message) -> str:
    """The status of the first recipient whose delivery failed."""
    blocks = part.get_payload()
    for block in blocks if isinstance(blocks, list) else []:
        if isinstance(block, Message) and str(block.get("Action", "")).strip().lower() == "failed":
            status = _STATUS.search(str(block.get("Status", "")))
            return status[0] if status else "5.0.0"
    return ""


def _key(message: Message) -> str:
    found = _KEY.search(str(message.get("Message-ID", "")))
    return found[1] if found else ""
