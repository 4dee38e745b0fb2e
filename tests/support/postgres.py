"""A PostgreSQL server of the tests' own: a fresh cluster in a temporary folder, on a private port, run by a
user that isn't root.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import psycopg


def programs() -> Path | None:
    """Where the server's programs are, if they are installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    return Path(initdb).parent if initdb else None


class Server:
    """Started once per run; ``url(name)`` is a SQLAlchemy URL of one of its databases."""

    def __init__(self) -> None:
        bin_dir = programs()
        if bin_dir is None:
            raise RuntimeError("PostgreSQL's programs are not installed")
        self._bin = bin_dir
        self._folder = Path(tempfile.mkdtemp(prefix="creditbank-pg-"))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._user = self._unprivileged()
        if self._user:
            os.chown(self._folder, self._user.pw_uid, self._user.pw_gid)
        data = str(self._folder / "data")
        self._run(
            "initdb",
            "-D",
            data,
            "-U",
            "creditbank",
            "--auth=trust",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
        )
        # Speed over durability: the cluster lives as long as the tests. Proof tests of durability start their
        # own.
        self._options = (
            f"-p {self.port} -k {self._folder} -h 127.0.0.1 -F -c full_page_writes=off -c max_connections=200"
        )
        self._run("pg_ctl", "-D", data, "-w", "-o", self._options, "-l", str(self._folder / "log"), "start")

    @staticmethod
    def _unprivileged() -> pwd.struct_passwd | None:
        if os.geteuid() != 0:
            return None
        for name in ("postgres", "nobody"):
            try:
                return pwd.getpwnam(name)
            except KeyError:
                continue
        raise RuntimeError("no user that may run PostgreSQL")

    def _run(self, program: str, *arguments: str) -> None:
        def drop() -> None:
            if self._user:
                os.setgid(self._user.pw_gid)
                os.setuid(self._user.pw_uid)

        with (self._folder.parent / f"{self._folder.name}.out").open("ab") as out:
            subprocess.run(
                [str(self._bin / program), *arguments],
                check=True,
                stdout=out,
                stderr=out,
                preexec_fn=drop,
                cwd="/",
            )

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://creditbank@127.0.0.1:{self.port}/{name}"

    def execute(self, statement: str) -> None:
        with psycopg.connect(
            f"host=127.0.0.1 port={self.port} user=creditbank dbname=postgres", autocommit=True
        ) as connection:
            connection.execute(statement.encode())

    def recreate(self, name: str, template: str = "template0") -> None:
        """Drop and make a database anew, as a copy of ``template``."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')

    def restart(self) -> None:
        """Pull the plug and start again: connections break, whatever was committed must be there."""
        data = str(self._folder / "data")
        self._run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
        self._run("pg_ctl", "-D", data, "-w", "-o", self._options, "-l", str(self._folder / "log"), "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", "immediate", "stop")
        shutil.rmtree(self._folder, ignore_errors=True)
        (self._folder.parent / f"{self._folder.name}.out").unlink(missing_ok=True)
