"""Whether the time of an answer tells who is known: a two-sample test over requests for codes.

``python -m tests.hostile.timing`` makes a house of its own, measures 2,000 known and 2,000 unknown numbers in turn, for
the product and for a mutant that returns early, and prints both.
"""

from __future__ import annotations

import math
import random
import re
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from flask import Flask
from sqlalchemy import select

from app.kernel.actor import SYSTEM, VISITOR
from app.kernel.database import db
from app.kernel.unit_of_work import UnitOfWork
from app.security import codes, personal
from app.security.models import Person

Step = Callable[[str], None]


@dataclass(frozen=True)
class Measured:
    """Medians in milliseconds, and the two-sided p of the Mann-Whitney test."""

    known: float
    unknown: float
    p: float


def ask_and_forget(number: str) -> None:
    """What a request for a code does in the product."""
    actor = replace(VISITOR, address=number)
    with UnitOfWork(db.session, actor) as uow:
        codes.ask(uow, "activate", number, "browser", {"identity": number, "channel": "sms"})


def ask_early_return(number: str) -> None:
    """The mutant: it looks first whether anybody has this number, and does nothing where nobody has."""
    actor = replace(VISITOR, address=number)
    with UnitOfWork(db.session, actor) as uow:
        if personal.find_by_identity(uow.session, "passport", number) is None:
            return
        codes.ask(uow, "activate", number, "browser", {"identity": number, "channel": "sms"})


def known_numbers(count: int) -> list[str]:
    """Numbers of so many people, made for this."""
    numbers = [f"K{number:08d}" for number in range(count)]
    with UnitOfWork(db.session, SYSTEM) as uow:
        for number in numbers:
            uow.session.add(personal.new_person("某人", identity_type="passport", identity=number))
    db.session.expunge_all()
    return numbers


def unknown_numbers(count: int) -> list[str]:
    """Numbers that nobody has."""
    return [f"U{number:08d}" for number in range(count)]


def measure(app: Flask, step: Step, known: list[str], unknown: list[str]) -> Measured:
    """Run ``step`` for all numbers in random order and compare the times of both kinds."""
    times: dict[bool, list[float]] = {True: [], False: []}
    turns = [(True, n) for n in known] + [(False, n) for n in unknown]
    mark = f"{random.random()}"  # a new run is not held up by the limits of the one before
    random.Random(7).shuffle(turns)
    for _ in range(20):
        step(f"warm up {random.random()}")
    for is_known, number in turns:
        started = time.perf_counter()
        step(number) if step is ask_early_return else step(f"{number}\0{mark}")
        times[is_known].append((time.perf_counter() - started) * 1000)
    return Measured(median(times[True]), median(times[False]), mann_whitney(times[True], times[False]))


def median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def mann_whitney(first: list[float], second: list[float]) -> float:
    """Two-sided p by the normal approximation: good from some 20 each; times have no ties to speak of."""
    ranked = sorted([(value, 0) for value in first] + [(value, 1) for value in second])
    ranks = sum(rank for rank, (_, of) in enumerate(ranked, 1) if of == 0)
    n, m = len(first), len(second)
    u = ranks - n * (n + 1) / 2
    z = (u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)
    return math.erfc(abs(z) / math.sqrt(2))


def where(page: str) -> str:
    """The words of a page without what differs by itself: tokens and what was typed."""
    return re.sub(r"\s+", " ", re.sub(r'value="[^"]*"|<[^>]+>', " ", page))


def main() -> None:
    from tests.support.house import House

    with tempfile.TemporaryDirectory() as folder:
        app = House(Path(folder), None, "timing").reset()
        with app.app_context():
            known, unknown = known_numbers(2000), unknown_numbers(2000)
            assert len(db.session.scalars(select(Person.id)).all()) >= 2000
            for name, step in (("product", ask_and_forget), ("mutant (early return)", ask_early_return)):
                found = measure(app, step, known, unknown)
                sys.stdout.write(
                    f"{name}: known {found.known:.2f} ms, unknown {found.unknown:.2f} ms, p = {found.p:.3g}\n"
                )


if __name__ == "__main__":
    main()
