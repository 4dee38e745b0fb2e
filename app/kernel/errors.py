"""Errors that people see. Each carries a code; the edge (page, command, API) turns it into words.

Services raise these early; they never carry translated text, so that one error reads right in every
language. ``message`` is the English source string, marked with :func:`N_` for the catalogues; ``params``
fill its ``%(name)s``.
"""

from __future__ import annotations

from typing import Any


def N_(message: str) -> str:
    """Mark a source string for translation without translating it yet."""
    return message


class DomainError(Exception):
    """A refusal with a stable ``code``, a translatable ``message`` and an HTTP ``status``."""

    status = 400

    def __init__(self, code: str, message: str, **params: Any) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.params = params

    def __str__(self) -> str:
        """English words, for logs and commands."""
        return self.message % self.params if self.params else self.message


class Invalid(DomainError):
    """What was typed can't be taken. ``fields`` maps a field's name to its own refusals."""

    status = 422

    def __init__(
        self, code: str, message: str, fields: dict[str, list[DomainError]] | None = None, **params: Any
    ) -> None:
        super().__init__(code, message, **params)
        self.fields = fields or {}


class Forbidden(DomainError):
    """The actor may not do this."""

    status = 403


class NotFound(DomainError):
    """There is no such row, or none that this actor may know of: the two are never told apart."""

    status = 404

    def __init__(self) -> None:
        super().__init__("not_found", N_("This record does not exist, or it is not yours to see."))


class Conflict(DomainError):
    """Somebody else was first, or the row is no longer in the state that the actor saw."""

    status = 409


class TooMany(DomainError):
    """Too often for now: a lock or a limit that passes with time."""

    status = 429


class TooLarge(DomainError):
    """An upload over the limit."""

    status = 413


class NoSpace(DomainError):
    """The store has no room left; nothing was written."""

    status = 507


class Unavailable(DomainError):
    """Something outside the house doesn't answer; nothing was done."""

    status = 503
