"""Where files live: by the SHA-256 of their content, so that a file can't be changed under its name.

A file is written to a temporary name, synced, and renamed: it is there whole or not at all.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Protocol

from app.kernel.errors import N_, NoSpace, NotFound
from app.kernel.objects import object_storage
from app.kernel.settings import settings

_DIGEST = re.compile(r"[0-9a-f]{64}")


class Storage(Protocol):
    """What a store must do. ``digest`` is 64 hexadecimal digits."""

    def put(self, content: bytes) -> str:
        """Keep ``content``; returns its digest. Raises NoSpace."""

    def open(self, digest: str) -> BinaryIO:
        """Read a file. Raises NotFound."""

    def has(self, digest: str) -> bool:
        """Whether the store has this file."""

    def remove(self, digest: str) -> None:
        """Take a file out that nothing refers to; no complaint when it isn't there."""


class FolderStorage:
    """A store in a folder of this host (``ab/cd/abcd…``)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _path(self, digest: str) -> Path:
        if not _DIGEST.fullmatch(digest):
            raise NotFound
        return self._folder / digest[:2] / digest[2:4] / digest

    def put(self, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        path = self._path(digest)
        if path.exists():
            return digest
        temporary = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
                temporary = file.name
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
            _sync_folder(path.parent)
        except OSError as error:
            if temporary:
                with suppress(FileNotFoundError):
                    os.unlink(temporary)
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise NoSpace(
                    "no_space", N_("The store is full. Nothing was saved; please try again later.")
                ) from error
            raise
        return digest

    def open(self, digest: str) -> BinaryIO:
        try:
            return self._path(digest).open("rb")
        except FileNotFoundError as error:
            raise NotFound from error

    def has(self, digest: str) -> bool:
        return self._path(digest).exists()

    def remove(self, digest: str) -> None:
        self._path(digest).unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def store() -> Storage:
    """The store in force: a folder, or an object store (``s3://…``)."""
    if settings().storage_url.startswith("s3://"):
        return object_storage(settings().storage_url)
    return FolderStorage(Path(settings().storage_url))
