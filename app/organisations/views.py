"""机构管理 and 委员会管理."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import Select

from app.console.checked import CheckedView
from app.console.interface import Records
from app.console.views import RecordView
from app.kernel.unit_of_work import UnitOfWork
from app.organisations import services
from app.organisations.models import Committee, CommitteeMember, CommitteeScope, Organisation
from app.security.models import Account


class OrganisationView(CheckedView):
    """机构管理: the tree. Services write the paths."""

    datamodel = Records(Organisation)
    label, label_plural = _("Organisation"), _("Organisations")
    list_columns = ["name", "code", "kind", "parent", "contact", "active"]
    search_columns = ["name", "code", "kind", "parent", "active"]
    show_columns = [
        "code",
        "name",
        "kind",
        "parent",
        "address",
        "contact",
        "active",
        "created_at",
        "changed_at",
    ]
    add_columns = edit_columns = ["code", "name", "kind", "parent", "address", "contact", "active"]
    label_columns = {"code": _("Organisation code"), "parent": _("Stands below")}
    description_columns = {
        "code": _("The code that papers and imports name it by, e.g. 51315-01."),
        "parent": _("Leave empty for the management centre. All below moves along."),
        "address": _("Where learners show paper originals."),
        "contact": _("Telephone and opening hours, as learners read them."),
        "active": _("Organisations out of use can't be chosen any more; what refers to them stays."),
    }
    base_order = ("path", "asc")

    def offered(self, column: str, statement: Select[Any]) -> Select[Any]:
        return statement.where(
            Organisation.kind.in_([kind for kind, below in services.BELOW.items() if below])
        )

    def create(self, uow: UnitOfWork, values: dict[str, Any]) -> Any:
        return services.add(uow, created_by_id=uow.actor.user_id, **values)

    def verify(self, uow: UnitOfWork, row: Organisation, before: Mapping[str, Any]) -> None:
        services.place(uow, row)


class CommitteeMemberView(CheckedView):
    """Who sits on which committee."""

    datamodel = Records(CommitteeMember)
    label, label_plural = _("Committee member"), _("Committee members")
    list_columns = ["user", "committee", "since", "until"]
    search_columns = ["committee", "user", "since"]
    show_columns = ["user", "committee", "since", "until", "created_at", "changed_at"]
    add_columns = ["committee", "user", "since", "until"]
    edit_columns = ["since", "until"]
    label_columns = {"user": _("Member")}
    description_columns = {
        "user": _("An account with the role of a committee member."),
        "until": _("The last day; empty: for good."),
    }
    eager = ["user.person"]

    def offered(self, column: str, statement: Select[Any]) -> Select[Any]:
        return statement.where(Account.roles.any(name="Committee")) if column == "user" else statement

    def verify(self, uow: UnitOfWork, row: CommitteeMember, before: Mapping[str, Any]) -> None:
        services.check_member(uow.session, row)


class CommitteeScopeView(CheckedView):
    """What a committee covers: AND inside a row, OR between rows."""

    datamodel = Records(CommitteeScope)
    label, label_plural = _("Scope of a committee"), _("Scopes of committees")
    list_columns = ["committee", "programme", "category", "organisation"]
    search_columns = ["committee", "programme", "category", "organisation"]
    show_columns = ["committee", "programme", "category", "organisation", "created_at", "changed_at"]
    add_columns = ["committee", "programme", "category", "organisation"]
    edit_columns = ["programme", "category", "organisation"]
    label_columns = {
        "programme": _("Programme of the target"),
        "category": _("Category of the source achievement"),
        "organisation": _("Target institution"),
    }
    description_columns = {
        "programme": _(
            "What is filled in must all fit; the committee whose row fits most closely gets the case."
        ),
    }

    def offered(self, column: str, statement: Select[Any]) -> Select[Any]:
        if column == "category":
            return statement.where(statement.column_descriptions[0]["entity"].parent_id.is_not(None))
        if column == "organisation":
            return statement.where(Organisation.kind.in_(("institution", "center")))
        return statement

    def verify(self, uow: UnitOfWork, row: CommitteeScope, before: Mapping[str, Any]) -> None:
        services.check_scope(row)


class CommitteeView(RecordView):
    """委员会管理."""

    datamodel = Records(Committee)
    label, label_plural = _("Committee"), _("Committees")
    list_columns = ["name", "active"]
    search_columns = ["name", "active"]
    show_columns = ["name", "active", "created_at", "changed_at"]
    add_columns = edit_columns = ["name", "active"]
    description_columns = {
        "active": _("Committees out of use get no cases; their members decide nothing more.")
    }
    related_views = [CommitteeMemberView, CommitteeScopeView]
    base_order = ("name", "asc")
