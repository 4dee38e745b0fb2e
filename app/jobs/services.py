"""Asking for long work, and stopping it."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from app.jobs import kinds
from app.jobs.models import ExportJob, ImportJob, Job
from app.kernel.clock import CIVIL, civil, now
from app.kernel.errors import N_, Conflict, NotFound
from app.kernel.unit_of_work import UnitOfWork

_MODELS: dict[str, type[Job]] = {"import": ImportJob, "export": ExportJob, "task": Job}


def ask(
    uow: UnitOfWork,
    kind: str,
    parameters: dict[str, Any] | None = None,
    *,
    name: str = "",
    key: str = "",
    language: str = "zh",
    **columns: Any,
) -> Job:
    """Put a job in the queue, in the name of the actor. The same ``key`` again is the same job.

    ``columns`` are further ones of the job (``due_at``: not before). Raises NotFound for an unknown kind.
    """
    known = kinds.kind(kind)
    if known is None:
        raise NotFound
    job = _MODELS[known.family](
        kind=kind,
        name=name[:200],
        parameters=parameters or {},
        key=key or uuid4().hex,
        language=language,
        organisation_id=uow.actor.organisation_id,
        created_by_id=uow.actor.user_id,
        **columns,
    )
    with_key = select(Job).where(Job.key == job.key)
    found = uow.session.scalar(with_key) if key else None
    if found is not None:
        return found
    try:
        with uow.session.begin_nested():
            uow.session.add(job)
    except IntegrityError:  # somebody was first with this key
        found = uow.session.scalar(with_key)
        if found is None:
            raise
        return found
    uow.record("job.asked", job, kind=kind, name=job.name)
    return job


def cancel(uow: UnitOfWork, job: Job) -> None:
    """Stop a job: at once where it waits, after the chunk at hand where it runs. What is done stays done.

    Raises Conflict where it has ended.
    """
    moment = now()
    still = update(Job).where(Job.id == job.id)
    waiting = still.where(Job.state == "waiting").values(
        state="cancelled", cancel=True, finished_at=moment, lease_owner=None, lease_until=None
    )
    running = still.where(Job.state == "running").values(cancel=True)
    if not any(uow.session.execute(statement).rowcount for statement in (waiting, running)):  # type: ignore[attr-defined]
        raise Conflict("job_ended", N_("This job has already ended."))
    uow.session.expire(job)
    uow.record("job.cancelled", job)


def plan(uow: UnitOfWork) -> int:
    """Ask for the day's regular jobs; safe for any number of workers. Returns how many are new."""
    here = civil(now())
    asked = 0
    for kind in kinds.kinds():
        if kind.daily is None or here.timetz() < kind.daily.replace(tzinfo=CIVIL):
            continue
        key = f"daily:{kind.name}:{here:%Y-%m-%d}"
        if uow.session.scalar(select(Job.id).where(Job.key == key)) is None:
            ask(uow, kind.name, key=key)
            asked += 1
    return asked
