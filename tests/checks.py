"""The part of ``make check`` that needs the product itself: texts translated, migrations and models agree,
the matrix in the docs is current.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from babel.messages.pofile import read_po

from docs.generate import outdated

HOME = Path(__file__).resolve().parent.parent


def untranslated() -> list[str]:
    """Texts of code and templates that have no Chinese, or whose variables differ from the source's."""
    with tempfile.NamedTemporaryFile(suffix=".pot") as pot:
        options = [
            "-q",
            "extract",
            "-F",
            "babel.cfg",
            "-k",
            "lazy_gettext",
            "-k",
            "_l",
            "-k",
            "N_",
            "--omit-header",
            "-o",
        ]
        subprocess.run(
            [Path(sys.executable).with_name("pybabel"), *options, pot.name, "."], cwd=HOME, check=True
        )
        pot.seek(0)
        wanted = read_po(pot)
    with (HOME / "translations/zh/LC_MESSAGES/messages.po").open("rb") as file:
        have = read_po(file, locale="zh")
    problems = []
    for message in wanted:
        if not message.id:
            continue
        found = have.get(message.id)
        texts = (
            found.string
            if found and isinstance(found.string, (tuple, list))
            else (found.string if found else "",)
        )
        if not found or found.fuzzy or not all(texts):
            problems.append(f"no Chinese for {message.id!r}")
            continue
        problems += [str(error) for error in found.check()]
    return problems


def english_left() -> list[str]:
    """Chinese texts with an English sentence in them: a merge has run two entries together."""
    with (HOME / "translations/zh/LC_MESSAGES/messages.po").open("rb") as file:
        have = read_po(file, locale="zh")
    return [
        f"English in the Chinese for {message.id!r}"
        for message in have
        if message.id
        for text in (message.string if isinstance(message.string, (tuple, list)) else (message.string,))
        if re.search(r"\b[A-Z]?[a-z]+(?:,? [a-z]+){3,}", text)
    ]


def hidden_texts() -> list[str]:
    """Texts inside f-strings, where the extractor does not find them."""
    return [
        f"{path.relative_to(HOME)}:{call.lineno}: a text in an f-string is never translated"
        for path in sorted((HOME / "app").rglob("*.py"))
        for string in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(string, ast.JoinedStr)
        for call in ast.walk(string)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id in {"_", "gettext", "lazy_gettext", "ngettext", "N_"}
        and isinstance(call.args[0], ast.Constant)
    ]


def migrations_differ() -> list[str]:
    """Tables, constraints and indexes that ``upgrade`` makes otherwise than the models say (SQLite's own
    words compared).
    """
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine

    from app import models as models
    from app.kernel.database import Model

    def schema(url: str, make: object) -> dict[str, list[str]]:
        engine = create_engine(url)
        with engine.connect().execution_options(writes=True) as connection, connection.begin():
            make(connection)  # type: ignore[operator]
        with engine.connect() as connection:
            rows = connection.exec_driver_sql(
                "SELECT name, type, sql FROM sqlite_master WHERE sql IS NOT NULL"
            ).all()
        return {
            f"{kind} {name}": sorted(_lines(sql))
            for name, kind, sql in rows
            if kind != "trigger" and name != "alembic_version"
        }

    def migrate(connection: object) -> None:
        config = Config(str(HOME / "migrations/alembic.ini"))
        config.set_main_option("script_location", str(HOME / "migrations"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    with tempfile.TemporaryDirectory() as folder:
        by_models = schema(f"sqlite:///{folder}/models.db", Model.metadata.create_all)
        by_migrations = schema(f"sqlite:///{folder}/migrations.db", migrate)
    names = sorted(by_models.keys() | by_migrations.keys())
    return [
        f"{name}: models and migrations differ"
        for name in names
        if by_models.get(name) != by_migrations.get(name)
    ]


def _lines(sql: str) -> list[str]:
    inside = (
        sql.replace("\t", " ").replace("\n", " ").replace('"', "")
    )  # a table made anew has its name quoted
    return [" ".join(part.split()) for part in inside.strip().rstrip(")").split(", ")]


def main() -> int:
    problems = [*untranslated(), *english_left(), *hidden_texts(), *migrations_differ(), *outdated()]
    for problem in problems:
        print(problem)  # noqa: T201
    if not problems:
        print("translations: complete\nmigrations: agree with the models\ndocs: current")  # noqa: T201
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
