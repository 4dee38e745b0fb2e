"""The worker's side of jobs: lease one, carry it out piece by piece, note what came of it.

A worker that dies leaves its lease to run out; the next one begins where the last finished piece left off.
Every piece commits only while the lease is held, so two workers never both write: the slower one is told that
it has lost the job.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

from flask import Flask
from flask_babel import force_locale
from sqlalchemy import Select, select, text, update
from sqlalchemy.orm import Session

from app.jobs import kinds
from app.jobs.kinds import Cancelled, Lost, Work
from app.jobs.models import Job
from app.kernel.actor import SYSTEM, Actor
from app.kernel.clock import now
from app.kernel.database import db
from app.kernel.errors import N_, DomainError
from app.kernel.unit_of_work import UnitOfWork
from app.security.current import actor_of

log = logging.getLogger(__name__)

#: Longer than any function takes between two yields.
LEASE = timedelta(seconds=60)
#: How often a job is begun without getting one piece further, before it counts as failed.
TRIES = 3
#: Wait after an unexpected error; each further one is four times as long.
FIRST_WAIT = timedelta(seconds=15)
#: Seconds between two notes of progress.
_BEAT = 2.0


def carry_out(_app: Flask, stopping: Callable[[], bool] = lambda: False) -> int:
    """Do the jobs that are due, one after another; returns how many. Any number of workers may do this at once."""
    count = 0
    while not stopping():
        claimed = claim(db.session())
        if claimed is None:
            break
        run(*claimed, stopping)
        count += 1
    return count


def carry_out_one(_app: Flask, job_id: int, stopping: Callable[[], bool] = lambda: False) -> None:
    """Do this job here and now, unless a worker has it; ``stopping`` is asked after each piece."""
    claimed = claim(db.session(), job_id)
    if claimed is not None:
        run(*claimed, stopping)


def _due(job_id: int | None = None) -> Select[Job]:
    """Waiting jobs, and running ones whose worker has not been heard of; oldest first.

    The states are spelled out so that both databases can use the partial index.
    """
    chosen = () if job_id is None else (Job.id == job_id,)
    return (
        select(Job)
        .where(text("job.state IN ('waiting', 'running')"), Job.due_at <= now(), *chosen)
        .order_by(Job.due_at, Job.id)
        .limit(1)
    )


def claim(session: Session, job_id: int | None = None) -> tuple[Job, str] | None:
    """Lease the next job (or this one); None where nothing is due. Jobs that nobody got further with are closed on the way."""
    session.rollback()  # what is due now, not when somebody last looked
    while session.scalar(_due(job_id)) is not None:  # looked at first: nothing is locked where nothing is due
        with UnitOfWork(session, SYSTEM) as uow:
            chosen = _due(job_id).with_for_update(skip_locked=True).execution_options(populate_existing=True)
            job = session.scalar(chosen)
            if job is None:
                break
            if job.attempts >= TRIES:
                _close(uow, job, "failed", error=N_("It was begun %(times)s times and never got further."))
                job.error_parameters = {"times": job.attempts}
                continue
            worker = f"{socket.gethostname()[:24]}:{os.getpid()}:{uuid4().hex[:12]}"
            moment = now()
            job.state, job.lease_owner, job.attempts = "running", worker, job.attempts + 1
            job.lease_until = job.due_at = moment + LEASE
            job.started_at = job.started_at or moment
            uow.flush()
            return job, worker
    session.rollback()
    return None


def run(job: Job, worker: str, stopping: Callable[[], bool]) -> None:
    """Carry a leased job out to its end, or until ``stopping``; what goes wrong ends in the job's row."""
    held = _Held(job, worker)
    try:
        kind = kinds.kind(job.kind)
        if kind is None:
            raise DomainError("unknown_kind", N_("This version does not know this kind of job."))
        work = held.work = _work(job, held)
        with force_locale(job.language):
            for _ in kind.run(work):
                held.beat()
                if stopping():
                    held.release()
                    return
        held.finish("done", file_digest=work.file_digest, file_name=work.file_name)
    except Lost:
        log.warning("job %s: another worker has taken over", job.id)
    except Cancelled:
        held.finish("cancelled")
    except DomainError as error:
        held.finish("failed", error=error.message, error_parameters=_plain(error.params))
    except Exception:
        log.exception("job %s (%s) broke off", job.id, job.kind)
        held.retry(job.attempts)


def _work(job: Job, held: _Held) -> Work:
    return Work(
        job.id,
        job.kind,
        job.name,
        job.parameters,
        _actor(job),
        job.language,
        held,
        done=job.done,
        bad=job.bad,
        total=job.total,
        place=dict(job.place),
    )


def _actor(job: Job) -> Actor:
    """Who asked, with the rights that they have today. Raises DomainError where the account is gone."""
    if job.created_by_id is None:
        return SYSTEM
    try:
        return actor_of(db.session(), job.created_by_id)
    except LookupError as error:
        raise DomainError("account_gone", N_("The account that asked for this no longer exists.")) from error


class _Held:
    """The lease of a running job."""

    def __init__(self, job: Job, worker: str) -> None:
        self._id, self._worker = job.id, worker
        self._heard = time.monotonic()
        self.work: Work | None = None

    @contextmanager
    def unit(self) -> Iterator[UnitOfWork]:
        """A unit of work that commits only while the lease is held, and writes the progress along with it."""
        assert self.work is not None  # noqa: S101 -- set before the function is called
        with UnitOfWork(db.session, self.work.actor) as uow:
            yield uow
            uow.flush()
            self._write(uow, attempts=0, **self._progress())

    def beat(self) -> None:
        """Renew the lease and show the progress, every two seconds at most. Raises Lost, Cancelled."""
        if time.monotonic() - self._heard >= _BEAT:
            with UnitOfWork(db.session, SYSTEM) as uow:
                self._write(uow, done=self.work.done, total=self.work.total)  # type: ignore[union-attr]

    def finish(self, state: str, **columns: Any) -> None:
        """The end. A worker that has lost the job meanwhile says nothing."""
        progress = self._progress() if self.work is not None and state == "done" else {}
        with UnitOfWork(db.session, SYSTEM) as uow:
            written = self._update(
                state=state, lease_owner=None, lease_until=None, finished_at=now(), **progress, **columns
            )
            if uow.session.scalar(written) is not None:
                job = uow.session.get_one(Job, self._id, populate_existing=True)
                uow.record(f"job.{state}", job, kind=job.kind, done=job.done, bad=job.bad)

    def release(self) -> None:
        """Give the job back, so that another worker goes on at once."""
        with UnitOfWork(db.session, SYSTEM) as uow:
            uow.session.scalar(
                self._update(state="waiting", lease_owner=None, lease_until=None, due_at=now(), attempts=0)
            )

    def retry(self, attempts: int) -> None:
        """Try again later; after the last try the job has failed."""
        db.session.rollback()
        if attempts >= TRIES:
            self.finish("failed", error=N_("Something went wrong inside. The operators' log says what."))
            return
        later = now() + FIRST_WAIT * 4 ** (attempts - 1)
        with UnitOfWork(db.session, SYSTEM) as uow:
            uow.session.scalar(
                self._update(state="waiting", lease_owner=None, lease_until=None, due_at=later)
            )

    def _progress(self) -> dict[str, Any]:
        work = self.work
        assert work is not None  # noqa: S101
        return {"done": work.done, "bad": work.bad, "total": work.total, "place": work.place}

    def _write(self, uow: UnitOfWork, **columns: Any) -> None:
        until = now() + LEASE
        cancel = uow.session.scalar(self._update(lease_until=until, due_at=until, **columns))
        if cancel is None:
            raise Lost
        if cancel:
            raise Cancelled
        self._heard = time.monotonic()

    def _update(self, **columns: Any) -> Any:
        held = (Job.id == self._id, Job.lease_owner == self._worker, Job.state == "running")
        return (
            update(Job)
            .where(*held)
            .values(**columns)
            .returning(Job.cancel)
            .execution_options(synchronize_session=False)
        )


def _close(uow: UnitOfWork, job: Job, state: str, error: str) -> None:
    job.state, job.error, job.finished_at = state, error, now()
    job.lease_owner = job.lease_until = None
    uow.record(f"job.{state}", job, kind=job.kind)


def _plain(parameters: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value if isinstance(value, int | str | None) else str(value) for key, value in parameters.items()
    }
