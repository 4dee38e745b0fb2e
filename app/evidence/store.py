"""The store of evidence: the house's one store of files."""

from __future__ import annotations

from app.kernel.storage import store

__all__ = ["store"]
