"""Files by their digest: there whole or not at all, and only by a digest."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from app.kernel import storage
from app.kernel.errors import NoSpace, NotFound
from app.kernel.numbering import narrow, whole
from app.kernel.storage import FolderStorage


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_file_is_found_by_its_digest_and_kept_once(tmp_path: Path) -> None:
    store = FolderStorage(tmp_path)
    digest = store.put(b"paper")
    assert digest == hashlib.sha256(b"paper").hexdigest()
    assert store.put(b"paper") == digest
    assert store.open(digest).read() == b"paper"
    assert len(_files(tmp_path)) == 1
    store.remove(digest)
    store.remove(digest)
    assert not store.has(digest)
    with pytest.raises(NotFound):
        store.open(digest)


def test_only_digests_are_names(tmp_path: Path) -> None:
    store = FolderStorage(tmp_path / "store")
    (tmp_path / "secret").write_bytes(b"x")
    for name in (
        "../secret",
        "/etc/passwd",
        "",
        "a" * 63,
        "A" * 64,
        "a" * 64 + "\n",
        "..",
        "a" * 65,
        "²" * 64,
    ):
        for ask in (store.open, store.has, store.remove):
            with pytest.raises(NotFound):
                ask(name)


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_failing_disk_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(code, "failing")

    monkeypatch.setattr(storage.os, call, fail)
    with pytest.raises(OSError if code == errno.EIO else NoSpace):
        FolderStorage(tmp_path).put(b"paper")
    monkeypatch.undo()
    assert _files(tmp_path) == []


def test_it_is_synced_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(storage.os, "fsync", lambda fd: (order.append("fsync"), fsync(fd)))
    monkeypatch.setattr(storage.os, "replace", lambda a, b: (order.append("replace"), replace(a, b)))
    FolderStorage(tmp_path).put(b"paper")
    assert order == ["fsync", "replace", "fsync"]


def test_numbers_from_outside() -> None:
    """``"²".isdigit()`` is true, and ``int`` raises for it."""
    assert [whole(text) for text in ("0", "7", "007", "9" * 18)] == [0, 7, 7, int("9" * 18)]
    odd = (
        "",
        " 1",
        "+1",
        "-1",
        "1_0",
        "²",
        "１",
        "٣",
        "1.0",
        "1e3",
        "0x1",
        "9" * 19,
        "9" * 5000,
        "\0",
        "1\n",
        "Ⅷ",
        "①",
    )
    assert [whole(text) for text in odd] == [None] * len(odd)
    assert narrow("１２．５０　") == "12.50"
    assert narrow("10²") == "10²"
