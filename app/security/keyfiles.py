"""Secrets made on first start and kept under the data folder, readable by their owner only (never in
production).
"""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path


def secret_key_file(path: Path) -> str:
    """The signing key in ``path``, made when absent."""
    return _read_or_make(path, lambda: secrets.token_urlsafe(48))


def data_keys_file(path: Path) -> tuple[bytes, ...]:
    """The key-encryption keys in ``path`` (base64, one a line, newest last), one made when absent."""
    text = _read_or_make(path, lambda: base64.b64encode(secrets.token_bytes(32)).decode())
    return tuple(base64.b64decode(line) for line in text.split())


def _read_or_make(path: Path, make: object) -> str:
    try:
        # Exclusive creation: of two processes that start at once, one makes the key and both use it.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read(path)
    with os.fdopen(descriptor, "w") as file:
        file.write(make())  # type: ignore[operator]
    return _read(path)


def _read(path: Path) -> str:
    for _ in range(100):
        text = path.read_text().strip()
        if text:
            return text
        os.sched_yield()
    raise SystemExit(f"{path} is empty; remove it or put the key back")
