"""Import of conversion rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.catalogue.models import CatalogueItem
from app.exchange.fields import Field, Row, day, plain
from app.exchange.structure import ALL, RowByRow, named, number
from app.kernel.errors import N_, Invalid
from app.kernel.unit_of_work import UnitOfWork
from app.organisations.models import Organisation
from app.rules import services as rules
from app.rules.models import Agreement, Rule, RuleSource, RuleTarget, RuleVersion


class Rules(RowByRow):
    """转换规则, as drafts: somebody else publishes them. A row is a rule with one source and one target."""

    table = "rule"
    models = (RuleSource, RuleTarget, RuleVersion, Rule)

    @classmethod
    def fields(cls, session: Session) -> Sequence[Field]:
        return (
            Field(
                "agreement",
                N_("Agreement"),
                True,
                options=lambda session: list(
                    session.scalars(select(Agreement.name).order_by(Agreement.name))
                ),
            ),
            Field("name", N_("Rule"), True),
            Field("description", N_("Description"), longest=2000),
            Field("source_organisation", N_("Issuer of the source"), True),
            Field("source", N_("Source achievement"), True),
            Field("programme", N_("Target programme")),
            Field("target", N_("Target achievement"), True),
            Field("ratio", N_("Ratio"), help=N_("Per cent of the target's credits.")),
            Field("valid_from", N_("Valid from")),
            Field("valid_until", N_("Valid until")),
            Field("reuse_group", N_("Reuse group"), longest=32),
        )

    def prime(self) -> None:
        agreements = self.mine(
            select(Agreement).join(Organisation, Agreement.organisation_id == Organisation.id)
        )
        self._agreements = {
            word: row for row in self.session.scalars(agreements) for word in (row.number, row.name)
        }
        self._organisations = named(self.session, ALL)

    def key(self, row: Row) -> str:
        return f"{row.get('agreement')}\0{plain(row.get('name'))}"

    def prepare(self, rows: Sequence[Row]) -> None:
        for row in rows:
            agreement = self._agreements.get(row.get("agreement"))
            if agreement is None and row.get("agreement"):
                row.refuse("agreement", N_("There is no such agreement, or it is not yours."))
            days = {}
            for part in ("valid_from", "valid_until"):
                try:
                    days[part] = day(row.get(part)) if row.get(part) else None
                except Invalid as error:
                    row.take(part, error)
            ratio = number(row, "ratio") if row.get("ratio") else 10000
            if ratio is not None and ratio > 100_000:
                row.refuse("ratio", N_("The ratio must lie between 0 and 1000 per cent."))
            source = self._item(row, "source", self._organisations.get(row.get("source_organisation")))
            target = self._item(
                row, "target", agreement.organisation_id if agreement else None, row.get("programme")
            )
            row.ready = {"agreement": agreement, "ratio": ratio, "source": source, "target": target, **days}

    def _item(
        self, row: Row, part: str, organisation: int | None, programme: str = ""
    ) -> CatalogueItem | None:
        name = plain(row.get(part))
        if not name or organisation is None:
            if part == "source" and row.get("source_organisation") and organisation is None:
                row.refuse("source_organisation", N_("There is no such organisation."))
            return None
        query = select(CatalogueItem).where(
            CatalogueItem.organisation_id == organisation,
            CatalogueItem.name == name,
            CatalogueItem.standing == "active",
        )
        found = [one for one in self.session.scalars(query) if not programme or one.project_name == programme]
        if len(found) != 1:
            row.refuse(part, N_("The catalogue has no such item, or several; say the programme."))
            return None
        return found[0]

    def find(self, rows: Sequence[Row]) -> None:
        for row in rows:
            same = select(Rule.id).where(
                Rule.agreement_id == row.ready["agreement"].id, Rule.name == plain(row.get("name"))
            )
            row.known = self.session.scalar(same) is not None

    def make(self, uow: UnitOfWork, row: Row) -> Any:
        ready = row.ready
        rule = Rule(
            agreement_id=ready["agreement"].id, name=plain(row.get("name")), description=plain(row.get("description")),
            programme_id=ready["target"].programme_id, created_by_id=uow.actor.user_id,
        )  # fmt: skip
        rules.draft(
            uow, rule, [rules.Slot(item_id=ready["source"].id)], [(ready["target"].id, ready["ratio"])],
            valid_from=ready["valid_from"], valid_until=ready["valid_until"], reuse_group=plain(row.get("reuse_group")),
        )  # fmt: skip
        return rule
