"""The part of a catalogue item's form that its category's rows make: one input per catalogue field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import render_template, request
from flask_babel import gettext
from markupsafe import Markup
from wtforms import Field
from wtforms.utils import unset_value

from app.catalogue import services
from app.catalogue.models import CatalogueItem, Category
from app.kernel.database import db
from app.kernel.errors import Invalid
from app.kernel.numbering import whole


class _Widget:
    def __call__(self, field: ValuesField, **_kwargs: Any) -> Markup:
        return Markup(render_template("catalogue/_values.html", field=field))  # noqa: S704  (a template's)


class ValuesField(Field):
    """An item's ``values``. Inputs are named ``<field>-<code>``; what they mean is checked by the category's rows."""

    widget = _Widget()
    css, unit = "", ""
    #: what was typed, and what is wrong with it, by code
    typed: dict[str, Any] | None
    wrong: dict[str, list[str]]
    process_errors: list[str]

    @property
    def category(self) -> Category | None:
        """The category of the item whose form this is; None where there is no item yet."""
        key = whole(str((request.view_args or {}).get("pk", "")))
        item = db.session.get(CatalogueItem, key) if key is not None else None
        return item.category if item else None

    @property
    def inputs(self) -> list[tuple[Any, str, Any, list[str]]]:
        """(category field, name of its input, what stands in it, what is wrong with it)."""
        fields = services.item_fields(self.category) if self.category else []
        typed: Mapping[str, Any] = self.typed if self.typed is not None else (self.data or {})
        return [
            (one, f"{self.name}-{one.code}", typed.get(one.code), self.wrong.get(one.code, []))
            for one in fields
        ]

    def process(self, formdata: Any, data: Any = unset_value, extra_filters: Any = None) -> None:
        self.process_errors, self.wrong, self.typed = [], {}, None
        self.raw_data = None
        self.data = self.object_data = dict(data) if isinstance(data, Mapping) else {}
        if formdata and self.category is not None:
            self._take(formdata, self.category)

    def _take(self, formdata: Any, category: Category) -> None:
        fields = services.item_fields(category)
        self.typed = {
            one.code: formdata.getlist(f"{self.name}-{one.code}")
            if one.multiple
            else formdata.get(f"{self.name}-{one.code}", "")
            for one in fields
        }
        try:
            self.data = services.values_of(category, self.typed or {}, self.object_data)
        except Invalid as error:
            self.wrong = {
                code: [gettext(one.message, **one.params) for one in refusals]
                for code, refusals in error.fields.items()
            }
            self.process_errors.append(gettext(error.message))
