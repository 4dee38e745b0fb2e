"""Reading records: the list, a record's page, and look-ups. What every view of the console has."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import jsonify, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import ModelView, expose, has_access
from flask_appbuilder.models.filters import Filters
from flask_babel import lazy_gettext
from sqlalchemy import Select, inspect, select
from werkzeug.exceptions import NotFound as PageNotFound

from app.console import actions, declarations, formats
from app.console import export as exporting
from app.console.filters import Filter, RelationFilter, Senseless
from app.console.interface import Records
from app.console.lookups import Lookup
from app.console.pages import Page, address, capped_count, chosen_columns, numbered
from app.security.current import actor
from app.security.permissions import allowed, grants_of
from app.security.rows import Scope, condition

#: Rows of a related list on a record's page; the rest stands behind its link.
FEW = 10


@dataclass(frozen=True)
class Related:
    """The first rows of a related view on a record's page; ``link`` and ``add`` lead to its own pages."""

    view: Reading
    rows: Sequence[Any]
    more: bool
    link: str
    add: str


class Reading(ModelView):
    """List, page and look-ups of one record, under the row policy; nothing of a request is kept in the view."""

    datamodel: Records
    #: What one record is called, and several (``lazy_gettext``); the four titles come from them.
    label: Any = ""
    label_plural: Any = ""
    #: Relations to load along beside the columns shown, where names of related rows need them.
    eager: Sequence[str] = ()
    #: Filters beyond ``search_columns``.
    filters: Sequence[Filter] = ()
    page_sizes: Sequence[int] = (10, 25, 50, 100)
    page_size = 25
    description_columns: Mapping[str, Any] = {}
    list_template = "appbuilder/general/model/list.html"
    show_template = "appbuilder/general/model/show.html"
    list_title = show_title = add_title = edit_title = route_base = None
    declared_actions: Sequence[actions.Action] = ()
    #: Columns of an export beside those of the list: (label, how it reads off a row, plain if that may be), masked as a rule.
    export_masked: Sequence[tuple[Any, Callable[[Any, bool], str]]] = ()
    #: Relations that those need.
    export_eager: Sequence[str] = ()
    all_filters: Sequence[Filter] = ()

    #: Of Flask-AppBuilder's and gone: any file of the upload folder, actions without a row policy (ours: actions.py);
    #: and the pages that write, which only :class:`~app.console.views.RecordView` has.
    download = action = action_post = add = edit = delete = None
    add_columns: Sequence[str] = ()
    edit_columns: Sequence[str] = ()

    # --- what a room may say otherwise

    def extra(self, row: Any) -> dict[str, Any]:
        """What the record's page shows besides, for a ``show_template`` of the room's own (it extends ours)."""
        return {}

    def offered(self, column: str, statement: Select[Any]) -> Select[Any]:
        """Narrow what the form's field of this relation offers and takes."""
        return statement

    def rows(self, statement: Select[Any]) -> Select[Any]:
        """Narrow or join what the list shows, beside the row policy and the base filters."""
        return statement

    def order(self) -> Sequence[Any]:
        """How the list is ordered where nobody asks otherwise; ``base_order`` = (column, "asc" or "desc") says it shorter."""
        if self.base_order:
            return self._ordered(*self.base_order)
        return [self.datamodel.key.desc()]

    # --- list

    @expose("/")
    @has_access
    def list(self) -> ResponseReturnValue:
        """A page of records, by the filters in the address."""
        page, bad = self.page()
        covered: dict[Scope, set[Any]] = {}
        return self.render_template(
            self.list_template,
            view=self,
            page=page,
            bad=bad,
            title=self.list_title,
            editable=self.editable(page.rows, "edit", covered),
            deletable=self.editable(page.rows, "delete", covered),
            actions=actions.shown(self),
            order=self._asked_order(),
            columns=self.chosen(),
            unmask=exporting.may_unmask(self),
        )

    def offered_columns(self) -> Sequence[str]:
        """What the column chooser offers: the list's own columns, and those of the record's page that its table holds."""
        own = inspect(self.datamodel.obj).column_attrs
        more = [name for name in self.show_columns if name in own and name not in self.list_columns]
        return [*self.list_columns, *(more if self.may("show") else ())]

    def chosen(self) -> Sequence[str]:
        """The columns that this person's list shows."""
        return chosen_columns(self.permission_name, self.offered_columns(), self.list_columns)

    def page(self) -> tuple[Page, set[str]]:
        """The page that the address asks for, and the filters whose words make no sense (then nothing is found)."""
        statement, bad = self.filtered()
        order = self._ordered(*self._asked_order()) if self._asked_order()[0] else self.order()
        paths = (*self.chosen(), *self.eager)
        page = numbered(
            self.datamodel.session,
            statement,
            sizes=self.page_sizes,
            default=self.page_size,
            fetch=lambda limited: self.datamodel.fetch(limited, order, paths),
        )
        return page, bad

    def filtered(self) -> tuple[Select[Any], set[str]]:
        """All rows that the list shows under the filters in the address, and the filters that make no sense."""
        statement, bad = self.rows(self.datamodel.visible(self.base)), set()
        for one in self.all_filters:
            words = {name: request.args.get(name, "").strip()[:200] for name in one.parameters}
            try:
                statement = one.narrow(statement, words)
            except Senseless:
                bad.add(one.name)
        return (statement.where(self.datamodel.key.is_(None)) if bad else statement), bad

    def _asked_order(self) -> tuple[str, str]:
        asked = request.args.get("order", "")
        column = asked.removeprefix("-")
        return (
            (column, "desc" if asked.startswith("-") else "asc") if column in self.order_columns else ("", "")
        )

    def _ordered(self, column: str, direction: str) -> Sequence[Any]:
        attribute, key = getattr(self.datamodel.obj, column), self.datamodel.key
        return [attribute.desc(), key.desc()] if direction == "desc" else [attribute.asc(), key.asc()]

    def order_link(self, column: str) -> str:
        """The address of this list ordered by ``column``, or the other way round where it already is."""
        other = "-" if self._asked_order() == (column, "asc") else ""
        return address(order=f"{other}{column}", page=None)

    # --- export

    @expose("/export", methods=["POST"])
    @has_access
    def export(self) -> ResponseReturnValue:
        """The list as a workbook, by the filters in the address."""
        return exporting.respond(self)

    def export_table(self, plain: bool) -> exporting.Table:
        """The list's columns, and the masked ones beside them; ``plain``: unmasked."""
        statement, _bad = self.filtered()
        heads = [str(self.label_columns[column]) for column in self.list_columns]
        numbers = [self.is_number(column) for column in self.list_columns]

        def read(row: Any) -> list[Any]:
            words = [self.words(row, column) for column in self.list_columns]
            cells = [
                exporting.number(text) if number else text
                for text, number in zip(words, numbers, strict=True)
            ]
            return [*cells, *(show(row, plain) for _label, show in self.export_masked)]

        return exporting.Table(
            str(self.list_title),
            [*heads, *(str(label) for label, _show in self.export_masked)],
            statement,
            self.datamodel.key,
            self.datamodel.loads((*self.list_columns, *self.eager, *self.export_eager)),
            read,
        )

    def export_count(self) -> int:
        statement, _bad = self.filtered()
        return capped_count(self.datamodel.session, statement)

    # --- show

    @expose("/<pk>")
    @has_access
    def show(self, pk: str) -> ResponseReturnValue:
        """One record, with the first rows of what hangs on it."""
        row = self.datamodel.one(pk, self.base, paths=(*self.show_columns, *self.eager))
        return self.render_template(
            self.show_template,
            view=self,
            row=row,
            title=formats.name(row),
            groups=self.shown_groups(row),
            related=self.related(row),
            actions=actions.shown(self, row),
            may={name: self.may(name, row) for name in ("edit", "delete")},
            **self.extra(row),  # noqa: S610
        )

    def shown_groups(self, row: Any) -> Sequence[tuple[Any, Sequence[tuple[Any, str]]]]:
        """(title, [(label, words)]) of the record's page."""
        groups = self.show_fieldsets or [(None, {"fields": self.show_columns})]
        return [
            (title, [(self.label_columns[name], self.words(row, name)) for name in group["fields"]])
            for title, group in groups
        ]

    def related(self, row: Any) -> Sequence[Related]:
        """What the actor may see of the related views' rows that belong to ``row``."""
        return [self._related(view, row) for view in self._related_views if view.may("list")]

    def _related(self, view: Reading, row: Any) -> Related:
        name = view.datamodel.get_related_fk(self.datamodel.obj)
        relation = getattr(view.datamodel.obj, name)
        statement = view.rows(view.datamodel.visible(view.base))
        statement = statement.where(relation.contains(row) if relation.property.uselist else relation == row)
        found = view.datamodel.fetch(
            statement.limit(FEW + 1), view.order(), (*view.list_columns, *view.eager)
        )
        key = {name: self.datamodel.key_of(row)}
        add = url_for(f"{view.endpoint}.add", **key) if view.may("add") and name in view.add_columns else ""
        shows = any(one.name == name for one in view.all_filters)
        return Related(
            view,
            found[:FEW],
            len(found) > FEW,
            url_for(f"{view.endpoint}.list", **(key if shows else {})),
            add,
        )

    # --- look-ups

    @expose("/lookup/<column>")
    @has_access
    def lookup(self, column: str) -> ResponseReturnValue:
        """Records that a filter's or a form's field of this relation offers for ``q``."""
        writes = request.args.get("for", "")
        columns = {
            "": [one.name for one in self.all_filters if isinstance(one, RelationFilter)],
            "add": self.add_columns,
            "edit": self.edit_columns,
        }
        if (
            column not in columns.get(writes, ())
            or self.datamodel.relation(column) is None
            or (writes and not self.may(writes))
        ):
            raise PageNotFound
        found = Lookup(self, column, writes)
        records = Records(found.model)
        rows = found.search(request.args.get("q", "").strip()[:100])
        return jsonify(results=[{"id": records.key_of(row), "text": formats.name(row)} for row in rows])

    # --- for templates

    def may(self, name: str, row: Any = None) -> bool:
        """Whether the view has this page or action, and the actor the permission for it (and for ``row``)."""
        return getattr(self, name, None) is not None and allowed(
            actor(), f"{self.permission_name}.{name}", row
        )

    def words(self, row: Any, column: str) -> str:
        """A column's value as people read it."""
        value: Any = row
        for part in column.split("."):
            value = getattr(value, part, None)
        value = value() if callable(value) else value
        if column in (self.formatters_columns or {}):
            return formats.read(self.formatters_columns[column](value))
        mapped = inspect(self.datamodel.obj).column_attrs.get(column)
        return formats.read(value, mapped.columns[0].type if mapped is not None else None)

    def name(self, row: Any) -> str:
        return formats.name(row)

    def short(self, text: str) -> str:
        return formats.short(text)

    def is_number(self, column: str) -> bool:
        """Whether a column is set to the right."""
        return declarations.is_number(self.datamodel.obj, column)

    def editable(self, rows: Sequence[Any], name: str, covered: dict[Scope, set[Any]]) -> set[Any]:
        """Keys of the rows on which the actor may do ``name``. One question to the database per scope, however many rows;
        ``covered`` keeps the answers for the next ``name``.
        """
        if getattr(self, name, None) is None or not rows:
            return set()
        found: set[Any] = set()
        for grant in grants_of(actor(), f"{self.permission_name}.{name}"):
            if grant.rows not in covered:
                covered[grant.rows] = self._covered(rows, grant.rows)
            found |= {
                self.datamodel.key_of(row) for row in rows if not grant.states or row.state in grant.states
            } & covered[grant.rows]
        return found

    def _covered(self, rows: Sequence[Any], scope: Scope) -> set[Any]:
        keys = {self.datamodel.key_of(row) for row in rows}
        if scope is Scope.ALL:
            return keys
        key, model = self.datamodel.key, self.datamodel.obj
        return set(
            self.datamodel.session.scalars(select(key).where(key.in_(keys), condition(model, actor(), scope)))
        )

    def scopes(self, name: str) -> frozenset[Scope]:
        """In which scopes the actor may do ``name``."""
        return frozenset(grant.rows for grant in grants_of(actor(), f"{self.permission_name}.{name}"))

    # --- what Flask-AppBuilder does at start

    @property
    def permission_name(self) -> str:
        return str(self.class_permission_name or type(self).__name__)

    @property
    def base(self) -> Filters:
        """The view's own conditions, on every read of it."""
        return self._base_filters

    @property
    def _filters(self) -> Filters:
        # Flask-AppBuilder keeps one object here for all requests of all threads (spec 6): ours is new for whoever asks.
        return self.datamodel.get_filters(self.search_columns)

    def _init_properties(self) -> None:
        declarations.complete(self)

    def _init_forms(self) -> None:
        declarations.make_forms(self)

    def _init_titles(self) -> None:
        self.title = self.list_title = self.list_title or self.label_plural
        self.show_title = self.show_title or self.label
        self.add_title = self.add_title or lazy_gettext("Add %(record)s", record=self.label)
        self.edit_title = self.edit_title or lazy_gettext("Edit %(record)s", record=self.label)

    def __init__(self, **kwargs: Any) -> None:
        if self.route_base is None:
            self.route_base = (
                "/console/records/"
                + re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(self).__name__.removesuffix("View")).lower()
            )
        super().__init__(**kwargs)
        self.declared_actions = actions.declared(self)
