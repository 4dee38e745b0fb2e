"""Codes that prove a mobile or mailbox: six digits, 10 minutes, five tries, used once, bound to a session (spec 5).

Asking for a code never looks whether anybody is known: the request writes a sealed row, and the worker finds out
whom to send it to, if to anyone. So neither the answer nor its time can tell (ADR 0015).
"""

from __future__ import annotations

import hmac
import json
import secrets
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, update

from app.kernel.clock import now
from app.kernel.errors import N_, TooMany
from app.kernel.settings import settings
from app.kernel.unit_of_work import UnitOfWork
from app.security import personal, throttles
from app.security.models import VerificationCode

#: How long what a code proved can be made use of.
PROOF = timedelta(minutes=15)
_HOUR = timedelta(hours=1)


def ask(uow: UnitOfWork, purpose: str, target: str, binding: str, whom: dict[str, Any]) -> VerificationCode:
    """Issue a code for ``target`` (what the limits count by); the worker sends it to ``whom``.

    ``binding`` is a secret of the asker's session. Raises TooMany: one a minute, five an hour, and so many an
    address.
    """
    policy, moment, index = settings().policies, now(), _index(purpose, target)
    if not throttles.allow(
        uow.session, throttles.key("codes", uow.actor.address), policy.address_codes, _HOUR
    ):
        raise TooMany(
            "code_limit", N_("Too many codes were asked for from here. Please try again in an hour.")
        )
    throttles.locked(uow.session, throttles.key("code", index.hex()))  # two at once wait for one another
    last, count = uow.session.execute(
        select(func.max(VerificationCode.sent_at), func.count()).where(
            VerificationCode.target_index == index, VerificationCode.sent_at > moment - _HOUR
        )
    ).one()
    if last is not None and moment < last + timedelta(seconds=policy.wait):
        left = int((last + timedelta(seconds=policy.wait) - moment).total_seconds()) + 1
        raise TooMany("code_wait", N_("Please wait %(seconds)s seconds before the next code."), seconds=left)
    if count >= policy.codes:
        raise TooMany("code_hour", N_("No more codes for now. Please try again in an hour."))
    code = f"{secrets.randbelow(10**6):06d}"
    content = json.dumps({"code": code, "whom": whom}).encode()
    row = VerificationCode(
        purpose=purpose,
        target_index=index,
        binding=personal.keyed("code binding", binding),
        code_hash=_digest(purpose, binding, code),
        sent_at=moment,
        expires_at=moment + timedelta(minutes=policy.code),
        payload=personal.seal_bytes("code", index.hex(), content),
    )
    uow.session.add(row)
    uow.flush()
    return row


def unsealed(row: VerificationCode) -> tuple[str, dict[str, Any]]:
    """The code and whom to send it to, for the worker only. Raises Unreadable."""
    content = json.loads(personal.open_bytes("code", row.target_index.hex(), row.payload or b""))
    return content["code"], content["whom"]


def redeem(uow: UnitOfWork, purpose: str, target: str, binding: str, code: str) -> int | None:
    """The proof that ``code`` gives (an id for :func:`spend`), or None: wrong, used, too late, a sixth try.

    Counting the try is one conditional UPDATE, so of many at once each counts, and one redeems.
    """
    newest = (
        select(func.max(VerificationCode.id))
        .where(
            VerificationCode.target_index == _index(purpose, target),
            VerificationCode.binding == personal.keyed("code binding", binding),
        )
        .scalar_subquery()
    )
    tried = uow.session.execute(
        update(VerificationCode)
        .where(
            VerificationCode.id == newest,
            VerificationCode.purpose == purpose,
            VerificationCode.used_at.is_(None),
            VerificationCode.tries < settings().policies.tries,
            VerificationCode.expires_at > now(),
        )
        .values(tries=VerificationCode.tries + 1)
        .returning(VerificationCode.id, VerificationCode.code_hash)
    ).one_or_none()
    given = _digest(purpose, binding, code.strip())
    if not hmac.compare_digest(tried.code_hash if tried else bytes(32), given) or tried is None:
        return None
    won = (
        update(VerificationCode)
        .where(VerificationCode.id == tried.id, VerificationCode.used_at.is_(None))
        .values(used_at=now(), payload=None)
    )
    proof: int | None = uow.session.scalar(won.returning(VerificationCode.id))
    return proof


def spend(uow: UnitOfWork, proof: int, purpose: str, target: str, binding: str) -> bool:
    """Make use of a proof, once, within :data:`PROOF`; False when it was spent, is too old or belongs elsewhere."""
    spent = (
        update(VerificationCode)
        .where(
            VerificationCode.id == proof,
            VerificationCode.purpose == purpose,
            VerificationCode.target_index == _index(purpose, target),
            VerificationCode.binding == personal.keyed("code binding", binding),
            VerificationCode.used_at > now() - PROOF,
            VerificationCode.spent_at.is_(None),
        )
        .values(spent_at=now())
    )
    return uow.session.scalar(spent.returning(VerificationCode.id)) is not None


def _index(purpose: str, target: str) -> bytes:
    return personal.keyed("code target", f"{purpose}\0{target}")


def _digest(purpose: str, binding: str, code: str) -> bytes:
    return personal.keyed("code", f"{purpose}\0{binding}\0{code}")
