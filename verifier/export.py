"""An export of the audit trail: lines of text, each byte of which is covered by a hash or a signature.

First line: the format. Then ``E``, hash, canonical form for each event, and ``C``, statement, signature for each
checkpoint, right behind the last event that it covers. Last line: ``Z``, number of events, hash of the last one.
Fields are separated by tabs, which the canonical form never holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from verifier.chain import Flaw, Row, Tip, walk
from verifier.checkpoint import Checkpoint, Unreadable, read_line

FORMAT = b"credit bank audit export 1"


def event_line(digest: bytes, canonical: bytes) -> bytes:
    """The line of an event."""
    return b"E\t" + digest.hex().encode() + b"\t" + canonical + b"\n"


def checkpoint_line(checkpoint: Checkpoint) -> bytes:
    """The line of a checkpoint."""
    return b"C\t" + checkpoint.line() + b"\n"


def last_line(tip_sequence: int, head: bytes) -> bytes:
    """The line that ends an export."""
    return b"Z\t" + str(tip_sequence).encode() + b"\t" + head.hex().encode() + b"\n"


@dataclass
class Outcome:
    """What came of a check: the first flaw or None, how many events there are, how many of them lie under a signature."""

    flaw: Flaw | None
    events: int = 0
    signed: int = 0


class _Broken(Exception):
    """A line that is none; carries the flaw."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(what)
        self.flaw = Flaw(where, what)


class _Reader:
    """Hands out the events of an export, and checks what stands between them against how far the walk has come."""

    def __init__(self, file: BinaryIO, public: bytes, tip: Tip) -> None:
        self._file, self._public, self._tip = file, public, tip
        self._number = 0
        self._ended = False
        self.signed = 0

    def events(self) -> Iterator[Row]:
        if self._file.readline() != FORMAT + b"\n":
            raise _Broken("line 1", "this is not an export of the audit trail")
        for line in self._file:
            if line[:2] != b"E\t" or self._ended:
                self._other(line)
                continue
            digest = _hash(line[2:66])
            if digest is None or line[66:67] != b"\t" or line[-1:] != b"\n":
                raise _Broken(f"event {self._number + 1}", "altered: its line is not whole")
            self._number += 1
            yield self._number, line[67:-1], digest
        if not self._ended and self._tip.sequence == self._number:
            raise _Broken(f"event {self._number + 1}", "cut off: the export has no end")

    def _other(self, line: bytes) -> None:
        if self._tip.sequence != self._number:
            return  # the walk has stopped, and only looks at what follows
        if line[:2] == b"C\t" and line[-1:] == b"\n" and not self._ended:
            self._checkpoint(line[2:-1])
        elif line[:2] == b"Z\t" and not self._ended:
            self._end(line)
        else:
            raise _Broken(f"line behind event {self._number}", "altered: it is none of an export")

    def _checkpoint(self, line: bytes) -> None:
        try:
            checkpoint = read_line(line)
        except Unreadable as error:
            raise _Broken(f"checkpoint behind event {self._number}", f"altered: {error}") from error
        flaw = checkpoint.unsigned(self._public) or checkpoint.beyond(self._tip) or self._placed(checkpoint)
        if flaw:
            raise _Broken(flaw.where, flaw.what)
        self.signed = checkpoint.sequence

    def _placed(self, checkpoint: Checkpoint) -> Flaw | None:
        if checkpoint.sequence < self._number:
            return Flaw(
                f"event {checkpoint.sequence + 1}",
                f"inserted: {checkpoint.name} stands behind event {self._number}",
            )
        return checkpoint.contradicts(self._tip)

    def _end(self, line: bytes) -> None:
        if line != last_line(self._number, self._tip.head):
            raise _Broken(
                f"event {self._number + 1}",
                f"cut off or inserted: the export has {self._number} events, and its end says otherwise",
            )
        self._ended = True


def _hash(text: bytes) -> bytes | None:
    """The 32 bytes that 64 lower-case hexadecimal digits name."""
    try:
        found = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        return None
    return found if found.hex().encode() == text else None


def check(file: BinaryIO, public: bytes, kept: Sequence[Checkpoint] = ()) -> Outcome:
    """Check a whole export under this public key; ``kept`` are checkpoints that the reader had before."""
    for checkpoint in kept:
        flaw = checkpoint.unsigned(public)
        if flaw:
            return Outcome(flaw)
    tip = Tip()
    reader = _Reader(file, public, tip)
    try:
        flaw = walk(
            reader.events(), tip, {checkpoint.sequence: checkpoint.contradicts for checkpoint in kept}
        )
    except _Broken as broken:
        flaw = broken.flaw
    flaw = flaw or next(filter(None, (checkpoint.beyond(tip) for checkpoint in kept)), None)
    signed = max([reader.signed, *(checkpoint.sequence for checkpoint in kept)])
    return Outcome(flaw, tip.sequence, 0 if flaw else signed)
