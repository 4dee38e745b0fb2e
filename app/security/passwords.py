"""Passwords: argon2id, a length by kind of account, and a short list of what everybody tries first (spec 5)."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.kernel.errors import N_, Invalid

LEARNER_SHORTEST, STAFF_SHORTEST, LONGEST = 8, 12, 64
#: Local habits; compared without case.
COMMON = frozenset(
    [
        "12345678",
        "123456789",
        "1234567890",
        "88888888",
        "66666666",
        "11111111",
        "00000000",
        "11223344",
        "a1234567",
        "a12345678",
        "abc12345",
        "abcd1234",
        "password",
        "password1",
        "passw0rd",
        "qwertyui",
        "qwerty123",
        "1qaz2wsx",
        "woaini1314",
        "woaini520",
        "5201314520",
        "asdf1234",
        "iloveyou",
        "admin@123",
        "admin123",
        "admin1234",
        "admin@1234",
        "gdou1234",
        "gdou@2020",
        "xuefenyinhang",
        "cbgd1234",
        "p@ssw0rd",
    ]
)
_hasher = PasswordHasher()
#: Verified against when nobody of that name exists, so that the answer takes the same time.
_DUMMY = _hasher.hash("nobody has this password")


def hashed(password: str) -> str:
    """The hash to store."""
    return _hasher.hash(password)


def matches(stored: str | None, password: str) -> bool:
    """Whether ``password`` is right; without a stored hash it takes the same work and is wrong."""
    try:
        return _hasher.verify(stored or _DUMMY, password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


def check(password: str, *, staff: bool, avoid: tuple[str, ...] = ()) -> None:
    """Raises Invalid for a password that is too short, too long, common, or holds something of the person
    (``avoid``).
    """
    shortest = STAFF_SHORTEST if staff else LEARNER_SHORTEST
    if not shortest <= len(password) <= LONGEST:
        raise Invalid(
            "password_length",
            N_("A password has %(shortest)s to %(longest)s characters."),
            shortest=shortest,
            longest=LONGEST,
        )
    low = password.casefold()
    if low in COMMON or len(set(low)) < 4:
        raise Invalid("password_common", N_("This password is too easy to guess. Please choose another."))
    if any(len(part) >= 4 and part.casefold() in low for part in avoid):
        raise Invalid(
            "password_personal",
            N_("Please choose a password without your name, birth date or identity number."),
        )
