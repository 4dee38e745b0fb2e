"""Public verification: what a paper says, whether it stands, and whether a file is the one that was issued.

Nothing about the person is told that the paper's holder has not agreed to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.documents.models import IssuedDocument

#: The largest file that is looked at; a register of 20,000 cases has 3 MB.
LARGEST = 32 * 1024 * 1024
_CODE = re.compile(rb"/verify/([2-9A-HJKMNP-Z]{16})(?![0-9A-Z])")
_END = b"%%EOF"


@dataclass(frozen=True)
class Told:
    """What a paper tells to everyone: what its holder agreed to."""

    name: str = ""
    totals: dict[str, int] = field(default_factory=dict)
    entries: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Verdict:
    """What a file turned out to be: ``ours`` (byte for byte), ``extended`` (ours, with something added at its end),
    ``altered`` (it names a paper of ours, but is not it), ``unknown``.
    """

    kind: str
    paper: IssuedDocument | None


def find(session: Session, code: str) -> IssuedDocument | None:
    """The paper with this code, as people type it."""
    plain = re.sub(r"[\s-]", "", code).upper()[:32]
    query = select(IssuedDocument).where(IssuedDocument.code == plain, IssuedDocument.digest.is_not(None))
    return session.scalars(query).first()


def told(paper: IssuedDocument) -> Told:
    """What may be shown of the paper beyond that it exists and stands or not."""
    if paper.disclosure == "none" or paper.said is None or paper.learner is None:
        return Told()
    name = paper.learner.name
    if paper.disclosure == "summary":
        return Told(name[:1] + "*" * max(len(name) - 1, 1), paper.said["totals"])
    return Told(name, paper.said["totals"], paper.said["entries"])


def check_file(session: Session, content: bytes) -> Verdict:
    """Whether a file is a paper of ours, unaltered. Nothing in it is parsed: its bytes are hashed and searched."""
    paper = _with_digest(session, sha256(content).hexdigest())
    if paper is not None:
        return Verdict("ours", paper)
    for code in _codes(content):
        paper = find(session, code)
        if paper is not None:
            return Verdict("extended" if _begins_with(content, paper.digest or "") else "altered", paper)
    return Verdict("unknown", None)


def _with_digest(session: Session, digest: str) -> IssuedDocument | None:
    return session.scalars(select(IssuedDocument).where(IssuedDocument.digest == digest).limit(1)).first()


def _codes(content: bytes) -> list[str]:
    return list(dict.fromkeys(found.decode() for found in _CODE.findall(content)))[:20]


def _begins_with(content: bytes, digest: str) -> bool:
    """Whether the file, cut off at one of its ends of file, is the paper: what follows was added later."""
    running, done = sha256(), 0
    for end in _ends(content):
        running.update(content[done:end])
        done = end
        if running.copy().hexdigest() == digest:
            return True
    return False


def _ends(content: bytes) -> Iterator[int]:
    place = -1
    for _ in range(100):
        place = content.find(_END, place + 1)
        if place < 0:
            return
        yield place + len(_END)
        if content[place + len(_END) : place + len(_END) + 1] == b"\n":
            yield place + len(_END) + 1
