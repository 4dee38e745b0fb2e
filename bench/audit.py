"""Verifying the audit trail: events per second, of an export offline and of a database, both databases side by side."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from sqlalchemy import insert

GOAL = 100_000


def main(events: int = 200_000, times: int = 3) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, url in _databases(Path(folder)):
            environment = {"CREDITBANK_DATA_DIR": f"{folder}/{name}"}
            os.environ.update(environment)
            if url:
                os.environ["CREDITBANK_DATABASE_URL"] = url
            _measure(name, events, times)


def _databases(folder: Path) -> Iterator[tuple[str, str]]:
    yield "sqlite", ""
    from tests.support.postgres import Server, programs

    if programs() is None:
        print("PostgreSQL is not installed: not measured")
        return
    server = Server()
    try:
        server.recreate("bench")
        yield "postgresql", server.url("bench")
    finally:
        server.stop()


def _measure(name: str, events: int, times: int) -> None:
    import config
    from app import create_app
    from app.audit import checkpoints, verification
    from app.deployment import deploy_all
    from app.kernel.database import db
    from verifier import export

    app = create_app(config.load(os.environ))
    with app.app_context():
        list(deploy_all())
        total = _grow(events)
        checkpoints.write(db.session())
        public = checkpoints.known_public_key()
        assert public is not None  # noqa: S101
        written = io.BytesIO()
        verification.write_export(db.session(), written)

        def offline() -> object:
            written.seek(0)
            return export.check(written, public).flaw

        def here() -> object:
            return verification.verify(db.session(), public, checkpoints.kept()).flaw

        for what, check in (("export, offline", offline), (f"database ({name})", here)):
            clock, processor = min(_timed(check) for _turn in range(times))
            size = len(written.getvalue()) / total
            print(
                f"{what:<24} {total / clock:>10,.0f} events/s, {total / processor:>10,.0f} per second of processor"
                f"  (goal ≥ {GOAL:,}; {total:,} events of {size:.0f} bytes)"
            )
        db.session.remove()
        with contextlib.suppress(Exception):
            db.engine.dispose()


def _timed(check: object) -> tuple[float, float]:
    """Seconds by the clock, and of this process's own work: what counts where others work on the machine too."""
    started, worked = time.perf_counter(), time.process_time()
    assert check() is None  # type: ignore[operator]  # noqa: S101
    return time.perf_counter() - started, time.process_time() - worked


def _grow(events: int) -> int:
    """Events like those of a decision, linked as the house links them, past its services for speed."""
    from app.audit.models import AuditEvent, AuditHead
    from app.kernel.actor import SYSTEM
    from app.kernel.clock import now
    from app.kernel.database import db
    from app.kernel.unit_of_work import UnitOfWork
    from verifier.canonical import canonical
    from verifier.chain import link

    with UnitOfWork(db.session, SYSTEM) as uow:
        head = uow.session.get_one(AuditHead, 1)
        start, rows = now(), []
        sequence, digest = head.sequence, head.hash
        for number in range(events):
            sequence, at = sequence + 1, start + timedelta(milliseconds=number)
            body = {"before": "initial_review", "after": "final_review"}
            event = {
                "seq": sequence,
                "at": at.isoformat(),
                "actor": None,
                "person": None,
                "roles": ["TeachingPoint"],
                "organisation": 12,
                "from": "10.0.0.17",
                "action": "conversion.initial_agree",
                "body": body,
                "subject": ["conversion_application", number],
                "why": "教学点：直属学院教学点 审核人：林碧莹 意见：同意",
            }
            written = canonical(event)
            digest = link(digest, written)
            rows.append(
                {
                    "sequence": sequence,
                    "at": at,
                    "actor_id": None,
                    "role": "TeachingPoint",
                    "action": event["action"],
                    "subject_table": "conversion_application",
                    "subject_id": number,
                    "canonical": written,
                    "hash": digest,
                }
            )
            if len(rows) == 5000:
                uow.session.execute(insert(AuditEvent), rows)
                rows = []
        if rows:
            uow.session.execute(insert(AuditEvent), rows)
        head.sequence, head.hash = sequence, digest
    return sequence


if __name__ == "__main__":
    main()
