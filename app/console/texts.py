"""Text from outside: what a database can hold at all."""

from __future__ import annotations

import re

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def storable(text: str) -> bool:
    """Whether every database takes this text: without NUL, and without halves of surrogate pairs."""
    return _UNSTORABLE.search(text) is None
