"""What every command has in common."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from app.kernel.errors import DomainError


def plain(command: Callable[..., Any]) -> Callable[..., Any]:
    """A refusal ends a command with its words and exit status 1, without a traceback."""

    @wraps(command)
    def run(*arguments: Any, **options: Any) -> Any:
        try:
            return command(*arguments, **options)
        except DomainError as error:
            raise click.ClickException(str(error)) from error

    return run
