"""Learners' own pages of achievements: 我的信息, 成果添加, one achievement."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import BaseView, expose, has_access
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import joinedload

from app.achievements import queries, services, values
from app.achievements.models import ORIGINS, STATES, Achievement
from app.achievements.states import EDITABLE
from app.catalogue.models import CatalogueItem, Category
from app.console.interface import Records
from app.console.pages import numbered
from app.console.posted import uploads
from app.console.views import FactView
from app.kernel.database import db
from app.kernel.errors import N_, DomainError, Invalid, NotFound
from app.kernel.numbering import whole
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner
from app.organisations.services import institution_above
from app.security import personal
from app.security.current import actor
from app.security.rows import visible


def me() -> Learner:
    """The learner who is logged in. Raises NotFound for an account without one."""
    learner = db.session.get(Learner, actor().learner_id) if actor().learner_id else None
    if learner is None:
        raise NotFound
    return learner


class MyView(BaseView):
    """我的信息."""

    route_base = "/me"
    default_view = "index"

    @expose("/")
    @has_access
    def index(self) -> ResponseReturnValue:
        learner = me()
        page = numbered(db.session(), queries.of_learner(learner.id))
        masks = {part: personal.masked(learner.person, part) for part in ("identity", "mobile", "email")}
        counts = queries.counts(db.session(), learner.id)
        return self.render_template(
            "achievements/mine.html",
            learner=learner,
            page=page,
            counts=counts,
            masks=masks,
            states=STATES,
            origins=ORIGINS,
        )


class MyAchievementView(BaseView):
    """成果添加, and one achievement of the learner's own."""

    route_base = "/me/achievements"
    default_view = "add"

    @expose("/add", methods=["GET", "POST"])
    @has_access
    def add(self) -> ResponseReturnValue:
        """Three steps on one address: choose the category, find the item (or type it in), fill in and
        upload.
        """
        learner, session = me(), db.session()
        category = self._category(request.args.get("category", ""))
        if category is None:
            return self.render_template(
                "achievements/categories.html", categories=queries.small_categories(session)
            )
        item = self._item(category, request.args.get("item", ""))
        if item is None and "typed" not in request.args and not category.performance:
            return self._search(learner, category)
        problems: dict[str, list[str]] = {}
        message, status = "", 200
        if request.method == "POST":
            try:
                with UnitOfWork(db.session, actor()) as uow:
                    key = request.form.get("key", "")[:64]
                    made = services.add(uow, learner, category, item, _given(category), _files(category), key)
                flash(_("The achievement has been added."), "success")
                return redirect(url_for("MyAchievementView.show", pk=made.id))
            except DomainError as error:
                db.session.rollback()
                problems, message, status = (
                    _problems(error),
                    str(_(error.message, **error.params)),
                    error.status,
                )
                category = db.session.get_one(Category, category.id)  # read anew: the refusal rolled back
                item = self._item(category, request.args.get("item", ""))
        filled = values.from_item(category, item) if item and category else {}
        return (
            self.render_template(
                "achievements/form.html",
                category=category,
                item=item,
                fields=values.active_fields(category),
                filled=filled,
                given=request.form,
                problems=problems,
                message=message,
                achievement=None,
                key=request.form.get("key") or uuid4().hex,
                title=_("Add an achievement"),
            ),
            status,
        )

    @expose("/<int:pk>")
    @has_access
    def show(self, pk: int) -> ResponseReturnValue:
        row = visible(db.session(), Achievement, pk, actor())
        return self.render_template(
            "achievements/show.html",
            achievement=row,
            shown=values.shown(row),
            states=STATES,
            origins=ORIGINS,
            may_edit=services.may_edit(db.session(), row),
            may_delete=row.state in EDITABLE,
        )

    @expose("/<int:pk>/edit", methods=["GET", "POST"])
    @has_access
    def edit(self, pk: int) -> ResponseReturnValue:
        row: Achievement = visible(db.session(), Achievement, pk, actor())
        if request.method == "GET" and not services.may_edit(db.session(), row):
            flash(_("This achievement can't be changed any more."), "warning")
            return redirect(url_for("MyAchievementView.show", pk=pk))
        problems: dict[str, list[str]] = {}
        message, status = "", 200
        given: Any = row.values
        if request.method == "POST":
            given = request.form
            try:
                with UnitOfWork(db.session, actor()) as uow:
                    row = visible(uow.session, Achievement, pk, actor())
                    removed = [key for key in map(whole, request.form.getlist("remove")) if key is not None]
                    services.edit(uow, row, _version(), _given(row.category), _files(row.category), removed)
                flash(_("The achievement has been corrected."), "success")
                return redirect(url_for("MyAchievementView.show", pk=pk))
            except DomainError as error:
                db.session.rollback()
                db.session.expire_all()
                row = visible(db.session(), Achievement, pk, actor())
                problems, message, status = (
                    _problems(error),
                    str(_(error.message, **error.params)),
                    error.status,
                )
        filled = values.from_item(row.category, row.catalogue_item) if row.catalogue_item else {}
        return (
            self.render_template(
                "achievements/form.html",
                category=row.category,
                item=row.catalogue_item,
                fields=values.active_fields(row.category),
                filled=filled,
                given=given,
                problems=problems,
                message=message,
                achievement=row,
                title=_("Correct the achievement"),
            ),
            status,
        )

    @expose("/<int:pk>/delete", methods=["POST"])
    @has_access
    def delete(self, pk: int) -> ResponseReturnValue:
        visible(db.session(), Achievement, pk, actor())
        try:
            with UnitOfWork(db.session, actor()) as uow:
                services.delete(uow, visible(uow.session, Achievement, pk, actor()), _version())
            flash(_("The achievement has been deleted."), "success")
        except DomainError as error:
            flash(_(error.message, **error.params), "danger")
            return redirect(url_for("MyAchievementView.show", pk=pk))
        return redirect(url_for("MyView.index"))

    def _category(self, key: str) -> Category | None:
        number = whole(key)
        found = db.session.get(Category, number) if number is not None else None
        return found if found is not None and found.parent_id is not None and found.active else None

    def _item(self, category: Category, key: str) -> CatalogueItem | None:
        number = whole(key)
        if number is None:
            return None
        found = db.session.get(
            CatalogueItem,
            number,
            options=[joinedload(CatalogueItem.organisation), joinedload(CatalogueItem.programme)],
        )
        return (
            found
            if found is not None and found.category_id == category.id and found.standing == "active"
            else None
        )

    def _search(self, learner: Learner, category: Category) -> ResponseReturnValue:
        words: dict[str, Any] = {
            name: request.args.get(name, "").strip()[:100] for name in ("project", "name", "organisation")
        }
        own = institution_above(db.session(), learner.home_point).id
        items = queries.search_items(db.session(), category.id, **words, own_institution=own)
        template = (
            "achievements/_items.html" if request.headers.get("HX-Request") else "achievements/search.html"
        )
        return self.render_template(template, category=category, items=items, words=words)


def _version() -> int:
    version = whole(request.form.get("version", ""))
    if version is None:
        raise Invalid("version", N_("This form is not complete. Please open it again."))
    return version


def _given(category: Category) -> dict[str, Any]:
    """What was typed, by field code."""
    return {
        field.code: request.form.getlist(field.code) if field.multiple else request.form.get(field.code)
        for field in values.active_fields(category)
        if field.kind != "file"
    }


def _files(category: Category) -> list[services.Upload]:
    found = []
    for row in category.requirements:
        if row.active:
            found += uploads(request.files.getlist(f"evidence_{row.id}"), requirement_id=row.id)
    for field in values.active_fields(category):
        if field.kind == "file":
            found += uploads(request.files.getlist(field.code), field_code=field.code)
    return found


def _problems(error: DomainError) -> dict[str, list[str]]:
    fields = error.fields if isinstance(error, Invalid) else {}
    return {name: [str(_(one.message, **one.params)) for one in found] for name, found in fields.items()}


class AchievementView(FactView):
    """学习成果管理: what learners hold, for staff."""

    datamodel = Records(Achievement)
    label, label_plural = _l("Achievement"), _l("Learners' achievements")
    list_columns = ["learner", "name", "category", "state", "origin", "issuer", "obtained_on", "credits"]
    search_columns = ["name", "category", "state", "origin", "issuer", "certificate_number", "created_at"]
    show_columns = [
        *("learner", "name", "category", "catalogue_item", "state", "origin", "issuer", "certificate_number"),
        *("obtained_on", "score", "credits", "level", "suspect", "created_at"),
    ]
