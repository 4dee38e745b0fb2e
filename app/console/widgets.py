"""What form fields draw: plain HTML of Bootstrap 5.3, no script of their own."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup, escape
from wtforms.widgets import CheckboxInput, TextArea, TextInput, html_params

import app.console.formats as formats


class Line(TextInput):
    """One line; ``kind`` is HTML's type."""

    def __init__(self, kind: str = "text", **attributes: Any) -> None:
        super().__init__(kind)
        self.attributes = attributes

    def __call__(self, field: Any, **kwargs: Any) -> Markup:
        return super().__call__(field, **{**self.attributes, **kwargs})


class Lines(TextArea):
    """Several lines."""

    def __init__(self, rows: int = 5, **attributes: Any) -> None:
        self.attributes = {"rows": rows, **attributes}

    def __call__(self, field: Any, **kwargs: Any) -> Markup:
        return super().__call__(field, **{**self.attributes, **kwargs})


class Switch(CheckboxInput):
    """A yes or no."""

    def __call__(self, field: Any, **kwargs: Any) -> Markup:
        return super().__call__(field, role="switch", **kwargs)


class RemoteSelect:
    """A select that holds only what is chosen; the script looks the rest up. Without script the choice stays as it is."""

    validation_attrs = ["required", "disabled"]

    def __init__(self, *, multiple: bool = False) -> None:
        self.multiple = multiple

    def __call__(self, field: Any, **kwargs: Any) -> Markup:
        kwargs.setdefault("id", field.id)
        if self.multiple:
            kwargs["multiple"] = True
        options = [] if self.multiple else ['<option value=""></option>']
        options += [
            Markup('<option value="{}" selected>{}</option>').format(escape(key), text)
            for key, text in field.chosen()
        ]
        parameters = html_params(name=field.name, **{"data-remote": field.lookup.url}, **kwargs)
        return Markup(f"<select {parameters}>{''.join(options)}</select>")  # noqa: S704  (each part is escaped)


def option(row: Any, key: Any) -> tuple[str, str]:
    """A record as an option of a select."""
    return str(key), formats.name(row)
