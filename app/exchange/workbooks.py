"""Workbooks that we make for people to fill in or to correct: the template with drop-downs, the list of errors."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from flask_babel import gettext
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from sqlalchemy.orm import Session

from app.exchange import reading
from app.exchange.fields import Field

if TYPE_CHECKING:
    from app.exchange.models import ImportRowError

_HEAD = PatternFill("solid", fgColor="DCE6F5")
_WRONG = PatternFill("solid", fgColor="FBE3E4")
#: As far down as the drop-downs reach.
_DEEP = 20_000


def template(session: Session, title: str, fields: Sequence[Field]) -> bytes:
    """An empty sheet with heads and drop-downs; a second one says what goes where, with an example; a third holds what the
    drop-downs offer.
    """
    book = Workbook()
    sheet: Any = book.active
    sheet.title = title[:31]
    words, offers = book.create_sheet(gettext("How to fill in")), book.create_sheet(gettext("Choices"))
    words.append([gettext("Column"), gettext("Required"), gettext("What to enter"), gettext("Example")])
    for at, field in enumerate(fields, 1):
        letter = get_column_letter(at)
        label = gettext(field.label)
        cell = sheet.cell(1, at, f"{label}*" if field.required else label)
        cell.font, cell.fill = Font(bold=True), _HEAD
        sheet.column_dimensions[letter].width = max(14, min(40, len(label) * 2 + 4))
        for row in range(2, 502):
            sheet.cell(row, at).number_format = "@"  # text: long numbers keep their digits
        options = list(field.options(session))[:_DEEP] if field.options else []
        offers.append([]) if at == 1 else None
        if options:
            for row, option in enumerate(options, 1):
                _text(offers.cell(row, at), option)
            source = f"'{offers.title}'!${letter}$1:${letter}${len(options)}"
            choice = DataValidation("list", formula1=source, allow_blank=True, errorStyle="warning")
            choice.showErrorMessage = True
            sheet.add_data_validation(choice)
            choice.add(f"{letter}2:{letter}{_DEEP}")
        needed = gettext("Yes") if field.required else ""
        help_text = (
            gettext(field.help)
            if field.help
            else gettext("Please choose one of the list.")
            if options
            else ""
        )
        words.append([label, needed, help_text, ""])
        _text(words.cell(at + 1, 4), field.example)
    sheet.freeze_panes = "A2"
    for letter, width in zip("ABCD", (24, 8, 60, 36), strict=True):
        words.column_dimensions[letter].width = width
    for cell in words[1]:
        cell.font, cell.fill = Font(bold=True), _HEAD
    return _bytes(book)


def error_workbook(
    digest: str, name: str, fields: Sequence[Field], errors: Sequence[ImportRowError]
) -> bytes:
    """The refused rows as they came, with the reason first and the cell to blame coloured, ready to be corrected and
    uploaded again; and a list of what is wrong.
    """
    labels = {field.code: gettext(field.label) for field in fields}
    book = Workbook(write_only=True)
    rows, listed = book.create_sheet(gettext("To be corrected")), book.create_sheet(gettext("Errors"))
    listed.append([gettext("Sheet"), gettext("Row"), gettext("Column"), gettext("Reason")])
    by_row: dict[int, list[ImportRowError]] = {}
    for error in errors:
        by_row.setdefault(error.row, []).append(error)
        listed.append(
            [
                _plain(rows, text)
                for text in (error.sheet, error.row, labels.get(error.column, ""), words(error))
            ]
        )
    with reading.opened(digest, name) as sheet:
        known = {reading.folded(label) for label in labels.values()}
        _number, heads = reading.head(sheet, known)
        rows.append([_plain(rows, text) for text in (gettext("Reason"), *heads)])
        for number, cells in sheet.rows:
            if number in by_row:
                wrong = {labels.get(error.column, "") for error in by_row[number]}
                wrong = {reading.folded(label) for label in wrong}
                reason = "；".join(f"{labels.get(one.column, '')}：{words(one)}" for one in by_row[number])
                marked = [
                    _plain(rows, text, at < len(heads) and reading.folded(heads[at]) in wrong)
                    for at, text in enumerate(cells)
                ]
                rows.append([_plain(rows, reason, True), *marked])
    return _bytes(book)


def words(error: ImportRowError) -> str:
    """The reason in the reader's language."""
    parameters = {
        key: gettext(value) if isinstance(value, str) and value else value
        for key, value in error.parameters.items()
    }
    return gettext(error.reason, **parameters)


def _plain(sheet: Any, value: Any, wrong: bool = False) -> Any:
    """A cell that holds text, whatever the text looks like."""
    cell = WriteOnlyCell(sheet, value=None)
    _text(cell, value)
    if wrong:
        cell.fill, cell.alignment = _WRONG, Alignment(wrap_text=False)
    return cell


def _text(cell: Any, value: Any) -> None:
    text = str(value).lstrip("\0") if not isinstance(value, int) else value
    cell.value = text
    if isinstance(text, str):
        cell.data_type = "s"
        cell.number_format = "@"


def _bytes(book: Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
