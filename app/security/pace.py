"""Answers that could tell by their time whether somebody is known take the same time, whatever they found."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Seconds; well above what a password's hash and the writes around it take.
FLOOR = 0.4


@contextmanager
def level(wanted: Callable[[], bool] = lambda: True) -> Iterator[None]:
    """Let what happens inside take :data:`FLOOR` at least, a multiple of it when it takes longer; unless ``wanted``,
    asked at the end, says that it need not.
    """
    started = time.monotonic()
    try:
        yield
    finally:
        taken = time.monotonic() - started
        if wanted():
            time.sleep(FLOOR * (taken // FLOOR + 1) - taken)
