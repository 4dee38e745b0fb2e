"""What the benchmarks share: a bank of a given size in a folder of its own, servers over it, and honest timing."""

from __future__ import annotations

import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.cookiejar import CookieJar
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent


@contextmanager
def bank(learners: int = 0, url: str = "") -> Iterator[dict[str, str]]:
    """A deployed bank with the demo and ``learners`` people more, on SQLite or the database at ``url``; yields its
    environment.
    """
    with tempfile.TemporaryDirectory(prefix="creditbank-bench-") as folder:
        environment = {**os.environ, "CREDITBANK_DATA_DIR": folder, "PYTHONPATH": str(HOME)}
        if url:
            environment["CREDITBANK_DATABASE_URL"] = url
        for command in (["deploy"], ["demo", "load", "--learners", str(learners)]):
            subprocess.run(
                [sys.executable, "-m", "flask", "--app", "run", *command],
                cwd=HOME,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=True,
            )
        yield environment


@contextmanager
def databases() -> Iterator[list[tuple[str, Callable[[str], str]]]]:
    """The kinds of database that can be measured here: (name, URL of a fresh database called so)."""
    from tests.support.postgres import Server, programs

    found: list[tuple[str, Callable[[str], str]]] = [("SQLite", lambda _name: "")]
    if programs() is None:
        print("PostgreSQL is not installed: not measured")
        yield found
        return
    postgres = Server()

    def fresh(name: str) -> str:
        postgres.recreate(name)
        return postgres.url(name)

    try:
        yield [*found, ("PostgreSQL", fresh)]
    finally:
        postgres.stop()


@contextmanager
def server(
    python: str, application: str, environment: Mapping[str, str], folder: Path = HOME
) -> Iterator[str]:
    """gunicorn with two sync workers over ``application``; yields its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [
        python,
        "-m",
        "gunicorn",
        "--bind",
        address,
        "--workers",
        "2",
        "--no-control-socket",
        application,
    ]
    process = subprocess.Popen(
        command, cwd=folder, env=dict(environment), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(150):
            try:
                urllib.request.urlopen(f"http://{address}/", timeout=5)
                break
            except urllib.error.HTTPError:
                break
            except OSError:
                time.sleep(0.2)
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait()


class Visitor:
    """Somebody with a cookie jar, logged in by a form."""

    def __init__(self, base: str) -> None:
        self.base = base
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def get(self, path: str) -> str:
        with self._opener.open(self.base + path, timeout=60) as answer:
            return answer.read().decode()

    def log_in(self, path: str, **fields: str) -> None:
        token = re.search(r'name="(csrf_?\w*token)"[^>]*value="([^"]+)"', self.get(path))
        assert token, "no form token"  # noqa: S101
        data = urllib.parse.urlencode({token[1]: token[2], **fields}).encode()
        request = urllib.request.Request(self.base + path, data, {"Referer": self.base + path})  # noqa: S310
        self._opener.open(request, timeout=60).read()


def alternately(first: Callable[[], object], second: Callable[[], object], times: int) -> tuple[float, float]:
    """Median seconds of two calls, taken in turn so that a change of the machine's speed meets both."""
    figures: tuple[list[float], list[float]] = ([], [])
    for _ in range(times):
        for call, taken in zip((first, second), figures, strict=True):
            begin = time.perf_counter()
            call()
            taken.append(time.perf_counter() - begin)
    return statistics.median(figures[0]), statistics.median(figures[1])


def throughput(call: Callable[[], object], clients: int, requests: int) -> float:
    """Calls a second with so many clients at once."""
    with ThreadPoolExecutor(clients) as pool:
        begin = time.perf_counter()
        list(pool.map(lambda _: call(), range(requests)))
        return requests / (time.perf_counter() - begin)


def ratio(name: str, ours: float, theirs: float, goal: str) -> None:
    """One line of the table: both figures, their ratio, the goal of the specification."""
    print(f"{name:<46} {ours:>10.4g} {theirs:>10.4g}   ratio {ours / theirs:.2f}   goal {goal}", flush=True)
