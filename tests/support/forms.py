"""What a browser would send for the form on a page: read off its HTML, nothing added."""

from __future__ import annotations

from html.parser import HTMLParser


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[dict[str, list[str]]] = []
        self._fields: dict[str, list[str]] | None = None
        self._select = self._text = ""
        self._content: list[str] = []
        self._first: str | None = None
        self._many = False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        have = {name: value or "" for name, value in attributes}
        if tag == "form":
            self._fields = {}
            self.forms.append(self._fields)
        elif self._fields is None:
            return
        elif tag == "input" and have.get("name"):
            ticked = have.get("type") not in ("checkbox", "radio") or "checked" in have
            if ticked and have.get("type") not in ("submit", "button", "file"):
                self._add(have["name"], have.get("value", "on"))
        elif tag == "textarea":
            self._text, self._content = have.get("name", ""), []
        elif tag == "select":
            self._select, self._first, self._many = have.get("name", ""), None, "multiple" in have
        elif tag == "option" and self._select:
            value = have.get("value", "")
            if "selected" in have:
                self._add(self._select, value)
                self._first = None
                self._select = self._select if self._many else ""
            elif self._first is None:
                self._first = value

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._text:
            # A line end right after the tag is not part of the text; browsers send CRLF.
            self._add(
                self._text,
                "".join(self._content).removeprefix("\r\n").removeprefix("\n").replace("\n", "\r\n"),
            )
            self._text = ""
        elif tag == "select":
            if self._select and not self._many and self._first is not None:
                self._add(self._select, self._first)
            self._select = ""
        elif tag == "form":
            self._fields = None

    def handle_data(self, data: str) -> None:
        if self._text:
            self._content.append(data)

    def _add(self, name: str, value: str) -> None:
        assert self._fields is not None
        self._fields.setdefault(name, []).append(value)


def forms_of(page: str) -> list[dict[str, list[str]]]:
    """The fields of every form on a page, by name, as a browser would send them untouched."""
    reader = _Reader()
    reader.feed(page)
    return reader.forms


def filled(page: str, having: str = "csrf_token") -> dict[str, list[str]]:
    """The fields of the last form that has a field called ``having``."""
    return [form for form in forms_of(page) if having in form][-1]
