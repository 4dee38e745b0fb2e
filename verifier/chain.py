"""The hash chain: how an event's hash is made, and where a chain is broken."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from verifier.merkle import Frontier

GENESIS = bytes(32)

#: (number, canonical bytes, hash) of one event, as a database or an export holds it.
Row = tuple[int, bytes, bytes]


def link(previous: bytes, canonical: bytes) -> bytes:
    """The hash of an event: SHA-256 over the previous event's hash and the event's canonical bytes."""
    return sha256(previous + canonical).digest()


@dataclass(frozen=True)
class Flaw:
    """What doesn't fit: its name (``event 17``, ``file sheets/ZH-1.pdf``), and what is wrong with it."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass
class Tip:
    """How far a chain was walked: the last event's number and hash, and the tree over all events so far."""

    sequence: int = 0
    head: bytes = GENESIS
    tree: Frontier = field(default_factory=Frontier)


def walk(
    events: Iterable[Row], tip: Tip, stops: Mapping[int, Callable[[Tip], Flaw | None]] | None = None
) -> Flaw | None:
    """Follow the events after ``tip``, which moves along; the first that doesn't fit, or None.

    ``stops`` are asked when the event with their number has been reached (checkpoints).
    """
    stops = stops or {}
    rows = iter(events)
    head, expected, append = tip.head, tip.sequence + 1, tip.tree.append
    for row in rows:
        sequence, canonical, digest = row
        if sequence != expected or sha256(head + canonical).digest() != digest:
            return _named(expected, head, row, rows)
        append(canonical)
        head = tip.head = digest
        tip.sequence = expected
        if expected in stops:
            flaw = stops[expected](tip)
            if flaw:
                return flaw
        expected += 1
    return None


def _named(expected: int, head: bytes, row: Row, following: Iterator[Row]) -> Flaw:
    """What has happened at the first event that doesn't fit, told by the one after it."""
    sequence, canonical, _digest = row
    said = said_number(canonical)
    after = next(following, None)
    where = f"event {expected}"
    if after is not None and link(head, after[1]) == after[2]:
        if said_number(after[1]) == expected and said == expected + 1:
            return Flaw(where, f"reordered: event {said} stands before it")
        return Flaw(where, "inserted: a row that was never written stands in its place")
    if sequence > expected or (said is not None and said > expected):
        return Flaw(where, f"missing: event {max(sequence, said or 0)} stands in its place")
    if said is not None and said < expected:
        return Flaw(where, f"reordered: event {said} stands in its place")
    return Flaw(where, "altered: its hash does not follow from its content and the event before it")


def said_number(canonical: bytes) -> int | None:
    """The number that an event gives itself; None where it is not readable any more."""
    try:
        number = json.loads(canonical)["seq"]
    except (ValueError, KeyError, TypeError):
        return None
    return number if isinstance(number, int) else None
