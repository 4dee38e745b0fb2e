"""Keys: issuing, revoking, knowing them again; the rate; and the memory that makes a repeated request harmless."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import Engine, case, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.api.models import AccessKey, ApiAnswer, ApiUsage
from app.api.scopes import NEEDS, SCOPES
from app.kernel.actor import Actor
from app.kernel.clock import now
from app.kernel.errors import N_, DomainError, Forbidden, Invalid, NotFound
from app.kernel.unit_of_work import UnitOfWork
from app.security.current import actor_from, actor_query
from app.security.models import Account
from app.security.permissions import STAFF, authorise, holds

#: Every token begins so, that scanners of leaked secrets can tell what it is.
MARK = "cbk_"
#: How long a key lasts at most, and by default; days.
LONGEST, USUAL = 730, 365
#: How long a repeated request is still known.
REMEMBERED = timedelta(days=7)


class Unauthorised(DomainError):
    """No key, or one that is not valid (any more)."""

    status = 401

    def __init__(self) -> None:
        super().__init__("unauthorised", N_("A valid key is needed: Authorization: Bearer …"))


class TooMany(DomainError):
    """The rate of this caller is used up until the next minute."""

    status = 429

    def __init__(self) -> None:
        super().__init__("too_many", N_("Too many requests. Please wait a moment."))


@dataclass(frozen=True)
class Caller:
    """Who calls the API: the account that acts, by which key, within which scopes."""

    actor: Actor
    key_id: int
    key_name: str
    scopes: frozenset[str]


@dataclass(frozen=True)
class Rate:
    """What is left of the running minute; ``reset`` in seconds."""

    limit: int
    remaining: int
    reset: int


def usable_scopes(roles: frozenset[str]) -> list[str]:
    """The scopes that mean something for holders of ``roles``."""
    found = []
    for scope, permission in NEEDS.items():
        view, _, action = permission.partition(".")
        if holds(roles, view, f"can_{action}"):
            found.append(scope)
    return found


def issue(uow: UnitOfWork, name: str, scopes: Iterable[str], days: int = USUAL) -> tuple[AccessKey, str]:
    """A new key for the actor's own account, and its token: to be shown now and never again. Raises Invalid."""
    wanted, offered = set(scopes), set(usable_scopes(uow.actor.roles))
    if not name.strip():
        raise Invalid("name", N_("Please say which system will use the key."))
    if not wanted or not wanted <= offered:
        raise Invalid("scopes", N_("Please choose at least one of the scopes offered."))
    if not 1 <= days <= LONGEST:
        raise Invalid("days", N_("A key lasts between 1 and %(longest)s days."), longest=LONGEST)
    public, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
    token = f"{MARK}{public}_{secret}"
    key = AccessKey(
        name=name.strip()[:100],
        public=public,
        token_hash=_digest(token),
        user_id=uow.actor.user_id,
        scopes=" ".join(code for code in SCOPES.codes if code in wanted),
        expires_at=now() + timedelta(days=days),
        created_by_id=uow.actor.user_id,
    )
    uow.session.add(key)
    uow.flush()
    uow.record("api.key_issued", key, scopes=key.scopes)
    return key, token


def revoke(uow: UnitOfWork, key_id: int) -> AccessKey:
    """Make a key worthless, at once and for good. Raises Forbidden, NotFound; revoking twice changes nothing."""
    key = uow.session.scalar(
        select(AccessKey)
        .where(AccessKey.id == key_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if key is None:
        raise NotFound
    authorise(uow.actor, "AccessKeyView.revoke", key)
    if key.revoked_at is None:
        key.revoked_at, key.revoked_by_id = now(), uow.actor.user_id
        uow.flush()
        uow.record("api.key_revoked", key)
    return key


def authenticate(engine: Engine, token: str, address: str) -> Caller:
    """Who calls with this token: the account as it is now, with the roles that it has now. Raises Unauthorised."""
    if not token.startswith(MARK) or len(token) > 100:
        raise Unauthorised
    columns = (AccessKey.id.label("key_id"), AccessKey.name.label("key_name"), AccessKey.scopes)
    query = (
        actor_query(*columns)
        .join(AccessKey, AccessKey.user_id == Account.id)
        .where(
            AccessKey.token_hash == _digest(token),
            AccessKey.revoked_at.is_(None),
            AccessKey.expires_at > now(),
            Account.active,
        )
    )
    with engine.connect() as connection:
        row = connection.execute(query).one_or_none()
    if row is None:
        raise Unauthorised
    actor = actor_from(row, address)
    if not actor.roles.intersection(STAFF):
        raise Unauthorised
    return Caller(actor, row.key_id, row.key_name, frozenset(row.scopes.split()))


def require(caller: Caller, scope: str) -> None:
    """Raises Forbidden unless the key carries ``scope``."""
    if scope not in caller.scopes:
        raise Forbidden("scope", N_("This key lacks the scope %(scope)s."), scope=scope)


def take(engine: Engine, caller: str, limit: int) -> Rate:
    """Count a request of ``caller`` in the running minute. Every process counts in the same row. Raises TooMany."""
    moment = time.time()
    minute = int(moment // 60)
    reset = 60 - int(moment % 60)
    insert: Any = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[engine.dialect.name]
    same = ApiUsage.minute == minute
    counted = (
        insert(ApiUsage)
        .values(caller=caller, minute=minute, count=1)
        .on_conflict_do_update(
            index_elements=[ApiUsage.caller],
            set_={"minute": minute, "count": case((same, ApiUsage.count + 1), else_=1)},
        )
        .returning(ApiUsage.count)
    )
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        count = connection.scalar(counted)
    if count > limit:
        raise TooMany
    return Rate(limit, limit - count, reset)


def address_key(address: str) -> str:
    """How the rate of somebody without a key is counted: not by the address itself."""
    return f"address:{sha256(address.encode()).hexdigest()[:32]}"


def begin(uow: UnitOfWork, key_id: int, idempotency_key: str, fingerprint: str) -> ApiAnswer:
    """Take the place of this request's answer; its twin waits for our transaction and then finds what we answered.

    Raises Repeated where the answer is there already.
    """
    found = answered(uow.session, key_id, idempotency_key)
    if found is not None:
        raise Repeated(found)
    row = ApiAnswer(
        key_id=key_id,
        idempotency_key=idempotency_key,
        fingerprint=fingerprint,
        status=0,
        body="",
        created_by_id=uow.actor.user_id,
    )
    uow.session.add(row)
    try:
        uow.flush()
    except IntegrityError as error:
        raise Repeated(None) from error
    return row


class Repeated(Exception):
    """The same request came before; ``answer`` is None while its transaction has only just ended."""

    def __init__(self, answer: ApiAnswer | None) -> None:
        super().__init__()
        self.answer = answer


def answered(session: Session, key_id: int, idempotency_key: str) -> ApiAnswer | None:
    """The remembered answer of a request, or None."""
    return session.scalar(
        select(ApiAnswer).where(ApiAnswer.key_id == key_id, ApiAnswer.idempotency_key == idempotency_key)
    )


def again(answer: ApiAnswer, fingerprint: str) -> tuple[Any, int]:
    """Body and status as they were answered before. Raises Invalid where the key was used for something else."""
    if answer.fingerprint != fingerprint:
        raise Invalid(
            "idempotency_key_reused", N_("This idempotency key was already used for another request.")
        )
    return json.loads(answer.body), answer.status


def forget_old(uow: UnitOfWork, limit: int = 5000) -> int:
    """Forget answers that nobody will ask for again; returns how many. For the worker."""
    old = select(ApiAnswer.id).where(ApiAnswer.created_at < now() - REMEMBERED).limit(limit)
    result: Any = uow.session.execute(delete(ApiAnswer).where(ApiAnswer.id.in_(old)))
    return int(result.rowcount)


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()
