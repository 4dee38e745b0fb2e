"""Base views: :class:`RecordView` for records that people edit, :class:`FactView` for facts, which are only read.

A room declares columns, labels, filters and actions, and where its rules want it, how a record is made, changed and
removed; the rest is here, with every hole of Flask-AppBuilder closed (spec 6). Nothing of a request is kept in a view:
views are shared by all threads.
"""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import expose, has_access
from flask_babel import gettext
from sqlalchemy import inspect

from app.console import actions, formats
from app.console.forms import RecordForm
from app.console.lookups import Lookup
from app.console.reading import Reading
from app.console.refusals import writing
from app.kernel.errors import N_, Conflict, DomainError, Forbidden, Invalid
from app.kernel.unit_of_work import UnitOfWork
from app.security.current import actor
from app.security.permissions import authorise


class FactView(Reading):
    """Facts: written once by the house, listed and shown here, never edited (spec 1.4)."""


class RecordView(Reading):
    """Records that people list, show, add, edit and delete.

    Subclasses set ``datamodel = Records(Model)``, ``label``, ``label_plural`` and every list of columns: a forgotten one
    stops the start. ``add = None`` (or ``edit``, ``delete``) takes a page away.
    """

    add_columns: Any = None
    edit_columns: Any = None
    add_template = edit_template = "appbuilder/general/model/form.html"

    # --- what a room may say otherwise

    def create(self, uow: UnitOfWork, values: dict[str, Any]) -> Any:
        """Make a record of the typed values (by column; relations as rows). Raises DomainError to refuse."""
        row = self.datamodel.obj(**values)
        self.pre_add(row)
        self.datamodel.add(row)
        self.post_add(row)
        return row

    def change(self, uow: UnitOfWork, row: Any, values: dict[str, Any]) -> None:
        """Change a locked record to those typed values that differ from what the form was opened with.

        Raises DomainError to refuse.
        """
        for column, value in values.items():
            setattr(row, column, value)
        self.pre_update(row)
        self.datamodel.edit(row)
        self.post_update(row)

    def remove(self, uow: UnitOfWork, row: Any) -> None:
        """Delete a locked record. Raises DomainError to refuse."""
        self.pre_delete(row)
        self.datamodel.delete(row)
        self.post_delete(row)

    def check(self, values: dict[str, Any], row: Any = None) -> None:
        """Look at all typed values together, before anything is written. Raises Invalid; its ``fields`` are columns."""

    # --- add, edit, delete

    @expose("/add", methods=["GET", "POST"])
    @has_access
    def add(self) -> ResponseReturnValue:
        """A new record. Relations may be filled in by the address; what counts is what is posted."""
        if request.method == "GET":
            return self._form_page(self.add_form(data=self._prefilled()), None)
        form = self.add_form()
        row = self._written(form, None, None) if form.validate() else None
        if row is None:
            return self._form_page(form, None, 422)
        flash(gettext("“%(name)s” has been added.", name=formats.name(row)), "success")
        return redirect(request.full_path if "again" in request.form else self._after(row))

    @expose("/<pk>/edit", methods=["GET", "POST"])
    @has_access
    def edit(self, pk: str) -> ResponseReturnValue:
        """Change a record; who saves over somebody else's change is told, and keeps what was typed."""
        row = self.datamodel.one(pk, self.base, paths=(*self.edit_columns, *self.eager))
        authorise(actor(), f"{self.permission_name}.edit", row)
        stored = {self.edit_form.names[column]: getattr(row, column) for column in self.edit_columns}
        form = self.edit_form(data={**stored, "version": self.datamodel.version_of(row)})
        if request.method == "GET":
            return self._form_page(form, row)
        form["version"].data = request.form.get(
            "version", ""
        )  # left out, it is no version, not the present one
        name = formats.name(row)
        if not form.validate():
            return self._form_page(form, row, 422)
        if not form.changes():
            flash(gettext("Nothing was changed."), "info")
            return redirect(self._after(row))
        try:
            saved = self._written(form, pk, row)
        except Conflict as error:
            return self._stale_page(form, pk, error)
        if saved is None:
            return self._form_page(form, self.datamodel.one(pk, self.base), 422)
        flash(gettext("“%(name)s” has been saved.", name=name), "success")
        return redirect(self._after(saved))

    @expose("/<pk>/delete", methods=["POST"])
    @has_access
    def delete(self, pk: str) -> ResponseReturnValue:
        """Delete a record; asks first, where the dialog of the page has not."""
        row = self.datamodel.one(pk, self.base)
        authorise(actor(), f"{self.permission_name}.delete", row)
        if "confirmed" not in request.form:
            return self.render_template(
                "console/confirm.html", view=self, action=None, rows=[row], back=actions.back(self)
            )
        name = formats.name(row)
        try:
            with writing(self.datamodel.obj, deleting=True) as uow:
                locked = self._locked(pk, request.form.get("version"))
                authorise(actor(), f"{self.permission_name}.delete", locked)
                self.remove(uow, locked)
        except DomainError as error:
            flash(gettext(error.message, **error.params), "danger")
            return redirect(actions.back(self))
        flash(gettext("“%(name)s” has been deleted.", name=name), "success")
        return redirect(url_for(f"{self.endpoint}.list"))

    def _written(self, form: RecordForm, pk: str | None, row: Any) -> Any:
        """Write what the form says in one transaction; None where it was refused, and then the form says why.

        Raises Conflict for a stale save.
        """
        try:
            self.check(form.values(), row)
            with writing(self.datamodel.obj) as uow:
                if pk is None:
                    written = self.create(uow, form.values())
                else:
                    written = self._locked(pk, form["version"].data)
                    authorise(actor(), f"{self.permission_name}.edit", written)
                    self.change(uow, written, form.changes())
                uow.flush()
                self._still_theirs(written, "add" if pk is None else "edit")
            return written
        except Conflict as error:
            if pk is not None and error.code == "stale":
                raise
            self._refuse(form, error)
        except DomainError as error:
            self._refuse(form, error)
        return None

    def _locked(self, pk: str, version: Any) -> Any:
        """The row, locked; ``version`` is what the page showed, None where it showed none (a list's delete button)."""
        row = self.datamodel.one(pk, self.base, lock=True)
        if (
            self.datamodel.has_version
            and version is not None
            and str(version) != str(self.datamodel.version_of(row))
        ):
            raise Conflict(
                "stale", N_("Someone else changed this record meanwhile. Please look at it again.")
            )
        return row

    def _still_theirs(self, row: Any, name: str) -> None:
        """Nobody may put a record where they couldn't write it themselves."""
        try:
            authorise(actor(), f"{self.permission_name}.{name}", row)
        except Forbidden as error:
            raise Invalid(
                "elsewhere", N_("You may not put a record there: it would no longer be yours.")
            ) from error

    def _refuse(self, form: RecordForm, error: DomainError) -> None:
        """Show a refusal at the fields that it names, else above the form."""
        named = {
            self._field_of(column): refusals for column, refusals in getattr(error, "fields", {}).items()
        }
        known = {column: refusals for column, refusals in named.items() if column in form.names}
        for column, refusals in known.items():
            field = form.of(column)
            field.errors = [*field.errors, *(gettext(one.message, **one.params) for one in refusals)]
        if not known:
            form.form_errors.append(gettext(error.message, **error.params))

    def _field_of(self, column: str) -> str:
        """The form's name for a database column: a relation stands for its foreign key."""
        for relation in inspect(self.datamodel.obj).relationships:
            if not relation.uselist and column in {local.name for local in relation.local_columns}:
                return str(relation.key)
        return column

    def _prefilled(self) -> dict[str, Any]:
        """Related rows that the address names, as far as the form would take them."""
        found: dict[str, Any] = {}
        for column in self.add_columns:
            relation, asked = self.datamodel.relation(column), request.args.get(column)
            rows = Lookup(self, column, "add").rows([asked]) if relation is not None and asked else ()
            if relation is not None and rows:
                found[self.add_form.names[column]] = list(rows) if relation.uselist else rows[0]
        return found

    def _form_page(self, form: RecordForm, row: Any, status: int = 200, **more: Any) -> ResponseReturnValue:
        adding = row is None
        template = self.add_template if adding else self.edit_template
        groups = (self.add_fieldsets if adding else self.edit_fieldsets) or [
            (None, {"fields": list(form.names)})
        ]
        title = self.add_title if adding else self.edit_title
        back = url_for(f"{self.endpoint}.list") if adding else self._after(row)
        return self.render_template(
            template, view=self, form=form, row=row, title=title, groups=groups, back=back, **more
        ), status

    def _stale_page(self, form: RecordForm, pk: str, error: DomainError) -> ResponseReturnValue:
        """What was typed, beside what stands there now; saving once more is then meant."""
        row = self.datamodel.one(pk, self.base, paths=(*self.edit_columns, *self.eager))
        self._refuse(form, error)
        form["version"].data = self.datamodel.version_of(row)
        form["version"].raw_data = None
        present = {
            column: self.words(row, column)
            for column in form.names
            if form.values()[column] != getattr(row, column)
        }
        return self._form_page(form, row, 409, present=present)

    def _after(self, row: Any) -> str:
        if self.may("show"):
            return url_for(f"{self.endpoint}.show", pk=self.datamodel.key_of(row))
        return url_for(f"{self.endpoint}.list")
