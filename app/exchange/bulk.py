"""Writing many rows at once: COPY on PostgreSQL, executemany on SQLite. They pass the session's listeners by, so one
audit event with the Merkle root of the rows is recorded beside them (ADR 0005).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Table, func, insert, select
from sqlalchemy.orm import Session

from app.audit import services as audit
from app.kernel.clock import now
from app.kernel.database import Model
from app.kernel.unit_of_work import UnitOfWork

Row = dict[str, Any]


def next_ids(session: Session, model: type[Any], count: int) -> list[int]:
    """So many fresh ids of a table, in the open unit of work."""
    table: Table = model.__table__
    if session.get_bind().dialect.name == "postgresql":
        sequence = func.pg_get_serial_sequence(table.name, "id")
        numbers = func.generate_series(1, count).table_valued("n")
        return list(session.scalars(select(func.nextval(sequence)).select_from(numbers)))
    last = session.scalar(select(func.max(table.c.id))) or 0  # nobody else writes meanwhile
    return list(range(last + 1, last + count + 1))


def write(uow: UnitOfWork, model: type[Any], rows: Sequence[Row], why: str) -> list[str]:
    """Insert rows (with their ids, lowest first), each with the same keys; what they don't name gets the column's default.

    Returns the Merkle roots that stand in the audit trail: one for each run of ids without a gap.
    """
    if not rows:
        return []
    session, table = uow.session, model.__table__
    defaults = {key: value for key, value in _defaults(table).items() if key not in rows[0]}
    columns = [*rows[0], *defaults]
    if session.get_bind().dialect.name == "postgresql":
        _copy(session, table, columns, ((*row.values(), *defaults.values()) for row in rows))
    else:
        session.execute(insert(table), [row | defaults for row in rows])
    roots = []
    for run in _runs(rows):
        audit.record_chunk(uow, model, run, why)
        roots.append(str(uow.events[-1].body["root"]))
    return roots


def _runs(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Rows whose ids follow each other: somebody else may have taken some in between."""
    start = 0
    for at in range(1, len(rows) + 1):
        if at == len(rows) or rows[at]["id"] != rows[at - 1]["id"] + 1:
            yield rows[start:at]
            start = at


def _defaults(table: Table) -> Row:
    found: Row = {}
    moment = now()
    for column in table.columns:
        if column.default is None:
            continue
        if column.default.is_scalar:
            found[column.key] = column.default.arg  # type: ignore[attr-defined]
        elif column.default.is_callable:
            made = column.default.arg(None)  # type: ignore[attr-defined]
            found[column.key] = moment if isinstance(made, datetime) else made
    return found


def _copy(session: Session, table: Table, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
    json_at = {at for at, name in enumerate(columns) if isinstance(table.c[name].type, JSON)}
    names = ", ".join(f'"{name}"' for name in columns)
    connection: Any = session.connection().connection.driver_connection
    with (
        connection.cursor() as cursor,
        cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN') as copy,
    ):
        for row in rows:
            copy.write_row(
                [
                    json.dumps(value, ensure_ascii=False)
                    if at in json_at
                    else value.astimezone(UTC).replace(tzinfo=None)
                    if isinstance(value, datetime)
                    else value
                    for at, value in enumerate(row)
                ]
            )


def references(table: str) -> list[tuple[Table, str]]:
    """Every (table, column) that refers to the ids of ``table``."""
    return [
        (other, key.parent.name)
        for other in Model.metadata.sorted_tables
        for key in other.foreign_keys
        if key.column.table.name == table
    ]
