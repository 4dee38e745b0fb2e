"""The disk is full while somebody uploads: 507, no orphan file, and an event that says so."""

from __future__ import annotations

import errno
import io
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.achievements.models import Achievement
from app.audit.models import AuditEvent
from app.catalogue.models import Category
from app.demo import papers
from app.evidence.models import EvidenceFile
from app.kernel import storage
from app.kernel.database import db
from tests.support.house import House
from tests.support.proof import measured
from tests.support.story import Cast, log_in, post

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


def _files(house: House) -> set[Path]:
    return {path for path in (house.folder / "evidence").rglob("*") if path.is_file()}


def _upload(demo: Flask) -> Any:
    category = db.session.scalars(select(Category).where(Category.code == "performance_work")).one()
    line = next(row for row in category.requirements)
    picture = papers.certificate("工作证明", "张三", "1", "某公司", "2021-03-01")
    data = {
        "name": "仓储管理工作", "issuer": "某公司", "obtained_on": "2021-03-01",
        f"evidence_{line.id}": (io.BytesIO(picture), "证明.jpg"),
    }  # fmt: skip
    return post(log_in(demo, "learner"), f"/me/achievements/add?category={category.id}", data)


def _full(*_: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_a_full_disk_refuses_the_upload_whole(
    demo: Flask, house: House, backend: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, rows = _files(house), db.session.scalar(select(func.count()).select_from(Achievement))
    files = db.session.scalar(select(func.count()).select_from(EvidenceFile))
    monkeypatch.setattr(storage.os, where, _full)
    answer = _upload(demo)
    monkeypatch.undo()
    assert answer.status_code == 507
    assert "存储空间" in answer.text or "已满" in answer.text
    assert _files(house) == before, "an orphan file was left"
    db.session.rollback()
    assert db.session.scalar(select(func.count()).select_from(Achievement)) == rows
    assert db.session.scalar(select(func.count()).select_from(EvidenceFile)) == files
    last = db.session.scalars(select(AuditEvent).order_by(AuditEvent.sequence.desc()).limit(1)).one()
    assert b"no_space" in last.canonical
    measured("disk", f"full at {where}: 507, no orphan, event no_space", backend)


@SQLITE
def test_without_its_clean_up_an_orphan_would_stay_mutant(
    demo: Flask, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _files(house)
    monkeypatch.setattr(storage.os, "replace", _full)
    monkeypatch.setattr(storage.os, "unlink", lambda *_: None)
    _upload(demo)
    monkeypatch.undo()
    assert _files(house) != before


@SQLITE
def test_with_room_again_the_same_upload_passes(demo: Flask, cast: Cast, house: House) -> None:
    before = _files(house)
    assert _upload(demo).status_code == 302
    assert len(_files(house)) > len(before)
