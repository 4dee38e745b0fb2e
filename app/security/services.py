"""Logging in, changing a password: what decides, without a page around it."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.kernel.clock import now
from app.kernel.errors import N_, Conflict, Invalid
from app.kernel.unit_of_work import UnitOfWork
from app.security import passwords, personal
from app.security.models import Account, Person, Throttle

FAILURES, FIRST_LOCK = 5, timedelta(minutes=15)


def authenticate(uow: UnitOfWork, name: str, password: str) -> Account | None:
    """The account for ``name`` (user name, identity number or verified mobile) and ``password``; None when
    either is wrong.

    Counts failures per typed name and per address; known and unknown names cost the same and lock the same.
    Raises Conflict while locked.
    """
    keys = [_key("name", name), _key("address", uow.actor.address)]
    rows = [_throttle(uow.session, key) for key in keys]
    moment = now()
    locked = [row.locked_until for row in rows if row.locked_until and row.locked_until > moment]
    if locked:
        minutes = max(1, -(-int((max(locked) - moment).total_seconds()) // 60))
        raise Conflict(
            "locked",
            N_("Too many failed attempts. Please try again in %(minutes)s minutes."),
            minutes=minutes,
        )
    account = find_account(uow.session, name)
    if (
        passwords.matches(account.password if account else None, password)
        and account is not None
        and account.active
    ):
        for row in rows:
            row.failures = row.locks = 0
        account.last_login = moment.replace(tzinfo=None)
        account.login_count = (account.login_count or 0) + 1
        uow.record("security.login", account)
        return account
    for row in rows:
        row.failures += 1
        if row.failures >= FAILURES:
            row.locked_until = moment + FIRST_LOCK * 2**row.locks
            row.locks, row.failures = min(row.locks + 1, 10), 0
            uow.record("security.locked", row, key=row.key)
    uow.record("security.login_failed", rows[0], name=keys[0])
    return None


def find_account(session: Session, name: str) -> Account | None:
    """The account that logs in by ``name``: user name first, identity number, then a mobile that is verified
    and unique.
    """
    found = session.scalar(select(Account).where(Account.login_index == personal.login_index(name)))
    if found is not None:
        return found
    indexes = [
        personal.identity_index(kind, name)
        for kind in ("resident", "passport", "hmt_permit", "hmt_residence", "foreign_residence", "officer")
    ]
    people = session.scalars(select(Person.id).where(Person.identity_index.in_(indexes))).all()
    if not people:
        try:
            index = personal.mobile_index(name)
        except Invalid:
            return None
        people = session.scalars(
            select(Person.id).where(Person.mobile_index == index, Person.mobile_verified_at.is_not(None))
        ).all()
    if len(people) != 1:
        return None
    accounts = session.scalars(select(Account).where(Account.person_id == people[0], Account.active)).all()
    return accounts[0] if len(accounts) == 1 else None


def change_password(uow: UnitOfWork, account_id: int, old: str, new: str, *, staff: bool) -> Account:
    """修改密码: set ``new`` and end every session of the account. Raises Invalid."""
    account = uow.session.get_one(Account, account_id)
    if not passwords.matches(account.password, old):
        raise Invalid("password_wrong", N_("The present password is not right."))
    person = account.person
    avoid: tuple[str, ...] = ()
    if person is not None:
        identity = personal.reveal(person, "identity") or ""
        birth_date = (personal.reveal(person, "birth_date") or "").replace("-", "")
        avoid = tuple(part for part in (identity[-6:], birth_date, person.name) if part)
    passwords.check(new, staff=staff, avoid=avoid)
    account.password = passwords.hashed(new)
    account.epoch += 1
    uow.record("security.password_changed", account)
    return account


def _key(kind: str, value: str) -> str:
    return f"{kind}:{sha256(personal.login_index(value)).hexdigest()}"


def _throttle(session: Session, key: str) -> Throttle:
    row = session.scalar(
        select(Throttle)
        .where(Throttle.key == key)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None:
        row = Throttle(key=key, failures=0, locks=0)
        session.add(row)
        session.flush()
    return row
