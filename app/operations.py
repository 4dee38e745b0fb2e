"""What those who run the house look at: is it alive, is it ready, how does it do; and logs that machines read.

Counters of requests are shared by the processes of one host (files under ``PROMETHEUS_MULTIPROC_DIR``); figures about
work come from the database, so any host tells them.
"""

from __future__ import annotations

import hmac
import json
import logging
import os
import time
from datetime import UTC, datetime
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from uuid import uuid4

from alembic.config import Config
from alembic.script import ScriptDirectory
from flask import Flask, Response, g, request
from flask.typing import ResponseReturnValue
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)
from sqlalchemy import func, select, text

from app.audit.models import AuditHead
from app.jobs.models import Job
from app.kernel.clock import now
from app.kernel.database import db
from app.kernel.errors import N_, Forbidden
from app.kernel.settings import settings
from app.notices.models import Notice
from app.security.current import actor

log = logging.getLogger("creditbank.requests")

REQUESTS = Counter("creditbank_requests", "Requests answered", ("view", "method", "status"))
SECONDS = Histogram(
    "creditbank_request_seconds", "Seconds until the answer", ("view",),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)  # fmt: skip


def register(app: Flask) -> None:
    """Health, readiness, metrics; a number, a line in the log and a measurement for each request."""
    app.add_url_rule("/healthz", "health.live", lambda: ("ok\n", 200, {"Content-Type": "text/plain"}))
    app.add_url_rule("/readyz", "health.ready", _ready)
    app.add_url_rule("/metrics", "metrics", _metrics)
    app.before_request(_begin)
    app.after_request(_end)


def _ready() -> ResponseReturnValue:
    """Ready for requests: the database answers, and its tables are not older than this version needs.

    Newer tables are well: while versions are exchanged, the older hosts go on.
    """
    try:
        found = db.session.execute(text("SELECT version_num FROM alembic_version")).scalar()
        db.session.execute(text("SELECT 1 FROM audit_head"))
    except Exception:
        return "not ready: the database does not answer\n", 503, {"Content-Type": "text/plain"}
    if found in _older_versions():
        return "not ready: the tables are older than this version\n", 503, {"Content-Type": "text/plain"}
    return "ready\n", 200, {"Content-Type": "text/plain"}


@cache
def _older_versions() -> frozenset[str]:
    """Versions of the schema before the one that this code needs."""
    home = Path(__file__).resolve().parent.parent
    config = Config()
    config.set_main_option("script_location", str(home / "migrations"))
    script = ScriptDirectory.from_config(config)
    return frozenset(one.revision for one in script.walk_revisions()) - set(script.get_heads())


def _metrics() -> ResponseReturnValue:
    """For Prometheus: by token where one is set, else from this host only."""
    _admit()
    registry = CollectorRegistry()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry.register(REQUESTS)
        registry.register(SECONDS)
    _work(registry)
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _admit() -> None:
    token, given = settings().metrics_token, request.headers.get("Authorization", "").removeprefix("Bearer ")
    if token and hmac.compare_digest(token.encode(), given.encode()):
        return
    if not token and _is_here(request.remote_addr):
        return
    raise Forbidden("forbidden", N_("You are not allowed to do this."))


def _is_here(address: str | None) -> bool:
    try:
        return ip_address(address or "").is_loopback
    except ValueError:
        return False


def _work(registry: CollectorRegistry) -> None:
    """What waits in the database; each figure stops counting at ten thousand."""
    jobs = Gauge("creditbank_jobs", "Jobs by state", ("state",), registry=registry)
    late = Gauge(
        "creditbank_job_oldest_seconds", "Seconds that the oldest due job has waited", registry=registry
    )
    notices = Gauge("creditbank_notices", "Messages by state (up to 10,001)", ("state",), registry=registry)
    events = Gauge("creditbank_audit_events", "Events in the audit trail", registry=registry)
    for state, count in db.session.execute(
        select(Job.state, func.count()).where(Job.state.in_(("waiting", "running"))).group_by(Job.state)
    ):
        jobs.labels(state).set(count)
    oldest = db.session.scalar(
        select(func.min(Job.due_at)).where(Job.state == "waiting", Job.due_at <= now())
    )
    late.set((now() - oldest).total_seconds() if oldest else 0)
    for state in ("pending", "sending", "unknown", "failed"):
        few = select(Notice.id).where(Notice.state == state).limit(10_001).subquery()
        notices.labels(state).set(db.session.scalar(select(func.count()).select_from(few)) or 0)
    events.set(db.session.scalar(select(AuditHead.sequence)) or 0)


def _begin() -> None:
    """A number for the request, the proxy's where it gives one, so that lines of one request can be put together."""
    g.begun = time.perf_counter()
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if given.isascii() and given.isalnum() and len(given) <= 64 else uuid4().hex


def _end(response: Response) -> Response:
    taken = time.perf_counter() - g.get("begun", time.perf_counter())
    view = request.endpoint or "-"
    REQUESTS.labels(view, request.method, response.status_code).inc()
    SECONDS.labels(view).observe(taken)
    response.headers["X-Request-Id"] = g.get("request_id", "")
    if view not in ("static", "vendor", "health.live", "health.ready", "metrics"):
        # The path without what was asked for: names stand in queries.
        fields = {
            "method": request.method, "path": request.path, "view": view, "status": response.status_code,
            "ms": round(taken * 1000, 1), "account": actor().user_id,
        }  # fmt: skip
        log.info("%s %s %s", request.method, request.path, response.status_code, extra={"fields": fields})
    return response


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        found = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if g and "request_id" in g:
            found["request"] = g.request_id
        if record.exc_info:
            found["error"] = self.formatException(record.exc_info)
        return json.dumps(found, ensure_ascii=False, default=str)


def configure_logs() -> None:
    """Log to standard error: as JSON lines in production, as plain lines else. Called by servers and workers."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        JsonLines()
        if settings().log_format == "json"
        else logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
