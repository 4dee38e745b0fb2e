"""规则管理: agreements, templates, rules, and the versions that rules are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import Select

from app.catalogue.models import CatalogueItem, Category
from app.console.actions import action
from app.console.checked import CheckedView
from app.console.interface import Records
from app.console.views import RecordView
from app.kernel.errors import N_, Conflict, Invalid
from app.kernel.unit_of_work import UnitOfWork
from app.rules import services
from app.rules.models import (
    Agreement,
    AgreementParty,
    Rule,
    RuleSource,
    RuleTarget,
    RuleTemplate,
    RuleVersion,
)


class AgreementPartyView(RecordView):
    """Who signed an agreement."""

    datamodel = Records(AgreementParty)
    label, label_plural = _("Party of an agreement"), _("Parties of agreements")
    list_columns = ["agreement", "organisation", "signed_on"]
    search_columns = ["agreement", "organisation"]
    show_columns = ["agreement", "organisation", "signed_on", "changed_at"]
    add_columns = edit_columns = ["agreement", "organisation", "signed_on"]


class AgreementView(RecordView):
    """转换协议: parties agree on conversions."""

    datamodel = Records(Agreement)
    label, label_plural = _("Agreement"), _("Agreements")
    list_columns = ["number", "name", "organisation", "valid_from", "valid_until"]
    search_columns = ["name", "number", "organisation"]
    show_columns = [
        "number",
        "name",
        "organisation",
        "valid_from",
        "valid_until",
        "description",
        "changed_at",
    ]
    add_columns = edit_columns = [
        "number",
        "name",
        "organisation",
        "valid_from",
        "valid_until",
        "description",
    ]
    description_columns = {"organisation": _("The institution that grants the targets.")}
    related_views = [AgreementPartyView]


class RuleTemplateView(RecordView):
    """One text for many rules: expanded over the programmes of the granting institution (ADR 0009)."""

    datamodel = Records(RuleTemplate)
    label, label_plural = _("Rule template"), _("Rule templates")
    list_columns = ["name", "agreement", "source_item", "target_name", "ratio", "reuse_group"]
    search_columns = ["name", "agreement"]
    show_columns = [
        *("agreement", "name", "rule_name", "source_item", "target_name", "target_category", "ratio"),
        *("reuse_group", "changed_at"),
    ]
    add_columns = edit_columns = [
        *("agreement", "name", "rule_name", "source_item", "target_name", "target_category", "ratio"),
        "reuse_group",
    ]
    description_columns = {
        "rule_name": _("May hold {term}, {programme} and {target}."),
        "target_name": _("The name that the target has in the catalogue of each programme."),
        "reuse_group": _("An achievement serves one rule per programme and group."),
    }

    def pre_add(self, item: RuleTemplate) -> None:
        services.check_pattern(item.rule_name)

    def pre_update(self, item: RuleTemplate) -> None:
        services.check_pattern(item.rule_name)

    @action(
        _("Expand"),
        icon="diagram-3",
        confirm=_("Make a published rule for each target that has none yet?"),
        multiple=False,
    )
    def expand(self, uow: UnitOfWork, row: RuleTemplate) -> None:
        services.expand(uow, row)


class RuleSourceView(RecordView):
    """Source slots of a draft."""

    datamodel = Records(RuleSource)
    label, label_plural = _("Source slot"), _("Source slots")
    list_columns = ["rule_version", "position", "catalogue_item", "category", "name_pattern", "minimum_score"]
    search_columns = ["catalogue_item", "category"]
    show_columns = [
        *("rule_version", "position", "catalogue_item", "category", "name_pattern", "minimum_score"),
        *("minimum_level", "months_valid", "changed_at"),
    ]
    add_columns = [
        *("rule_version", "position", "catalogue_item", "category", "name_pattern", "minimum_score"),
        *("minimum_level", "months_valid"),
    ]
    edit_columns = add_columns[1:]
    description_columns = {
        "category": _("Instead of an item: any achievement of this category."),
        "name_pattern": _("With a category: this word stands in the name; the reviewer confirms it."),
        "months_valid": _("Obtained at most so many months before."),
    }

    def offered(self, column: str, statement: Select[Any]) -> Select[Any]:
        if column == "rule_version":
            return statement.where(RuleVersion.published_at.is_(None))
        return statement.where(Category.parent_id.is_not(None)) if column == "category" else statement


class RuleTargetView(RecordView):
    """Targets of a draft."""

    datamodel = Records(RuleTarget)
    label, label_plural = _("Target of a rule"), _("Targets of rules")
    list_columns = ["rule_version", "position", "catalogue_item", "ratio"]
    search_columns = ["catalogue_item"]
    show_columns = ["rule_version", "position", "catalogue_item", "ratio", "changed_at"]
    add_columns = ["rule_version", "position", "catalogue_item", "ratio"]
    edit_columns = add_columns[1:]

    def offered(self, column: str, statement: Select[Any]) -> Select[Any]:
        if column == "rule_version":
            return statement.where(RuleVersion.published_at.is_(None))
        return (
            statement.where(CatalogueItem.standing == "active") if column == "catalogue_item" else statement
        )


class RuleVersionView(CheckedView):
    """Versions: drafted, then published for good."""

    datamodel = Records(RuleVersion)
    label, label_plural = _("Version of a rule"), _("Versions of rules")
    list_columns = ["rule", "number", "mode", "valid_from", "valid_until", "published_at"]
    search_columns = ["rule", "name"]
    show_columns = [
        *("rule", "number", "name", "description", "mode", "needed", "valid_from", "valid_until"),
        *("reuse_group", "accepts_converted", "published_at", "digest"),
    ]
    add_columns = [
        *("rule", "name", "description", "mode", "needed", "valid_from", "valid_until", "reuse_group"),
        "accepts_converted",
    ]
    edit_columns = add_columns[1:]
    description_columns = {
        "needed": _("How many slots are enough, where the mode is any of."),
        "accepts_converted": _("Achievements granted by a conversion may be a source."),
        "reuse_group": _("An achievement serves one rule per programme and group."),
    }
    related_views = [RuleSourceView, RuleTargetView]

    def verify(self, uow: UnitOfWork, row: RuleVersion, before: Mapping[str, Any]) -> None:
        if (row.mode == "any") != (row.needed is not None):
            raise Invalid(
                "needed", N_("How many slots are enough goes with the mode “any of”, and only with it.")
            )
        if not before:
            row.number = services.next_number(uow.session, row.rule_id)
            row.created_by_id = uow.actor.user_id

    @action(
        _("Publish"),
        icon="megaphone",
        confirm=_("Put this version in force? It never changes again."),
        multiple=False,
    )
    def publish(self, uow: UnitOfWork, row: RuleVersion) -> None:
        services.publish(uow, row.rule, row)


class RuleView(CheckedView):
    """规则: what converts to what. Its words stand in versions; a new rule begins as a draft."""

    datamodel = Records(Rule)
    label, label_plural = _("Conversion rule"), _("Rules")
    list_columns = ["name", "agreement", "programme", "state", "changed_at"]
    search_columns = ["name", "agreement", "programme", "state"]
    show_columns = [
        *("name", "description", "agreement", "template", "programme", "state", "current_version"),
        "changed_at",
    ]
    add_columns = ["agreement", "programme", "name", "description"]
    edit_columns = ["programme", "name", "description"]
    related_views = [RuleVersionView]

    def verify(self, uow: UnitOfWork, row: Rule, before: Mapping[str, Any]) -> None:
        if before and row.state != "draft":
            raise Conflict("not_draft", N_("This rule is in force: draft a new version of it instead."))

    @action(
        _("Retire"),
        icon="archive",
        confirm=_("Take this rule out of force? Applications made under it go on."),
    )
    def retire(self, uow: UnitOfWork, row: Rule) -> None:
        services.retire(uow, row)
