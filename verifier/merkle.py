"""Merkle trees as RFC 6962 (section 2.1) defines them: one root over all entries, and short proofs that an entry is
among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

EMPTY = sha256().digest()


def leaf(entry: bytes) -> bytes:
    """The hash of an entry."""
    return sha256(b"\x00" + entry).digest()


def node(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """A tree that only grows, held as the roots of its complete subtrees: as many as the size has binary ones."""

    def __init__(self, size: int = 0, roots: Sequence[bytes] = ()) -> None:
        if len(roots) != size.bit_count():
            raise ValueError("these subtrees do not make a tree of that size")
        self.size = size
        self._roots = list(roots)

    def append(self, entry: bytes) -> None:
        """Add one entry."""
        found, level, roots = sha256(b"\x00" + entry).digest(), self.size, self._roots
        while level & 1:
            found = sha256(b"\x01" + roots.pop() + found).digest()
            level >>= 1
        roots.append(found)
        self.size += 1

    def root(self) -> bytes:
        """The tree's hash."""
        if not self._roots:
            return EMPTY
        found = self._roots[-1]
        for left in reversed(self._roots[:-1]):
            found = node(left, found)
        return found

    def dump(self) -> bytes:
        """What :meth:`load` takes."""
        return b"".join(self._roots)

    @classmethod
    def load(cls, size: int, dumped: bytes) -> Frontier:
        """A tree as it was dumped. Raises ValueError when the parts don't make a tree of that size."""
        return cls(size, [dumped[at : at + 32] for at in range(0, len(dumped), 32)])


def root(entries: Sequence[bytes]) -> bytes:
    """The hash of a tree over these entries."""
    tree = Frontier()
    for entry in entries:
        tree.append(entry)
    return tree.root()


class Proofs:
    """The proofs for chosen entries (counted from 0) of a tree of ``size``, gathered in one pass over all entries.

    Memory grows with the number of chosen entries, not with the tree.
    """

    def __init__(self, size: int, chosen: Sequence[int]) -> None:
        self.size = size
        self._wanted = {index: _spans(index, size) for index in chosen}
        self._needed = {span for spans in self._wanted.values() for span in spans}
        self._found: dict[tuple[int, int], bytes] = {}
        self._open: list[tuple[int, int, bytes]] = []  # start, length, hash

    def append(self, entry: bytes) -> None:
        """Take the next entry."""
        start = self._open[-1][0] + self._open[-1][1] if self._open else 0
        if start >= self.size:
            return
        length, found = 1, leaf(entry)
        self._note(start, length, found)
        while self._open and self._open[-1][1] == length and self._open[-1][0] % (2 * length) == 0:
            start, _, left = self._open.pop()
            length, found = length * 2, node(left, found)
            self._note(start, length, found)
        self._open.append((start, length, found))

    def _note(self, start: int, length: int, found: bytes) -> None:
        if (start, start + length) in self._needed:
            self._found[(start, start + length)] = found

    def path(self, index: int) -> list[bytes]:
        """The audit path of an entry, once all entries were taken."""
        return [self._hash(span) for span in self._wanted[index]]

    def _hash(self, span: tuple[int, int]) -> bytes:
        if span in self._found:
            return self._found[span]
        start, end = span  # a ragged right edge: made of the complete subtrees that lie in it
        parts = [found for begin, length, found in self._open if start <= begin and begin + length <= end]
        result = parts[-1]
        for left in reversed(parts[:-1]):
            result = node(left, result)
        return result


def _split(size: int) -> int:
    """The largest power of two below ``size``."""
    return 1 << ((size - 1).bit_length() - 1)


def _spans(index: int, size: int) -> list[tuple[int, int]]:
    """The subtrees beside the way from an entry up to the root, lowest first."""
    spans, start, end = [], 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    return spans[::-1]


def proven(entry: bytes, index: int, size: int, path: Sequence[bytes], expected: bytes) -> bool:
    """Whether ``path`` proves that ``entry`` is number ``index`` (from 0) of the tree with this size and root."""
    if not 0 <= index < size:
        return False
    spans = _spans(index, size)
    if len(spans) != len(path):
        return False
    found = leaf(entry)
    for (start, _end), beside in zip(spans, path, strict=True):
        found = node(found, beside) if start > index else node(beside, found)
    return found == expected
