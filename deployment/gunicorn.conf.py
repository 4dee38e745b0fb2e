"""The web server: how many processes, where they listen, how they end; counters that the processes of a host share.

``PORT``, ``CREDITBANK_BIND`` (default ``127.0.0.1:PORT``; ``0.0.0.0:8080`` behind a proxy on another host),
``WEB_CONCURRENCY`` (default 2; two per core is a good start: requests are short, and nothing long runs in one).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import Any

bind = os.environ.get("CREDITBANK_BIND") or f"127.0.0.1:{os.environ.get('PORT', '8080')}"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
worker_class = "sync"
timeout = 60
#: On SIGTERM requests under way are finished first, so that a host can be taken out without anybody noticing.
graceful_timeout = 30
max_requests = 5000
max_requests_jitter = 500

# Before any process imports the client: it decides then where it counts.
_counters = os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp(prefix="creditbank-metrics-"))
os.makedirs(_counters, exist_ok=True)


def post_worker_init(_worker: Any) -> None:
    """Each process logs in the house's format."""
    from app.operations import configure_logs

    configure_logs()


def child_exit(_server: Any, worker: Any) -> None:
    """What a process has counted stays counted; its gauges go."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)


def on_exit(_server: Any) -> None:
    """The counters end with the server."""
    shutil.rmtree(_counters, ignore_errors=True)
