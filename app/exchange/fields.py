"""What an import knows of its columns, and what becomes of a row on its way in."""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from app.kernel.actor import Actor
from app.kernel.choices import Choices
from app.kernel.errors import N_, DomainError, Invalid
from app.kernel.numbering import narrow
from app.kernel.unit_of_work import UnitOfWork

#: Why rows were written, in the audit trail.
IMPORT = "import"


@dataclass(frozen=True)
class Field:
    """One column of an import. ``label`` is an English source string (or plain Chinese, where it comes from a row);
    ``options`` are what the drop-down offers, ``others`` further heads that the column is known by.
    """

    code: str
    label: str
    required: bool = False
    help: str = ""
    example: str = ""
    options: Callable[..., Sequence[str]] | None = None
    others: tuple[str, ...] = ()
    longest: int = 200


@dataclass(frozen=True)
class Problem:
    """What is wrong with one cell: the field, an English source string, its parameters."""

    field: str
    message: str
    parameters: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclass(slots=True)
class Row:
    """One row on its way in: its cells by field, what is wrong with it, and what it is going to be."""

    number: int
    cells: dict[str, str]
    key: str = ""
    problems: list[Problem] = dataclasses.field(default_factory=list)
    ready: Any = None
    #: It is there already; nothing is written.
    known: bool = False
    #: The row that was made.
    made: int | None = None

    def get(self, code: str) -> str:
        return self.cells.get(code, "")

    def refuse(self, code: str, message: str, **parameters: Any) -> None:
        """Note what is wrong with a cell."""
        self.problems.append(Problem(code, message, parameters))

    def take(self, code: str, error: DomainError) -> None:
        """Note a service's refusal at the fields that it names, else at ``code``."""
        named = getattr(error, "fields", {}) or {code: [error]}
        for place, refusals in named.items():
            for one in refusals:
                self.refuse(place if place in self.cells else code, one.message, **one.params)


@dataclass
class Made:
    """What a chunk wrote: ids by table, in the order in which they have to go again, and the Merkle roots of its rows."""

    ids: dict[str, list[int]] = dataclasses.field(default_factory=dict)
    roots: list[str] = dataclasses.field(default_factory=list)


class Loader:
    """One kind of import. Made anew for each run, so it may keep what it has looked up."""

    #: The table whose rows the workbook's rows become.
    table = ""

    def __init__(self, session: Session, actor: Actor) -> None:
        self.session, self.actor = session, actor
        self.prime()

    def prime(self) -> None:
        """Look up what rows refer to, once."""

    @classmethod
    def fields(cls, session: Session) -> Sequence[Field]:
        """The columns."""
        raise NotImplementedError

    def key(self, row: Row) -> str:
        """What makes two rows the same; empty while that isn't known."""
        raise NotImplementedError

    def prepare(self, rows: Sequence[Row]) -> None:
        """Check the rows and make ready what will be written; reads only, outside of the transaction."""
        raise NotImplementedError

    def find(self, rows: Sequence[Row]) -> None:
        """Mark rows that are there already (``known``), or refuse them; in the transaction."""
        raise NotImplementedError

    def write(self, uow: UnitOfWork, rows: Sequence[Row]) -> Made:
        """Write the rows; sets ``made`` of each."""
        raise NotImplementedError

    def undo(self, uow: UnitOfWork, made: dict[str, list[int]]) -> None:
        """Take back what a chunk wrote, beyond deleting it; takes out of ``made`` what must stay."""


def plain(text: str) -> str:
    """Text as it is kept: composed, without control signs."""
    return "".join(
        sign
        for sign in unicodedata.normalize("NFC", text).strip()
        if unicodedata.category(sign) not in ("Cc", "Cs", "Cn", "Cf")
    )


def day(text: str) -> date:
    """A date in the ways that people write it: 2019-09-01, 2019/9/1, 2019.9.1, 20190901, 2019年9月1日. Raises Invalid."""
    found = re.fullmatch(r"(\d{4})[-/.年]?(\d{1,2})[-/.月]?(\d{1,2})日?", narrow(text[:10]))
    if found:
        try:
            return date(int(found[1]), int(found[2]), int(found[3]))
        except ValueError:
            pass
    raise Invalid("not_a_date", N_("Please enter a date."))


def hundredths(text: str) -> int:
    """Credits or per cent as people write them, in hundredths. Raises Invalid."""
    folded = narrow(text).removesuffix("%").strip()
    if not re.fullmatch(r"\d{1,7}(\.\d{1,2})?", folded, re.ASCII):
        raise Invalid("not_a_number", N_("Please enter a number, with at most two decimals."))
    whole, _, part = folded.partition(".")
    return int(whole) * 100 + int(part.ljust(2, "0") or 0)


class Words:
    """Codes by what people call them: the code itself, its label in both languages."""

    def __init__(self, choices: Choices | dict[str, str], translate: Callable[[str], str]) -> None:
        pairs = choices.items() if isinstance(choices, dict) else ((one.code, one.label) for one in choices)
        self._codes: dict[str, str] = {}
        for code, label in pairs:
            for word in (code, label, translate(label)):
                self._codes.setdefault(word.casefold(), code)

    def code(self, word: str) -> str | None:
        """The code, or None for a word that nobody knows."""
        return self._codes.get(word.strip().casefold())
