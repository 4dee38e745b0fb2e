"""``backup DIR`` and ``restore DIR``: the database and the evidence, keys of persons apart from both (spec 3, 5.20).

A backup holds ``data/`` (a consistent copy of the database without the keys of persons, and the evidence) and ``keys/``
(those keys). Kept in two places, neither tells anything about anybody. A restore closes again every account that was
closed since: the list of closures lies beside the database, never in a backup.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
from base64 import b64decode, b64encode
from pathlib import Path

import click
from flask.cli import with_appcontext
from sqlalchemy import Engine, create_engine, insert, inspect, make_url, pool, select

from app.access import closing
from app.access.models import Closure
from app.audit import checkpoints, verification
from app.kernel.actor import SYSTEM
from app.kernel.clock import now
from app.kernel.commands import plain
from app.kernel.database import db
from app.kernel.settings import settings
from app.kernel.unit_of_work import UnitOfWork
from app.security.models import PersonKey


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@with_appcontext
@plain
def backup(folder: Path) -> None:
    """Write a consistent backup into FOLDER (new or empty): data/ and keys/, to be kept in two places."""
    data, keys = folder / "data", folder / "keys"
    if folder.exists() and any(folder.iterdir()):
        raise click.ClickException(f"{folder} is not empty")
    for part in (data, keys):
        part.mkdir(parents=True, mode=0o700)
    _dump(data)
    count = _dump_keys(keys / "person_keys.jsonl")
    evidence = Path(settings().storage_url)
    elsewhere = settings().storage_url.startswith("s3://")
    if not elsewhere and evidence.is_dir():
        shutil.copytree(evidence, data / "evidence")
    (data / "made_at").write_text(now().isoformat())
    kept = "evidence stays in its object store" if elsewhere else "evidence"
    click.echo(f"{folder}: database, {count} keys, {kept}.")


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--yes", is_flag=True, help="Don't ask.")
@with_appcontext
@plain
def restore(folder: Path, yes: bool) -> None:
    """Put the database and the evidence back as they were in FOLDER; stop web servers and workers before.

    What is there now is replaced. Accounts closed since the backup are closed again, and the audit trail is verified.
    """
    if not yes:
        click.confirm("Replace the present database and evidence?", abort=True)
    closed = closing.noted() | _closed_in_database()
    db.session.remove()
    db.engine.dispose()
    _load(folder / "data")
    evidence = folder / "data/evidence"
    if evidence.is_dir():
        shutil.copytree(evidence, settings().storage_url, dirs_exist_ok=True)
    restored = _load_keys(folder / "keys/person_keys.jsonl")
    with UnitOfWork(db.session, SYSTEM) as uow:
        again = closing.replay(uow, closed)
    flaw = verification.verify(db.session(), checkpoints.known_public_key()).flaw
    if flaw:
        raise click.ClickException(f"the audit trail is not whole: {flaw}")
    click.echo(f"Restored: {restored} keys; {again} accounts closed again; the audit trail is whole.")


def _engine() -> Engine:
    """The database's owner, who may replace tables; the application itself where there is no other."""
    return create_engine(
        os.environ.get("CREDITBANK_OWNER_URL") or settings().database_url, poolclass=pool.NullPool
    )


def _dump(data: Path) -> None:
    url = _engine().url
    if url.get_backend_name() == "sqlite":
        target = data / "database.db"
        with sqlite3.connect(url.database or "") as source, sqlite3.connect(target) as copy:
            source.backup(copy)
        copy.execute("PRAGMA secure_delete = ON")
        copy.execute("DELETE FROM person_key")
        copy.commit()
        copy.execute("PRAGMA journal_mode = DELETE")
        copy.execute("VACUUM")
        copy.close()
        source.close()
        return
    dump = [
        "pg_dump",
        "--format=custom",
        "--exclude-table-data=person_key",
        f"--file={data / 'database.dump'}",
    ]
    _program(dump, url.render_as_string(hide_password=False))


def _load(data: Path) -> None:
    url = _engine().url
    if url.get_backend_name() == "sqlite":
        path = Path(url.database or "")
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        fresh = path.with_name(path.name + ".restored")
        shutil.copyfile(data / "database.db", fresh)
        os.replace(fresh, path)
        return
    load = ["pg_restore", "--clean", "--if-exists", "--exit-on-error", "--single-transaction"]
    name = make_url(url).database or ""
    _program(
        [*load, f"--dbname={name}", str(data / "database.dump")], url.render_as_string(hide_password=False)
    )


def _program(command: list[str], url: str) -> None:
    """Run one of PostgreSQL's programs; the password goes by its environment, never on a command line."""
    parts = make_url(url)
    found = shutil.which(command[0]) or _newest(command[0])
    if found is None:
        raise click.ClickException(f"{command[0]} is needed: install PostgreSQL's client programs")
    known = {
        "PGHOST": parts.host,
        "PGPORT": str(parts.port or 5432),
        "PGUSER": parts.username,
        "PGPASSWORD": parts.password,
        "PGDATABASE": parts.database,
    }
    environment = os.environ | {name: value for name, value in known.items() if value}
    done = subprocess.run([found, *command[1:]], env=environment, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        raise click.ClickException(f"{command[0]}: {done.stderr.strip()[-500:]}")


def _newest(program: str) -> str | None:
    """Where Debian puts PostgreSQL's programs, newest version first."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"), reverse=True)
    return str(found[0]) if found else None


def _dump_keys(path: Path) -> int:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    count = 0
    with os.fdopen(descriptor, "w") as file, db.engine.connect() as connection:
        rows = connection.execution_options(yield_per=5000).execute(
            select(PersonKey.person_id, PersonKey.wrapped)
        )
        for person, wrapped in rows:
            file.write(json.dumps([person, b64encode(wrapped).decode()]) + "\n")
            count += 1
    return count


def _load_keys(path: Path) -> int:
    """Put keys back, of persons that the database knows and that were not erased."""
    with db.engine.connect() as connection:
        known = set(connection.scalars(db.text("SELECT id FROM person WHERE erased_at IS NULL")))
    rows = [
        (int(person), b64decode(wrapped))
        for person, wrapped in map(json.loads, path.read_text().splitlines())
    ]
    values = [{"person_id": person, "wrapped": wrapped} for person, wrapped in rows if person in known]
    with db.engine.connect().execution_options(writes=True) as connection, connection.begin():
        connection.execute(db.text("DELETE FROM person_key"))
        for start in range(0, len(values), 5000):
            connection.execute(insert(PersonKey), values[start : start + 5000])
    return len(values)


def _closed_in_database() -> set[str]:
    """Closures that the present database knows, if there is one."""
    try:
        if not inspect(db.engine).has_table("closure"):
            return set()
        return set(db.session.scalars(select(Closure.person_uid)))
    except Exception:
        return set()  # nothing to be read any more: that is why there is a list beside it
