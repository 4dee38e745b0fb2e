"""The worker's side of codes: find out whom each one goes to, and put it in the outbox.

A code asked for somebody whom nobody knows goes nowhere; whoever asked can't tell (ADR 0015).
"""

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy import select

from app.kernel.clock import now
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner
from app.notices import services as notices
from app.security import codes, personal
from app.security.models import IDENTITY_TYPES, Person, VerificationCode
from app.security.services import find_account

log = logging.getLogger(__name__)

CHANNELS = {"sms": "mobile", "email": "email"}
_PER_RUN = 50


def send_codes(uow: UnitOfWork) -> int:
    """Send what was asked for since; what is out of date by now is dropped. Returns how many were looked at."""
    waiting = (
        select(VerificationCode)
        .where(VerificationCode.payload.is_not(None))
        .order_by(VerificationCode.id)
        .limit(_PER_RUN)
    )
    rows = uow.session.scalars(waiting.with_for_update(skip_locked=True)).all()
    for row in rows:
        try:
            code, whom = codes.unsealed(row)
        except personal.Unreadable:
            log.exception("code %s can't be opened", row.id)
        else:
            if row.expires_at > now():
                _send(uow, row, code, whom)
        row.payload = None
    return len(rows)


def _send(uow: UnitOfWork, row: VerificationCode, code: str, whom: dict[str, Any]) -> None:
    person_id, address = _address(uow, whom)
    if address:
        minutes = -(-int((row.expires_at - row.sent_at).total_seconds()) // 60)
        notices.post(
            uow,
            "code",
            person_id,
            variables={"minutes": minutes},
            secret={"code": code},
            to={whom["channel"]: address},
            event=f"code {row.id}",
        )


def _address(uow: UnitOfWork, whom: dict[str, Any]) -> tuple[int | None, str | None]:
    """Whose code it is and where it goes: the address itself, or the bound one of whoever was named."""
    if "address" in whom:
        return whom.get("person"), whom["address"]
    part = CHANNELS[whom["channel"]]
    if "identity" in whom:
        learner = imported(uow, whom["identity"])
        person, proved = (learner.person, True) if learner is not None else (None, False)
    else:
        account = find_account(uow.session, whom["name"], whom["kind"])
        person = account.person if account is not None and account.active else None
        proved = person is not None and getattr(person, f"{part}_verified_at") is not None
    return (person.id, personal.reveal(person, part)) if person is not None and proved else (None, None)


def imported(uow: UnitOfWork, identity: str) -> Learner | None:
    """The learner with this document's number who was imported and has not activated yet."""
    numbers = [personal.identity_index(kind, identity) for kind in IDENTITY_TYPES.codes]
    found = uow.session.scalars(
        select(Learner)
        .join(Person, Person.id == Learner.person_id)
        .where(Person.identity_index.in_(numbers), Learner.user_id.is_(None), Learner.standing == "imported")
    ).all()
    return found[0] if len(found) == 1 else None
