"""What a view declares, checked and completed once at start.

Nothing is left to Flask-AppBuilder's defaults: those take every column and every relationship (spec 6).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Boolean, Integer, Numeric, inspect

from app.console.filters import RESERVED, RelationFilter, filter_for
from app.console.forms import NEVER, build
from app.console.interface import Records
from app.console.labels import LABELS
from app.console.lookups import Lookup, searched

if TYPE_CHECKING:
    from app.console.reading import Reading


class Misdeclared(TypeError):
    """A view that says too little or too much; the application doesn't start with it."""


def complete(view: Reading) -> None:
    """Check the view's declaration and fill in what follows from it. Raises Misdeclared."""
    for group, columns in (("show", "show_columns"), ("add", "add_columns"), ("edit", "edit_columns")):
        groups = getattr(view, f"{group}_fieldsets")
        if groups:
            setattr(view, columns, [name for _title, options in groups for name in options["fields"]])
    _demand(view)
    view.related_views = view.related_views or []
    view._related_views = []
    view.formatters_columns = view.formatters_columns or {}
    view.description_columns = view.description_columns or {}
    view.base_filters = view.base_filters or []
    view._base_filters = view.datamodel.get_filters().add_filter_list(view.base_filters)
    view.order_columns = _order_columns(view)
    view.label_columns = _labels(
        view,
        {*view.list_columns, *view.show_columns, *view.add_columns, *view.edit_columns, *view.search_columns},
    )
    view.all_filters = [*(_filter(view, column) for column in view.search_columns), *view.filters]
    clash = RESERVED.intersection(name for one in view.all_filters for name in one.parameters)
    if clash:
        raise _fault(
            view, f"search_columns: {', '.join(clash)} means something else in the address of a list"
        )


def make_forms(view: Reading) -> None:
    """Make the forms of the pages that the view has. Raises Misdeclared."""
    try:
        if view.add is not None:
            view.add_form = build(view, view.add_columns, "add")
        if view.edit is not None:
            view.edit_form = build(view, view.edit_columns, "edit")
    except (KeyError, TypeError) as error:
        raise _fault(view, f"forms: {error}") from error


def is_number(model: type[Any], column: str) -> bool:
    """Whether a column holds amounts."""
    mapped = inspect(model).column_attrs.get(column)
    kind = mapped.columns[0].type if mapped is not None else None
    plain = getattr(kind, "impl", kind)
    return isinstance(plain, Integer | Numeric) and not isinstance(plain, Boolean)


def _demand(view: Reading) -> None:
    if not isinstance(view.datamodel, Records):
        raise _fault(view, "datamodel must be Records(Model)")
    if not view.label or not view.label_plural:
        raise _fault(view, "label and label_plural are missing")
    for name in ("list_columns", "show_columns", "search_columns", "add_columns", "edit_columns"):
        if getattr(view, name) is None:
            raise _fault(view, f"{name} is missing: say which columns, [] for none")
    if not view.list_columns or not view.show_columns:
        raise _fault(view, "list_columns and show_columns must name something")
    barred = NEVER.intersection({*view.add_columns, *view.edit_columns})
    if barred:
        raise _fault(view, f"{', '.join(sorted(barred))} is never in a form")
    if view.edit is not None and not view.datamodel.has_version:
        raise _fault(
            view,
            "its model has no version column, so a stale save would go unseen: derive from FactView, or set edit = None",
        )
    for column in (*view.list_columns, *view.show_columns):
        _known(view, column)


def _known(view: Reading, column: str) -> None:
    model = view.datamodel.obj
    for part in column.split("."):
        if not hasattr(model, part):
            raise _fault(view, f"there is no {column}")
        relation = inspect(model).relationships.get(part)
        if relation is None:
            return
        model = relation.mapper.class_


def _labels(view: Reading, columns: Iterable[str]) -> dict[str, Any]:
    found = {**LABELS, **(view.label_columns or {})}
    nameless = sorted(column for column in columns if column not in found)
    if nameless:
        raise _fault(view, f"label_columns lacks {', '.join(nameless)}")
    return found


def _order_columns(view: Reading) -> Sequence[str]:
    """Columns of the record's own table, and listed ones unless the view says so: order leaks what a column holds."""
    own = inspect(view.datamodel.obj).column_attrs
    asked: Sequence[str] | None = view.order_columns
    if asked is None:
        return [column for column in view.list_columns if column in own]
    strange = [column for column in asked if column not in own]
    if strange:
        raise _fault(view, f"order_columns: {', '.join(strange)} is not a column of its table")
    return asked


def _filter(view: Reading, column: str) -> Any:
    label = view.label_columns[column]
    try:
        if view.datamodel.relation(column) is not None:
            lookup = Lookup(view, column)
            searched(lookup.model)
            return RelationFilter(lookup, label)
        return filter_for(view.datamodel.obj, column, label)
    except (KeyError, TypeError) as error:
        raise _fault(view, f"search_columns: {error}") from error


def _fault(view: Reading, what: str) -> Misdeclared:
    return Misdeclared(f"{type(view).__name__}: {what}")
