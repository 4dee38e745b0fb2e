"""Closed lists of codes: one row per code, from which come the CHECK, the labels, the badges and the form
choices.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import CheckConstraint


class Tone(StrEnum):
    """How a badge is coloured. The word beside it always says the same."""

    NEUTRAL = "neutral"
    INFO = "info"
    SUCCESS = "success"
    WARNING = "warning"
    DANGER = "danger"


@dataclass(frozen=True)
class Choice:
    """One code; ``label`` is an English source string, translated at the edge."""

    code: str
    label: str
    tone: Tone = Tone.NEUTRAL


class Choices:
    """An ordered closed list of :class:`Choice`. Unknown codes raise KeyError."""

    def __init__(self, *choices: Choice) -> None:
        self._by_code = {choice.code: choice for choice in choices}

    def __getitem__(self, code: str) -> Choice:
        return self._by_code[code]

    def __iter__(self) -> Iterator[Choice]:
        return iter(self._by_code.values())

    def __contains__(self, code: object) -> bool:
        return code in self._by_code

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(self._by_code)

    def check(self, column: str, *, nullable: bool = False) -> CheckConstraint:
        """The CHECK that lets only these codes into ``column``."""
        listed = ", ".join(f"'{code}'" for code in self._by_code)
        condition = f"{column} IN ({listed})"
        return CheckConstraint(
            f"{column} IS NULL OR {condition}" if nullable else condition, name=f"{column}_known"
        )
