"""The signed paper of an agreement: checked and kept by its content, as evidence is."""

from __future__ import annotations

from app.evidence import content as contents
from app.evidence.services import PDF, safe_name
from app.evidence.store import store
from app.kernel.errors import N_, Invalid, NotFound, TooLarge
from app.kernel.settings import settings
from app.kernel.unit_of_work import UnitOfWork
from app.rules.models import Agreement


def attach(uow: UnitOfWork, agreement: Agreement, name: str, content: bytes) -> None:
    """Keep a PDF with the agreement; an earlier one stays in the store and in the audit trail. Raises Invalid, TooLarge."""
    limit = settings().upload_limit
    if not content:
        raise Invalid("file_empty", N_("The file is empty."))
    if len(content) > limit:
        raise TooLarge("file_too_large", N_("The file is larger than %(limit)s MB."), limit=limit // 2**20)
    clean = contents.clean(content, PDF)
    agreement.document_digest = store().put(clean.content)
    agreement.document_name = safe_name(name, clean.media_type)[:200]
    uow.flush()


def read(agreement: Agreement) -> bytes:
    """The stored paper. Raises NotFound."""
    if agreement.document_digest is None:
        raise NotFound
    with store().open(agreement.document_digest) as file:
        return file.read()
