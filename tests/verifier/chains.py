"""A small chain as the bank writes it, for tests that damage it."""

from __future__ import annotations

import io
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from verifier import export
from verifier.canonical import canonical
from verifier.chain import GENESIS, Row, link
from verifier.checkpoint import Checkpoint
from verifier.merkle import Frontier
from verifier.signature import key_name

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def event(number: int, what: str = "") -> bytes:
    """The canonical form of an event like the bank's."""
    body = {"state": ["initial_review", what or f"学习成果 {number}"]}
    return canonical({"seq": number, "action": "record.changed", "body": body, "subject": ["case", number]})


def chain(entries: list[bytes], first: int = 1, head: bytes = GENESIS) -> list[Row]:
    """These entries, linked."""
    rows = []
    for number, entry in enumerate(entries, first):
        head = link(head, entry)
        rows.append((number, entry, head))
    return rows


def sign(rows: list[Row], upto: int, key: Ed25519PrivateKey = KEY) -> Checkpoint:
    """A checkpoint over the first ``upto`` events."""
    tree = Frontier()
    for _number, entry, _digest in rows[:upto]:
        tree.append(entry)
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    unsigned = Checkpoint(
        upto, rows[upto - 1][2], tree.root(), f"2026-11-25T10:{upto:02d}:00+00:00", key_name(public)
    )
    return replace(unsigned, signature=key.sign(unsigned.statement()))


def write(rows: list[Row], signed: list[Checkpoint]) -> bytes:
    """An export of these events."""
    parts = [export.FORMAT + b"\n"]
    for number, entry, digest in rows:
        parts.append(export.event_line(digest, entry))
        parts += [export.checkpoint_line(point) for point in signed if point.sequence == number]
    parts.append(export.last_line(len(rows), rows[-1][2] if rows else GENESIS))
    return b"".join(parts)


def found(content: bytes, kept: tuple[Checkpoint, ...] = ()) -> str:
    """What the verifier names; empty where all is well."""
    outcome = export.check(io.BytesIO(content), PUBLIC, kept)
    return str(outcome.flaw or "")
