"""The WSGI application; run directly it serves with gunicorn on ``http://127.0.0.1:PORT``."""

from __future__ import annotations

import os
import sys

from app import create_app

if __name__ == "__main__":
    address = f"127.0.0.1:{os.environ.get('PORT', '8080')}"
    workers = os.environ.get("WEB_CONCURRENCY", "2")
    os.execv(  # noqa: S606 -- replaces this process by the server, with no shell between
        sys.executable,
        [
            sys.executable,
            "-m",
            "gunicorn",
            "--bind",
            address,
            "--workers",
            workers,
            "--timeout",
            "60",
            "run:app",
        ],
    )

app = create_app()
