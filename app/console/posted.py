"""What a form brings, as the plain values that services take."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from flask import request
from werkzeug.datastructures import FileStorage

from app.achievements.services import Upload
from app.kernel.errors import N_, Invalid, NotFound
from app.kernel.numbering import whole
from app.review.services import Seen


def posted_key(name: str) -> int:
    """The row id or version that a form brings in a hidden field. Raises NotFound when it is no such number."""
    key = whole(request.form.get(name, ""))
    if key is None:
        raise NotFound
    return key


def uploads(files: Sequence[FileStorage], **where: Any) -> list[Upload]:
    """The files of a field; ``where`` says what they are for. A field left empty brings none."""
    return [Upload(file.filename or "", file.read(), **where) for file in files if file.filename]


def posted_attestation() -> Seen:
    """An attestation of a paper original, as the review desk's form has it. Raises Invalid."""
    form = request.form
    try:
        return Seen(
            original=form.get("original", ""),
            place=form.get("place", ""),
            seen_on=date.fromisoformat(form.get("seen_on", "")),
            pages=int(form.get("pages", "")),
            copy_kept_at=form.get("copy_kept_at", ""),
            keep_until=date.fromisoformat(form.get("keep_until", "")),
        )
    except ValueError as error:
        raise Invalid(
            "attestation", N_("Please say which original was seen, where, and where the copy is kept.")
        ) from error
