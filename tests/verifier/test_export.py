"""The offline verifier names the first row that is altered, missing, inserted, reordered or cut off, and a whole that
was rewritten.
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import verifier
from tests.verifier.chains import PUBLIC, chain, event, found, sign, write
from verifier import checkpoint as checkpoints
from verifier.chain import Flaw

ENTRIES = [event(number) for number in range(1, 13)]
ROWS = chain(ENTRIES)
POINTS = [sign(ROWS, 5), sign(ROWS, 10)]
WHOLE = write(ROWS, POINTS)


def test_what_the_bank_wrote_is_whole() -> None:
    assert found(WHOLE) == ""
    assert found(WHOLE, (POINTS[0],)) == ""


def test_every_single_byte_counts() -> None:
    """One bit of each byte in turn, the two events after the last checkpoint and the end line included."""
    dice = random.Random(7)
    for place in range(len(WHOLE)):
        damaged = bytearray(WHOLE)
        damaged[place] ^= 1 << dice.randrange(8)
        assert found(bytes(damaged)), f"byte {place}: {WHOLE[place - 20 : place + 20]!r}"


def test_an_altered_event_is_named() -> None:
    rows = list(ROWS)
    rows[6] = (7, event(7, "approved"), rows[6][2])
    assert found(write(rows, POINTS)).startswith("event 7: altered")


def test_a_missing_event_is_named() -> None:
    assert found(write(ROWS[:3] + ROWS[4:], POINTS)).startswith("event 4: missing")


def test_an_inserted_event_is_named() -> None:
    foreign = (0, event(4, "x"), bytes(32))
    assert found(write([*ROWS[:3], foreign, *ROWS[3:]], POINTS)).startswith("event 4: inserted")


def test_two_events_in_the_wrong_order_are_named() -> None:
    assert found(write([*ROWS[:3], ROWS[4], ROWS[3], *ROWS[5:]], POINTS)).startswith("event 4: reordered")


def test_a_cut_off_end_is_named_up_to_the_last_checkpoint_that_the_reader_knows() -> None:
    short = write(ROWS[:7], POINTS[:1])
    assert found(short, (POINTS[1],)).startswith("event 8: cut off")
    assert found(WHOLE[: WHOLE.index(b"Z\t")]).startswith("event 13: cut off")


def test_a_chain_rewritten_from_some_event_on_is_named() -> None:
    changed = chain([*ENTRIES[:6], event(7, "approved"), *ENTRIES[7:]])
    assert re.match(r"event 10: rewritten: .*checkpoint 10", found(write(changed, POINTS)))
    assert found(write(changed, [POINTS[0]]), (POINTS[1],)).startswith("event 10: rewritten")
    forged = sign(changed, 10, Ed25519PrivateKey.generate())
    assert found(write(changed, [POINTS[0], forged])).startswith("checkpoint 10: signed by another key")


def test_without_its_checkpoint_a_rewritten_chain_would_pass() -> None:
    """The control: it is the signature that tells, so the test above does not pass by itself."""
    changed = chain([*ENTRIES[:6], event(7, "approved"), *ENTRIES[7:]])
    assert found(write(changed, [])) == ""


def test_a_checkpoint_that_is_not_compared_lets_a_rewritten_chain_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    changed = chain([*ENTRIES[:6], event(7, "approved"), *ENTRIES[7:]])
    monkeypatch.setattr(checkpoints.Checkpoint, "contradicts", lambda self, tip: None)
    assert found(write(changed, POINTS)) == ""


def test_it_runs_without_our_house(tmp_path: Path) -> None:
    """With the public key alone: no application, no database, no package of anybody's; exit status tells."""
    package = tmp_path / "verifier"
    package.mkdir()
    for source in Path(verifier.__file__).parent.glob("*.py"):
        (package / source.name).write_bytes(source.read_bytes())
    (tmp_path / "trail").write_bytes(WHOLE)
    (tmp_path / "damaged").write_bytes(WHOLE.replace("成果 7".encode(), "成果 8".encode()))
    (tmp_path / "key.pub").write_text(PUBLIC.hex())

    def run(name: str, *more: str) -> subprocess.CompletedProcess[str]:
        start = "import sys; sys.path.insert(0, '.'); from verifier.__main__ import main; sys.exit(main())"
        bare = [sys.executable, "-I", "-S", "-c", start]
        return subprocess.run(
            [*bare, name, "--public-key", "key.pub", *more],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    well = run("trail")
    assert well.returncode == 0, well.stderr
    assert "12 events, 10 of them under a signed checkpoint" in well.stdout
    ill = run("damaged")
    assert ill.returncode == 1
    assert "event 7: altered" in ill.stdout
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "1.checkpoint").write_bytes(sign(ROWS, 12).line() + b"\n")
    (tmp_path / "short").write_bytes(write(ROWS[:10], POINTS))
    cut = run("short", "--checkpoints", "kept")
    assert cut.returncode == 1
    assert "event 11: cut off" in cut.stdout
    assert run("absent").returncode == 2


def test_flaws_read_as_a_sentence() -> None:
    assert str(Flaw("event 3", "altered")) == "event 3: altered"
