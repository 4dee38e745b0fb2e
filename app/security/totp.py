"""The second factor: time-based codes (RFC 6238, SHA-1, 30 s, six digits) and recovery codes, each used once (spec 5)."""

from __future__ import annotations

import base64
import hmac
import secrets
import struct
import time
from urllib.parse import quote

from sqlalchemy import delete, update

from app.kernel.clock import now
from app.kernel.errors import N_, Invalid
from app.kernel.settings import settings
from app.kernel.unit_of_work import UnitOfWork
from app.security import personal, services, throttles
from app.security.models import Account, RecoveryCode

STEP, DIGITS = 30, 6
#: A clock may be off by one step.
DRIFT = 1
RECOVERY_CODES = 10


def fresh_secret() -> str:
    """A new secret, in base32 as people type it."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def code_at(secret: str, step: int) -> str:
    """The code of a time step."""
    mac = hmac.new(base64.b32decode(secret), struct.pack(">Q", step), "sha1").digest()
    offset = mac[-1] & 0xF
    number = (struct.unpack(">I", mac[offset : offset + 4])[0] & 0x7FFFFFFF) % 10**DIGITS
    return f"{number:0{DIGITS}d}"


def uri(secret: str, name: str, issuer: str) -> str:
    """What an authenticator app reads from the QR code."""
    return f"otpauth://totp/{quote(issuer)}:{quote(name)}?secret={secret}&issuer={quote(issuer)}"


def set_up(uow: UnitOfWork, account: Account, secret: str, code: str) -> list[str]:
    """Begin to ask for a second factor, once ``code`` shows that the app has the secret; returns recovery codes.

    Raises Invalid.
    """
    step = _step_of(secret, code, after=0)
    if step is None:
        raise Invalid("totp_wrong", N_("This code is not right. Please check the clock of your device."))
    account.totp_sealed = personal.seal_bytes("totp", account.username, secret.encode())
    account.totp_step = step
    uow.record("security.totp_set_up", account)
    return renew_recovery(uow, account)


def renew_recovery(uow: UnitOfWork, account: Account) -> list[str]:
    """New recovery codes; those before are void."""
    uow.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == account.id))
    fresh = [f"{secrets.token_hex(3)}-{secrets.token_hex(3)}" for _ in range(RECOVERY_CODES)]
    uow.session.add_all(
        RecoveryCode(user_id=account.id, code_hash=_recovery_digest(account, code)) for code in fresh
    )
    uow.record("security.recovery_codes", account)
    return fresh


def remove(uow: UnitOfWork, account: Account) -> None:
    """Ask for no second factor any more, e.g. because the device is lost."""
    account.totp_sealed = None
    uow.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == account.id))
    services.end_sessions(uow, account)
    uow.record("security.totp_removed", account)


def verify(uow: UnitOfWork, account: Account, code: str) -> bool:
    """Whether ``code`` is the account's present one, or an unused recovery code. Raises TooMany while locked.

    A code of the app works once: the account is locked while the last step used is looked at and kept.
    """
    row = throttles.locked(uow.session, throttles.key("totp", str(account.id)))
    services.refuse_locked(row.locked_until)
    uow.session.refresh(account, ["totp_sealed", "totp_step", "version"], with_for_update=True)
    if account.totp_sealed is not None and (_by_app(uow, account, code) or _by_recovery(uow, account, code)):
        throttles.forgive(row)
        return True
    if throttles.fail(row, settings().policies.failures):
        uow.record("security.locked", row, key=row.key)
    uow.record("security.totp_failed", account)
    return False


def _by_app(uow: UnitOfWork, account: Account, code: str) -> bool:
    secret = personal.open_bytes("totp", account.username, account.totp_sealed or b"").decode()
    step = _step_of(secret, code, after=account.totp_step)
    if step is None:
        return False
    account.totp_step = step
    return True


def _by_recovery(uow: UnitOfWork, account: Account, code: str) -> bool:
    used = (
        update(RecoveryCode)
        .where(
            RecoveryCode.user_id == account.id,
            RecoveryCode.code_hash == _recovery_digest(account, code),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=now())
    )
    won = uow.session.scalar(used.returning(RecoveryCode.id)) is not None
    if won:
        uow.record("security.recovery_code_used", account)
    return won


def _step_of(secret: str, code: str, after: int) -> int | None:
    present = int(time.time()) // STEP
    for step in range(present - DRIFT, present + DRIFT + 1):
        if step > after and hmac.compare_digest(code_at(secret, step).encode(), code.strip().encode()):
            return step
    return None


def _recovery_digest(account: Account, code: str) -> bytes:
    return personal.keyed("recovery code", f"{account.username}\0{code.strip().lower()}")
