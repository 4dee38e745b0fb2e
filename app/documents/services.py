"""Issuing audit sheets: print what an auditor asks for, and remember the paper by its digest."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit.models import AuditHead
from app.conversion.models import ConversionApplication
from app.documents import queries
from app.documents.models import IssuedDocument
from app.documents.signing import seal
from app.documents.words import Words
from app.evidence.store import store
from app.kernel.actor import Actor
from app.kernel.clock import civil, now
from app.kernel.errors import N_, Conflict, NotFound
from app.kernel.numbering import case_number, verification_code, whole
from app.kernel.settings import settings
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner
from app.learners.services import may_see_masked
from app.recognition.models import RecognitionApplication
from reports import conversion_sheet, recognition_sheet, records

#: The languages that a paper is printed in.
LANGUAGES = ("zh", "en")


def issue_recognition_sheet(
    uow: UnitOfWork, case: RecognitionApplication, language: str = "zh"
) -> tuple[IssuedDocument, bytes]:
    """认定审核表 of one round; supersedes the sheet issued before. Raises NoSpace."""
    row, words = _register(uow, "recognition_sheet", "RDS", case, language)
    record = queries.recognition_record(uow.session, row, case, words, **_reader(uow, case.learner, words))
    return keep(uow, row, recognition_sheet(record, **printing(words)))


def issue_conversion_sheet(
    uow: UnitOfWork, case: ConversionApplication, language: str = "zh"
) -> tuple[IssuedDocument, bytes]:
    """转换审核表 of an application; supersedes the sheet issued before. Raises NoSpace."""
    row, words = _register(uow, "conversion_sheet", "ZHS", case, language)
    record = queries.conversion_record(uow.session, row, case, words, **_reader(uow, case.learner, words))
    return keep(uow, row, conversion_sheet(record, **printing(words)))


#: The sheets by the word that addresses and commands call them: the case's model, and what issues the sheet.
SHEETS: dict[str, tuple[type[Any], Callable[..., tuple[IssuedDocument, bytes]]]] = {
    "recognition": (RecognitionApplication, issue_recognition_sheet),
    "conversion": (ConversionApplication, issue_conversion_sheet),
}


def report(uow: UnitOfWork, kind: str, key: str, language: str = "zh") -> tuple[IssuedDocument, bytes]:
    """The sheet of the case with this id or number, for the command line. Raises NotFound."""
    model, issue = SHEETS[kind]
    number = whole(key)
    case = uow.session.scalar(
        select(model).where(model.number == key if number is None else model.id == number)
    )
    if case is None:
        raise NotFound
    return issue(uow, case, language)


def last_issued(session: Session, case: Any, by_account: int | None = None) -> IssuedDocument | None:
    """The newest sheet of a case; ``by_account``: of those that this account drew."""
    query = select(IssuedDocument).filter_by(**case.case_key).where(IssuedDocument.digest.is_not(None))
    if by_account is not None:
        query = query.where(IssuedDocument.created_by_id == by_account)
    return session.scalars(query.order_by(IssuedDocument.id.desc()).limit(1)).first()


def read(row: IssuedDocument) -> bytes:
    """The PDF as it was issued. Raises NotFound where it is gone, Conflict where it is no longer the same."""
    if row.digest is None:
        raise NotFound
    with store().open(row.digest) as file:
        content = file.read()
    if sha256(content).hexdigest() != row.digest:
        raise Conflict("altered", N_("The stored paper is no longer the one that was issued."))
    return content


def issuer(actor: Actor, words: Words) -> str:
    """Who stands on a paper as having issued it."""
    return words.text("System") if actor.is_system else actor.name


def printing(words: Words) -> dict[str, Any]:
    """How a paper is printed: language, seal, fonts."""
    return {
        "language": words.language,
        "seal": seal(words.language),
        "node_modules": settings().node_modules,
    }


def cover(
    session: Session, row: IssuedDocument, issued_by: str, facts: tuple[tuple[str, str], ...]
) -> records.Cover:
    """What names a paper that is about more than one case."""
    head = session.get(AuditHead, 1)
    return records.Cover(
        number=row.number or "",
        code=row.code,
        url=f"{settings().base_url}/verify/{row.code}",
        issued_at=row.issued_at,
        issued_by=issued_by,
        facts=facts,
        last_event=(head.sequence, head.hash.hex()) if head else (0, ""),
        checkpoint=queries.checkpoint(session),
    )


def begin(
    uow: UnitOfWork, kind: str, prefix: str, language: str, **columns: Any
) -> tuple[IssuedDocument, Words]:
    """A paper's row with number and code, and its words; :func:`keep` makes it one that was issued."""
    words = Words(language if language in LANGUAGES else "zh")
    row = IssuedDocument(
        kind=kind,
        code=verification_code(),
        language=words.language,
        issued_at=now().replace(microsecond=0),
        created_by_id=uow.actor.user_id,
        **columns,
    )
    uow.session.add(row)
    uow.flush()
    row.number = case_number(prefix, civil(row.issued_at).date(), row.id)
    uow.flush()
    return row, words


def keep(uow: UnitOfWork, row: IssuedDocument, content: bytes) -> tuple[IssuedDocument, bytes]:
    """The paper is issued: its bytes are in the store, their digest in its row. Raises NoSpace."""
    row.digest = store().put(content)
    uow.flush()
    uow.record("document.issued", row, digest=row.digest)
    return row, content


def supersede(uow: UnitOfWork, kind: str, **owner: Any) -> None:
    """The papers of this kind and owner that stood so far stand no longer."""
    earlier = select(IssuedDocument).filter_by(kind=kind, **owner)
    standing = IssuedDocument.standing.in_(("valid", "under_review"))
    for paper in uow.session.scalars(earlier.where(standing).with_for_update()):
        paper.standing = "superseded"


def _reader(uow: UnitOfWork, learner: Learner, words: Words) -> dict[str, Any]:
    """Who draws the sheet, and whether the (masked) identity number may stand on it."""
    return {"issuer": issuer(uow.actor, words), "identity": may_see_masked(uow, learner)}


def _register(
    uow: UnitOfWork, kind: str, prefix: str, case: Any, language: str
) -> tuple[IssuedDocument, Words]:
    supersede(uow, kind, **case.case_key)
    return begin(uow, kind, prefix, language, learner_id=case.learner.id, **case.case_key)
