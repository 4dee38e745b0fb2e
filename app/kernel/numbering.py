"""Numbers that people read out and codes that they type."""

from __future__ import annotations

import secrets
from datetime import date

#: Without 0 O 1 I L: what is printed must survive being read aloud and typed.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


def case_number(prefix: str, day: date, key: int) -> str:
    """The number of a case, e.g. ``ZH-2026-000042``: kind, year of submission, row id."""
    return f"{prefix}-{day.year}-{key:06d}"


def verification_code() -> str:
    """An unguessable code for a printed document: 16 signs, some 79 bits."""
    return "".join(secrets.choice(ALPHABET) for _ in range(16))
