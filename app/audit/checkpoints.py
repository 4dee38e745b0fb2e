"""Signed checkpoints: how far the chain had come, said under a key that only the worker holds, and kept in a place
that the database's administrators can't write to.

The worker trusts that place and its own key, not the database: it goes on from the last checkpoint that it finds
there, and refuses to sign a chain that doesn't continue it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.audit.models import AuditCheckpoint, AuditEvent, AuditHead
from app.kernel.actor import SYSTEM
from app.kernel.clock import now
from app.kernel.errors import N_, Conflict, DomainError, Invalid
from app.kernel.settings import settings
from app.kernel.unit_of_work import UnitOfWork
from verifier.chain import Flaw, Tip, walk
from verifier.checkpoint import Checkpoint, read_kept
from verifier.merkle import Frontier
from verifier.signature import key_name, public_key


class Refused(Conflict):
    """A chain that doesn't continue what was signed before: no checkpoint is written over it."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__("chain", N_("No checkpoint was signed: %(flaw)s"), flaw=str(flaw))
        self.flaw = flaw


def place() -> Path:
    """The folder that checkpoints are kept in beside the database. Raises Invalid for an address of another kind."""
    address = settings().checkpoint_url.removeprefix("file://")
    if "://" in address:
        raise Invalid("checkpoint_url", N_("Checkpoints are kept in a folder: a path or file://…"))
    return Path(address)


def kept() -> list[Checkpoint]:
    """The checkpoints in that place, oldest first. Raises verifier.checkpoint.Unreadable."""
    return read_kept(place()) if place().is_dir() else []


def stored(session: Session) -> list[Checkpoint]:
    """The checkpoints in the database, oldest first."""
    return [
        _plain(row) for row in session.scalars(select(AuditCheckpoint).order_by(AuditCheckpoint.sequence))
    ]


def known_public_key() -> bytes | None:
    """The public key that checkpoints are verified by; None where this host has none."""
    file = settings().checkpoint_public_key
    if file.is_file():
        return public_key(file.read_text(encoding="ascii"))
    private = settings().checkpoint_key_file
    return _public(_read_key(private)) if private is not None and private.is_file() else None


def write(session: Session) -> Checkpoint | None:
    """Sign how far the chain has come and keep it in both places; None when nothing was added since the last one.

    For the worker and the command line. Raises Refused, Invalid (no key).
    """
    private = _signing_key()
    public = _public(private)
    trusted = kept()
    for checkpoint in trusted:
        if flaw := checkpoint.unsigned(public):
            raise Refused(flaw)
    session.rollback()
    head = session.scalar(select(AuditHead).execution_options(populate_existing=True))
    if head is None or (trusted and trusted[-1].sequence == head.sequence and trusted[-1].head == head.hash):
        return None
    tip = _start(session, trusted)
    rows = session.execute(
        select(AuditEvent.sequence, AuditEvent.canonical, AuditEvent.hash)
        .where(AuditEvent.sequence > tip.sequence, AuditEvent.sequence <= head.sequence)
        .order_by(AuditEvent.sequence)
        .execution_options(yield_per=5000)
    )
    flaw = walk(rows.tuples(), tip, {row.sequence: row.contradicts for row in trusted})
    if flaw is None and (tip.sequence, tip.head) != (head.sequence, head.hash):
        flaw = Flaw(f"event {tip.sequence + 1}", f"cut off: the chain once reached event {head.sequence}")
    if flaw or (flaw := next(filter(None, (row.beyond(tip) for row in trusted)), None)):
        raise Refused(flaw)
    return _keep(session, private, tip)


def _start(session: Session, trusted: Sequence[Checkpoint]) -> Tip:
    """Where the walk begins: at the last checkpoint, if the database still has its tree and its event; else at the
    beginning, which takes longer and trusts nothing.
    """
    if trusted:
        last = trusted[-1]
        row = session.scalar(select(AuditCheckpoint).where(AuditCheckpoint.sequence == last.sequence))
        if row is not None:
            try:
                tree = Frontier.load(row.sequence, row.tree)
            except ValueError:
                return Tip()
            if tree.root() == last.root and _plain(row) == last:
                return Tip(last.sequence, last.head, tree)
    return Tip()


def _keep(session: Session, private: Ed25519PrivateKey, tip: Tip) -> Checkpoint:
    public = _public(private)
    moment = now()
    unsigned = Checkpoint(tip.sequence, tip.head, tip.tree.root(), moment.isoformat(), key_name(public))
    signature = private.sign(unsigned.statement())
    row = AuditCheckpoint(
        sequence=tip.sequence,
        head=tip.head,
        root=tip.tree.root(),
        key=key_name(public),
        signature=signature,
        tree=tip.tree.dump(),
        created_at=moment,
    )
    try:
        with UnitOfWork(session, SYSTEM) as uow:
            uow.session.add(row)
    except IntegrityError:  # another worker was as quick; what it signed is kept in both places
        found = session.scalars(select(AuditCheckpoint).where(AuditCheckpoint.sequence == tip.sequence)).one()
        row = found
    checkpoint = _plain(row)
    if flaw := checkpoint.unsigned(public) or checkpoint.contradicts(tip):
        raise Refused(flaw)
    _write_file(place() / f"{checkpoint.sequence:012d}.checkpoint", checkpoint.line() + b"\n")
    return checkpoint


def _plain(row: AuditCheckpoint) -> Checkpoint:
    return Checkpoint(
        row.sequence,
        bytes(row.head),
        bytes(row.root),
        row.created_at.isoformat(),
        row.key,
        bytes(row.signature),
    )


def _write_file(path: Path, content: bytes) -> None:
    """Write a file that is there whole or not at all, and never over another."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(temporary, path)
    except FileExistsError as error:
        if path.read_bytes() != content:
            raise Refused(Flaw(path.name, "another checkpoint of the same event is kept already")) from error
    finally:
        temporary.unlink()


# --- the key


def can_sign() -> bool:
    """Whether this process is one that signs: a key is named, and can be read or made here."""
    file = settings().checkpoint_key_file
    return file is not None and (settings().demo or os.access(file, os.R_OK))


def _signing_key() -> Ed25519PrivateKey:
    file = settings().checkpoint_key_file
    if file is None or not can_sign():
        raise Invalid(
            "no_key",
            N_("CREDITBANK_CHECKPOINT_KEY_FILE names no key that can be read: nothing can be signed here."),
        )
    if not file.exists():
        make_key(file)
    key = _read_key(file)
    public = settings().checkpoint_public_key
    if not public.exists():
        public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return key


def make_key(file: Path) -> None:
    """Make a signing key in ``file``, readable by its owner only."""
    made = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(f".{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(made)
    try:
        os.link(temporary, file)
    except FileExistsError:
        pass  # another process was quicker; both use its key
    finally:
        temporary.unlink()


def _read_key(file: Path) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(file.read_bytes(), None)
    except (ValueError, TypeError) as error:
        raise Invalid("key", N_("%(file)s holds no Ed25519 key."), file=file.name) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise Invalid("key", N_("%(file)s holds no Ed25519 key."), file=file.name)
    return key


def _public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def run(session: Session) -> int:
    """The worker's task: one more checkpoint where there is something new and a key at hand; returns how many.

    A chain that must not be signed is a fault that people have to look at: it is raised, and the worker logs it.
    """
    if not can_sign():
        return 0
    try:
        return int(write(session) is not None)
    except DomainError as error:
        raise RuntimeError(str(error)) from error
