"""Appending to the audit trail: the hook that runs in every unit of work, just before it commits.

The end of the chain is one locked row, so events of concurrent transactions form one sequence. The lock is
taken last and held for the length of a commit only.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from app.audit.models import AuditEvent, AuditHead
from app.kernel.clock import now
from app.kernel.unit_of_work import Change, Event, UnitOfWork
from verifier.canonical import canonical
from verifier.chain import GENESIS, Flaw, first_flaw, link

#: Columns that every change touches; they say nothing by themselves.
_NOISE = frozenset({"changed_at", "version", "created_at", "created_by_id", "changed_on", "changed_by_fk"})


def append_all(uow: UnitOfWork) -> None:
    """Write the unit of work's acts and changes as events, in the same transaction. Registered by
    ``create_app``.
    """
    entries = [*_changes(uow.changes), *_acts(uow.events)]
    if not entries:
        return
    uow.changes, uow.events = [], []
    head = _head(uow.session)
    moment = now()
    for action, (table, key), body, why in entries:
        sequence = head.sequence + 1
        event = {
            "seq": sequence,
            "at": moment.isoformat(),
            "actor": uow.actor.user_id,
            "person": uow.actor.person_id,
            "roles": sorted(uow.actor.roles),
            "organisation": uow.actor.organisation_id,
            "from": uow.actor.address,
            "action": action,
            "subject": [table, key],
            "body": body,
            "why": why,
        }
        written = canonical(event)
        head.sequence, head.hash = sequence, link(head.hash, written)
        uow.session.add(
            AuditEvent(
                sequence=sequence,
                at=moment,
                actor_id=uow.actor.user_id,
                role=" ".join(sorted(uow.actor.roles))[:100],
                action=action,
                subject_table=table,
                subject_id=key,
                canonical=written,
                hash=head.hash,
            )
        )


def verify(session: Session) -> Flaw | None:
    """The first event of this database that was altered or is missing; None when the chain is whole up to
    its end.
    """
    head = session.get(AuditHead, 1)
    rows = session.execute(
        select(AuditEvent.sequence, AuditEvent.canonical, AuditEvent.hash)
        .order_by(AuditEvent.sequence)
        .execution_options(yield_per=2000)
    )
    last = GENESIS
    count = 0

    def walk() -> Iterator[tuple[int, bytes, bytes]]:
        nonlocal last, count
        for sequence, written, digest in rows:
            yield sequence, written, digest
            last, count = digest, sequence

    flaw = first_flaw(walk())
    if flaw is None and head is not None and (head.sequence, head.hash) != (count, last):
        return Flaw(count + 1, f"cut off: the chain once reached event {head.sequence}")
    return flaw


def _head(session: Session) -> AuditHead:
    head = session.scalar(select(AuditHead).with_for_update().execution_options(populate_existing=True))
    if head is None:
        head = AuditHead(id=1, sequence=0, hash=GENESIS)
        session.add(head)
    return head


def _acts(events: list[Event]) -> Iterator[tuple[str, tuple[str, int | None], dict[str, Any], str]]:
    for event in events:
        yield event.action, _subject(event.subject), _plain(event.body), event.why


def _changes(changes: list[Change]) -> Iterator[tuple[str, tuple[str, int | None], dict[str, Any], str]]:
    for change in changes:
        body = {
            name: [_value(change.subject, name, before), _value(change.subject, name, after)]
            for name, (before, after) in sorted(change.columns.items())
            if name not in _NOISE
        }
        if body:
            yield f"record.{change.kind}", _subject(change.subject), body, ""


def _subject(row: Any) -> tuple[str, int | None]:
    mapper = inspect(type(row))
    key = mapper.primary_key_from_instance(row)[0]
    return mapper.local_table.name, key if isinstance(key, int) else None


def _value(row: Any, name: str, value: Any) -> Any:
    if value is not None and name in getattr(row, "__personal__", ()):
        return row.commitment(name, str(value))
    return _plain(value)


def _plain(value: Any) -> Any:
    """``value`` in terms of the canonical form. Bytes (sealed values, digests) appear by their SHA-256."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, (bytes, memoryview)):
        return "sha256:" + sha256(bytes(value)).hexdigest()
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(inner) for inner in value]
    return str(value)
