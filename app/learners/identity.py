"""Checks of identity documents: GB 11643 for resident identity cards, lengths for the others (spec 2.1)."""

from __future__ import annotations

import re
from datetime import date

from app.kernel.clock import today
from app.kernel.errors import N_, Invalid
from app.learners import regions
from app.security.personal import normal_identity

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"
_EARLIEST = date(1900, 1, 1)
#: Documents that are numbered like resident identity cards.
_RESIDENT = ("resident", "hmt_residence")
#: How long the numbers of the others are.
LENGTHS = {"passport": (5, 17), "hmt_permit": (8, 11), "foreign_residence": (15, 18), "officer": (6, 18)}


def check(kind: str, number: str, birth: date | None = None, gender: str = "") -> list[str]:
    """Raises Invalid, naming the fields ``identity``, ``birth_date`` or ``gender``, for a number that can't be right.

    Returns what is merely odd, as source strings: a district that no list knows.
    """
    plain = normal_identity(number)
    if birth is not None and not _EARLIEST <= birth <= today():
        raise _wrong("birth_date", N_("This date of birth can't be right."))
    if kind not in _RESIDENT:
        shortest, longest = LENGTHS[kind]
        if not shortest <= len(plain) <= longest or not re.fullmatch(r"[0-9A-Z\u4e00-\u9fff()-]+", plain):
            raise _wrong("identity", N_("This number can't be right for this kind of document."))
        return []
    if not re.fullmatch(r"[0-9]{17}[0-9X]", plain) or plain[17] != check_sign(plain[:17]):
        raise _wrong("identity", N_("This is not a valid identity number. Please check each digit."))
    born = birth_date(plain)
    if born is None:
        raise _wrong("identity", N_("This is not a valid identity number. Please check each digit."))
    if birth is not None and birth != born:
        raise _wrong("birth_date", N_("The date of birth and the identity number don't agree."))
    if gender and gender != gender_of(plain):
        raise _wrong("gender", N_("The gender and the identity number don't agree."))
    return (
        [] if regions.is_district(plain[:6]) else [N_("The district in this identity number is not known.")]
    )


def check_sign(head: str) -> str:
    """The eighteenth sign for seventeen digits (ISO 7064, MOD 11-2)."""
    return _CHECKS[sum(int(digit) * weight for digit, weight in zip(head, _WEIGHTS, strict=True)) % 11]


def birth_date(number: str) -> date | None:
    """The birth date in a resident identity number; None where it is none, or not between 1900 and today."""
    try:
        born = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return None
    return born if _EARLIEST <= born <= today() else None


def gender_of(number: str) -> str:
    """The gender in a resident identity number."""
    return "male" if int(number[16]) % 2 else "female"


def _wrong(field: str, message: str) -> Invalid:
    return Invalid(field, message, fields={field: [Invalid(field, message)]})
