"""The lines of spec 5's two tables, and the tests that hold each of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """One line: its key (what ``measured`` names), what happens, the bar, and where it is tested."""

    key: str
    what: str
    bar: str
    tests: tuple[str, ...]


RELIABILITY = (
    Line(
        "kills",
        "kill -9 of a process at every statement of a review with its idempotency key",
        "decisions = postings = events; nothing half, nothing twice; chain verifies",
        ("tests/proof/test_kills.py",),
    ),
    Line(
        "restart",
        "database restarted under load",
        "no acknowledged decision lost",
        ("tests/proof/test_restart.py",),
    ),
    Line(
        "reviewers",
        "two and six reviewers on the same application",
        "exactly one wins; the others get 409 and the winner's name",
        ("tests/proof/test_races.py::test_of_several", "tests/proof/test_races.py::test_without_the_check"),
    ),
    Line(
        "form",
        "same form sent 20 times in parallel",
        "one row, the same receipt",
        ("tests/proof/test_races.py::test_the_same_form", "tests/proof/test_races.py::test_without_its_key"),
    ),
    Line(
        "demoted",
        "rule changed, reviewer demoted while the form is open",
        "the pinned version decides; the demoted gets 403",
        (
            "tests/proof/test_races.py::test_a_reviewer_demoted",
            "tests/conversion/test_conversion.py::test_the_rule_version",
        ),
    ),
    Line(
        "gateways",
        "SMS or mail gateway down, slow, or killed half-way",
        "nothing lost; at most one message per key where the gateway honours keys",
        ("tests/notices/test_delivery.py",),
    ),
    Line(
        "disk",
        "disk full during upload",
        "507, no orphan file, an event that says so",
        ("tests/proof/test_disk.py",),
    ),
    Line(
        "walks",
        "random walks through the workflows",
        "balance = sum of postings after every step",
        ("tests/proof/test_walks.py",),
    ),
)
SECURITY = (
    Line(
        "matrix",
        "role × endpoint × {own, below own, sibling, foreign, missing} from the URL map",
        "every endpoint is listed, no leak, no change by GET",
        ("tests/hostile/test_matrix.py", "tests/test_endpoints.py"),
    ),
    Line(
        "inputs",
        "hostile inputs: forms, ids, NUL, RTL marks, surrogates, oversize",
        "no 5xx, no state change",
        ("tests/hostile/test_inputs.py",),
    ),
    Line(
        "files",
        "hostile files: polyglots, bombs, SVG or HTML as png, EXIF GPS, ../, active PDF",
        "refused with a clear message, or stored clean; memory bounded",
        ("tests/hostile/test_files.py",),
    ),
    Line(
        "markup",
        "stored script in every text column, every page read, every PDF parsed",
        "nothing runs; no link, image or embedded file in the PDF",
        ("tests/hostile/test_markup.py",),
    ),
    Line(
        "sessions",
        "replay of a session after log-out, password change, role change",
        "refused",
        ("tests/hostile/test_sessions.py",),
    ),
    Line(
        "codes",
        "codes: reuse, sixth try, expiry, parallel, enumeration by text and by time",
        "one redemption; same words; p > 0.01, and the mutant fails it",
        ("tests/hostile/test_codes.py", "tests/hostile/timing.py"),
    ),
    Line(
        "personal",
        "personal data in database file, logs, dumps",
        "no plain identity, mobile or e-mail",
        ("tests/hostile/test_personal_data.py",),
    ),
    Line(
        "trail",
        "any byte or row of the audit trail altered, removed, inserted, cut off, rewritten",
        "verifier names it, exit status ≠ 0",
        ("tests/audit/test_trail.py", "tests/verifier"),
    ),
)
LINES = (*RELIABILITY, *SECURITY)
