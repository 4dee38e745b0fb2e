"""Closing one's account: key, indexes and unshared files are destroyed; ledger, audit trail and the bar on spending
twice stay valid (spec 5.20). A list of closures apart from the database closes them again after a restore.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from app.access.models import Closure, Correction, StandingChange
from app.achievements.models import Achievement
from app.appeals.models import Appeal
from app.conversion.models import ConversionApplication
from app.evidence.models import EvidenceFile
from app.evidence.store import store
from app.kernel.clock import now
from app.kernel.errors import N_, Conflict
from app.kernel.settings import settings
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner
from app.notices.models import Notice
from app.recognition.models import RecognitionApplication
from app.security import personal, services
from app.security.models import Account, Person, RecoveryCode

#: What stands where the name was.
NAME = "已注销用户"
_OPEN_CONVERSIONS = ("initial_review", "final_review", "performance_review", "returned")


def close(uow: UnitOfWork, learner: Learner) -> None:
    """Close the actor's own account; the edge has asked for the password. Raises Conflict while something is being
    decided.
    """
    if under_way(uow.session, learner.id):
        raise Conflict(
            "under_way",
            N_("Something is still being decided. Please withdraw it or wait until it is decided."),
        )
    staff = select(Account.id).where(
        Account.person_id == learner.person_id, Account.id != learner.user_id, Account.active
    )
    if uow.session.scalar(staff) is not None:
        raise Conflict("staff", N_("You have a staff account too. Please let it be deactivated first."))
    _note(learner.person.uid)
    uow.record("learner.closed", learner)
    erase(uow, learner.person)


def under_way(session: Session, learner_id: int) -> bool:
    """Whether an application or appeal of the learner is not decided yet."""
    return any(
        session.scalar(query.limit(1)) is not None
        for query in (
            select(ConversionApplication.id).where(
                ConversionApplication.learner_id == learner_id,
                ConversionApplication.state.in_(_OPEN_CONVERSIONS),
            ),
            select(RecognitionApplication.id)
            .join(Achievement, Achievement.id == RecognitionApplication.achievement_id)
            .where(Achievement.learner_id == learner_id, RecognitionApplication.state == "submitted"),
            select(Appeal.id).where(Appeal.learner_id == learner_id, Appeal.state == "filed"),
        )
    )


def erase(uow: UnitOfWork, person: Person) -> None:
    """Everything that closing does to a person's rows and files. Safe to repeat."""
    session = uow.session
    learner = session.scalar(select(Learner).where(Learner.person_id == person.id))
    digests = _own_files(session, learner) if learner is not None else set()
    if person.erased_at is None:
        personal.erase(person, NAME)
    for account in session.scalars(select(Account).where(Account.person_id == person.id)):
        account.active, account.password = False, None
        account.login_index = account.login_sealed = account.totp_sealed = None
        services.end_sessions(uow, account)
        session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == account.id))
    if learner is not None:
        if learner.standing != "closed":
            session.add(
                StandingChange(learner_id=learner.id, before=learner.standing, after="closed", reason="-")
            )
        learner.standing, learner.introduction, learner.picture = "closed", "", None
        for correction in session.scalars(select(Correction).where(Correction.learner_id == learner.id)):
            correction.sealed, correction.reason = b"", "-"
        for file in session.scalars(select(EvidenceFile).where(EvidenceFile.learner_id == learner.id)):
            file.name, file.thumbnail = "-", None
    blank: dict[str, Any] = {"subject": "-", "body": "-", "variables": {}, "secret": None, "link": ""}
    session.execute(update(Notice).where(Notice.person_id == person.id).values(**blank))
    if session.scalar(select(Closure.id).where(Closure.person_uid == person.uid)) is None:
        session.add(Closure(person_uid=person.uid))
    uow.flush()
    uow.record("person.erased", person)
    uow.after_commit.append(lambda: _remove(digests))


def replay(uow: UnitOfWork, uids: set[str]) -> int:
    """Close again, after a restore, what was closed since the backup; returns how many."""
    people = uow.session.scalars(select(Person).where(Person.uid.in_(uids), Person.erased_at.is_(None))).all()
    for person in people:
        erase(uow, person)
    return len(people)


def noted() -> set[str]:
    """Closed persons' marks, from the list apart from the database."""
    return set(_lines(_list_file()))


def _note(uid: str) -> None:
    """Write a closure down before it happens: better closed again than forgotten."""
    path = _list_file()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, (json.dumps({"person": uid, "at": now().isoformat()}) + "\n").encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _list_file() -> Path:
    return settings().data_dir / "closures.jsonl"


def _lines(path: Path) -> Iterator[str]:
    if path.exists():
        for line in path.read_text().splitlines():
            yield json.loads(line)["person"]


def _own_files(session: Session, learner: Learner) -> set[str]:
    """Digests of the learner's files that nobody else's row names."""
    files = select(EvidenceFile.digest, EvidenceFile.thumbnail).where(EvidenceFile.learner_id == learner.id)
    named = {digest for row in session.execute(files) for digest in row} | {learner.picture}
    own = {digest for digest in named if digest}
    others = select(EvidenceFile.digest, EvidenceFile.thumbnail).where(
        EvidenceFile.learner_id != learner.id,
        or_(EvidenceFile.digest.in_(own), EvidenceFile.thumbnail.in_(own)),
    )
    shared = {digest for row in session.execute(others) for digest in row}
    shared |= set(
        session.scalars(select(Learner.picture).where(Learner.id != learner.id, Learner.picture.in_(own)))
    )
    return own - shared


def _remove(digests: set[str]) -> None:
    for digest in digests:
        store().remove(digest)
