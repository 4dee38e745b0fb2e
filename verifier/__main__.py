"""``python -m verifier FILE --public-key KEY``: is this export, or this sealed pack, as the bank wrote it?

Exit status 0: yes. 1: no, and the first thing that is wrong is named. 2: the question could not be answered.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from verifier import export, sealed
from verifier.checkpoint import Checkpoint, Unreadable, read_kept
from verifier.signature import public_key


def main(arguments: list[str] | None = None) -> int:
    """Check one file; prints what was found."""
    parser = argparse.ArgumentParser(prog="python -m verifier", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path, help="an export of the audit trail, or a sealed pack (.zip)")
    parser.add_argument(
        "--public-key", required=True, metavar="KEY", help="the bank's public key: a file, or the key itself"
    )
    parser.add_argument(
        "--checkpoints",
        type=Path,
        metavar="PLACE",
        help="checkpoints that you kept yourself: a file or a folder",
    )
    parser.add_argument(
        "--evidence",
        type=Path,
        metavar="FILE",
        action="append",
        default=[],
        help="with a pack: is this file evidence of it?",
    )
    chosen = parser.parse_args(arguments)
    try:
        public = _key(chosen.public_key)
        kept = read_kept(chosen.checkpoints) if chosen.checkpoints else []
        started = time.perf_counter()
        words = _checked(chosen.file, public, kept, chosen.evidence)
    except (OSError, Unreadable, ValueError) as error:
        print(f"{chosen.file}: {error}", file=sys.stderr)  # noqa: T201
        return 2
    taken = time.perf_counter() - started
    if words[0]:
        print(f"NOT as it was written. {words[0]}")  # noqa: T201
        return 1
    print(f"{words[1]} ({taken:.1f} s)")  # noqa: T201
    return 0


def _key(given: str) -> bytes:
    path = Path(given)
    return public_key(path.read_text(encoding="ascii") if path.is_file() else given)


def _checked(path: Path, public: bytes, kept: list[Checkpoint], evidence: list[Path]) -> tuple[str, str]:
    """(what is wrong, what is well)."""
    with path.open("rb") as file:
        packed = file.read(2) == b"PK" or path.suffix == ".zip"
        file.seek(0)
        outcome = sealed.check(file.read(), public) if packed else export.check(file, public, kept)
    if outcome.flaw:
        return str(outcome.flaw), ""
    if packed:
        return _evidence(
            path, evidence, f"Whole: the pack is as it was sealed, with {outcome.events} events."
        )
    unsigned = outcome.events - outcome.signed
    words = f"Whole: {outcome.events} events, {outcome.signed} of them under a signed checkpoint."
    if unsigned:
        words += f" The last {unsigned} are newer than the last checkpoint: only their order and content are proven."
    return "", words


def _evidence(pack: Path, shown: list[Path], words: str) -> tuple[str, str]:
    content = pack.read_bytes()
    for file in shown:
        name = sealed.same_evidence(content, file.read_bytes())
        if name is None:
            return f"file {file.name}: it is none of the evidence that was sealed, or was altered", ""
        words += f" {file.name}: {name}."
    return "", words


if __name__ == "__main__":
    sys.exit(main())
