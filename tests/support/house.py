"""One application per database kind and test process; every test starts from a copy of the same deployed
database.
"""

from __future__ import annotations

import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

from flask import Flask

import config
from app import create_app
from app.demo.services import load as load_demo
from app.kernel import settings as kernel_settings
from app.kernel.database import db
from app.kernel.settings import Settings
from tests.support.browser import Browser
from tests.support.postgres import Server


class House:
    """A deployed application whose database can be put back to its beginning in milliseconds."""

    def __init__(self, folder: Path, server: Server | None, worker: str, like: House | None = None) -> None:
        """``like``: begin with another house's keys and demo instead of deploying and loading anew."""
        folder.mkdir(parents=True, exist_ok=True)
        if like is not None:
            for name in ("secret_key", "data_keys"):
                shutil.copy(like.folder / name, folder / name)
        self.folder = folder
        self.server = server
        self._name, self._worker = f"house_{worker}", worker
        self._file = folder / "house.db"
        self._kept: set[str] = set()
        url = server.url(self._name) if server else f"sqlite:///{self._file}"
        if server:
            server.recreate(self._name)
        environment = {"CREDITBANK_DATA_DIR": str(folder), "CREDITBANK_DATABASE_URL": url}
        self.settings: Settings = config.load(environment)
        self.app: Flask = create_app(self.settings)
        self.app.config.update(TESTING=True, SERVER_NAME=None)
        self.app.test_client_class = Browser
        if like is not None:
            self._take_demo(like)
            return
        with self.app.app_context():
            from app.deployment import deploy_all

            list(deploy_all())
        self._keep("deployed")

    def _take_demo(self, like: House) -> None:
        like.reset("demo")
        if self.server:
            self.server.recreate(f"demo_{self._worker}", f"demo_{like._worker}")
        else:
            shutil.copyfile(like.folder / "demo.db", self.folder / "demo.db")
        if (like.folder / "demo-evidence").exists():
            shutil.copytree(like.folder / "demo-evidence", self.folder / "demo-evidence")
        self._kept.add("demo")

    def _keep(self, state: str) -> None:
        """Remember the database (and the evidence) as it is now under a name."""
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()
        if self.server:
            self.server.recreate(f"{state}_{self._worker}", self._name)
        else:
            with sqlite3.connect(self._file) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.close()
            shutil.copyfile(self._file, self.folder / f"{state}.db")
        if (self.folder / "evidence").exists():
            shutil.copytree(self.folder / "evidence", self.folder / f"{state}-evidence")
        self._kept.add(state)

    def reset(self, state: str = "deployed", **changes: object) -> Flask:
        """The application on a fresh copy of the ``deployed`` or the ``demo`` database, with an empty outbox."""
        kernel_settings.use(replace(self.settings, **changes))  # type: ignore[arg-type]
        if state == "demo" and state not in self._kept:
            with self.reset("deployed", **changes).app_context():
                load_demo()
            self._keep("demo")
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()
        for name in ("outbox", "evidence"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        if (self.folder / f"{state}-evidence").exists():
            shutil.copytree(self.folder / f"{state}-evidence", self.folder / "evidence")
        if self.server:
            self.server.recreate(self._name, f"{state}_{self._worker}")
        else:
            for suffix in ("-wal", "-shm"):
                self._file.with_name(self._file.name + suffix).unlink(missing_ok=True)
            shutil.copyfile(self.folder / f"{state}.db", self._file)
        return self.app
