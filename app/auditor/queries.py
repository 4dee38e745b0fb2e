"""Reading the trail: by person, case, action and time; a case's own events as a story."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import Session

from app.audit.models import AuditEvent
from app.audit.verification import audited
from app.conversion.models import ConversionApplication
from app.kernel.database import LARGEST_KEY
from app.learners.models import Learner
from app.recognition.models import RecognitionApplication
from app.security.grams import named_like
from app.security.models import Account, Person

CASES: dict[str, type[Any]] = {"conversion": ConversionApplication, "recognition": RecognitionApplication}


@dataclass
class Asked:
    """What somebody looks for. Days are civil, both included."""

    person: str = ""
    case: str = ""
    action: str = ""
    since: datetime | None = None
    until: datetime | None = None


def search(session: Session, asked: Asked) -> Select[Any]:
    """The events that fit, without an order."""
    query = select(AuditEvent)
    if asked.person:
        query = query.where(_by_or_about(session, asked.person))
    if asked.case:
        case = find_case(session, asked.case)
        query = query.where(of_case(session, *case) if case else AuditEvent.sequence < 0)
    if asked.action:
        query = query.where(
            AuditEvent.action.startswith(asked.action, autoescape=True)
            if asked.action.endswith(".")
            else AuditEvent.action == asked.action
        )
    if asked.since:
        query = query.where(AuditEvent.at >= asked.since)
    if asked.until:
        query = query.where(AuditEvent.at < asked.until)
    return query


def _by_or_about(session: Session, word: str) -> ColumnElement[bool]:
    """Events of what people with this in their name did, and of what was done to their records."""
    people = session.scalars(select(Person.id).where(named_like(word)).limit(200)).all()
    accounts = session.scalars(select(Account.id).where(Account.person_id.in_(people))).all()
    learners = session.scalars(select(Learner.id).where(Learner.person_id.in_(people))).all()
    about = [("person", people), ("ab_user", accounts), ("learner", learners)]
    return or_(AuditEvent.actor_id.in_(accounts), *(_subjects(table, ids) for table, ids in about))


def _subjects(table: str, ids: Sequence[int]) -> ColumnElement[bool]:
    return and_(AuditEvent.subject_table == table, AuditEvent.subject_id.in_(ids))


def find_case(session: Session, text: str) -> tuple[str, Any] | None:
    """(kind, case) by a case's number."""
    for kind, model in CASES.items():
        row = session.scalar(select(model).where(model.number == text))
        if row is not None:
            return kind, row
    return None


def case_of(session: Session, kind: str, key: int) -> Any | None:
    """The case, or None."""
    model = CASES.get(kind)
    return session.get(model, key) if model is not None and 0 < key <= LARGEST_KEY else None


def of_case(session: Session, kind: str, case: Any) -> ColumnElement[bool]:
    """The condition for the events of a case: its own, and those of every record that belongs to it."""
    table = case.__tablename__
    found: list[tuple[str, Sequence[int]]] = [(table, [case.id])]
    for model in audited():
        for column in model.__table__.columns:
            if any(key.column.table.name == table for key in column.foreign_keys):
                ids = session.scalars(select(model.__table__.c.id).where(column == case.id)).all()
                if ids:
                    found.append((model.__tablename__, ids))
    files = [row.file_id for achievement in case.achievements for row in achievement.evidence]
    files += [row.file_id for row in getattr(case, "files", ())]
    if files:
        found.append(("evidence_file", files))
    return or_(*(_subjects(name, ids) for name, ids in found))


@dataclass
class Told:
    """What one person did in one moment: an act with the changes that it brought."""

    at: datetime
    actor_id: int | None
    roles: list[str]
    organisation_id: int | None
    address: str
    events: list[tuple[int, str, str, int | None, dict[str, Any]]] = field(default_factory=list)
    why: str = ""

    @property
    def acts(self) -> list[tuple[int, str, str, int | None, dict[str, Any]]]:
        """The events that say what was meant; the changes themselves where nothing says it."""
        return [event for event in self.events if not event[1].startswith("record.")] or self.events


def told(events: Sequence[AuditEvent]) -> list[Told]:
    """Events put together by transaction: those of one moment and one account."""
    found: list[Told] = []
    for event in events:
        said = json.loads(event.canonical)
        last = found[-1] if found else None
        if last is None or (last.at, last.actor_id) != (event.at, event.actor_id):
            last = Told(event.at, event.actor_id, said["roles"], said["organisation"], said["from"] or "")
            found.append(last)
        last.events.append(
            (event.sequence, event.action, event.subject_table, event.subject_id, said["body"])
        )
        last.why = last.why or said["why"]
    return found


def story(session: Session, kind: str, case: Any) -> list[Told]:
    """A case's events, oldest first, put together as a reader would tell them."""
    query = select(AuditEvent).where(of_case(session, kind, case)).order_by(AuditEvent.sequence).limit(2000)
    return told(session.scalars(query).all())
