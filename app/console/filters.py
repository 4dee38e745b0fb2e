"""Filters of lists: always visible, always in the address, read anew from each request and never kept (spec 6).

A word that makes no sense for its column (text for a number, a code that isn't one) finds nothing and is marked; it
never reaches the database.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from flask_babel import gettext
from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Date,
    DateTime,
    Enum,
    Integer,
    Numeric,
    Select,
    SmallInteger,
    String,
    inspect,
    or_,
)
from sqlalchemy.orm import InstrumentedAttribute

from app.console.texts import storable
from app.kernel.clock import CIVIL
from app.kernel.database import BasisPoints, Code, Hundredths, Moment
from app.kernel.numbering import narrow

if TYPE_CHECKING:
    from app.console.lookups import Lookup

#: Parameters of every list; no filter may be called so.
RESERVED = frozenset({"page", "size", "order", "back", "columns"})


class Senseless(ValueError):
    """A word that can't be searched for in this column."""


class Filter:
    """One filter: its parameter, its label, how it narrows a query. ``kind`` tells the template which field to draw."""

    kind = "text"

    def __init__(
        self, name: str, label: Any, apply: Callable[[Select[Any], str], Select[Any]] | None = None
    ) -> None:
        self.name = name
        self.label = label
        self._apply = apply

    @property
    def parameters(self) -> tuple[str, ...]:
        return (self.name,)

    def narrow(self, query: Select[Any], words: Mapping[str, str]) -> Select[Any]:
        """``query`` with what the address says. Raises Senseless."""
        word = words.get(self.name, "")
        if not word:
            return query
        if not storable(word):
            raise Senseless(word)
        return self.apply(query, word)

    def apply(self, query: Select[Any], word: str) -> Select[Any]:
        if self._apply is None:
            raise NotImplementedError
        return self._apply(query, word)


class ColumnFilter(Filter):
    """A filter on a column of the model, or of a related one ("person.name")."""

    def __init__(self, model: type[Any], path: str, label: Any) -> None:
        super().__init__(path, label)
        self.model = model

    def apply(self, query: Select[Any], word: str) -> Select[Any]:
        return query.where(through(self.model, self.name, lambda column: self.condition(column, word)))

    def condition(self, column: Any, word: str) -> ColumnElement[bool]:
        raise NotImplementedError


class TextFilter(ColumnFilter):
    """The text contains the word, whatever its case; ``%`` and ``_`` mean themselves."""

    def condition(self, column: Any, word: str) -> ColumnElement[bool]:
        return contains(column, word)


class ChoiceFilter(ColumnFilter):
    """One of the codes of a closed list."""

    kind = "choice"

    def __init__(
        self, model: type[Any], path: str, label: Any, options: Callable[[], Iterable[tuple[str, str]]]
    ) -> None:
        super().__init__(model, path, label)
        self.options = options

    def condition(self, column: Any, word: str) -> ColumnElement[bool]:
        if word not in dict(self.options()):
            raise Senseless(word)
        return column == word  # type: ignore[no-any-return]


class YesNoFilter(ChoiceFilter):
    """A yes or no."""

    def __init__(self, model: type[Any], path: str, label: Any) -> None:
        super().__init__(model, path, label, lambda: (("yes", gettext("Yes")), ("no", gettext("No"))))

    def condition(self, column: Any, word: str) -> ColumnElement[bool]:
        super().condition(column, word)
        return column.is_(word == "yes")  # type: ignore[no-any-return]


class NumberFilter(ColumnFilter):
    """A number; credits and ratios as people write them."""

    kind = "number"

    def condition(self, column: Any, word: str) -> ColumnElement[bool]:
        return column == number(word, column.type)  # type: ignore[no-any-return]


class DaysFilter(ColumnFilter):
    """From a civil day, to a civil day, both included."""

    kind = "days"

    @property
    def parameters(self) -> tuple[str, ...]:
        return (f"{self.name}.from", f"{self.name}.to")

    def narrow(self, query: Select[Any], words: Mapping[str, str]) -> Select[Any]:
        first, last = (_day(words.get(name, "")) for name in self.parameters)
        column = getattr(self.model, self.name)
        if first is not None:
            query = query.where(column >= _begin(first, column))
        if last is not None:
            query = query.where(
                column < _begin(last + timedelta(days=1), column) if _has_time(column) else column <= last
            )
        return query


class RelationFilter(Filter):
    """One related record, chosen by a look-up; only records that the actor may read can be searched for."""

    kind = "remote"

    def __init__(self, lookup: Lookup, label: Any) -> None:
        super().__init__(lookup.column, label)
        self.lookup = lookup

    def chosen(self, words: Mapping[str, str]) -> Any:
        """The related row that the address names, or None."""
        rows = self.lookup.rows([words.get(self.name, "")])
        return rows[0] if rows else None

    def narrow(self, query: Select[Any], words: Mapping[str, str]) -> Select[Any]:
        if not words.get(self.name):
            return query
        row = self.chosen(words)
        if row is None:
            raise Senseless(words[self.name])
        attribute = getattr(self.lookup.view.datamodel.obj, self.lookup.column)
        many = attribute.property.uselist
        return query.where(attribute.contains(row) if many else attribute == row)


def filter_for(model: type[Any], path: str, label: Any) -> ColumnFilter:
    """The filter that suits a column's type. Raises TypeError where none does."""
    kind = column_at(model, path).type
    if isinstance(kind, Code):
        return ChoiceFilter(
            model, path, label, lambda: [(one.code, gettext(one.label)) for one in kind.choices]
        )
    if isinstance(kind, Enum):
        return ChoiceFilter(model, path, label, lambda: [(one, one) for one in kind.enums])
    if isinstance(kind, Boolean):
        return YesNoFilter(model, path, label)
    if isinstance(kind, Moment | DateTime | Date) and "." not in path:
        return DaysFilter(model, path, label)
    if isinstance(kind, Hundredths | BasisPoints | Integer | Numeric):
        return NumberFilter(model, path, label)
    if isinstance(kind, String):
        return TextFilter(model, path, label)
    raise TypeError(f"{model.__name__}.{path}: no filter for {kind!r}")


def column_at(model: type[Any], path: str) -> InstrumentedAttribute[Any]:
    """The column at the end of a path like "person.name"."""
    *relations, leaf = path.split(".")
    for name in relations:
        model = inspect(model).relationships[name].mapper.class_
    inspect(model).column_attrs[leaf]  # KeyError where there is none
    return getattr(model, leaf)  # type: ignore[no-any-return]


def through(
    model: type[Any], path: str, condition: Callable[[Any], ColumnElement[bool]]
) -> ColumnElement[bool]:
    """A condition on the column at ``path``, reached through many-to-one relations."""
    first, dot, rest = path.partition(".")
    if not dot:
        return condition(getattr(model, first))
    relation = getattr(model, first)
    return relation.has(through(relation.property.mapper.class_, rest, condition))  # type: ignore[no-any-return]


def matching(model: type[Any], paths: Iterable[str], word: str) -> ColumnElement[bool]:
    """Whether one of the columns contains ``word``."""
    return or_(*(through(model, path, lambda column: contains(column, word)) for path in paths))


def contains(column: Any, word: str) -> ColumnElement[bool]:
    """Whether a text contains ``word``."""
    return column.icontains(word, autoescape=True)  # type: ignore[no-any-return]


def number(text: str, kind: Any) -> Any:
    """``text`` as a column of this type holds it, full-width signs too. Raises Senseless for what it can't hold."""
    plain = narrow(text)
    if isinstance(kind, Hundredths | BasisPoints):
        if not re.fullmatch(r"[+-]?[0-9]{1,7}(\.[0-9]{1,2})?", plain):
            raise Senseless(text)
        whole, _, rest = plain.partition(".")
        found = int(whole + rest.ljust(2, "0"))
    elif isinstance(kind, Integer):
        if not re.fullmatch(r"[+-]?[0-9]{1,19}", plain):
            raise Senseless(text)
        found = int(plain)
    else:
        if not re.fullmatch(r"[+-]?[0-9]{1,15}(\.[0-9]{1,10})?", plain):
            raise Senseless(text)
        return kind.python_type(plain)
    if not -_bound(kind) <= found < _bound(kind):
        raise Senseless(text)
    return found


def _bound(kind: Any) -> int:
    if isinstance(kind, SmallInteger):
        return 2**15
    return 2**63 if isinstance(kind, BigInteger) else 2**31


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError as error:
        raise Senseless(text) from error
    if not 1900 <= found.year <= 2200:
        raise Senseless(text)
    return found


def _has_time(column: Any) -> bool:
    return isinstance(column.type, Moment | DateTime)


def _begin(day: date, column: Any) -> date | datetime:
    if isinstance(column.type, Moment):
        return datetime.combine(day, time(), CIVIL)
    return datetime.combine(day, time()) if _has_time(column) else day
