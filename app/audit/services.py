"""Appending to the audit trail: the hook that runs in every unit of work, just before it commits.

The end of the chain is one locked row, so events of concurrent transactions form one sequence. The lock is
taken last and held for the length of a commit only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session, scoped_session

from app.audit.models import AuditEvent, AuditHead
from app.kernel.actor import Actor
from app.kernel.clock import now
from app.kernel.unit_of_work import Change, Event, UnitOfWork
from app.security import personal
from app.security.models import Account
from verifier import merkle
from verifier.canonical import canonical
from verifier.chain import GENESIS, link

#: Columns that every change touches; they say nothing by themselves.
NOISE = frozenset({"changed_at", "version", "changed_on", "changed_by_fk"})

#: The actions of events that stand for many rows.
CHUNK, REMOVAL = "record.bulk", "record.bulk_deleted"


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


def refused(session: Session | scoped_session[Session], actor: Actor, code: str, what: str) -> None:
    """An event that says what an actor was not allowed to do or see: method and path, never what was typed."""
    with UnitOfWork(session, actor) as uow:
        uow.record(
            "security.refused", uow.session.get_one(Account, actor.user_id), code=code, what=what[:200]
        )


def record_chunk(uow: UnitOfWork, model: type[Any], rows: Sequence[Mapping[str, Any]], why: str = "") -> None:
    """Remember rows (with consecutive ids, lowest first) that were written in bulk, past the session: one event for all of
    them, with the Merkle root over what was written (spec 5). ``audit verify`` checks them against it.

    Columns of persons' names stay out: a name that is erased later must not break the chain.
    """
    if not rows:
        return
    if rows[-1]["id"] - rows[0]["id"] + 1 != len(rows):
        raise ValueError("a chunk's ids are consecutive")
    personal_ones = getattr(model, "__personal__", ())
    columns = sorted(name for name in rows[0] if name not in personal_ones and name not in NOISE)
    leaves = [chunk_leaf(plain(row[name]) for name in columns) for row in rows]
    body = {"rows": len(rows), "last": rows[-1]["id"], "columns": columns, "root": merkle.root(leaves).hex()}
    uow.events.append(Event(CHUNK, (model.__tablename__, rows[0]["id"]), body, why))


def record_removal(uow: UnitOfWork, model: type[Any], ids: Sequence[int], why: str = "") -> None:
    """Remember rows that were deleted in bulk, past the session: one event that names them."""
    if ids:
        uow.events.append(Event(REMOVAL, (model.__tablename__, min(ids)), {"ids": sorted(ids)}, why))


def chunk_leaf(values: Iterable[Any]) -> bytes:
    """One row of a chunk, as its Merkle tree takes it: the values of the chunk's columns."""
    return canonical(list(values))


def _head(session: Session) -> AuditHead:
    head = session.scalar(select(AuditHead).with_for_update().execution_options(populate_existing=True))
    if head is None:
        head = AuditHead(id=1, sequence=0, hash=GENESIS)
        session.add(head)
    return head


def _acts(events: list[Event]) -> Iterator[tuple[str, tuple[str, int | None], dict[str, Any], str]]:
    for event in events:
        yield event.action, _subject(event.subject), plain(event.body), event.why


def _changes(changes: list[Change]) -> Iterator[tuple[str, tuple[str, int | None], dict[str, Any], str]]:
    for change in changes:
        body = {
            name: [value(change.subject, name, before), value(change.subject, name, after)]
            for name, (before, after) in sorted(change.columns.items())
            if name not in NOISE
        }
        if body:
            yield f"record.{change.kind}", _subject(change.subject), body, ""


def _subject(row: Any) -> tuple[str, int | None]:
    if isinstance(row, tuple):
        return row
    mapper = inspect(type(row))
    key = mapper.primary_key_from_instance(row)[0]
    return mapper.local_table.name, key if isinstance(key, int) else None


def value(row: Any, name: str, found: Any) -> Any:
    """A column's value as events write it: personal ones as commitments that are void once the person is erased."""
    if found is not None and name in getattr(row, "__personal__", ()):
        return personal.commitment(row, name, str(found))
    return plain(found)


def plain(value: Any) -> Any:
    """``value`` in terms of the canonical form. Bytes (sealed values, digests) appear by their SHA-256."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).isoformat()
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, (bytes, memoryview)):
        return "sha256:" + sha256(bytes(value)).hexdigest()
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(inner) for inner in value]
    return str(value)
