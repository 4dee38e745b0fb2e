"""Import of what learners hold: 名录成果 where the catalogue has it, else 未申请."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models import CreditEntry
from app.achievements import services as achievements
from app.achievements import values as form
from app.achievements.models import Achievement
from app.catalogue.models import CatalogueItem, Category
from app.exchange import bulk
from app.exchange.fields import IMPORT, Field, Loader, Made, Row, plain
from app.exchange.items import categories, extra_fields, typed
from app.exchange.people import IDENTITY_FIELDS, Identities
from app.kernel.errors import N_, Invalid
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner
from app.security.models import Person
from app.security.rows import readable

#: Columns that stand for a field of the category by what it means.
_MEANT = {
    "name": "name",
    "issuer": "organisation",
    "certificate_number": "certificate_number",
    "obtained_on": "obtained_on",
    "score": "score",
}
_COLUMNS = (
    "learner_id", "category_id", "catalogue_item_id", "state", "origin", "name", "issuer", "certificate_number",
    "identity_key", "obtained_on", "score", "values", "credits", "level_id",
)  # fmt: skip


class Achievements(Loader):
    """学习成果. The evidence stays with whoever holds the originals; it is not asked for here."""

    table = "achievement"

    @classmethod
    def fields(cls, session: Session) -> Sequence[Field]:
        small = categories(session)
        learners = [
            field
            for one in small
            for field in form.active_fields(one)
            if field.source == "learner" and field.meaning not in _MEANT
        ]
        return (
            *IDENTITY_FIELDS,
            Field(
                "category",
                N_("Category"),
                True,
                options=lambda _session: [one.name_zh for one in small],
            ),
            Field("name", N_("Name of the achievement"), True),
            Field("organisation", N_("Issuer")),
            Field("project", N_("Programme"), help=N_("Where the issuer has several of that name.")),
            Field("code", N_("Code"), longest=32),
            Field("certificate_number", N_("Certificate number"), longest=100),
            Field("obtained_on", N_("Date obtained")),
            Field("score", N_("Score"), longest=20),
            *extra_fields(learners),
        )

    def prime(self) -> None:
        self._identities = Identities()
        self._categories = {
            word: one for one in categories(self.session) for word in (one.name_zh, one.name_en, one.code)
        }
        self._items: dict[tuple[int, str], list[CatalogueItem]] = {}
        for item in self.session.scalars(select(CatalogueItem).where(CatalogueItem.standing == "active")):
            self._items.setdefault((item.category_id, item.name), []).append(item)

    def key(self, row: Row) -> str:
        parts = ("category", "name", "organisation", "project", "code", "certificate_number", "obtained_on")
        return "\0".join((self._identities.index(row), *(plain(row.get(part)) for part in parts)))

    def prepare(self, rows: Sequence[Row]) -> None:
        learners = self._learners(rows)
        for row in rows:
            category = self._categories.get(row.get("category"))
            if row.get("category") and category is None:
                row.refuse("category", N_("“%(word)s” is none of the list."), word=row.get("category"))
            learner = learners.get(self._identities.index(row))
            if row.get("identity") and self._identities.read(row) and learner is None:
                row.refuse("identity", N_("There is no learner with this number, or they are not yours."))
            if row.problems or category is None or learner is None:
                continue
            row.ready = self._ready(row, learner, category, self._item(row, category))

    def _learners(self, rows: Sequence[Row]) -> dict[str, int]:
        indexes = {bytes.fromhex(self._identities.index(row)) for row in rows}
        query = (
            select(Person.identity_index, Learner.id)
            .join(Learner, Learner.person_id == Person.id)
            .where(Person.identity_index.in_(indexes), readable(Learner, self.actor))
        )
        return {bytes(index or b"").hex(): key for index, key in self.session.execute(query)}

    def _item(self, row: Row, category: Category) -> CatalogueItem | None:
        """The one item that the row names; None where the catalogue has none."""
        found = self._items.get((category.id, plain(row.get("name"))), [])
        issuer, project, code = (
            plain(row.get("organisation")),
            plain(row.get("project")),
            plain(row.get("code")),
        )
        if issuer:
            found = [one for one in found if issuer in (one.organisation.name, one.organisation.code)]
        if project:
            found = [one for one in found if one.project_name == project]
        if code:
            found = [one for one in found if one.code == code]
        if len(found) > 1:
            row.refuse(
                "name", N_("The catalogue has several items of this name; say issuer, programme or code.")
            )
        return found[0] if len(found) == 1 else None

    def _ready(self, row: Row, learner: int, category: Category, item: CatalogueItem | None) -> Any:
        given = {}
        for field in form.active_fields(category):
            column = _MEANT.get(field.meaning or "", f"value:{field.label_zh}")
            try:
                given[field.code] = typed(field, row.get(column))
            except Invalid as error:
                row.take(column, error)
        achievement = Achievement(
            learner_id=learner, category_id=category.id, catalogue_item_id=item.id if item else None,
            credits=item.credits if item else None, level_id=item.level_id if item else None, origin="imported",
            state="catalogued" if item is not None and category.recognition == "automatic" else "draft",
        )  # fmt: skip
        try:
            form.apply(achievement, category, form.check(category, given, item), item)
        except Invalid as error:
            columns = {
                field.code: _MEANT.get(field.meaning or "", f"value:{field.label_zh}")
                for field in category.fields
            }
            for code, refusals in error.fields.items():
                for one in refusals:
                    row.refuse(columns.get(code, "name"), one.message, **one.params)
            return None
        return {name: getattr(achievement, name) for name in _COLUMNS}

    def find(self, rows: Sequence[Row]) -> None:
        learners = {row.ready["learner_id"] for row in rows}
        parts = (
            Achievement.learner_id, Achievement.category_id, Achievement.catalogue_item_id, Achievement.name,
            Achievement.identity_key,
        )  # fmt: skip
        held = select(*parts).where(
            Achievement.learner_id.in_(learners), Achievement.state.not_in(("refused", "revoked"))
        )
        known = {self._same(*found) for found in self.session.execute(held)}
        for row in rows:
            ready = row.ready
            same = self._same(*(ready[part.key] for part in parts))
            row.known = same in known
            known.add(same)

    @staticmethod
    def _same(learner: int, category: int, item: int | None, name: str, identity: str) -> tuple[Any, ...]:
        """No achievement twice: by item and number (spec 1.3); typed in ones by name and number."""
        return (learner, item, identity) if item is not None else (learner, category, name, identity)

    def write(self, uow: UnitOfWork, rows: Sequence[Row]) -> Made:
        session, made = uow.session, Made()
        keys = bulk.next_ids(session, Achievement, len(rows))
        by = {"created_by_id": uow.actor.user_id}
        values, postings = [], []
        for row, key in zip(rows, keys, strict=True):
            row.made = key
            values.append({"id": key, **row.ready, **by})
            if row.ready["state"] == "catalogued" and row.ready["credits"] is not None:
                postings.append(self._posting(key, row.ready) | by)
        entries = bulk.next_ids(session, CreditEntry, len(postings))
        postings = [{"id": key, **one} for key, one in zip(entries, postings, strict=True)]
        made.ids = {"achievement": keys}
        made.roots = [
            *bulk.write(uow, Achievement, values, IMPORT),
            *bulk.write(uow, CreditEntry, postings, IMPORT),
        ]
        return made

    @staticmethod
    def _posting(achievement: int, ready: dict[str, Any]) -> dict[str, Any]:
        taken = {name: ready[name] for name in ("learner_id", "category_id", "level_id", "credits")}
        return {"achievement_id": achievement, "kind": "accumulation", **taken}

    def undo(self, uow: UnitOfWork, made: dict[str, list[int]]) -> None:
        """What has been posted can't be deleted: it is revoked, with counter-entries."""
        posted = set(
            uow.session.scalars(
                select(CreditEntry.achievement_id).where(CreditEntry.achievement_id.in_(made["achievement"]))
            )
        )
        query = select(Achievement).where(Achievement.id.in_(posted), Achievement.state == "catalogued")
        for achievement in uow.session.scalars(query):
            achievements.revoke(uow, achievement, N_("The import was undone."))
        made["achievement"] = [key for key in made["achievement"] if key not in posted]
