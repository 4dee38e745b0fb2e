"""The hash chain: how an event's hash is made, and where a chain is broken."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

GENESIS = bytes(32)


def link(previous: bytes, canonical: bytes) -> bytes:
    """The hash of an event: SHA-256 over the previous event's hash and the event's canonical bytes."""
    return hashlib.sha256(previous + canonical).digest()


@dataclass(frozen=True)
class Flaw:
    """The first event that doesn't fit, and what is wrong with it."""

    sequence: int
    what: str


def first_flaw(
    events: Iterable[tuple[int, bytes, bytes]], *, previous: bytes = GENESIS, after: int = 0
) -> Flaw | None:
    """Walk ``(sequence, canonical, hash)`` in order from the event after ``after``; None when the chain is
    whole.
    """
    expected = after + 1
    for sequence, canonical, digest in events:
        if sequence != expected:
            return Flaw(expected, f"missing: found {sequence} in its place")
        if link(previous, canonical) != digest:
            return Flaw(
                sequence, "altered: its hash does not follow from its content and the event before it"
            )
        previous, expected = digest, sequence + 1
    return None
