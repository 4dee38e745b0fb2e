"""Quotas, the virus scanner, the object store, and signals on what was brought."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest
from flask import Flask
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from sqlalchemy import func, select, text

from app.achievements import signals
from app.achievements.models import Achievement, AchievementEvidence
from app.evidence import services
from app.evidence.models import EvidenceFile
from app.kernel import settings as kernel_settings
from app.kernel.actor import SYSTEM
from app.kernel.clock import today
from app.kernel.database import db
from app.kernel.errors import Invalid, NotFound, TooLarge, Unavailable
from app.kernel.objects import ObjectStorage
from app.kernel.settings import settings
from app.kernel.storage import store
from app.kernel.unit_of_work import UnitOfWork
from tests.support.access import fresh
from tests.support.fakes import Bucket, running, scanner
from tests.support.story import Cast, log_in

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)

Configure = Callable[..., None]


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Configure:
    def change(**values: object) -> None:
        monkeypatch.setattr(kernel_settings, "_current", replace(settings(), **values))  # type: ignore[arg-type]

    return change


def picture(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (80, 60), colour).save(out, "PNG")
    return out.getvalue()


def keep(learner: int, content: bytes) -> EvidenceFile:
    with UnitOfWork(db.session, SYSTEM) as uow:
        return services.keep(uow, learner, "证书.png", content)


def test_quotas_bound_one_learner_and_no_other(demo: Flask, cast: Cast, configure: Configure) -> None:
    own, other = cast.learner("learner"), cast.learner("learner2")
    held = db.session.scalar(select(func.count()).where(EvidenceFile.learner_id == own)) or 0
    configure(file_quota=held + 1)
    keep(own, picture("red"))
    with pytest.raises(TooLarge):
        keep(own, picture("blue"))
    theirs = db.session.scalar(select(func.count()).where(EvidenceFile.learner_id == other)) or 0
    configure(file_quota=theirs + 1)
    keep(other, picture("blue"))
    configure(file_quota=1000, quota=10)
    with pytest.raises(TooLarge):
        keep(other, picture("green"))


def test_a_scanner_refuses_and_its_silence_too(demo: Flask, cast: Cast, configure: Configure) -> None:
    with scanner() as address:
        configure(clamd_url=address)
        assert keep(cast.learner("learner"), picture("red")).id
        note = PngInfo()
        note.add_text("Comment", "EICAR")
        out = io.BytesIO()
        Image.new("RGB", (9, 9)).save(out, "PNG", pnginfo=note)
        with pytest.raises(Invalid, match="infected"):
            keep(cast.learner("learner"), out.getvalue())
    with pytest.raises(Unavailable):
        keep(cast.learner("learner"), picture("blue"))


def test_an_object_store_keeps_the_same(
    demo: Flask, cast: Cast, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("obstore")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    bucket = Bucket()
    with running(bucket) as port:
        url = f"s3://evidence/bank?endpoint=http://127.0.0.1:{port}"
        configure(storage_url=url)
        row = keep(cast.learner("learner"), picture("red"))
        assert store().has(row.digest)
        assert [path.split("/")[1:3] for path in bucket.objects] == [["evidence", "bank"]] * len(
            bucket.objects
        )
        assert (
            services.read(row)
            == bucket.objects[f"/evidence/bank/{row.digest[:2]}/{row.digest[2:4]}/{row.digest}"]
        )
        assert bucket.signed
        page = log_in(demo, "learner").get(f"/evidence/{row.id}")
        assert (page.status_code, page.mimetype) == (200, "image/png")
        store().remove(row.digest)
        assert not store().has(row.digest)
        with pytest.raises(NotFound):
            services.read(row)
        with pytest.raises(NotFound):
            store().open("../../etc/passwd")
    with pytest.raises(Unavailable):
        ObjectStorage(url + "&region=x").put(b"x")


def signs(cast: Cast, achievement: int) -> list[str]:
    fresh()
    return [sign.kind.code for sign in signals.of(db.session(), db.session.get_one(Achievement, achievement))]


def test_signals_are_shown_and_say_nobody_else(demo: Flask, cast: Cast) -> None:
    own = db.session.scalars(
        select(Achievement)
        .where(Achievement.learner_id == cast.learner("learner"), Achievement.certificate_number != "")
        .order_by(Achievement.id)
    ).first()
    other = db.session.scalars(
        select(Achievement).where(Achievement.learner_id == cast.learner("learner3")).order_by(Achievement.id)
    ).first()
    assert own is not None
    assert other is not None
    key, foreign = own.id, other.id
    with UnitOfWork(db.session, SYSTEM) as uow:
        row, theirs = uow.session.get_one(Achievement, key), uow.session.get_one(Achievement, foreign)
        for achievement in (row, theirs):
            file = services.keep(uow, achievement.learner_id, "x.png", picture("orange"))
            uow.session.add(
                AchievementEvidence(achievement_id=achievement.id, file_id=file.id, field_code="")
            )
        uow.session.execute(text("UPDATE achievement SET state = 'draft' WHERE id = :key"), {"key": foreign})
        theirs.origin = "self_added"
        theirs.catalogue_item_id, theirs.issuer = row.catalogue_item_id, row.issuer
        theirs.certificate_number, theirs.identity_key = row.certificate_number, row.identity_key
        row.obtained_on = today() + timedelta(days=400)
    assert signs(cast, key) == ["same_file", "same_number", "impossible_date"]
    with UnitOfWork(db.session, SYSTEM) as uow:
        uow.session.get_one(Achievement, key).obtained_on = date(1950, 1, 1)
        uow.session.execute(
            text("UPDATE achievement SET state = 'refused' WHERE id = :key"), {"key": foreign}
        )
    assert signs(cast, key) == ["same_file", "impossible_date"]


def test_signals_stand_on_the_case(demo: Flask, cast: Cast) -> None:
    from app.recognition.models import RecognitionApplication

    case = db.session.scalars(
        select(RecognitionApplication)
        .where(RecognitionApplication.state == "submitted")
        .order_by(RecognitionApplication.id)
    ).first()
    assert case is not None
    with UnitOfWork(db.session, SYSTEM) as uow:
        achievement = uow.session.get_one(Achievement, case.achievement_id)
        achievement.obtained_on = today() + timedelta(days=400)
    page = log_in(demo, "center").get(f"/console/recognition/{case.id}")
    assert page.status_code == 200
    assert "诚信提示" in page.text
