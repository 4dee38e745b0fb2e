"""导出个人数据: everything that the bank holds on a learner, in one file that people and programs read (spec 5.20)."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import date, datetime
from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from app.access.models import Correction, StandingChange
from app.access.profile import wanted
from app.accounts.models import CreditEntry
from app.achievements.models import Achievement
from app.appeals.models import Appeal
from app.conversion.models import ConversionApplication
from app.documents.models import IssuedDocument
from app.evidence import services as evidence
from app.evidence.content import SUFFIXES
from app.evidence.models import EvidenceFile
from app.kernel.clock import now
from app.kernel.errors import NotFound
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner
from app.notices.models import Notice
from app.portal.models import Question
from app.recognition.models import RecognitionApplication
from app.security import personal
from app.security.models import Consent

#: Records of a learner by the name of their list in the copy.
_OF_LEARNER = {
    "achievements": Achievement,
    "conversions": ConversionApplication,
    "postings": CreditEntry,
    "appeals": Appeal,
    "questions": Question,
    "papers": IssuedDocument,
    "standing": StandingChange,
}
#: Columns that say something about others or about our machinery, not about the learner.
_OURS = frozenset(
    {"claimed_by_id", "claimed_until", "version", "sealed", "secret", "lease_owner", "lease_until", "key"}
)


def copy(uow: UnitOfWork, learner: Learner) -> bytes:
    """A ZIP of ``data.json`` and the learner's own files. Recorded in the audit trail."""
    uow.record("learner.copied", learner)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        content = json.dumps(collected(uow.session, learner), ensure_ascii=False, indent=2)
        archive.writestr("data.json", content + "\n")
        for row in uow.session.scalars(select(EvidenceFile).where(EvidenceFile.learner_id == learner.id)):
            try:
                archive.writestr(f"files/{row.id}{SUFFIXES[row.media_type][0]}", evidence.read(row))
            except NotFound:
                continue  # the store has lost it: the list of files still names it
    return out.getvalue()


def collected(session: Session, learner: Learner) -> dict[str, Any]:
    """What ``data.json`` holds."""
    person = learner.person
    parts = {part: personal.reveal(person, part) for part in personal.PARTS}
    plain = ("identity_type", "gender", "nationality", "ethnicity", "mobile_verified_at", "email_verified_at")
    found: dict[str, Any] = {
        "made_at": now().isoformat(),
        "person": {"name": person.name, **parts, **{name: _plain(getattr(person, name)) for name in plain}},
        "learner": _row(learner),
        "consents": [
            {"edition": row.terms.edition, "at": row.created_at.isoformat()}
            for row in session.scalars(select(Consent).where(Consent.person_id == person.id))
        ],
        "corrections": [
            {**_row(row), "value": wanted(row)}
            for row in session.scalars(select(Correction).where(Correction.learner_id == learner.id))
        ],
        "files": _rows(session, EvidenceFile, learner.id),
        "notices": [
            _row(row)
            for row in session.scalars(
                select(Notice)
                .where(Notice.person_id == person.id, Notice.channel == "in_app")
                .order_by(Notice.id)
            )
        ],
        "recognitions": [
            _row(row)
            for row in session.scalars(
                select(RecognitionApplication)
                .join(Achievement, Achievement.id == RecognitionApplication.achievement_id)
                .where(Achievement.learner_id == learner.id)
                .order_by(RecognitionApplication.id)
            )
        ],
    }
    return found | {name: _rows(session, model, learner.id) for name, model in _OF_LEARNER.items()}


def _rows(session: Session, model: type[Any], learner_id: int) -> list[dict[str, Any]]:
    query = select(model).where(model.learner_id == learner_id).order_by(model.id)
    return [_row(row) for row in session.scalars(query).unique()]


def _row(row: Any) -> dict[str, Any]:
    names = [attribute.key for attribute in inspect(type(row)).column_attrs if attribute.key not in _OURS]
    return {name: _plain(getattr(row, name)) for name in names}


def _plain(value: Any) -> Any:
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return None if isinstance(value, (bytes, memoryview)) else value
