"""Taking a loaded import back, where nothing that it made has been used since."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from app.audit import services as audit
from app.exchange import bulk
from app.exchange.imports import Import, kind_of
from app.exchange.loading import MOST_ERRORS
from app.exchange.models import ImportChunk, ImportRowError
from app.jobs import services as jobs
from app.jobs.kinds import Kind, Work
from app.jobs.models import Job
from app.kernel.clock import now
from app.kernel.database import Model, db
from app.kernel.errors import N_, Conflict
from app.kernel.unit_of_work import UnitOfWork
from app.security.permissions import authorise


def ask(uow: UnitOfWork, job: Job) -> Job:
    """Ask for a loaded import to be taken back. Raises Forbidden, Conflict."""
    authorise(uow.actor, f"ImportKind.{job.kind.removeprefix('import.')}")
    if job.open or job.state == "undone" or job.parameters.get("dry_run", True):
        raise Conflict("not_loaded", N_("Only what was loaded can be undone."))
    return jobs.ask(
        uow, "import.undo", {"job": job.id, "dry_run": True}, name=job.name, language=job.language,
        key=f"undo:{job.id}:{_tries(uow.session, job)}",
    )  # fmt: skip


def _tries(session: Session, job: Job) -> int:
    """How often undoing was tried and refused: each try is a job of its own."""
    ended = select(func.count()).where(Job.kind == "import.undo", Job.state.in_(("failed", "cancelled")))
    return session.scalar(ended.where(Job.key.startswith(f"undo:{job.id}:", autoescape=True))) or 0


def undo(work: Work) -> Iterator[None]:
    """The job: look whether anything that the import made has been used since; only if not, take all of it back."""
    session = db.session()
    job = session.get_one(Job, work.parameters["job"])
    kind = kind_of(job.kind.removeprefix("import."))
    authorise(work.actor, f"ImportKind.{kind.code}")
    chunks = list(
        session.scalars(
            select(ImportChunk.id)
            .where(ImportChunk.job_id == job.id, ImportChunk.undone.is_(False))
            .order_by(ImportChunk.number.desc())
        )
    )
    work.total = 2 * len(chunks)
    if not work.place.get("free"):
        for key in chunks:
            _look(work, session.get_one(ImportChunk, key), kind)
            work.done += 1
            yield
        if work.bad:
            raise Conflict(
                "used",
                N_("%(number)s rows are in use already, so nothing was undone. They are listed."),
                number=work.bad,
            )
        with work.unit():
            work.place = {"free": True}
    for key in chunks:
        with work.unit() as uow:
            _take_back(uow, uow.session.get_one(ImportChunk, key), kind, work)
            work.done += 1
        yield
    with work.unit() as uow:
        uow.session.execute(update(Job).where(Job.id == job.id).values(state="undone"))
        uow.record("import.undone", job, kind=job.kind)


def _look(work: Work, chunk: ImportChunk, kind: Import) -> None:
    """Note the rows of a chunk that something refers to by now, or that somebody changed."""
    with work.unit() as uow:
        used = _used(uow.session, kind.loader.table, chunk.made, chunk.created_at)
        if not used:
            return
        values = [
            {
                "job_id": work.id, "sheet": "", "row": chunk.rows.get(str(key), 0), "column": str(key),
                "reason": N_("In use: %(where)s."), "parameters": {"where": where}, "created_at": now(),
            }
            for key, where in sorted(used.items())[: MOST_ERRORS]
        ]  # fmt: skip
        uow.session.execute(insert(ImportRowError.__table__), values)  # type: ignore[arg-type]
        work.bad += len(used)


#: What hangs on an imported row without using it.
_NO_USE = {("achievement", "credit_entry"), ("person", "person_key")}


def _used(session: Session, main: str, made: dict[str, list[int]], since: datetime) -> dict[int, str]:
    """Ids of the main table whose rows are used, or were changed after that moment, with where."""
    tables = Model.metadata.tables
    found: dict[int, str] = {}
    owners = _owners(session, main, made)
    for table, keys in made.items():
        for other, column in bulk.references(table):
            if (table, other.name) in _NO_USE:
                continue
            query = select(other.c[column]).where(other.c[column].in_(keys)).distinct()
            own = made.get(other.name)
            if own:
                query = query.where(other.c.id.not_in(own))
            for key in session.scalars(query):
                found.setdefault(owners[table].get(key, key), other.comment or other.name)
        if "changed_at" in tables[table].c:
            changed = select(tables[table].c.id).where(
                tables[table].c.id.in_(keys), tables[table].c.changed_at > since
            )
            for key in session.scalars(changed):
                found.setdefault(owners[table].get(key, key), N_("changed since"))
    return found


def _owners(session: Session, main: str, made: dict[str, list[int]]) -> dict[str, dict[int, int]]:
    """For what a row of the main table points at (a learner's person): whose it is."""
    tables = Model.metadata.tables
    found: dict[str, dict[int, int]] = {table: {} for table in made}
    for key in tables[main].foreign_keys:
        other = key.column.table.name
        if other in made and other != main:
            pairs = select(tables[main].c[key.parent.name], tables[main].c.id).where(
                tables[main].c.id.in_(made[main])
            )
            found[other] = dict(session.execute(pairs).tuples().all())
    return found


def _take_back(uow: UnitOfWork, chunk: ImportChunk, kind: Import, work: Work) -> None:
    made = {table: list(keys) for table, keys in chunk.made.items()}
    if _used(uow.session, kind.loader.table, made, chunk.created_at):
        raise Conflict("used", N_("A row has come into use meanwhile; what was undone so far stays undone."))
    kind.loader(uow.session, work.actor).undo(uow, made)
    models = {mapper.local_table.name: mapper.class_ for mapper in Model.registry.mappers}
    for table, keys in made.items():
        rows = Model.metadata.tables[table]
        uow.session.execute(delete(rows).where(rows.c.id.in_(keys)))
        audit.record_removal(uow, models[table], keys, "import undone")
    chunk.undone = True
    uow.record("import.chunk_undone", chunk, job=chunk.job_id, root=chunk.root)


KIND = Kind("import.undo", N_("Undo an import"), undo, family="import")
