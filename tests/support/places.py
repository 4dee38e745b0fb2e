"""What an attacker wants to know and to change: whose every row is, told by plain SQL, and whether anything moved."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from flask import Flask
from sqlalchemy import text

from app.kernel.actor import Actor
from app.kernel.database import Model, db

#: Written by looking and logging in; everything else must stand still.
RESTLESS = frozenset(
    {"api_usage", "audit_event", "audit_head", "user_session", "throttle", "alembic_version"}
)

_BY_LEARNER = "JOIN learner l ON l.id = {table}.learner_id"
#: Record → (id, learner, home organisation, committee, assessing organisation) of its private rows. Written by hand, so that
#: the row policies are compared with something other than themselves.
OWNERS = {
    "Learner": "SELECT id, id, home_point_id, NULL, NULL FROM learner",
    "Achievement": f"SELECT a.id, l.id, l.home_point_id, NULL, NULL FROM achievement a {_BY_LEARNER.format(table='a')}",
    "CreditEntry": f"SELECT e.id, l.id, l.home_point_id, NULL, NULL FROM credit_entry e {_BY_LEARNER.format(table='e')}",
    "EvidenceFile": f"SELECT f.id, l.id, l.home_point_id, NULL, NULL FROM evidence_file f {_BY_LEARNER.format(table='f')}",
    "RecognitionApplication": "SELECT r.id, a.learner_id, r.home_point_id, NULL, NULL FROM recognition_application r "
    "JOIN achievement a ON a.id = r.achievement_id",
    "ConversionApplication": "SELECT id, learner_id, home_point_id, committee_id, NULL FROM conversion_application",
    "Appeal": "SELECT id, learner_id, NULL, committee_id, NULL FROM appeal",
    "Assessment": "SELECT s.id, c.learner_id, NULL, NULL, s.organisation_id FROM assessment s "
    "JOIN conversion_application c ON c.id = s.application_id",
    "Question": "SELECT id, learner_id, NULL, NULL, NULL FROM question",
}


@dataclass(frozen=True)
class Whose:
    """A row's key and to whom it belongs."""

    key: int
    learner: int | None
    home: int | None
    committee: int | None
    assessor: int | None

    def belongs_to(self, me: Actor, below: frozenset[int]) -> bool:
        """Whether this is of ``me``, of their organisation or one below it, or came to their committee."""
        return (
            (self.learner is not None and self.learner == me.learner_id)
            or (self.home is not None and self.home in below)
            or (self.committee is not None and self.committee in me.committee_ids)
            or (self.assessor is not None and self.assessor == me.organisation_id)
        )


def owners(record: str) -> list[Whose]:
    """Every private row of a record, and whose it is."""
    with db.engine.connect() as connection:
        return [Whose(*row) for row in connection.execute(text(OWNERS[record] + " ORDER BY 1"))]


def below(me: Actor) -> frozenset[int]:
    """The organisations that are ``me``'s or lie below, by their tree and not by their paths."""
    with db.engine.connect() as connection:
        parents = dict(connection.execute(text("SELECT id, parent_id FROM organisation")).tuples().all())
    found = set() if me.organisation_id is None or not me.organisation_path else {me.organisation_id}
    while True:
        more = {key for key, parent in parents.items() if parent in found} - found
        if not more:
            return frozenset(found)
        found |= more


def fingerprint(app: Flask) -> dict[str, str]:
    """Every table's rows, as digests: equal before and after means that nothing changed."""
    found = {}
    with app.app_context(), db.engine.connect() as connection:
        for table in Model.metadata.sorted_tables:
            if table.name not in RESTLESS:
                key = ", ".join(f'"{column.name}"' for column in table.primary_key)
                rows = connection.execute(text(f'SELECT * FROM "{table.name}" ORDER BY {key}'))
                digest = sha256()
                for row in rows:
                    digest.update(repr(tuple(row)).encode("utf-8", "surrogatepass"))
                found[table.name] = digest.hexdigest()
    return found


def moved(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """The tables that changed."""
    return sorted(name for name in before if before[name] != after.get(name))
