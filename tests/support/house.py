"""One application per database kind and test process; every test starts from a copy of the same deployed
database.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from flask import Flask

import config
from app import create_app
from app.kernel import settings as kernel_settings
from app.kernel.database import db
from app.kernel.settings import Settings
from tests.support.postgres import Server


class House:
    """A deployed application whose database can be put back to its beginning in milliseconds."""

    def __init__(self, folder: Path, server: Server | None, worker: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.server = server
        self._name, self._template = f"house_{worker}", f"template_{worker}"
        self._file, self._template_file = folder / "house.db", folder / "template.db"
        url = server.url(self._name) if server else f"sqlite:///{self._file}"
        if server:
            server.recreate(self._name)
        environment = {"CREDITBANK_DATA_DIR": str(folder), "CREDITBANK_DATABASE_URL": url}
        self.settings: Settings = config.load(environment)
        self.app: Flask = create_app(self.settings)
        self.app.config.update(TESTING=True, SERVER_NAME=None)
        with self.app.app_context():
            from app.deployment import deploy_all

            list(deploy_all())
            db.session.remove()
            db.engine.dispose()
        self._keep()

    def _keep(self) -> None:
        if self.server:
            self.server.recreate(self._template, self._name)
        else:
            self._checkpoint()
            shutil.copyfile(self._file, self._template_file)

    def _checkpoint(self) -> None:
        import sqlite3

        with sqlite3.connect(self._file) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()

    def reset(self, **changes: object) -> Flask:
        """The application, on a fresh copy of the deployed database, with empty outbox and store."""
        kernel_settings.use(replace(self.settings, **changes))  # type: ignore[arg-type]
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()
        for name in ("outbox", "evidence"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        if self.server:
            self.server.recreate(self._name, self._template)
        else:
            for suffix in ("-wal", "-shm"):
                self._file.with_name(self._file.name + suffix).unlink(missing_ok=True)
            shutil.copyfile(self._template_file, self._file)
        return self.app
