"""Proofs come in two sizes: a small one in ``make test``, the full figures by ``make proof``, which prints one table."""

from __future__ import annotations

import json
import os
from pathlib import Path


def full() -> bool:
    """Whether this is ``make proof``."""
    return os.environ.get("CREDITBANK_PROOF") == "full"


def amount(small: int, whole: int) -> int:
    """How often to try: ``small`` in the suite, ``whole`` for the published figures."""
    return whole if full() else small


def measured(line: str, figure: str, backend: str = "sqlite") -> None:
    """Note a figure for a line of the table (see ``tests/proof/lines.py``)."""
    file = os.environ.get("CREDITBANK_PROOF_FIGURES")
    if file:
        with Path(file).open("a", encoding="utf-8") as out:
            out.write(json.dumps({"line": line, "figure": figure, "backend": backend}) + "\n")
