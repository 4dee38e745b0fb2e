"""Logging in, changing and resetting a password: what decides, without a page around it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import uuid4

from flask_appbuilder.security.sqla.models import Role as FabRole
from sqlalchemy import delete, literal, select, union_all
from sqlalchemy.orm import Session

from app.kernel.clock import now
from app.kernel.errors import N_, Invalid, TooMany
from app.kernel.settings import settings
from app.kernel.unit_of_work import UnitOfWork
from app.security import passwords, personal, throttles
from app.security.models import Account, Person, UserSession
from app.security.names import search_text

_NOBODY = b"\0" * 32


def authenticate(uow: UnitOfWork, name: str, password: str, kind: str = "") -> Account | None:
    """The account for ``name`` (see :func:`find_account`) and ``password``; None when either is wrong.

    Failures are counted by typed name, by address and by account. Known and unknown names cost the same and lock
    alike; an account that is locked under another of its names answers as to a wrong password, so that nobody learns
    which names belong together. Raises TooMany while locked.
    """
    by_name = throttles.locked(uow.session, throttles.key("name", f"{kind}\0{name}"))
    by_address = throttles.locked(uow.session, throttles.key("address", uow.actor.address))
    refuse_locked(by_name.locked_until, by_address.locked_until)
    account = find_account(uow.session, name, kind)
    whose = str(account.id) if account is not None else f"{kind}\0{name}"
    by_account = throttles.locked(uow.session, throttles.key("account", whose))
    right = passwords.matches(account.password if account else None, password)
    if right and account is not None and account.active and throttles.until(by_account) is None:
        throttles.forgive(by_name)
        throttles.forgive(by_account)
        return account
    policy = settings().policies
    for row, limit in (
        (by_name, policy.failures),
        (by_address, policy.address_failures),
        (by_account, policy.failures),
    ):
        if throttles.fail(row, limit):
            uow.record("security.locked", row, key=row.key)
    uow.record("security.login_failed", by_name, name=by_name.key)
    return None


def refuse_locked(*until: datetime | None) -> None:
    """Raises TooMany while one of these moments lies ahead, saying in how many minutes the last of them passes."""
    moment = now()
    ends = [end for end in until if end is not None and end > moment]
    if ends:
        minutes = max(1, -(-int((max(ends) - moment).total_seconds()) // 60))
        raise TooMany(
            "locked",
            N_("Too many failed attempts. Please try again in %(minutes)s minutes."),
            minutes=minutes,
        )


def entered(uow: UnitOfWork, account: Account) -> None:
    """Note a log-in that is complete, second factor included."""
    account.last_login = now().replace(tzinfo=None)
    account.login_count = (account.login_count or 0) + 1
    uow.record("security.login", account)


def find_account(session: Session, name: str, kind: str = "") -> Account | None:
    """The account that logs in by ``name``: with a document's ``kind`` its number; else a user name, a resident
    identity number, or a mobile that is verified and unique, in this order.

    One query whatever is found, so that its time tells nothing.
    """
    found: dict[str, list[int]] = {"login": [], "identity": [], "mobile": []}
    for way, key in session.execute(union_all(*_ways(name, kind))).tuples():
        found[way].append(key)
    keys = found["login"] or found["identity"] or found["mobile"]
    accounts = session.scalars(select(Account).where(Account.id.in_(keys or [0]))).unique().all()
    if len(accounts) > 1 and not found["login"] and len({account.person_id for account in accounts}) == 1:
        # Somebody with a learner's and a staff account: staff log in by their user name.
        accounts = [a for a in accounts if {role.name for role in a.roles} <= {"Learner"}]
    return accounts[0] if len(accounts) == 1 else None


def _ways(name: str, kind: str) -> list[Any]:
    mobile = _NOBODY
    with suppress(Invalid):  # no mobile: the query is the same
        mobile = personal.mobile_index(name)
    login = personal.login_index(name) if not kind else _NOBODY
    people = select(literal("identity"), Account.id).join(Person, Person.id == Account.person_id)
    holders = select(literal("mobile"), Account.id).join(Person, Person.id == Account.person_id)
    return [
        select(literal("login"), Account.id).where(Account.login_index == login),
        people.where(
            Person.identity_index == personal.identity_index(kind or "resident", name), Account.active
        ),
        holders.where(
            Person.mobile_index == (mobile if not kind else _NOBODY),
            Person.mobile_verified_at.is_not(None),
            Account.active,
        ),
    ]


def avoided(person: Person | None, *more: str) -> tuple[str, ...]:
    """What must not be in this person's password: name, pinyin, birth date, tail of the identity number."""
    if person is None:
        return tuple(filter(None, more))
    identity = personal.reveal(person, "identity") or ""
    birth = personal.reveal(person, "birth_date") or ""
    return telling(person.name, identity, birth, *more)


def telling(name: str, identity: str, birth: str, *more: str) -> tuple[str, ...]:
    """Parts of a person that others know and would try: ``birth`` as ``2001-02-03``."""
    digits = birth.replace("-", "")
    parts = (*search_text(name).split(), identity[-6:], digits, digits[2:], digits[4:] + digits[:4], *more)
    return tuple(part for part in dict.fromkeys(parts) if part)


def is_password(uow: UnitOfWork, account_id: int, password: str) -> bool:
    """Whether this is the account's present password. Wrong ones are counted, so whoever finds a session open can't
    go on guessing; the unit of work has to commit for that. Raises TooMany while locked.
    """
    account = uow.session.get_one(Account, account_id)
    tries = throttles.locked(uow.session, throttles.key("password", str(account_id)))
    refuse_locked(tries.locked_until)
    if passwords.matches(account.password, password):
        throttles.forgive(tries)
        return True
    if throttles.fail(tries, settings().policies.failures):
        uow.record("security.locked", tries, key=tries.key)
    return False


def change_password(uow: UnitOfWork, account_id: int, new: str, *, staff: bool) -> Account:
    """修改密码: set ``new`` and end every session of the account. Raises Invalid. The edge has asked for the old one."""
    account = uow.session.get_one(Account, account_id)
    set_password(uow, account, new, staff=staff)
    return account


def set_password(uow: UnitOfWork, account: Account, new: str, *, staff: bool) -> None:
    """Give an account a password, and end its sessions. Raises Invalid."""
    passwords.check(new, staff=staff, avoid=avoided(account.person))
    account.password = passwords.hashed(new)
    end_sessions(uow, account)
    uow.record("security.password_changed", account)


def end_sessions(uow: UnitOfWork, account: Account) -> None:
    """End every session of the account, everywhere."""
    account.epoch += 1
    uow.flush()
    uow.session.execute(delete(UserSession).where(UserSession.user_id == account.id))


def is_staff(account: Account) -> bool:
    """Whether staff's stricter rules hold for an account."""
    return not {role.name for role in account.roles} <= {"Learner"}


def new_account(
    uow: UnitOfWork, person: Person, roles: Iterable[str], *, login: str = "", password: str | None = None
) -> Account:
    """An account for ``person`` (flushed). ``login`` is the chosen user name, ``password`` is hashed already."""
    mark = uuid4().hex
    account = Account(
        username=f"u-{mark}",
        email=f"{mark}@invalid",
        first_name="-",
        last_name="-",
        active=True,
        password=password,
        person_id=person.id,
    )
    account.person = person
    account.roles = list(uow.session.scalars(select(FabRole).where(FabRole.name.in_(list(roles)))))
    uow.session.add(account)
    if login:
        name_account(uow.session, account, login)
    uow.flush()
    return account


def name_account(session: Session, account: Account, login: str) -> None:
    """Give an account the user name that it logs in by. Raises Invalid, naming the field ``login``."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]{3,31}", login):
        late = Invalid("login", N_("A user name has 4 to 32 letters and digits, and begins with a letter."))
        raise Invalid("login", late.message, fields={"login": [late]})
    index = personal.login_index(login)
    if session.scalar(select(Account.id).where(Account.login_index == index)) is not None:
        late = Invalid("login_taken", N_("This user name is taken. Please choose another."))
        raise Invalid("login_taken", late.message, fields={"login": [late]})
    account.login_index = index
    account.login_sealed = personal.seal_bytes("login", account.username, login.encode())


def login_of(account: Account) -> str:
    """The chosen user name, as it was typed; empty where there is none."""
    if account.login_sealed is None:
        return ""
    return personal.open_bytes("login", account.username, account.login_sealed).decode()
