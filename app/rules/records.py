"""规则管理: agreements with parties and paper, limits, templates, and the versions of rules as facts."""

from __future__ import annotations

from typing import Any

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import expose, has_access
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import Select

from app.catalogue.models import Category
from app.console.checked import CheckedView
from app.console.interface import Records
from app.console.posted import uploads
from app.console.views import FactView, RecordView
from app.kernel.database import db
from app.kernel.errors import N_, DomainError, Invalid
from app.kernel.unit_of_work import UnitOfWork
from app.rules import expansion, papers, services
from app.rules.models import (
    Agreement,
    AgreementParty,
    CreditCap,
    RuleSource,
    RuleTarget,
    RuleTemplate,
    RuleVersion,
)
from app.security.current import actor
from app.security.permissions import authorise


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
        *("number", "name", "organisation", "valid_from", "valid_until", "description"),
        *("document_name", "document_digest", "changed_at"),
    ]
    add_columns = edit_columns = [
        *("number", "name", "organisation", "valid_from", "valid_until", "description"),
    ]
    description_columns = {"organisation": _("The institution that grants the targets.")}
    related_views = [AgreementPartyView]
    show_template = "rules/agreement.html"

    def change(self, uow: UnitOfWork, row: Agreement, values: dict[str, Any]) -> None:
        super().change(uow, row, values)
        if {"valid_from", "valid_until"} & values.keys():
            uow.flush()
            services.refresh_agreement(uow, row)

    @expose("/<pk>/document", methods=["GET"])
    @has_access
    def document(self, pk: str) -> ResponseReturnValue:
        """The signed paper."""
        row: Agreement = self.datamodel.one(pk, self.base)
        answer = Response(papers.read(row), mimetype="application/pdf")
        answer.headers.set("Content-Disposition", "attachment", filename=row.document_name or "agreement.pdf")
        return answer

    @expose("/<pk>/attach", methods=["POST"])
    @has_access
    def attach(self, pk: str) -> ResponseReturnValue:
        """Keep the signed paper with the agreement."""
        row = self.datamodel.one(pk, self.base)
        authorise(actor(), "AgreementView.attach", row)
        try:
            with UnitOfWork(db.session, actor()) as uow:
                locked = self.datamodel.one(pk, self.base, lock=True)
                for upload in uploads(request.files.getlist("document"))[:1]:
                    papers.attach(uow, locked, upload.name, upload.content)
                    flash(gettext("The document has been added."), "success")
        except DomainError as error:
            flash(gettext(error.message, **error.params), "danger")
        return redirect(url_for("AgreementView.show", pk=pk))


class CreditCapView(CheckedView):
    """转换上限: how many credits a learner may convert."""

    datamodel = Records(CreditCap)
    label, label_plural = _("Limit of conversion"), _("Limits of conversion")
    list_columns = [
        "name",
        "organisation",
        "programme",
        "category",
        "rule",
        "credits",
        "share",
        "period",
        "active",
    ]
    search_columns = ["name", "organisation", "programme", "category", "rule", "active"]
    show_columns = [*list_columns[:7], "basis", "period", "active", "changed_at"]
    add_columns = edit_columns = [
        *("name", "organisation", "programme", "category", "rule", "credits", "share", "basis", "period"),
        "active",
    ]
    description_columns = {
        "organisation": _("The institution that grants the targets."),
        "programme": _("Empty: each programme of the institution."),
        "category": _("Empty: whatever the source; a large category stands for its small ones."),
        "rule": _("Empty: whatever the rule."),
        "credits": _("Either so many credits …"),
        "share": _("… or so much of the programme's credits for graduation."),
    }

    def verify(self, uow: UnitOfWork, row: CreditCap, before: Any) -> None:
        if (row.credits is None) == (row.share is None):
            raise Invalid("limit", N_("A limit is either a number of credits or a share."))
        if row.share is not None and not 0 <= row.share <= 10000:
            raise Invalid("share", N_("A share is between 0 and 100 per cent."))
        if row.share is not None and row.basis != "programme":
            raise Invalid("share", N_("A share is of each target programme by itself."))


class RuleTemplateView(RecordView):
    """One text for many rules; its parameters are term × programme (ADR 0009)."""

    datamodel = Records(RuleTemplate)
    label, label_plural = _("Rule template"), _("Rule templates")
    list_columns = ["name", "agreement", "source_item", "target_name", "ratio", "reuse_group"]
    search_columns = ["name", "agreement"]
    show_columns = [
        *("agreement", "name", "rule_name", "source_item", "target_name", "target_category", "ratio"),
        *(
            "reuse_group",
            "terms",
            "programmes",
            "minimum_score",
            "minimum_level",
            "months_valid",
            "valid_until",
        ),
        "changed_at",
    ]
    add_columns = edit_columns = show_columns[:-1]
    description_columns = {
        "rule_name": _("May hold {term}, {programme} and {target}."),
        "target_name": _(
            "The name that the target has in the catalogue of each programme; several separated by |."
        ),
        "reuse_group": _("An achievement serves one rule per programme and group; may hold {target}."),
        "terms": _("Intake terms, separated by commas, e.g. 2018秋,2019春; empty: all."),
        "programmes": _("Names of programmes, separated by commas; empty: all."),
    }
    show_template = "rules/template.html"

    def pre_add(self, item: RuleTemplate) -> None:
        expansion.check_pattern(item.rule_name)
        item.edited_by_id = actor().user_id

    def pre_update(self, item: RuleTemplate) -> None:
        self.pre_add(item)

    @expose("/<pk>/difference", methods=["GET", "POST"])
    @has_access
    def difference(self, pk: str) -> ResponseReturnValue:
        """What applying the template would do, rule by rule; and doing it, once somebody else has looked at it."""
        row: RuleTemplate = self.datamodel.one(pk, self.base, paths=("agreement", "source_item"))
        problem, status = "", 200
        if request.method == "POST":
            authorise(actor(), "RuleTemplateView.expand", row)
            try:
                with UnitOfWork(db.session, actor()) as uow:
                    locked = self.datamodel.one(pk, self.base, lock=True)
                    expansion.expand(uow, locked, request.form.get("digest", ""))
                flash(gettext("The template has been applied."), "success")
                return redirect(url_for("RuleTemplateView.show", pk=pk))
            except DomainError as error:
                problem, status = gettext(error.message, **error.params), error.status
                row = self.datamodel.one(pk, self.base)
        found = expansion.difference(db.session(), row)
        return (
            self.render_template(
                "rules/difference.html",
                row=row,
                found=found,
                problem=problem,
                labels=self.label_columns,
                may_apply=self.allows("expand"),
                first=200,
            ),
            status,
        )

    def allows(self, name: str) -> bool:
        """Whether the actor may do this to templates at all."""
        return bool(self.scopes(name))


class RuleSourceView(FactView):
    """Source slots, as they stand in versions; they are written on the rule's page."""

    datamodel = Records(RuleSource)
    label, label_plural = _("Source slot"), _("Source slots")
    list_columns = ["rule_version", "position", "catalogue_item", "category", "name_pattern", "minimum_score"]
    search_columns = ["catalogue_item", "category", "issuer", "minimum_level"]
    show_columns = [
        *(
            "rule_version",
            "position",
            "group",
            "catalogue_item",
            "category",
            "issuer",
            "name_pattern",
            "similar_names",
        ),
        *("minimum_score", "minimum_level", "months_valid", "changed_at"),
    ]

    def offered(self, column: str, statement: Select[Any]) -> Select[Any]:
        return statement.where(Category.parent_id.is_not(None)) if column == "category" else statement


class RuleTargetView(FactView):
    """Targets, as they stand in versions; they are written on the rule's page."""

    datamodel = Records(RuleTarget)
    label, label_plural = _("Target of a rule"), _("Targets of rules")
    list_columns = ["rule_version", "position", "catalogue_item", "ratio"]
    search_columns = ["catalogue_item"]
    show_columns = ["rule_version", "position", "catalogue_item", "ratio", "changed_at"]


class RuleVersionView(FactView):
    """Versions: drafted on the rule's page, then published for good."""

    datamodel = Records(RuleVersion)
    label, label_plural = _("Version of a rule"), _("Versions of rules")
    list_columns = ["rule", "number", "mode", "valid_from", "valid_until", "published_at"]
    search_columns = ["rule", "name"]
    show_columns = [
        *("rule", "number", "name", "description", "mode", "needed", "valid_from", "valid_until"),
        *("reuse_group", "accepts_converted", "targets_needed", "published_at", "digest"),
    ]
    related_views = [RuleSourceView, RuleTargetView]
