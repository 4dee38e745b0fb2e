"""Lists: a long queue against a short one, deep pages, names by two characters, queries a page; on both databases."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from bench.world import HOME, Visitor, alternately, bank, databases, ratio, server

QUEUE = "/console/conversion/initial/?size=25"
LEARNERS = "/console/records/learner/?size=25"
WORD = "建明"
#: Counts the statements of a page, as the server sends them.
COUNTER = """
import os, sys
import config
from app import create_app
from app.kernel.database import db
from sqlalchemy import event
from tests.support.browser import Browser
from tests.support.story import log_in

app = create_app(config.load(os.environ))
app.test_client_class = Browser
with app.app_context():
    client = log_in(app, "center")
    seen = []
    event.listen(db.engine, "before_cursor_execute", lambda *given: seen.append(given[2]))
    for path in sys.argv[1:]:
        client.get(path)
        del seen[:]
        assert client.get(path).status_code == 200, path
        print(len([one for one in seen if not one.startswith(("SAVEPOINT", "RELEASE"))]))
"""


def main(small: int = 20_000, times: int = 40) -> None:
    large = int(os.environ.get("BENCH_LEARNERS", "100000"))
    with databases() as kinds:
        for name, fresh in kinds:
            print(f"-- {name}: {small:,} and {large:,} learners, half of them with a case in the queue")
            with bank(small, fresh("small")) as little, bank(large, fresh("large")) as much:
                _measure(little, much, large, times)


def _measure(little: dict[str, str], much: dict[str, str], large: int, times: int) -> None:
    with server(sys.executable, "run:app", little) as short, server(sys.executable, "run:app", much) as long:
        few, many = Visitor(short), Visitor(long)
        for somebody in (few, many):
            somebody.log_in("/login/", username="center", password="Demo-center-2026")  # noqa: S106
        deep = f"{QUEUE}&after={quote(_place(much, large // 2 * 9 // 10))}"
        assert many.get(deep).count("<tr") > 25  # noqa: S101
        found, first = alternately(lambda: many.get(QUEUE), lambda: few.get(QUEUE), times)
        ratio("queue, first page: long against short, ms", found * 1000, first * 1000, "≤ 1.05")
        found, first = alternately(lambda: many.get(deep), lambda: few.get(QUEUE), times)
        ratio("queue, nine tenths down against short, ms", found * 1000, first * 1000, "≤ 1.05")
        found, first = alternately(
            lambda: many.get(f"{LEARNERS}&name={quote(WORD)}"), lambda: many.get(LEARNERS), times
        )
        ratio("learners, two characters against first page, ms", found * 1000, first * 1000, "≤ 1.3")
        found, first = alternately(
            lambda: many.get(f"{QUEUE}&name={quote(WORD)}"), lambda: many.get(QUEUE), times
        )
        ratio("queue, two characters against first page, ms", found * 1000, first * 1000, "≤ 1.3")
    counted = subprocess.run(
        [sys.executable, "-c", COUNTER, QUEUE, LEARNERS, "/console/records/catalogue-item/?size=25"],
        cwd=HOME, env=much, check=True, capture_output=True, text=True,
    )  # fmt: skip
    names = ("queue", "learners", "catalogue")
    for page, number in zip(names, counted.stdout.split(), strict=True):
        ratio(f"statements of a page: {page}", int(number), 5, "≤ 1")


def _place(environment: dict[str, str], offset: int) -> str:
    """Where the page of the queue so far down begins, as its address says it."""
    question = (
        "SELECT submitted_at, id FROM conversion_application WHERE state = 'initial_review' "
        f"ORDER BY submitted_at, id LIMIT 1 OFFSET {offset}"
    )
    row: Any
    url = environment.get("CREDITBANK_DATABASE_URL", "")
    if url:
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            row = connection.execute(question.encode()).fetchone()
    else:
        with sqlite3.connect(Path(environment["CREDITBANK_DATA_DIR"]) / "creditbank.db") as file:
            row = file.execute(question).fetchone()
    moment, key = row
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return f"{moment.isoformat()}+00:00~{key}"


if __name__ == "__main__":
    main()
