"""我的工作: what waits for me, by stage, oldest and overdue first; and look-ups that the forms ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import jsonify, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import BaseView, expose, has_access
from sqlalchemy import func, or_, select

from app.achievements import queries as achievements
from app.console import formats
from app.console.desk import Desk
from app.console.filters import matching
from app.console.lookups import searched
from app.console.pages import CAP, count_text
from app.console.reading import Reading
from app.console.texts import storable
from app.kernel.clock import now
from app.kernel.database import db
from app.kernel.numbering import whole
from app.security.current import actor
from app.security.permissions import holds

#: As many of each kind as ⌘K shows, and as the list of what to do first.
FEW, MANY = 5, 12


@dataclass(frozen=True)
class Task:
    """One queue with what waits in it for the actor."""

    title: Any
    url: str
    waiting: str
    overdue: int
    mine: int
    icon: str = "inbox"


@dataclass(frozen=True)
class Waiting:
    """One case of the list of what to do first."""

    desk: Desk
    case: Any
    days: int | None
    url: str


class WorkView(BaseView):
    """The first page of staff."""

    route_base = "/console"
    default_view = "index"
    #: Set by the site map: the desks in the order of the work.
    desks: tuple[type[Desk], ...] = ()
    #: Set by the site map: other queues, which say by ``waiting_now()`` how much waits in them.
    counted: tuple[Any, ...] = ()

    @expose("/")
    @has_access
    def index(self) -> ResponseReturnValue:
        mine = [desk for desk in self.desks if holds(actor().roles, desk.__name__, "can_decide")]
        tasks = [self._task(desk) for desk in mine]
        for view in self.counted:
            if holds(actor().roles, view.__name__, "can_queue"):
                tasks.append(
                    Task(view.title, url_for(f"{view.__name__}.queue"), count_text(view.waiting_now()), 0, 0)
                )
        first = sorted((one for desk in mine for one in self._first(desk)), key=self._urgency)
        return self.render_template(
            "console/work.html", tasks=tasks, first=first[:MANY], me_id=actor().user_id
        )

    def _first(self, desk: type[Desk]) -> list[Waiting]:
        """A desk's cases that are due first; those that colleagues have taken are theirs."""
        view, model = desk.__new__(desk), desk.model
        query = view._visible().where(model.state.in_(desk.waiting))
        if hasattr(model, "claimed_by_id"):
            query = query.where(or_(model.claimed_by_id.is_(None), model.claimed_by_id == actor().user_id))
        order = (model.due_at.is_(None), model.due_at, model.id)
        rows = list(db.session.scalars(query.order_by(*order).limit(MANY).options(*desk.options)).unique())
        days = view._days_left(rows)
        name = desk.__name__
        return [Waiting(view, row, days.get(row.id), url_for(f"{name}.case", pk=row.id)) for row in rows]

    @staticmethod
    def _urgency(one: Waiting) -> tuple[bool, Any, Any]:
        taken = getattr(one.case, "claimed_by_id", None)
        return (taken is None, one.case.due_at is None, one.case.due_at)

    def _task(self, desk: type[Desk]) -> Task:
        view = desk.__new__(desk)
        query = view._visible().where(desk.model.state.in_(desk.waiting)).order_by(None)
        found = (
            query.with_only_columns(desk.model.id, desk.model.due_at, *self._claimed(desk.model))
            .limit(CAP + 1)
            .subquery()
        )
        waiting, overdue = db.session.execute(
            select(func.count(), func.count().filter(found.c.due_at < now())).select_from(found)
        ).one()
        mine = 0
        if "claimed_by_id" in found.c:
            mine = (
                db.session.scalar(
                    select(func.count()).select_from(found).where(found.c.claimed_by_id == actor().user_id)
                )
                or 0
            )
        return Task(desk.title, url_for(f"{desk.__name__}.queue"), count_text(waiting), overdue, mine)

    @staticmethod
    def _claimed(model: Any) -> list[Any]:
        return [model.claimed_by_id] if hasattr(model, "claimed_by_id") else []


class LookupView(BaseView):
    """Short answers for selects that search as one types."""

    route_base = "/console/lookup"
    default_view = "items"

    #: Set by the site map: records that ⌘K finds by name.
    records: tuple[type[Reading], ...] = ()
    desks: tuple[type[Desk], ...] = ()

    @expose("/everything")
    @has_access
    def everything(self) -> ResponseReturnValue:
        """What ⌘K finds beside the menu: records by name, cases by number, as the actor may read them."""
        word = request.args.get("q", "").strip()[:50]
        if len(word) < 2 or not storable(word):
            return jsonify(results=[])
        return jsonify(results=[*self._cases(word), *self._records(word)])

    def _records(self, word: str) -> list[dict[str, str]]:
        found = []
        for view in self.appbuilder.baseviews:
            if isinstance(view, self.records) and view.may("show"):
                model = view.datamodel.obj
                query = view.datamodel.visible(view.base).where(matching(model, searched(model), word))
                for row in db.session.scalars(query.limit(FEW)).unique():
                    link = url_for(f"{view.endpoint}.show", pk=view.datamodel.key_of(row))
                    found.append({"text": formats.name(row), "kind": str(view.label), "url": link})
        return found

    def _cases(self, word: str) -> list[dict[str, str]]:
        found = []
        for desk in self.desks:
            if hasattr(desk.model, "number") and holds(actor().roles, desk.__name__, "can_case"):
                query = (
                    desk.__new__(desk)
                    ._visible()
                    .where(desk.model.number.startswith(word.upper(), autoescape=True))
                )
                for case in db.session.scalars(query.limit(FEW)):
                    text = f"{case.number} {case.learner.name}"
                    link = url_for(f"{desk.__name__}.case", pk=case.id)
                    found.append({"text": text, "kind": str(desk.title), "url": link})
        return found

    @expose("/items")
    @has_access
    def items(self) -> ResponseReturnValue:
        """Catalogue items of a category."""
        key = whole(request.args.get("category", ""))
        if key is None:
            return jsonify(results=[])
        found = achievements.search_items(db.session(), key, name=request.args.get("q", "")[:100])
        return jsonify(
            results=[
                {"id": row.id, "text": f"{row.name} · {row.project_name} · {row.organisation.name}"}
                for row in found
            ]
        )
