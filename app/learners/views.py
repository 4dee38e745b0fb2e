"""学习者管理: whose account it is, where they belong; sealed data masked, opened with a purpose and a trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any

from flask import Response, flash, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import expose, has_access
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import Select

from app.access import standing as measures
from app.console import formats
from app.console.checked import CheckedView
from app.console.filters import Filter
from app.console.interface import Records
from app.kernel.database import db
from app.kernel.errors import DomainError, Invalid
from app.kernel.unit_of_work import UnitOfWork
from app.learners import queries, services
from app.learners.models import STANDINGS, Learner
from app.organisations.models import Organisation
from app.security import personal
from app.security.current import actor
from app.security.models import GENDERS

#: What personal parts are called on screen, in the order of the page.
PARTS = {
    "identity": _("Identity number"),
    "mobile": _("Mobile"),
    "email": _("E-mail"),
    "birth_date": _("Date of birth"),
    "address": _("Address"),
}


#: What the measures are called on the page.
MEASURE_WORDS = {
    "correction": _("To be corrected within a time"),
    "suspended": _("Suspend the account"),
    "closed": _("Deregister the account"),
    "active": _("Take the measure back"),
}


def _part(part: str, row: Learner, plain: bool) -> str:
    """A personal part of a learner as an export shows it."""
    return (personal.reveal(row.person, part) or "") if plain else personal.masked(row.person, part)


class LearnerView(CheckedView):
    """学习者管理."""

    datamodel = Records(Learner)
    label, label_plural = _("Learner"), _("Learners")
    add = delete = None
    list_columns = ["person.name", "number", "home_point", "programme", "standing"]
    search_columns = ["home_point", "programme", "number", "standing"]
    filters = [
        Filter("name", _("Name"), queries.named),
        Filter("exact", _("Identity number or mobile"), queries.with_identity_or_mobile),
    ]
    show_columns = [
        *(
            "person.name",
            "number",
            "standing",
            "home_point",
            "programme",
            "introduction",
            "created_at",
            "changed_at",
        )
    ]
    add_columns: list[str] = []
    edit_columns = ["home_point", "programme"]
    label_columns = {"number": _("Account number"), "introduction": _("About the learner")}
    description_columns = {
        "home_point": _("Where the learner shows originals. Cases under way stay where they were submitted."),
        "programme": _("Its rules are offered to the learner first."),
    }
    eager = ["person"]
    export_eager = ["person.key"]
    export_masked = [(label, partial(_part, part)) for part, label in PARTS.items()]
    show_template = "learners/show.html"

    def offered(self, column: str, statement: Select[Any]) -> Select[Any]:
        return statement.where(Organisation.kind.in_(services.HOMES)) if column == "home_point" else statement

    def verify(self, uow: UnitOfWork, row: Learner, before: Mapping[str, Any]) -> None:
        services.check_home(uow, row, before.get("home_point_id"))

    def shown_groups(self, row: Learner) -> Sequence[tuple[Any, Sequence[tuple[Any, str]]]]:
        person = row.person
        masked = [(label, personal.masked(person, part)) for part, label in PARTS.items()]
        gender = formats.read(GENDERS[person.gender] if person.gender else None)
        return [*super().shown_groups(row), (_("Personal data"), [(_("Gender"), gender), *masked])]

    @expose("/<pk>/standing", methods=["GET", "POST"])
    @has_access
    def standing(self, pk: str) -> ResponseReturnValue:
        """限期改正, 暂停使用, 注销登记, and taking them back; the learner reads the reason."""
        row = self.datamodel.one(pk, self.base, paths=("person",))
        back, problem, status = url_for(f"{self.endpoint}.show", pk=pk), "", 200
        if request.method == "POST":
            try:
                until = date.fromisoformat(request.form["until"]) if request.form.get("until") else None
                with UnitOfWork(db.session, actor()) as uow:
                    locked = self.datamodel.one(pk, self.base, lock=True)
                    after, reason = request.form.get("after", ""), request.form.get("reason", "")
                    measures.change(uow, locked, after, reason, until)
                flash(gettext("Done; the learner has been told."), "success")
                return redirect(back)
            except DomainError as error:
                problem, status = gettext(error.message, **error.params), error.status
            except ValueError:
                problem, status = gettext("Please give the day by which it has to be corrected."), 422
            db.session.expire_all()
            row = self.datamodel.one(pk, self.base, paths=("person",))
        offered = measures.MEASURES.get(row.standing, ()) if row.person.erased_at is None else ()
        return self.render_template(
            "learners/standing.html", view=self, row=row, given=request.form, problem=problem, back=back,
            title=gettext("Standing of the account"), present=STANDINGS[row.standing], standings=STANDINGS,
            measures=[(code, MEASURE_WORDS[code]) for code in offered], past=measures.past(db.session(), row.id),
        ), status  # fmt: skip

    @expose("/<pk>/reveal", methods=["GET", "POST"])
    @has_access
    def reveal(self, pk: str) -> ResponseReturnValue:
        """One sealed part, for a purpose; both go into the audit trail. Nothing is kept by browser or proxy."""
        row = self.datamodel.one(pk, self.base, paths=("person",))
        part, purpose = request.form.get("part", ""), request.form.get("purpose", "")
        value: str | None = None
        problem, status = "", 200
        if request.method == "POST":
            try:
                with UnitOfWork(db.session, actor()) as uow:
                    value = services.reveal(uow, self.datamodel.one(pk, self.base), part, purpose) or gettext(
                        "None"
                    )
            except Invalid as error:
                problem, status = gettext(error.message, **error.params), error.status
        page = self.render_template(
            "learners/reveal.html", view=self, row=row, parts=PARTS, part=part, purpose=purpose, value=value,
            problem=problem, back=url_for(f"{self.endpoint}.show", pk=pk), title=gettext("Show personal data"),
        )  # fmt: skip
        answer: Response = make_response(page, status)
        answer.headers["Cache-Control"] = "no-store"
        return answer
