"""Verifying the trail in the database: the chain, what is repeated beside it, the checkpoints here and elsewhere, and
that every record is as its events left it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, BinaryIO

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session, lazyload

from app.audit import checkpoints
from app.audit.models import AuditEvent, AuditHead
from app.audit.services import CHUNK, NOISE, REMOVAL, chunk_leaf, value
from app.kernel.database import Model
from app.security import personal
from verifier import export
from verifier.chain import GENESIS, Flaw, Row, Tip, walk
from verifier.checkpoint import Checkpoint
from verifier.merkle import Frontier

#: Read past the mapper: half the time of verifying would go into making objects.
_ROWS = """SELECT sequence, canonical, hash, at, actor_id, role, action, subject_table, subject_id
           FROM audit_event ORDER BY sequence"""


@dataclass
class Report:
    """What came of it: the first flaw or None, and how much there was."""

    flaw: Flaw | None
    events: int = 0
    signed: int = 0
    records: int = 0


def verify(
    session: Session,
    public: bytes | None,
    kept: Sequence[Checkpoint] = (),
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Check the chain up to its end. Without a public key the checkpoints' signatures are not looked at, and count
    for nothing.

    ``kept`` are the checkpoints from their place outside the database.
    """
    here = checkpoints.stored(session)
    for checkpoint in (*here, *kept):
        flaw = checkpoint.unsigned(public) if public else None
        if flaw:
            return Report(flaw)
    present = {checkpoint.sequence for checkpoint in here}
    for checkpoint in kept:
        if checkpoint.sequence not in present:
            return Report(
                Flaw(checkpoint.name, "missing: it is kept elsewhere, and the database has it no more")
            )
    head = _head(session)
    stops = _stops([*here, *kept], head)
    tip = Tip()
    reader = _Reader(session, progress, tip)
    flaw = walk(reader.rows(), tip, stops) or reader.flaw or _end(session, tip, head)
    for checkpoint in (*kept, *here):
        flaw = flaw or checkpoint.beyond(tip)
    signed = max([0, *(c.sequence for c in (*here, *kept))]) if public and not flaw else 0
    return Report(flaw, tip.sequence, signed)


def events(session: Session) -> Iterator[Row]:
    """All events, as the chain holds them, oldest first."""
    return _Reader(session).rows()


def write_export(session: Session, file: BinaryIO, progress: Callable[[int], None] | None = None) -> int:
    """Write the whole trail with its checkpoints for the offline verifier; returns the number of events."""
    waiting = checkpoints.stored(session)
    file.write(export.FORMAT + b"\n")
    last: Row = (0, b"", GENESIS)
    for last in _Reader(session, progress).rows():
        number, canonical, digest = last
        file.write(export.event_line(digest, canonical))
        while waiting and waiting[0].sequence <= number:
            file.write(export.checkpoint_line(waiting.pop(0)))
    file.write(export.last_line(last[0], last[2]))
    return last[0]


class _Reader:
    """Hands out the events, and looks at the columns beside each once the chain has accepted it."""

    def __init__(
        self, session: Session, progress: Callable[[int], None] | None = None, tip: Tip | None = None
    ) -> None:
        self._tip = tip
        self._connection = session.connection()
        self._text = self._connection.dialect.name == "sqlite"
        self._progress = progress
        self.flaw: Flaw | None = None

    def rows(self) -> Iterator[Row]:
        accepted, differs = self._tip, self._differs
        options = {"stream_results": True, "max_row_buffer": 5000}
        with self._connection.exec_driver_sql(_ROWS, execution_options=options) as result:
            for part in result.partitions(5000):
                for row in part:
                    yield row[:3]
                    # A walk that has stopped here asks once more, to see what follows: the row was not accepted.
                    if accepted is not None and accepted.sequence == row[0] and differs(row):
                        self.flaw = Flaw(
                            f"event {row[0]}", "altered: a column beside it differs from what was hashed"
                        )
                        return
                if self._progress:
                    self._progress(len(part))

    def _differs(self, row: Any) -> bool:
        """Whether a column says otherwise than the canonical form, whose keys stand in the order of the alphabet.

        No text in it holds an unescaped quote, so the last ``,"roles":[`` is the event's own: comparing bytes spares
        reading the whole form, a third of the time.
        """
        sequence, written, _digest, at, actor, role, action, table, key = row
        moment = f"{at[:10]}T{at[11:].removesuffix('.000000')}" if self._text else at.isoformat()
        who, subject = "null" if actor is None else actor, "null" if key is None else key
        begins = f'{{"action":"{action}","actor":{who},"at":"{moment}+00:00","body":'
        roles = '","'.join(role.split(" "))
        ends = f',"roles":["{roles}"],"seq":{sequence},"subject":["{table}",{subject}],"why":'
        if written.startswith(begins.encode()) and written.startswith(
            ends.encode(), written.rfind(b',"roles":[')
        ):
            return False
        said = json.loads(written)
        return (
            said["action"],
            said["actor"],
            said["at"],
            " ".join(said["roles"])[:100],
            said["seq"],
            said["subject"],
        ) != (*(action, actor, f"{moment}+00:00", role, sequence, [table, key]),)


def _head(session: Session) -> tuple[int, bytes]:
    session.rollback()
    row = session.execute(select(AuditHead.sequence, AuditHead.hash)).one_or_none()
    return (row.sequence, bytes(row.hash)) if row is not None else (0, GENESIS)


def _stops(known: Sequence[Checkpoint], head: tuple[int, bytes]) -> dict[int, Callable[[Tip], Flaw | None]]:
    asked: dict[int, list[Callable[[Tip], Flaw | None]]] = {}
    for checkpoint in known:
        asked.setdefault(checkpoint.sequence, []).append(checkpoint.contradicts)

    def ends(tip: Tip) -> Flaw | None:
        if tip.head != head[1]:
            return Flaw(f"event {tip.sequence}", "altered: the end of the chain is another one")
        return None

    asked.setdefault(head[0], []).append(ends)

    def all_of(checks: list[Callable[[Tip], Flaw | None]]) -> Callable[[Tip], Flaw | None]:
        return lambda tip: next(filter(None, (check(tip) for check in checks)), None)

    return {number: all_of(checks) for number, checks in asked.items()}


def _end(session: Session, tip: Tip, head: tuple[int, bytes]) -> Flaw | None:
    """Whether the chain ends where its end was noted; others may write meanwhile."""
    if tip.sequence < head[0]:
        return Flaw(f"event {tip.sequence + 1}", f"cut off: the chain once reached event {head[0]}")
    if tip.sequence > _head(session)[0]:
        return Flaw(f"event {head[0] + 1}", "inserted: it stands behind the end of the chain")
    return None


# --- records


def verify_records(session: Session, progress: Callable[[int], None] | None = None) -> Report:
    """Check that the records are as their events left them: facts and everything else that people write.

    Names the first row that differs from its last event, that has none, or that is gone without one.
    """
    count = 0
    for model in audited():
        flaw, seen = _records_of(session, model)
        count += seen
        if progress:
            progress(seen)
        if flaw:
            return Report(flaw, records=count)
    return Report(None, records=count)


def audited() -> list[type[Any]]:
    """The models whose every change is an event, in the order of their tables' names."""
    found = [
        mapper.class_
        for mapper in Model.registry.mappers
        if getattr(mapper.class_, "__audited__", not mapper.class_.__module__.startswith("flask_appbuilder."))
        and mapper.class_.__table__.primary_key.columns.keys() == ["id"]
    ]
    return sorted(found, key=lambda model: str(model.__tablename__))


class _Chunk:
    """Rows with consecutive ids that one event stands for; their tree grows as they are met. Where some were deleted in
    bulk later, by an event that names them, only their presence can be checked.
    """

    def __init__(self, sequence: int, first: int, body: dict[str, Any]) -> None:
        self.sequence, self.first, self.last = sequence, first, int(body["last"])
        self._rows, self._columns, self._root = body["rows"], body["columns"], body["root"]
        self._tree = Frontier()
        self._removed: set[int] = set()

    def holds(self, key: int) -> bool:
        """Whether the row with this id was among them."""
        return self.first <= key <= self.last

    def lose(self, ids: set[int]) -> None:
        """These were deleted in bulk, later."""
        self._removed |= {key for key in ids if self.holds(key)}

    def take(self, key: int, held: Mapping[str, Any]) -> None:
        """The next row, as it was written."""
        self._tree.append(chunk_leaf(key if name == "id" else held.get(name) for name in self._columns))

    def flaw(self, table: str) -> Flaw | None:
        """What is wrong once all rows were met."""
        if self._tree.size + len(self._removed) == self._rows and (
            self._removed or self._tree.root().hex() == self._root
        ):
            return None
        return Flaw(
            f"{table} {self.first} to {self.last}",
            "altered: these rows, written in bulk, are not the ones that their event was written for",
        )


@dataclass
class _State:
    """What events say of one row: what made it, what it holds now, what stood first in columns that changed."""

    key: int
    made: bool = False
    chunk: _Chunk | None = None
    gone: bool = False
    now: dict[str, Any] = field(default_factory=dict)
    first: dict[str, Any] = field(default_factory=dict)

    def after(self, action: str, told: Any) -> _State:
        """The state after one more event. SQLite gives the ids of deleted rows out again: that is a new life."""
        if action == CHUNK:
            return _State(self.key, chunk=told)
        state = _State(self.key, made=True) if action == "record.created" else self
        if action == REMOVAL:
            state.gone = True
            return state
        for name, (before, after) in told.items():
            state.first.setdefault(name, before)
            state.now[name] = after
        if action == "record.deleted":
            state.gone = True
            if state.chunk is not None:
                state.chunk.take(self.key, state.first)
        return state


#: One event of a row: (its number, action, body, or the chunk).
_Step = tuple[int, str, Any]


class _Bulk:
    """What was written and deleted in bulk in one table."""

    def __init__(self, session: Session, table: str) -> None:
        written = _in_bulk(session, table, CHUNK)
        self.chunks = [_Chunk(sequence, first, body) for sequence, first, body in written]
        self._removals = [
            (sequence, set(body["ids"])) for sequence, _, body in _in_bulk(session, table, REMOVAL)
        ]
        for chunk in self.chunks:
            for sequence, ids in self._removals:
                if sequence > chunk.sequence:
                    chunk.lose(ids)

    def fold(self, key: int, steps: list[_Step]) -> _State:
        """What became of the row with this id: its own events, and those that it shares."""
        steps = [
            *steps,
            *((chunk.sequence, CHUNK, chunk) for chunk in self.chunks if chunk.holds(key)),
            *((sequence, REMOVAL, None) for sequence, ids in self._removals if key in ids),
        ]
        state = _State(key)
        for _sequence, action, told in sorted(steps, key=lambda step: step[0]):
            state = state.after(action, told)
        return state


def _records_of(session: Session, model: type[Any]) -> tuple[Flaw | None, int]:
    """Walk rows and events of one table side by side, in the order of their ids."""
    table = model.__tablename__
    query = select(model).order_by(model.id).options(lazyload("*"))
    rows = iter(session.scalars(query.execution_options(yield_per=1000, populate_existing=True)))
    bulk, told = _Bulk(session, table), _steps(session, table)
    row, own = next(rows, None), next(told, None)
    count = 0
    while row is not None or own is not None:
        key = min(found for found in (row.id if row is not None else None, own[0] if own else None) if found)
        state = bulk.fold(key, own[1] if own is not None and own[0] == key else [])
        if own is not None and own[0] == key:
            own = next(told, None)
        if row is not None and row.id == key:
            flaw = _wrong(row, state)
            count += 1
            row = next(rows, None)
        else:
            flaw = None if state.gone else Flaw(f"{table} {key}", "missing: it was written and never deleted")
        if flaw:
            return flaw, count
    return next(filter(None, (chunk.flaw(table) for chunk in bulk.chunks)), None), count


def _wrong(row: Any, state: _State) -> Flaw | None:
    """What is wrong with a row that is there."""
    where = f"{row.__tablename__} {row.id}"
    if state.gone or not (state.made or state.chunk):
        return Flaw(where, "inserted: no event tells of it")
    columns = [a.key for a in inspect(type(row)).column_attrs if a.key not in NOISE and a.key != "id"]
    held = {name: value(row, name, getattr(row, name)) for name in columns}
    if state.chunk is not None:
        state.chunk.take(row.id, {**held, **state.first})
        columns = [name for name in columns if name in state.now]
    for name in columns:
        said, found = state.now.get(name), held[name]
        if said != found and not (found == personal.ERASED and said is not None):
            return Flaw(where, f"altered: {name} is not what its events say")
    return None


def _in_bulk(session: Session, table: str, action: str) -> list[tuple[int, int, dict[str, Any]]]:
    found = session.execute(
        select(AuditEvent.sequence, AuditEvent.subject_id, AuditEvent.canonical)
        .where(
            AuditEvent.subject_table == table, AuditEvent.action == action, AuditEvent.subject_id.is_not(None)
        )
        .order_by(AuditEvent.sequence)
    )
    return [(sequence, int(key or 0), json.loads(written)["body"]) for sequence, key, written in found]


def _steps(session: Session, table: str) -> Iterator[tuple[int, list[_Step]]]:
    """The events of each row of a table, in the order of the rows' ids."""
    actions = ("record.created", "record.changed", "record.deleted")
    events = session.execute(
        select(AuditEvent.subject_id, AuditEvent.sequence, AuditEvent.action, AuditEvent.canonical)
        .where(
            AuditEvent.subject_table == table,
            AuditEvent.action.in_(actions),
            AuditEvent.subject_id.is_not(None),
        )
        .order_by(AuditEvent.subject_id, AuditEvent.sequence)
        .execution_options(yield_per=2000)
    )
    for key, group in groupby(events, key=lambda event: event[0]):
        yield (
            key,
            [(sequence, action, json.loads(written)["body"]) for _key, sequence, action, written in group],
        )
