"""The sealed pack: whole as it was written, and whatever is altered in it is named, by Python and a public key alone."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from app.audit import checkpoints
from app.auditor import packs, services
from app.auditor.services import Plan
from app.evidence.models import EvidenceFile
from app.jobs.models import Job
from app.jobs.runner import carry_out
from app.kernel.actor import SYSTEM
from app.kernel.clock import today
from app.kernel.database import db
from app.kernel.storage import store
from tests.support.house import House
from tests.support.story import Cast, log_in, post
from verifier import box, sealed
from verifier.checkpoint import Checkpoint

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@pytest.fixture
def app_with_key(house: House, tmp_path: Path) -> Flask:
    """The demo with a signing key of the test's own."""
    app = house.reset(
        "demo",
        checkpoint_key_file=tmp_path / "key.pem",
        checkpoint_url=str(tmp_path / "kept"),
        checkpoint_public_key=tmp_path / "key.pub",
    )
    with app.app_context():
        yield app
        db.session.rollback()
        db.session.remove()


def sample() -> int:
    plan = Plan("conversion", today() - timedelta(days=3), today(), tolerable=4000, seed="pack")
    return Cast().act("auditor", lambda uow: services.draw(uow, plan)).id


def test_a_pack_is_sealed_and_every_alteration_named(app_with_key: Flask, tmp_path: Path) -> None:
    content = packs.seal_now(db.session(), SYSTEM, sample(), "zh")
    public = checkpoints.known_public_key()
    assert public is not None
    whole = sealed.check(content, public)
    assert whole.flaw is None
    assert whole.events > 20
    assert sealed.check(content, bytes(32)).flaw is not None
    files = box.unpack(content)
    assert {"README.txt", "verifier/__main__.py", "manifest.json", "proof.json", "events.txt"} <= files.keys()
    sheets = [name for name in files if name.startswith("sheets/")]
    assert all(files[name][:5] == b"%PDF-" for name in sheets)

    def named(changed: dict[str, bytes]) -> str:
        return str(sealed.check(box.pack(changed), public).flaw or "")

    assert named({**files, sheets[0]: files[sheets[0]] + b" "}) == f"file {sheets[0]}: altered"
    assert (
        named({name: held for name, held in files.items() if name != sheets[0]})
        == f"file {sheets[0]}: missing"
    )
    assert named({**files, "more.txt": b"x"}).startswith("file more.txt: inserted")
    forged = json.loads(files["manifest.json"])
    forged["evidence"][0]["sha256"] = "0" * 64
    assert named({**files, "manifest.json": sealed.canonical(forged)}).startswith(
        "file manifest.json: altered"
    )
    first, _, rest = files["events.txt"].partition(b"\n")
    cut = {**files, "events.txt": rest}
    assert named(cut) == "file events.txt: altered"
    assert "altered" in named({**files, "proof.json": files["proof.json"].replace(b'"paths"', b'"Paths"')})
    dice = random.Random(3)
    for _turn in range(60):
        damaged = bytearray(content)
        damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
        assert sealed.check(bytes(damaged), public).flaw is not None
    assert first.startswith(b"{")
    _offline(content, tmp_path, public)


def _offline(content: bytes, folder: Path, public: bytes) -> None:
    """As the instructions in the pack say: unzip the verifier, run it beside the pack."""
    (folder / "pack.zip").write_bytes(content)
    with zipfile.ZipFile(folder / "pack.zip") as archive:
        archive.extractall(folder, [name for name in archive.namelist() if name.startswith("verifier/")])
    row = db.session.scalars(select(EvidenceFile).order_by(EvidenceFile.id)).first()
    assert row is not None
    with store().open(row.digest) as file:
        (folder / "shown.jpg").write_bytes(file.read())
    (folder / "other.jpg").write_bytes(b"other")
    start = "import sys; sys.path.insert(0, '.'); from verifier.__main__ import main; sys.exit(main())"

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-S", "-c", start, "pack.zip", "--public-key", public.hex(), *more]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    well = run("--evidence", "shown.jpg")
    assert well.returncode == 0, well.stdout + well.stderr
    assert "the pack is as it was sealed" in well.stdout
    assert f"evidence {row.id}" in well.stdout
    assert run("--evidence", "other.jpg").returncode == 1
    (folder / "pack.zip").write_bytes(content.replace(b"SEALED PACK", b"SEALED HACK"))
    assert run().returncode == 1


def test_without_looking_at_the_signature_a_pack_of_anybodys_would_pass(
    app_with_key: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mutant control."""
    content = packs.seal_now(db.session(), SYSTEM, sample(), "zh")
    assert sealed.check(content, bytes(32)).flaw is not None
    monkeypatch.setattr(Checkpoint, "unsigned", lambda self, public: None)
    assert sealed.check(content, bytes(32)).flaw is None


def test_the_auditor_asks_and_the_worker_seals(app_with_key: Flask) -> None:
    key = sample()
    client = log_in(app_with_key, "auditor")
    assert post(client, f"/console/audit/samples/{key}/pack", {}).status_code == 302
    carry_out(app_with_key)
    db.session.rollback()
    job = db.session.scalars(select(Job).where(Job.kind == "sample_pack")).one()
    assert (job.state, job.error) == ("done", "")
    public = checkpoints.known_public_key()
    assert public is not None
    assert job.file_digest is not None
    with store().open(job.file_digest) as file:
        assert sealed.check(file.read(), public).flaw is None
