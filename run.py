"""The WSGI application; run directly it serves with gunicorn on ``http://127.0.0.1:PORT``."""

from __future__ import annotations

import os
import sys

from app import create_app

if __name__ == "__main__":
    command = [sys.executable, "-m", "gunicorn", "--config", "deployment/gunicorn.conf.py", "run:app"]
    os.execv(sys.executable, command)  # noqa: S606 -- replaces this process by the server, with no shell between

app = create_app()
