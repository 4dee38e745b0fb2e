"""Finding people by part of a name, quickly however many there are: by every sign and pair of signs of what they are
searched by.

PostgreSQL keeps them in an inverted index over a function, SQLite in a table that triggers write: its own text search,
and trigrams on PostgreSQL, know nothing of two Chinese characters (spec 7).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Connection, Integer, String, Table, inspect, literal, text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import ColumnElement
from sqlalchemy.types import Boolean

from app.kernel.database import Key, Model
from app.security.models import Person
from app.security.names import fold

#: As many pairs of a long word are looked up; what they find is compared as a whole.
MOST = 6

PERSON_GRAM = Table(
    "person_gram",
    Model.metadata,
    Column("gram", String(2), primary_key=True),
    Column("person_id", Key, primary_key=True, autoincrement=False),
    comment="SQLite only: signs and pairs of signs that people are searched by; written by triggers",
    sqlite_with_rowid=False,
)
GRAM_PLACE = Table(
    "gram_place",
    Model.metadata,
    Column("place", Integer, primary_key=True, autoincrement=False),
    comment="SQLite only: 1 to 600, since triggers know no series",
)


class Named(ColumnElement[bool]):
    """The condition that a person's name, pinyin or initials contain ``word``."""

    inherit_cache = False
    type = Boolean()

    def __init__(self, word: str) -> None:
        self.word = fold(word)[:60]

    @property
    def plain(self) -> ColumnElement[bool]:
        return Person.name_search.contains(self.word, autoescape=True)

    @property
    def grams(self) -> list[str]:
        if len(self.word) < 2:
            return [self.word]
        return [self.word[at : at + 2] for at in range(len(self.word) - 1)][:MOST]


def named_like(word: str) -> ColumnElement[bool]:
    """Persons whose name, pinyin or initials contain ``word``."""
    return Named(word)


def _bound(compiler: Any, values: list[str], **options: Any) -> list[str]:
    return [compiler.process(literal(value, String()), **options) for value in values]


@compiles(Named, "postgresql")
def _postgresql(element: Named, compiler: Any, **options: Any) -> str:
    column = compiler.process(Person.name_search.expression, **options)
    grams = ", ".join(_bound(compiler, element.grams, **options))
    return (
        f"(name_grams({column}) @> ARRAY[{grams}]::text[] AND {compiler.process(element.plain, **options)})"
    )


@compiles(Named, "sqlite")
def _sqlite(element: Named, compiler: Any, **options: Any) -> str:
    key = compiler.process(Person.id.expression, **options)
    first, *others = _bound(compiler, element.grams[:2], **options)
    found = f"SELECT person_id FROM person_gram WHERE gram = {first}"  # noqa: S608
    if others:
        found += f" INTERSECT SELECT person_id FROM person_gram WHERE gram = {others[0]}"  # noqa: S608
    return f"({key} IN ({found}) AND {compiler.process(element.plain, **options)})"


@compiles(Named)
def _otherwise(element: Named, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.plain, **options))


_FUNCTION = """
CREATE OR REPLACE FUNCTION name_grams(words text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT coalesce(array_agg(DISTINCT gram), '{}') FROM generate_series(1, char_length(words)) AS place,
   LATERAL (VALUES (substr(words, place, 1)), (substr(words, place, 2))) AS grams(gram) WHERE gram NOT LIKE '% %' $$
"""
#: Sizes first, so that the range of places is looked up and not tried.
_GRAMS = """INSERT OR IGNORE INTO person_gram (gram, person_id)
SELECT substr({row}.name_search, place, size), {row}.id
FROM {source}(SELECT 1 AS size UNION ALL SELECT 2) CROSS JOIN gram_place
WHERE place <= length({row}.name_search) + 1 - size AND substr({row}.name_search, place, size) NOT LIKE '% %'"""
_GONE = """DELETE FROM person_gram WHERE person_id = OLD.id AND gram IN (
SELECT substr(OLD.name_search, place, size) FROM (SELECT 1 AS size UNION ALL SELECT 2) CROSS JOIN gram_place
WHERE place <= length(OLD.name_search))"""


def guard(connection: Connection) -> None:
    """Put index or triggers where they are missing. Safe to repeat: a migration may have made the table anew."""
    if "person_gram" not in inspect(connection).get_table_names():
        return
    if connection.dialect.name == "postgresql":
        connection.execute(text(_FUNCTION))
        connection.execute(
            text(
                "CREATE INDEX IF NOT EXISTS ix_person_name_grams ON person USING gin (name_grams(name_search))"
            )
        )
        return
    made = {
        row[0] for row in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
    }
    if "person_gram_added" in made:
        return
    insert, gone = _GRAMS.format(row="NEW", source=""), _GONE
    for statement in (
        "WITH RECURSIVE n(place) AS (SELECT 1 UNION ALL SELECT place + 1 FROM n WHERE place < 600) "
        "INSERT OR IGNORE INTO gram_place SELECT place FROM n",
        "DELETE FROM person_gram",
        _GRAMS.format(row="person", source="person CROSS JOIN "),
        f"CREATE TRIGGER person_gram_added AFTER INSERT ON person BEGIN {insert}; END",
        f"CREATE TRIGGER person_gram_changed AFTER UPDATE OF name_search ON person BEGIN {gone}; {insert}; END",
        f"CREATE TRIGGER person_gram_gone AFTER DELETE ON person BEGIN {gone}; END",
    ):
        connection.execute(text(statement))
