"""Codes under attack (spec 5): reuse, a sixth try, expiry, 20 in parallel, and finding out who is known by words or by
time. ``python -m tests.hostile.timing`` measures 2,000 each and prints the figures.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select

from app.kernel import settings as kernel_settings
from app.kernel.actor import VISITOR, Actor
from app.kernel.database import db
from app.kernel.errors import TooMany
from app.kernel.settings import settings
from app.kernel.unit_of_work import UnitOfWork
from app.security import codes, services, throttles
from app.security.models import Throttle, VerificationCode
from tests.hostile.timing import (
    ask_and_forget,
    ask_early_return,
    known_numbers,
    measure,
    unknown_numbers,
    where,
)
from tests.support.access import send
from tests.support.story import Cast, post

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
MOBILE, BINDING = "+8613900139000", "this browser"


def ask(target: str = MOBILE, actor: Actor = VISITOR) -> str:
    with UnitOfWork(db.session, actor) as uow:
        row = codes.ask(uow, "register", target, BINDING, {"channel": "sms", "address": target})
        return codes.unsealed(row)[0]


def redeem(code: str, purpose: str = "register", target: str = MOBILE, binding: str = BINDING) -> int | None:
    with UnitOfWork(db.session, VISITOR) as uow:
        return codes.redeem(uow, purpose, target, binding, code)


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


def test_used_once(app: Flask) -> None:
    code = ask()
    proof = redeem(code)
    assert proof is not None
    assert redeem(code) is None
    with UnitOfWork(db.session, VISITOR) as uow:
        assert codes.spend(uow, proof, "register", MOBILE, BINDING)
        assert not codes.spend(uow, proof, "register", MOBILE, BINDING)


@SQLITE
def test_bound_to_session_purpose_and_number(app: Flask) -> None:
    code = ask()
    assert redeem(code, binding="another browser") is None
    assert redeem(code, purpose="recover") is None
    assert redeem(code, target="+8613900139001") is None
    assert redeem(code) is not None


def test_sixth_try(app: Flask) -> None:
    code = ask()
    assert [redeem(wrong(code)) for _ in range(5)] == [None] * 5
    assert redeem(code) is None
    assert db.session.scalar(select(VerificationCode.tries)) == 5


@SQLITE
def test_mutant_without_the_limit_takes_the_sixth(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: with more tries allowed than five, the database itself refuses."""
    from sqlalchemy.exc import IntegrityError

    policies = replace(settings().policies, tries=9)
    monkeypatch.setattr(kernel_settings, "_current", replace(settings(), policies=policies))
    code = ask()
    assert [redeem(wrong(code)) for _ in range(5)] == [None] * 5
    with pytest.raises(IntegrityError):
        redeem(code)


@SQLITE
def test_expiry(app: Flask) -> None:
    code = ask()
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=10, seconds=1)):
        assert redeem(code) is None
    assert redeem(code) is not None


@SQLITE
def test_a_new_code_ends_the_one_before(app: Flask) -> None:
    first = ask()
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=61)):
        second = ask()
        assert first == second or redeem(first) is None
        assert redeem(second) is not None


@SQLITE
def test_one_a_minute_and_five_an_hour(app: Flask) -> None:
    start = datetime.now(UTC)
    with time_machine.travel(start, tick=False) as clock:
        ask()
        with pytest.raises(TooMany):
            ask()
        for _ in range(4):
            clock.shift(61)
            ask()
        clock.shift(61)
        with pytest.raises(TooMany):
            ask()
        clock.shift(3600)
        ask()


@SQLITE
def test_limit_by_address(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    policies = replace(settings().policies, address_codes=3)
    monkeypatch.setattr(kernel_settings, "_current", replace(settings(), policies=policies))
    here, there = replace(VISITOR, address="192.0.2.1"), replace(VISITOR, address="192.0.2.2")
    for number in range(3):
        ask(f"+86139001390{number:02d}", here)
    with pytest.raises(TooMany):
        ask("+8613900139099", here)
    ask("+8613900139099", there)


def in_threads(app: Flask, step: Callable[[], object], count: int = 20) -> list[object]:
    """``step`` that many times at once, each as another process would take it."""

    def run(_number: int) -> object:
        with app.app_context():
            try:
                return step()
            except TooMany:
                return TooMany
            finally:
                db.session.remove()

    db.session.rollback()
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_twenty_at_once_redeem_one(app: Flask) -> None:
    code = ask()
    answers = in_threads(app, lambda: redeem(code))
    assert sum(answer is not None for answer in answers) == 1


def test_twenty_at_once_get_one_code(app: Flask) -> None:
    answers = in_threads(app, ask)
    assert sum(answer is not TooMany for answer in answers) == 1
    assert db.session.scalar(select(func.count(VerificationCode.id))) == 1


def test_twenty_wrong_at_once_count_five(app: Flask) -> None:
    code = ask()
    assert in_threads(app, lambda: redeem(wrong(code))) == [None] * 20
    assert db.session.scalar(select(VerificationCode.tries)) == 5
    assert redeem(code) is None


@SQLITE
def test_time_does_not_tell_who_is_known(demo: Flask) -> None:
    known, unknown = known_numbers(120), unknown_numbers(120)
    honest = measure(demo, ask_and_forget, known, unknown)
    if honest.p <= 0.01:  # one run in a hundred would fail by chance: twice in a row it doesn't
        honest = measure(demo, ask_and_forget, known, unknown)
    assert honest.p > 0.01, honest
    mutant = measure(demo, ask_early_return, known, unknown)
    assert mutant.p < 0.01, mutant


@SQLITE
def test_words_do_not_tell_who_is_known(demo: Flask) -> None:
    pages = []
    for name in ("learner", "nobody-at-all", "13800138012", "13912345678"):
        client = demo.test_client()
        answers = [
            send(client, "/recover/", {"kind": "", "name": name}),
            send(client, "/recover/verify/", {"send": "1", "channel": "sms"}),
            send(client, "/recover/verify/", {"code": "123456"}),
        ]
        pages.append([(a.status_code, a.headers.get("Location"), where(a.text)) for a in answers])
    assert all(page == pages[0] for page in pages)


# --- logging in


def test_five_failures_lock_and_the_lock_doubles(demo: Flask, cast: Cast) -> None:
    def attempt(name: str, password: str = "wrong", address: str = "192.0.2.7") -> object:
        with UnitOfWork(db.session, replace(VISITOR, address=address)) as uow:
            return services.authenticate(uow, name, password)

    with time_machine.travel(datetime.now(UTC), tick=False) as clock:
        for number, lock in enumerate((15, 30, 60)):
            for turn in range(5):
                assert attempt("learner", address=f"192.0.2.{number}{turn}") is None
            with pytest.raises(TooMany) as locked:
                attempt("learner", "Demo-learner-2026", address="198.51.100.1")
            assert locked.value.params["minutes"] == lock
            clock.shift(lock * 60 + 1)
        assert attempt("learner", "Demo-learner-2026", address="198.51.100.1") is not None
        for name in ("a", "b", "c", "d", "e"):
            attempt(name, address="203.0.113.9")
        with pytest.raises(TooMany):
            attempt("learner2", "Demo-learner2-2026", address="203.0.113.9")


@SQLITE
def test_an_account_is_locked_under_all_its_names_without_saying_so(demo: Flask, cast: Cast) -> None:
    with UnitOfWork(db.session, VISITOR) as uow:
        account = services.find_account(uow.session, "learner")
        assert account is not None
        row = throttles.locked(uow.session, throttles.key("account", str(account.id)))
        for _ in range(5):
            throttles.fail(row, 5)
    answer = post(demo.test_client(), "/login/", {"username": "learner", "password": "Demo-learner-2026"})
    assert answer.status_code == 401
    assert "账号或密码" in answer.text
    assert db.session.scalar(select(Throttle.failures).where(Throttle.key.startswith("name:"))) == 1
