"""Which kinds of long work there are. ``create_app`` registers them; a room brings the function.

A kind's function takes a :class:`Work` and yields after each piece, so that progress shows, the lease is
renewed and somebody can cancel. It must bear to be begun again: after a crash another worker calls it anew, with
``work.place`` and ``work.done`` as the last finished piece left them. ::

    def run(work: Work) -> Iterator[None]:
        work.total = …
        for chunk in chunks(after=work.place.get("last", 0)):
            with work.unit() as uow:      # one transaction; fails if another worker has taken over
                …
                work.done += len(chunk)
                work.place = {"last": chunk[-1].id}
            yield
        work.give("报表.xlsx", content)   # a file for who asked
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import time
from typing import Any, Protocol

from app.kernel.actor import Actor
from app.kernel.storage import store
from app.kernel.unit_of_work import UnitOfWork


class Lost(Exception):
    """Another worker has taken the job over: whatever is at hand must not be written."""


class Cancelled(Exception):
    """Somebody asked to stop the job."""


class Lease(Protocol):
    """How a running job writes its progress down; raises Lost or Cancelled."""

    def unit(self) -> Any:
        """A unit of work that commits only while the lease is held, with the progress."""

    def beat(self) -> None:
        """Renew the lease and show the progress."""


@dataclass
class Work:
    """A running job, as its function sees it. ``actor`` is who asked, with the rights that they have now."""

    id: int
    kind: str
    name: str
    parameters: dict[str, Any]
    actor: Actor
    language: str
    lease: Lease
    done: int = 0
    bad: int = 0
    total: int | None = None
    place: dict[str, Any] = field(default_factory=dict)
    file_digest: str | None = None
    file_name: str = ""

    @contextmanager
    def unit(self) -> Iterator[UnitOfWork]:
        """One transaction of the job. What it writes and how far it is are kept together or not at all.

        Raises Lost where another worker has taken over, Cancelled where somebody asked to stop: nothing is kept.
        """
        with self.lease.unit() as uow:
            yield uow

    def tick(self) -> None:
        """Renew the lease where the function can't yield, because a library pulls rows from it. Outside of any unit.

        Raises Lost, Cancelled.
        """
        self.lease.beat()

    def give(self, name: str, content: bytes) -> None:
        """Keep a file as the job's result."""
        self.file_name, self.file_digest = name, store().put(content)


Function = Callable[[Work], Iterator[None]]


@dataclass(frozen=True)
class Kind:
    """One kind of job. ``name`` is its code, ``label`` an English source string; ``family`` says on which page it shows
    (``import``, ``export`` for whatever makes a file for somebody, ``task``); ``daily``: by itself, from this time of
    the Chinese day on.
    """

    name: str
    label: str
    run: Function
    family: str = "task"
    daily: time | None = None


_kinds: dict[str, Kind] = {}


def register(*kinds: Kind) -> None:
    """Make kinds known; called by ``create_app``."""
    _kinds.update({kind.name: kind for kind in kinds})


def kind(name: str) -> Kind | None:
    """The kind with this code."""
    return _kinds.get(name)


def kinds() -> list[Kind]:
    """All of them, in the order in which they were registered."""
    return list(_kinds.values())
