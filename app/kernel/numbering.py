"""Numbers as people read and type them, numbers of cases, and codes that they type."""

from __future__ import annotations

import secrets
from datetime import date

#: Without 0 O 1 I L: what is printed must survive being read aloud and typed.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


#: Longest number that any column can hold, in digits.
_LONGEST = 18


def whole(text: str) -> int | None:
    """The row id or version that ``text`` writes in plain digits, None for anything else: ``"²".isdigit()`` is true, and
    ``int`` raises for it; ``int`` takes signs, blanks, underscores and the digits of every script.
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _LONGEST else None


#: Full-width signs, as Chinese keyboards type them.
_NARROW = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}


def narrow(text: str) -> str:
    """Full-width signs as the plain ones that they stand for. Not NFKC: that reads "10²" as 102."""
    return text.translate(_NARROW).strip()


def decimal(hundredths: int) -> str:
    """Hundredths (of a credit, of a per cent) as people write them, with up to two decimals: 300 → 3, 250 → 2.5."""
    whole, rest = divmod(abs(hundredths), 100)
    digits = f"{whole}.{rest:02d}".rstrip("0").rstrip(".")
    return f"-{digits}" if hundredths < 0 else digits


def case_number(prefix: str, day: date, key: int) -> str:
    """The number of a case, e.g. ``ZH-2026-000042``: kind, year of submission, row id."""
    return f"{prefix}-{day.year}-{key:06d}"


def verification_code() -> str:
    """An unguessable code for a printed document: 16 signs, some 79 bits."""
    return "".join(secrets.choice(ALPHABET) for _ in range(16))
