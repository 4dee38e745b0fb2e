"""Passwords: argon2id, a length by kind of account, no rule of composition, and none that is easily guessed (spec 5).

How easily is estimated by zxcvbn over common passwords, names, keyboards and dates, with what we know of the person,
and by a short list of local habits that it doesn't know.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn_rs_py import zxcvbn

from app.kernel.errors import N_, Invalid
from app.kernel.settings import settings

_hasher = PasswordHasher()
#: Verified against when nobody of that name exists, so that the answer takes the same time.
_DUMMY = _hasher.hash("nobody has this password")
#: A part of a person that must not be found in their password has at least so many signs.
_TELLING = 4


class Strength(StrEnum):
    """弱, 中, 强."""

    WEAK = "weak"
    FAIR = "fair"
    STRONG = "strong"


def hashed(password: str) -> str:
    """The hash to store."""
    return _hasher.hash(password)


def matches(stored: str | None, password: str) -> bool:
    """Whether ``password`` is right; without a stored hash it takes the same work and is wrong."""
    try:
        return _hasher.verify(stored or _DUMMY, password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


def strength(password: str, avoid: Iterable[str] = ()) -> Strength:
    """How hard ``password`` is to guess for somebody who knows ``avoid`` (name, pinyin, dates)."""
    if not password or _habit(password) or _personal(password, avoid):
        return Strength.WEAK
    score = int(zxcvbn(password[: settings().policies.longest], [part for part in avoid if part]).score)
    return (Strength.WEAK, Strength.WEAK, Strength.FAIR, Strength.STRONG, Strength.STRONG)[score]


def check(password: str, *, staff: bool, avoid: Iterable[str] = ()) -> None:
    """Raises Invalid for a password that is too short, too long, easily guessed, or holds something of the person
    (``avoid``).
    """
    policy, parts = settings().policies, tuple(avoid)
    shortest = policy.staff_shortest if staff else policy.learner_shortest
    if not shortest <= len(password) <= policy.longest:
        raise Invalid(
            "password_length",
            N_("A password has %(shortest)s to %(longest)s characters."),
            shortest=shortest,
            longest=policy.longest,
        )
    if _personal(password, parts):
        raise Invalid(
            "password_personal",
            N_("Please choose a password without your name, birth date or identity number."),
        )
    if strength(password, parts) is Strength.WEAK:
        raise Invalid("password_common", N_("This password is too easy to guess. Please choose another."))


def _personal(password: str, avoid: Iterable[str]) -> bool:
    low = password.casefold()
    return any(len(part) >= _TELLING and part.casefold() in low for part in avoid)


def _habit(password: str) -> bool:
    """A habit, bare or with digits and signs around it."""
    low = password.casefold()
    return low in _habits() or low.strip("0123456789!@#$%^&*._-?") in _habits()


@cache
def _habits() -> frozenset[str]:
    lines = (Path(__file__).parent / "habits.txt").read_text("utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))
