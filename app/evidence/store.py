"""The store of evidence that the settings name."""

from __future__ import annotations

from pathlib import Path

from app.kernel.settings import settings
from app.kernel.storage import FolderStorage, Storage


def store() -> Storage:
    """The store in force."""
    return FolderStorage(Path(settings().storage_url))
