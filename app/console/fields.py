"""Form fields by column type.

Each says in ``value_of`` and ``text_of`` how text becomes a value and back. Text that still is what the form was opened
with means the stored value itself: an unchanged save changes nothing, not even the seconds of a moment.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from flask_babel import gettext, lazy_gettext
from wtforms import BooleanField, Field, SelectField
from wtforms.validators import InputRequired, Length, Optional, ValidationError

from app.console.filters import Senseless, number
from app.console.interface import Records
from app.console.lookups import Lookup
from app.console.texts import storable
from app.console.widgets import Line, Lines, RemoteSelect, Switch, option
from app.kernel.clock import CIVIL, civil
from app.kernel.numbering import decimal

_TOO_LONG = lazy_gettext("At most %(max)d characters.")
#: Longest text of a column without a limit of its own.
LONGEST_TEXT = 100_000


class Needed(InputRequired):
    """Something must be typed, and blanks are nothing."""

    def __call__(self, form: Any, field: Field) -> None:
        typed = field.raw_data and field.raw_data[0]
        if isinstance(typed, str) and not typed.strip():
            field.raw_data = []
        try:
            super().__call__(form, field)
        finally:
            field.raw_data = [typed] if typed else field.raw_data


def needed() -> InputRequired:
    """The field must be filled in."""
    return Needed(lazy_gettext("Please fill this in."))


class TextField(Field):
    """One line of text, without blanks at its ends. ``empty`` is what an empty field means, or makes it."""

    widget = Line()
    css = "form-control"
    unit = ""
    refusal = lazy_gettext("This can't be understood.")

    def __init__(
        self, label: Any = None, validators: Any = None, *, empty: Any = None, kind: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(label, validators, **kwargs)
        self.empty = empty
        self.kind = kind

    def value_of(self, text: str) -> Any:
        """The value that ``text`` means. Raises ValueError."""
        return text

    def text_of(self, value: Any) -> str:
        """``value`` as it stands in the field."""
        return str(value)

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        text = valuelist[0].replace("\r\n", "\n").strip() if valuelist else ""
        if self.object_data is not None and text == self.text_of(self.object_data).strip():
            self.data = self.object_data
            return
        self.data = self.empty() if callable(self.empty) else self.empty
        if not storable(text):
            raise ValueError(gettext("This holds characters that can't be stored."))
        if text:
            try:
                self.data = self.value_of(text)
            except Senseless as error:
                raise ValueError(str(self.refusal)) from error

    def _value(self) -> str:
        if self.raw_data:
            return "".join(letter for letter in str(self.raw_data[0]) if storable(letter))
        return "" if self.data is None else self.text_of(self.data)


class LongTextField(TextField):
    """Several lines of text."""

    widget = Lines()


class NumberField(TextField):
    """A number as its column holds it: whole, or with decimals; credits and ratios as people write them."""

    widget = Line(inputmode="decimal", autocomplete="off")
    refusal = lazy_gettext("Please enter a number that fits here.")

    def value_of(self, text: str) -> Any:
        return number(text, self.kind)


class CreditsField(NumberField):
    """Credits: decimal text ↔ hundredths."""

    refusal = lazy_gettext("Please enter credits with at most two decimals, e.g. 2.5.")

    def value_of(self, text: str) -> int:
        found: int = super().value_of(text)
        if found < 0:
            raise Senseless(text)
        return found

    def text_of(self, value: int) -> str:
        return decimal(value)


class PercentField(CreditsField):
    """A ratio: per cent ↔ basis points."""

    unit = "%"
    refusal = lazy_gettext("Please enter per cent with at most two decimals, e.g. 50.")


class DateField(TextField):
    """A civil day."""

    widget = Line("date")
    refusal = lazy_gettext("Please enter a date like 2026-10-09.")

    def value_of(self, text: str) -> date:
        try:
            found = date.fromisoformat(text)
        except ValueError as error:
            raise Senseless(text) from error
        if not 1900 <= found.year <= 2200:
            raise Senseless(text)
        return found

    def text_of(self, value: date) -> str:
        return value.isoformat()


class MomentField(TextField):
    """A moment, typed and shown on the clocks of China; ``zoned`` says that the column holds aware moments."""

    widget = Line("datetime-local")
    refusal = lazy_gettext("Please enter date and time.")

    def __init__(
        self, label: Any = None, validators: Any = None, *, zoned: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(label, validators, **kwargs)
        self.zoned = zoned

    def value_of(self, text: str) -> datetime:
        try:
            found = datetime.fromisoformat(text)
        except ValueError as error:
            raise Senseless(text) from error
        if not 1900 <= found.year <= 2200 or found.tzinfo is not None:
            raise Senseless(text)
        return found.replace(tzinfo=CIVIL).astimezone(UTC) if self.zoned else found

    def text_of(self, value: datetime) -> str:
        return (civil(value) if self.zoned else value).strftime("%Y-%m-%dT%H:%M")


class TimeField(TextField):
    """A time of day."""

    widget = Line("time")
    refusal = lazy_gettext("Please enter a time like 09:30.")

    def value_of(self, text: str) -> time:
        try:
            return time.fromisoformat(text)
        except ValueError as error:
            raise Senseless(text) from error

    def text_of(self, value: time) -> str:
        return value.strftime("%H:%M")


class UuidField(TextField):
    """A UUID."""

    refusal = lazy_gettext("Please enter a UUID.")

    def value_of(self, text: str) -> Any:
        try:
            found = uuid.UUID(text)
        except ValueError as error:
            raise Senseless(text) from error
        return found if self.kind.as_uuid else str(found)


class JsonField(TextField):
    """JSON, checked; ``shape`` is the type that the outermost value must have."""

    widget = Lines(8, spellcheck="false")
    css = "form-control cb-mono"

    def __init__(
        self, label: Any = None, validators: Any = None, *, shape: type[Any] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(label, validators, **kwargs)
        self.shape = shape

    def value_of(self, text: str) -> Any:
        try:
            found = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse)
        except json.JSONDecodeError as error:
            message = gettext(
                "This is not JSON: look at line %(line)d, column %(column)d.",
                line=error.lineno,
                column=error.colno,
            )
            raise ValueError(message) from error
        except RecursionError as error:
            raise Senseless(text) from error
        if not storable(json.dumps(found, ensure_ascii=False)):
            raise ValueError(gettext("This holds characters that can't be stored."))
        if self.shape is not None and not isinstance(found, self.shape):
            raise ValueError(
                gettext("This must be an object in braces.")
                if self.shape is dict
                else gettext("This must be a list in brackets.")
            )
        return found

    def text_of(self, value: Any) -> str:
        return json.dumps(value, ensure_ascii=False, indent=2)


class SwitchField(BooleanField):
    """A yes or no that is always one of the two."""

    widget = Switch()
    css = "form-check-input"


class ChoiceField(SelectField):
    """One of few: codes of a closed list, or nothing where the column may be empty."""

    css = "form-select"

    def __init__(
        self,
        label: Any = None,
        validators: Any = None,
        *,
        options: Any = (),
        blank: bool = False,
        **kwargs: Any,
    ) -> None:
        def choices() -> list[tuple[str, str]]:
            listed = [(str(code), str(text)) for code, text in (options() if callable(options) else options)]
            return [("", ""), *listed] if blank else listed

        super().__init__(label, validators, choices=choices, coerce=lambda value: value or None, **kwargs)

    def pre_validate(self, form: Any) -> None:
        if self.data not in [code or None for code, _text in self.choices]:
            raise ValidationError(gettext("Please choose one of the offered values."))


class YesNoField(ChoiceField):
    """Yes, no, or not known."""

    def __init__(self, label: Any = None, validators: Any = None, **kwargs: Any) -> None:
        super().__init__(
            label,
            validators,
            options=lambda: (("yes", gettext("Yes")), ("no", gettext("No"))),
            blank=True,
            **kwargs,
        )

    def process_data(self, value: Any) -> None:
        self.data = None if value is None else "yes" if value else "no"

    @property
    def value(self) -> bool | None:
        return None if self.data is None else self.data == "yes"


class RemoteField(Field):
    """One related record, looked up. ``data`` is the row."""

    widget = RemoteSelect()
    css = "form-select"
    lookup: Lookup

    def __init__(self, label: Any = None, validators: Any = None, *, lookup: Lookup, **kwargs: Any) -> None:
        super().__init__(label, validators, **kwargs)
        self.lookup = lookup

    def chosen(self) -> Iterable[tuple[str, str]]:
        records = Records(self.lookup.model)
        return [option(row, records.key_of(row)) for row in self._rows()]

    def _rows(self) -> list[Any]:
        return [] if self.data is None else [self.data]

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        rows = self._found(valuelist[:1])
        self.data = rows[0] if rows else None

    def _found(self, texts: Iterable[str]) -> list[Any]:
        """The rows behind posted keys. What the record already has may stay; anything else must be on offer."""
        records = Records(self.lookup.model)
        kept = {str(records.key_of(row)): row for row in self._stored()}
        wanted = [text for text in texts if text]
        found = {
            str(records.key_of(row)): row
            for row in self.lookup.rows(key for key in wanted if key not in kept)
        }
        found.update(kept)
        if any(text not in found for text in wanted):
            raise ValueError(gettext("Please choose one of the offered records."))
        return [found[text] for text in dict.fromkeys(wanted)]

    def _stored(self) -> list[Any]:
        return [] if self.object_data is None else [self.object_data]


class RemoteManyField(RemoteField):
    """Several related records, looked up. ``data`` is the list of rows."""

    widget = RemoteSelect(multiple=True)

    def process_data(self, value: Any) -> None:
        self.data = list(value or ())

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        self.data = []
        self.data = self._found(valuelist[:200])

    def _rows(self) -> list[Any]:
        return list(self.data or ())

    def _stored(self) -> list[Any]:
        return list(self.object_data or ())


def limits(longest: int | None) -> list[Any]:
    """The validators of a text's length."""
    return [Length(max=longest or LONGEST_TEXT, message=_TOO_LONG)]


def optional() -> Optional:
    """The field may stay empty."""
    return Optional()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(gettext("A name appears twice in this JSON."))
    return found


def _refuse(_constant: str) -> Any:
    raise ValueError(gettext("JSON knows no NaN and no infinity."))
