"""The worker's side of the outbox: lease a notice, send it, note what came of it.

No transaction is open while a message is on its way. A worker that dies leaves its lease to run out, and
the next one sends again under the same key: at least once, and once where the other side honours keys. A
message is tried TRIES times at most; that bounds the repeats elsewhere. Where the answer to a message was
lost it is ``unknown``, and people decide whether to send again.
"""

from __future__ import annotations

import logging
import os
import random
import socket
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from flask import Flask
from sqlalchemy import Select, select, text, update
from sqlalchemy.orm import Session

from app.kernel.actor import SYSTEM
from app.kernel.clock import now
from app.kernel.database import db
from app.kernel.settings import settings
from app.kernel.unit_of_work import UnitOfWork
from app.notices.channels import Channel, Down, OutcomeUnknown, Parcel, Refused, Undelivered, open_channels
from app.notices.models import Notice
from app.notices.services import reachable, unseal
from app.security import personal

log = logging.getLogger(__name__)

TRIES = 3
#: Longer than any channel takes over one message.
LEASE = timedelta(minutes=5)
#: After the first try; each further wait is four times as long.
FIRST_WAIT = timedelta(minutes=1)
#: While the other side can't be reached at all; such tries are not counted.
OUTAGE_WAIT = timedelta(seconds=30)
#: Messages in one run, so that the worker's other tasks get their turn.
PER_RUN = 200


def deliver(app: Flask, stopping: Callable[[], bool] = lambda: False) -> int:
    """Send what is due; returns how many were taken. Any number of workers may do this at once."""
    session = db.session()
    worker = f"{socket.gethostname()[:24]}:{os.getpid()}:{uuid4().hex[:12]}"
    channels = open_channels()
    working = set(channels)
    delivered = 0
    try:
        for _ in range(PER_RUN):
            if stopping() or not working:
                break
            claimed = _claim(session, worker, working)
            if claimed is None:
                break
            try:
                delivered += _send(session, worker, *claimed, channels)
            except Down:
                working.discard(claimed[0].channel)
    finally:
        for channel in channels.values():
            channel.close()
    return delivered


def _due(channels: set[str]) -> Select[Notice]:
    """What wants sending, oldest first. ``due_at`` of a leased notice is the end of its lease.

    The states are spelled out so that both databases can use the partial index.
    """
    return (
        select(Notice)
        .where(
            text("notice.state IN ('pending', 'sending')"),
            Notice.due_at <= now(),
            Notice.channel.in_(channels),
        )
        .order_by(Notice.due_at, Notice.id)
        .limit(1)
    )


def _claim(session: Session, worker: str, channels: set[str]) -> tuple[Notice, Parcel] | None:
    """Lease the next notice; None when nothing is due. What can't be sent at all is closed on the way."""
    while (
        session.scalar(_due(channels)) is not None
    ):  # looked at first: nothing is locked where nothing is due
        with UnitOfWork(session, SYSTEM) as uow:
            chosen = (
                _due(channels).with_for_update(skip_locked=True).execution_options(populate_existing=True)
            )
            notice = session.scalar(chosen)
            if notice is None:
                break
            if notice.attempts >= TRIES:  # that many workers died over it
                _close(notice, "unknown", "worker lost")
                continue
            try:
                parcel = _parcel(notice)
            except Refused as refused:
                _close(notice, "no_address" if refused.reason == "no address" else "failed", refused.reason)
                continue
            notice.state, notice.lease_owner = "sending", worker
            notice.lease_until = notice.due_at = now() + LEASE
            notice.attempts += 1
            uow.flush()
            return notice, parcel
    session.rollback()
    return None


def _parcel(notice: Notice) -> Parcel:
    """Raises Refused where there is nothing to send, or nowhere."""
    try:
        body, address = unseal(notice)
        if address is None and notice.person is not None and reachable(notice.person, notice.channel):
            address = personal.reveal(notice.person, "mobile" if notice.channel == "sms" else "email")
    except Exception as error:  # a sealed value that doesn't open must not stop the others
        log.exception("notice %s can't be opened", notice.id)
        raise Refused(f"unreadable ({type(error).__name__})") from error
    if not address:
        raise Refused("no address")
    if notice.channel == "email" and notice.link:
        body = f"{body}\n\n{settings().base_url}{notice.link}"
    return Parcel(notice.id, notice.key, notice.template_code, address, notice.subject, body)


def _send(
    session: Session, worker: str, notice: Notice, parcel: Parcel, channels: dict[str, Channel]
) -> bool:
    """One try. Raises Down, after giving the notice back, where its channel can't be reached."""
    attempts = notice.attempts

    def finish(**columns: Any) -> None:
        _finish(session, worker, notice.id, attempts, **columns)

    try:
        channels[notice.channel].send(parcel)
    except Down as down:
        finish(state="pending", attempts=attempts - 1, due_at=_later(OUTAGE_WAIT), error=down.reason)
        log.warning("%s can't be reached: %s", notice.channel, down.reason)
        raise
    except OutcomeUnknown as lost:
        finish(state="unknown", secret=None, error=lost.reason)
    except Refused as refused:
        finish(state="failed", secret=None, error=refused.reason)
    except Exception as error:
        reason = error.reason if isinstance(error, Undelivered) else type(error).__name__
        log.warning("notice %s, try %s: %s", notice.id, attempts, reason)
        if attempts < TRIES:
            finish(state="pending", due_at=_later(FIRST_WAIT * 4 ** (attempts - 1)), error=reason)
        else:
            finish(state="failed", secret=None, error=reason)
    else:
        finish(state="sent", secret=None, sent_at=now(), error="")
        return True
    return False


def _finish(session: Session, worker: str, notice_id: int, attempt: int, **columns: Any) -> None:
    """Note the outcome, unless another worker has taken over meanwhile: then it is theirs to tell."""
    held = (Notice.id == notice_id, Notice.lease_owner == worker, Notice.attempts == attempt)
    written = (
        update(Notice)
        .where(*held, Notice.state == "sending")
        .values(version=Notice.version + 1, changed_at=now(), lease_owner=None, lease_until=None, **columns)
        .returning(Notice.id)
    )
    with UnitOfWork(session, SYSTEM):
        if session.scalar(written) is None:
            log.warning("notice %s took longer than its lease", notice_id)


def _close(notice: Notice, state: str, reason: str) -> None:
    notice.state, notice.error, notice.secret = state, reason, None
    notice.lease_owner = notice.lease_until = None


def _later(wait: timedelta) -> datetime:
    """After ``wait``, give or take a quarter, so that what failed together doesn't come back together."""
    return now() + wait * random.uniform(0.75, 1.25)
