"""Taking in evidence files, and handing them out."""

from __future__ import annotations

import unicodedata
from hashlib import sha256

from sqlalchemy import func, select

from app.evidence import antivirus
from app.evidence import content as contents
from app.evidence.content import IMAGES, PDF, SUFFIXES
from app.evidence.models import EvidenceFile
from app.evidence.store import store
from app.kernel.errors import N_, Invalid, TooLarge
from app.kernel.settings import settings
from app.kernel.unit_of_work import UnitOfWork

__all__ = ["IMAGES", "PDF", "keep", "opened", "read", "read_thumbnail", "safe_name"]


def keep(
    uow: UnitOfWork, learner_id: int, name: str, content: bytes, allow: frozenset[str] = IMAGES
) -> EvidenceFile:
    """Check ``content`` and keep it as evidence of this learner's case; when the unit of work fails, nothing stays.

    Raises TooLarge, Invalid (not one of ``allow``, broken, active content) or NoSpace.
    """
    _check_size(content)
    _check_quota(uow, learner_id, len(content))
    antivirus.check(content)
    clean = contents.clean(content, allow)
    row = EvidenceFile(
        learner_id=learner_id,
        digest=_put(uow, clean.content),
        thumbnail=_put(uow, clean.thumbnail) if clean.thumbnail else None,
        size=len(clean.content),
        media_type=clean.media_type,
        name=safe_name(name, clean.media_type),
        created_by_id=uow.actor.user_id,
    )
    uow.session.add(row)
    uow.flush()
    return row


def keep_picture(uow: UnitOfWork, content: bytes) -> str:
    """A person's picture, drawn anew and small; returns its digest. Raises TooLarge, Invalid, NoSpace."""
    _check_size(content)
    antivirus.check(content)
    return _put(uow, contents.clean(content, IMAGES).thumbnail)


def read(row: EvidenceFile) -> bytes:
    """The stored bytes. Raises NotFound when the store has lost them."""
    return read_digest(row.digest)


def read_digest(digest: str) -> bytes:
    """The stored bytes with this digest. Raises NotFound."""
    with store().open(digest) as file:
        return file.read()


def read_thumbnail(row: EvidenceFile) -> bytes:
    """A small JPEG of an image, made when it was taken in. Raises NotFound."""
    if row.thumbnail is None:
        return contents.thumbnail(read(row))
    with store().open(row.thumbnail) as file:
        return file.read()


def opened(uow: UnitOfWork, row: EvidenceFile) -> None:
    """Remember that somebody looked at a file: opening evidence is an audited read (spec 1.2)."""
    uow.record("evidence.opened", row, digest=row.digest)


def safe_name(name: str, media_type: str = "") -> str:
    """A file's name for people: no folders, no control or direction signs, at most 120 signs, ending as its type does."""
    base = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(sign for sign in base if unicodedata.category(sign) not in ("Cc", "Cf", "Cs", "Co", "Cn"))
    short = kept.strip()[-120:] or "file"
    suffixes = SUFFIXES.get(media_type, ("",))
    return short if short.lower().endswith(suffixes) else short + suffixes[0]


def _check_quota(uow: UnitOfWork, learner_id: int, size: int) -> None:
    """A learner's evidence has its bounds, however many applications it comes with. Raises TooLarge."""
    held, files = uow.session.execute(
        select(func.coalesce(func.sum(EvidenceFile.size), 0), func.count()).where(
            EvidenceFile.learner_id == learner_id
        )
    ).one()
    if held + size > settings().quota or files >= settings().file_quota:
        raise TooLarge(
            "quota", N_("This account holds as much evidence as it may. Please ask the management centre.")
        )


def _check_size(content: bytes) -> None:
    limit = settings().upload_limit
    if not content:
        raise Invalid("file_empty", N_("The file is empty."))
    if len(content) > limit:
        raise TooLarge("file_too_large", N_("The file is larger than %(limit)s MB."), limit=limit // 2**20)


def _put(uow: UnitOfWork, content: bytes) -> str:
    """Keep bytes, and take them out again if the unit of work fails and nobody had them before.

    The lock makes others with the same bytes wait until that is settled; on SQLite there is one writer anyhow.
    """
    digest = sha256(content).hexdigest()
    if uow.session.get_bind().dialect.name == "postgresql":
        uow.session.execute(select(func.pg_advisory_xact_lock(int(digest[:15], 16))))
    kept = store()
    if not kept.has(digest):
        uow.on_failure.append(lambda: kept.remove(digest))
    return kept.put(content)
