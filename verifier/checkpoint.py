"""Checkpoints: signed statements of how long the chain was, where it ended, and the root over all its events.

Outside the database a checkpoint is one line of text: its statement in canonical form, a tab, the signature in
base64.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path

from verifier.canonical import canonical
from verifier.chain import Flaw, Tip
from verifier.signature import key_name, signed_by

LOG = "credit bank audit trail 1"
FIELDS = {"at", "head", "key", "log", "root", "sequence"}


class Unreadable(ValueError):
    """Something that should be a checkpoint and isn't."""


@dataclass(frozen=True)
class Checkpoint:
    """What was signed, and the signature. ``at`` is a moment in ISO 8601; hashes have 32 bytes."""

    sequence: int
    head: bytes
    root: bytes
    at: str
    key: str
    signature: bytes = b""

    def statement(self) -> bytes:
        """The bytes that are signed."""
        return canonical(
            {
                "at": self.at,
                "head": self.head.hex(),
                "key": self.key,
                "log": LOG,
                "root": self.root.hex(),
                "sequence": self.sequence,
            }
        )

    def line(self) -> bytes:
        """The checkpoint as a line of text, without its end."""
        return self.statement() + b"\t" + base64.b64encode(self.signature)

    @property
    def name(self) -> str:
        return f"checkpoint {self.sequence}"

    def unsigned(self, public: bytes) -> Flaw | None:
        """What is wrong with the signature under this public key; None when it holds."""
        if self.key != key_name(public):
            return Flaw(self.name, f"signed by another key ({self.key}, not {key_name(public)})")
        if not signed_by(public, self.signature, self.statement()):
            return Flaw(self.name, "altered: its signature does not fit")
        return None

    def contradicts(self, tip: Tip) -> Flaw | None:
        """What is wrong with a chain that has reached this checkpoint's event; None when it is the one signed."""
        if tip.head == self.head and tip.tree.root() == self.root:
            return None
        return Flaw(
            f"event {self.sequence}",
            f"rewritten: the chain up to it is not the one that {self.name} was signed over on {self.at}",
        )

    def beyond(self, tip: Tip) -> Flaw | None:
        """What is wrong with a chain that ends at ``tip``, before this checkpoint."""
        if self.sequence <= tip.sequence:
            return None
        return Flaw(
            f"event {tip.sequence + 1}",
            f"cut off: {self.name} was signed over {self.sequence} events on {self.at}",
        )


def read_line(line: bytes) -> Checkpoint:
    """A checkpoint from its line; only the very bytes that :meth:`Checkpoint.line` writes. Raises Unreadable."""
    statement, _, signature = line.rstrip(b"\n").partition(b"\t")
    try:
        said = json.loads(statement)
        if set(said) != FIELDS or said["log"] != LOG:
            raise Unreadable("this is not a checkpoint of the audit trail")
        found = Checkpoint(
            int(said["sequence"]),
            bytes.fromhex(said["head"]),
            bytes.fromhex(said["root"]),
            str(said["at"]),
            str(said["key"]),
            base64.b64decode(signature, validate=True),
        )
    except (ValueError, TypeError, KeyError) as error:
        raise Unreadable("this is not a checkpoint of the audit trail") from error
    if found.line() != line.rstrip(b"\n"):
        raise Unreadable("this checkpoint is not written as it was")
    return found


def read_kept(place: Path) -> list[Checkpoint]:
    """The checkpoints in a file (one a line), or in all ``*.checkpoint`` files of a folder. Raises Unreadable."""
    files = sorted(place.glob("*.checkpoint")) if place.is_dir() else [place]
    found = []
    for file in files:
        for line in file.read_bytes().splitlines():
            try:
                found.append(read_line(line))
            except Unreadable as error:
                raise Unreadable(f"{file.name}: {error}") from error
    return sorted(found, key=lambda checkpoint: checkpoint.sequence)
