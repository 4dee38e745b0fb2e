"""Forms made from a view's columns, once at start. The one in force is told by the request alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from flask_appbuilder.forms import DynamicForm
from flask_babel import gettext
from sqlalchemy import (
    JSON,
    Boolean,
    Date,
    DateTime,
    Enum,
    Integer,
    Numeric,
    String,
    Text,
    Time,
    Uuid,
    inspect,
)
from wtforms import HiddenField

from app.console import fields
from app.console.lookups import Lookup, searched
from app.kernel.database import BasisPoints, Code, Hundredths, Moment

if TYPE_CHECKING:
    from app.console.reading import Reading

#: Never in a form: what the house itself writes, and states, which only workflows move (spec 1.4).
NEVER = frozenset({"id", "state", "version", "created_at", "created_by_id", "changed_at"})


class RecordForm(DynamicForm):
    """A form of a view; ``names`` maps each column to its field (a column called ``data`` or ``errors`` needs another name)."""

    names: dict[str, str] = {}

    def of(self, column: str) -> Any:
        """The field of a column."""
        return self[self.names[column]]

    def values(self) -> dict[str, Any]:
        """What was typed, by column."""
        return {column: _value(self.of(column)) for column in self.names}

    def changes(self) -> dict[str, Any]:
        """What was typed and differs from what the form was opened with, by column."""
        return {column: value for column, value in self.values().items() if value != _stored(self.of(column))}


def build(view: Reading, columns: Sequence[str], action: str) -> type[RecordForm]:
    """The form class over ``columns`` for ``action`` ("add", "edit"). Raises TypeError for a column that has no field."""
    taken = {*dir(RecordForm), "meta"}  # wtforms sets ``meta`` on the instance only
    names = {column: f"{column}_" if column in taken else column for column in columns}
    made = {names[column]: field_for(view, column, action) for column in columns}
    if action == "edit":
        made["version"] = HiddenField()
    return type(f"{type(view).__name__}{action.title()}Form", (RecordForm,), {**made, "names": names})


def field_for(view: Reading, column: str, action: str) -> Any:
    """The field of one column."""
    options = {"description": view.description_columns.get(column, ""), "label": view.label_columns[column]}
    extra = list((view.validators_columns or {}).get(column, ()))
    relation = view.datamodel.relation(column)
    if relation is not None:
        searched(relation.mapper.class_)
        lookup = Lookup(view, column, action)
        if relation.uselist:
            return fields.RemoteManyField(lookup=lookup, validators=[fields.optional(), *extra], **options)
        (local, *_) = relation.local_columns
        return fields.RemoteField(lookup=lookup, validators=[_presence(local.nullable), *extra], **options)
    mapped = inspect(view.datamodel.obj).column_attrs[column].columns[0]
    kind = mapped.type
    default = view.datamodel.get_col_default(column)
    if isinstance(kind, Boolean) and not mapped.nullable:
        return fields.SwitchField(default=bool(default), validators=extra, **options)
    free = mapped.nullable or default == ""
    make = next((make for base, make in _FIELDS if isinstance(kind, base)), None)
    if make is None:
        raise TypeError(f"{type(view).__name__}: no form field for {column} ({kind!r})")
    validators = [_presence(free or isinstance(kind, JSON)), *extra]
    return make(kind, {**options, "validators": validators, "default": default}, mapped.nullable)


def _presence(free: bool) -> Any:
    return fields.optional() if free else fields.needed()


def _text(field: type[fields.TextField]) -> Callable[..., Any]:
    def make(kind: Any, options: dict[str, Any], nullable: bool) -> Any:
        options["validators"] += fields.limits(kind.length)
        return field(empty=None if nullable else "", kind=kind, **options)

    return make


def _typed(field: type[fields.TextField]) -> Callable[..., Any]:
    return lambda kind, options, _nullable: field(kind=kind, **options)


def _codes(kind: Any, options: dict[str, Any], nullable: bool) -> Any:
    def listed() -> list[tuple[str, str]]:
        return [(choice.code, str(gettext(choice.label))) for choice in kind.choices]

    return fields.ChoiceField(options=listed, blank=nullable or options["default"] is None, **options)


def _enum(kind: Any, options: dict[str, Any], nullable: bool) -> Any:
    if kind.enum_class is not None:
        raise TypeError("Python enums are Code columns here, so that their words are translated")
    return fields.ChoiceField(
        options=[(one, one) for one in kind.enums], blank=nullable or options["default"] is None, **options
    )


def _json(kind: Any, options: dict[str, Any], nullable: bool) -> Any:
    default = options["default"]() if callable(options["default"]) else options["default"]
    shape = type(default) if isinstance(default, dict | list) else None
    return fields.JsonField(
        empty=None if nullable or shape is None else shape, shape=shape, kind=kind, **options
    )


#: Column type → field, the special ones first.
_FIELDS: tuple[tuple[type[Any], Callable[..., Any]], ...] = (
    (Code, _codes),
    (Hundredths, _typed(fields.CreditsField)),
    (BasisPoints, _typed(fields.PercentField)),
    (Moment, lambda kind, options, _nullable: fields.MomentField(kind=kind, zoned=True, **options)),
    (JSON, _json),
    (Enum, _enum),
    (Boolean, lambda kind, options, _nullable: fields.YesNoField(**options)),
    (Uuid, _typed(fields.UuidField)),
    (DateTime, lambda kind, options, _nullable: fields.MomentField(kind=kind, zoned=False, **options)),
    (Date, _typed(fields.DateField)),
    (Time, _typed(fields.TimeField)),
    (Integer, _typed(fields.NumberField)),
    (Numeric, _typed(fields.NumberField)),
    (Text, _text(fields.LongTextField)),
    (String, _text(fields.TextField)),
)


def _value(field: Any) -> Any:
    return field.value if isinstance(field, fields.YesNoField) else field.data


def _stored(field: Any) -> Any:
    if isinstance(field, fields.RemoteManyField):
        return list(field.object_data or ())
    return field.object_data
