"""``make proof``: the hostile and proof suites at their full size, then one table (Markdown, as docs/security.md has it)."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.proof.lines import LINES, RELIABILITY, SECURITY, Line


class Outcomes:
    """What came of each test, as pytest says it."""

    def __init__(self) -> None:
        self.by_test: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            self.by_test[report.nodeid] = report.outcome

    def of(self, line: Line) -> str:
        """How a line stands, in a word or two."""
        found = Counter(
            outcome
            for name, outcome in self.by_test.items()
            if any(name.startswith(test) for test in line.tests)
        )
        if not found:
            return "not run"
        return (
            f"held by {found['passed']} tests" if set(found) == {"passed"} else f"**broken**: {dict(found)}"
        )


def main() -> int:
    """Run, print, and exit as pytest does."""
    wanted = sys.argv[1:]
    chosen = [line for line in LINES if not wanted or line.key in wanted]
    paths = sorted({test.partition("::")[0] for line in chosen for test in line.tests})
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder, "figures.jsonl")
        os.environ |= {"CREDITBANK_PROOF": "full", "CREDITBANK_PROOF_FIGURES": str(figures)}
        outcomes, start = Outcomes(), time.monotonic()
        status = pytest.main([path for path in paths if Path(path).exists()], plugins=[outcomes])
        lines = figures.read_text(encoding="utf-8").splitlines() if figures.exists() else []
    measured: dict[str, list[str]] = {}
    for row in map(json.loads, lines):
        measured.setdefault(row["line"], []).append(f"{row['backend']}: {row['figure']}")
    for title, table in (("Reliability", RELIABILITY), ("Security", SECURITY)):
        print(f"\n### {title}\n\n| what | bar | result | figures |\n|---|---|---|---|")  # noqa: T201
        for line in (one for one in table if one in chosen):
            seen = "<br>".join(measured.get(line.key, []))
            print(f"| {line.what} | {line.bar} | {outcomes.of(line)} | {seen} |")  # noqa: T201
    print(f"\n{time.monotonic() - start:.0f} s, {len(outcomes.by_test)} tests")  # noqa: T201
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
