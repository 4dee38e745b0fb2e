"""项目维护, 成果名录, 成果分类 with their forms, and the code lists: the low-code core in the hands of staff (spec 1.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import request, url_for
from flask_babel import lazy_gettext as _
from sqlalchemy import Select

from app.catalogue import services
from app.catalogue.forms import ValuesField
from app.catalogue.models import (
    CatalogueItem,
    Category,
    CategoryField,
    CodeList,
    CodeValue,
    EvidenceRequirement,
    Programme,
)
from app.console import formats
from app.console.actions import action
from app.console.checked import CheckedView
from app.console.interface import Records
from app.console.views import RecordView
from app.kernel.unit_of_work import UnitOfWork
from app.organisations.models import Organisation

_CODE_HELP = _(
    "Small letters, digits and underscores. It can't change later: achievements are kept under it."
)


class CodeValueView(CheckedView):
    """Values of code lists, each mapped to a qualification level where it means one."""

    datamodel = Records(CodeValue)
    label, label_plural = _("Value of a code list"), _("Values of code lists")
    delete = None
    list_columns = ["label_zh", "label_en", "code", "code_list", "level", "position", "active"]
    search_columns = ["code_list", "label_zh", "active"]
    show_columns = ["code_list", "code", "label_zh", "label_en", "level", "position", "active", "changed_at"]
    add_columns = ["code_list", "code", "label_zh", "label_en", "level", "position", "active"]
    edit_columns = ["label_zh", "label_en", "level", "position", "active"]
    description_columns = {
        "level": _("The qualification level that this value stands for; rules know no other level."),
        "active": _("Values out of use can't be chosen any more; achievements that have them keep them."),
    }
    base_order = ("position", "asc")

    def verify(self, uow: UnitOfWork, row: CodeValue, before: Mapping[str, Any]) -> None:
        services.check_code_value(uow.session, row, before)


class CodeListView(CheckedView):
    """Lists that choice fields draw from: 层次, 证书等级 …, and staff's own."""

    datamodel = Records(CodeList)
    label, label_plural = _("Code list"), _("Code lists")
    delete = None
    list_columns = ["name_zh", "name_en", "code"]
    search_columns = ["name_zh", "code"]
    show_columns = ["code", "name_zh", "name_en", "changed_at"]
    add_columns = ["code", "name_zh", "name_en"]
    edit_columns = ["name_zh", "name_en"]
    description_columns = {"code": _CODE_HELP}
    related_views = [CodeValueView]

    def verify(self, uow: UnitOfWork, row: CodeList, before: Mapping[str, Any]) -> None:
        services.check_code_list(row)


class CategoryFieldView(CheckedView):
    """Fields of a category's form."""

    datamodel = Records(CategoryField)
    label, label_plural = _("Field of a category"), _("Fields of categories")
    delete = None
    list_columns = [
        "label_zh",
        "code",
        "category",
        "kind",
        "source",
        "meaning",
        "required",
        "position",
        "active",
    ]
    search_columns = ["category", "label_zh", "kind", "source", "active"]
    show_columns = [
        *("category", "code", "label_zh", "label_en", "help_zh", "help_en", "kind", "code_list", "multiple"),
        *("source", "meaning", "required", "maximum", "position", "active", "changed_at"),
    ]
    add_columns = [
        *("category", "code", "label_zh", "label_en", "help_zh", "help_en", "kind", "code_list", "multiple"),
        *("source", "meaning", "required", "maximum", "position", "active"),
    ]
    edit_columns = [
        *("label_zh", "label_en", "help_zh", "help_en", "kind", "code_list", "multiple"),
        *("source", "meaning", "required", "maximum", "position", "active"),
    ]
    label_columns = {"source": _("Filled in")}
    description_columns = {
        "code": _CODE_HELP,
        "kind": _("It can't change once achievements have the field."),
        "code_list": _("For a choice: what can be chosen."),
        "meaning": _("What the field means to the bank; rules, search and “no achievement twice” go by it."),
        "maximum": _("The longest text, or the largest number."),
        "source": _("From the catalogue: filled in by choosing an item, and not by the learner then."),
        "active": _("Fields out of use are asked no more; what achievements have in them is kept."),
    }
    base_order = ("position", "asc")

    def offered(self, column: str, statement: Select[Any]) -> Select[Any]:
        return statement.where(Category.parent_id.is_not(None)) if column == "category" else statement

    def verify(self, uow: UnitOfWork, row: CategoryField, before: Mapping[str, Any]) -> None:
        services.check_field(uow.session, row, before)


class EvidenceRequirementView(CheckedView):
    """Evidence that a category asks for."""

    datamodel = Records(EvidenceRequirement)
    label, label_plural = _("Evidence requirement"), _("Evidence requirements")
    delete = None
    list_columns = ["label_zh", "category", "required", "alternative", "position", "active"]
    search_columns = ["category", "label_zh", "active"]
    show_columns = [
        *(
            "category",
            "code",
            "label_zh",
            "label_en",
            "required",
            "alternative",
            "position",
            "active",
            "changed_at",
        )
    ]
    add_columns = [
        "category",
        "code",
        "label_zh",
        "label_en",
        "required",
        "alternative",
        "position",
        "active",
    ]
    edit_columns = ["label_zh", "label_en", "required", "alternative", "position", "active"]
    label_columns = {"alternative": _("Group of alternatives")}
    description_columns = {
        "code": _CODE_HELP,
        "alternative": _("Of the lines with the same word here, at least one is needed."),
    }
    base_order = ("position", "asc")

    def offered(self, column: str, statement: Select[Any]) -> Select[Any]:
        return statement.where(Category.parent_id.is_not(None)) if column == "category" else statement

    def verify(self, uow: UnitOfWork, row: EvidenceRequirement, before: Mapping[str, Any]) -> None:
        services.check_requirement(uow.session, row)


class CategoryView(CheckedView):
    """成果分类: large ones, and small ones with the form that their fields make."""

    datamodel = Records(Category)
    label, label_plural = _("Category"), _("Categories of achievements")
    delete = None
    list_columns = [
        "name_zh",
        "name_en",
        "parent",
        "code",
        "recognition",
        "performance",
        "position",
        "active",
    ]
    search_columns = ["name_zh", "parent", "recognition", "active"]
    show_columns = [
        *("code", "name_zh", "name_en", "parent", "recognition", "performance", "dated", "asks_credits"),
        *("asks_level", "position", "active", "changed_at"),
    ]
    add_columns = [
        *("code", "name_zh", "name_en", "parent", "recognition", "performance", "dated", "asks_credits"),
        *("asks_level", "position", "active"),
    ]
    edit_columns = [
        *(
            "name_zh",
            "name_en",
            "parent",
            "recognition",
            "performance",
            "dated",
            "asks_credits",
            "asks_level",
        ),
        *("position", "active"),
    ]
    label_columns = {"parent": _("Large category")}
    description_columns = {
        "code": _CODE_HELP,
        "parent": _("Empty: this is a large category itself. A new small one begins with a name and a date."),
        "performance": _(
            "业绩类: no catalogue; converted to a target of the learner's choice by a committee."
        ),
        "dated": _("Two achievements of one item are told apart by date, not by certificate number."),
        "asks_credits": _("On recognising, the reviewer says how many credits."),
        "asks_level": _("On recognising, the reviewer says which qualification level."),
        "active": _("Categories out of use can't be chosen by learners any more."),
    }
    related_views = [CategoryFieldView, EvidenceRequirementView]
    base_order = ("position", "asc")

    def offered(self, column: str, statement: Select[Any]) -> Select[Any]:
        return statement.where(Category.parent_id.is_(None))

    def verify(self, uow: UnitOfWork, row: Category, before: Mapping[str, Any]) -> None:
        services.check_category(uow.session, row)

    def create(self, uow: UnitOfWork, values: dict[str, Any]) -> Any:
        row = super().create(uow, values)
        services.begin_form(uow, row)
        return row


class ProgrammeView(RecordView):
    """项目维护: what institutions offer."""

    datamodel = Records(Programme)
    label, label_plural = _("Programme"), _("Programmes")
    list_columns = ["name", "term", "grade", "organisation", "graduation_credits", "active"]
    search_columns = ["name", "term", "organisation", "active"]
    show_columns = [
        *("name", "term", "grade", "organisation", "graduation_credits", "active", "created_at", "changed_at")
    ]
    add_columns = edit_columns = ["organisation", "name", "term", "grade", "graduation_credits", "active"]
    label_columns = {"grade": _("Level of education")}
    description_columns = {
        "term": _("The intake, e.g. 2019春."),
        "grade": _("As it stands behind the name, e.g. 本 or 专."),
        "graduation_credits": _("What caps on conversions are reckoned from; empty: not known."),
    }

    def offered(self, column: str, statement: Select[Any]) -> Select[Any]:
        return statement.where(Organisation.kind.in_(("institution", "center")))


class CatalogueItemView(CheckedView):
    """成果名录: what can be chosen, with the values that its category's fields ask for."""

    datamodel = Records(CatalogueItem)
    label, label_plural = _("Catalogue item"), _("Catalogue of achievements")
    list_columns = [
        "name",
        "project_name",
        "organisation",
        "category",
        "code",
        "credits",
        "level",
        "standing",
    ]
    search_columns = ["name", "code", "project", "programme", "organisation", "category", "standing"]
    order_columns = ["name", "code", "credits", "standing"]
    show_columns = [
        *("name", "category", "organisation", "programme", "project", "code", "credits", "level", "standing"),
        *("description", "created_at", "changed_at"),
    ]
    add_columns = [
        *(
            "category",
            "organisation",
            "programme",
            "project",
            "code",
            "name",
            "credits",
            "level",
            "description",
        )
    ]
    edit_columns = [
        *("organisation", "programme", "project", "code", "name", "credits", "level", "values", "description")
    ]
    label_columns = {
        "project_name": _("Project or programme"),
        "organisation": _("Institution or issuer"),
        "values": _("Fields of the category"),
    }
    description_columns = {
        "category": _("What further fields the item has follows from it; they are asked next."),
        "programme": _("Of a course: the programme that it belongs to."),
        "project": _("Of a certificate: the project name that learners search by."),
        "code": _("Course code, organisation code …"),
        "credits": _("Empty: not known yet. Conversions to it can't be approved before it is filled in."),
        "level": _("Empty: taken from the level that a value below is mapped to."),
    }
    eager = ["programme", "category"]

    def _init_forms(self) -> None:
        super()._init_forms()
        label = self.label_columns["values"]
        self.edit_form.values_ = ValuesField(label, description=self.description_columns.get("values", ""))

    def offered(self, column: str, statement: Select[Any]) -> Select[Any]:
        if column == "category":
            return statement.where(Category.parent_id.is_not(None), Category.performance.is_(False))
        if column == "organisation":
            return statement.where(Organisation.kind.in_(("center", "institution", "issuer")))
        return statement

    def verify(self, uow: UnitOfWork, row: CatalogueItem, before: Mapping[str, Any]) -> None:
        services.check_item(uow.session, row)
        category = uow.session.get_one(Category, row.category_id)
        services.set_values(row, category, row.values or {})

    def shown_groups(self, row: CatalogueItem) -> Sequence[tuple[Any, Sequence[tuple[Any, str]]]]:
        said = [
            (formats.name(field), _said(field, row.values)) for field in services.item_fields(row.category)
        ]
        more = [(self.label_columns["values"], said)] if said else []
        return [*super().shown_groups(row), *more]

    def _after(self, row: CatalogueItem) -> str:
        """A new item goes on to the fields of its category."""
        if request.endpoint == f"{self.endpoint}.add" and services.item_fields(row.category):
            return url_for(f"{self.endpoint}.edit", pk=row.id)
        return super()._after(row)

    @action(_("Take into the catalogue"), icon="check2-circle")
    def approve(self, uow: UnitOfWork, row: CatalogueItem) -> None:
        services.approve(uow, row)

    @action(
        _("Take out of the catalogue"), confirm=_("Really take this out of the catalogue?"), icon="archive"
    )
    def retire(self, uow: UnitOfWork, row: CatalogueItem) -> None:
        services.retire(uow, row)


def _said(field: CategoryField, values: Mapping[str, Any]) -> str:
    value = values.get(field.code)
    if field.kind != "choice" or field.code_list is None or not value:
        return formats.read(value if value != [] else None)
    chosen = value if isinstance(value, list) else [value]
    return "、".join(formats.name(one) for one in field.code_list.values if one.code in chosen)
