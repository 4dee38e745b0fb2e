"""Flask-AppBuilder's data interface, ours: every read passes the row policy, every write the open unit of work (spec 4, 6)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from flask_appbuilder.models.filters import Filters
from flask_appbuilder.models.sqla.interface import SQLAInterface
from sqlalchemy import Select, inspect, select
from sqlalchemy.orm import (
    InstrumentedAttribute,
    RelationshipDirection,
    RelationshipProperty,
    joinedload,
    selectinload,
    with_parent,
)
from sqlalchemy.orm.interfaces import LoaderOption

from app.console.pages import capped_count
from app.console.refusals import in_use
from app.console.texts import storable
from app.kernel.database import LARGEST_KEY, db
from app.kernel.errors import NotFound
from app.kernel.unit_of_work import UnitOfWork
from app.security.current import actor
from app.security.rows import restrict

#: No list is longer, whoever asks.
LARGEST_PAGE = 100


class Records(SQLAInterface):
    """The rows of one model, as the actor of the request may see them.

    Writes need an open unit of work (RuntimeError without one); only that commits, so audit and outbox can't
    be passed by.
    """

    def __init__(self, model: type[Any], session: Any = None) -> None:
        super().__init__(model, session)
        mapper = inspect(model)
        if len(mapper.primary_key) != 1:
            raise TypeError(
                f"{model.__name__} has a key of several columns: the console shows records with one"
            )
        key = mapper.get_property_by_column(mapper.primary_key[0]).key
        self.key: InstrumentedAttribute[Any] = getattr(model, key)

    @property
    def session(self) -> Any:
        return db.session()

    @property
    def has_version(self) -> bool:
        """Whether stale saves can be noticed."""
        return inspect(self.obj).version_id_col is not None

    def version_of(self, row: Any) -> int:
        """How often ``row`` has been changed."""
        mapper = inspect(self.obj)
        return int(getattr(row, mapper.get_property_by_column(mapper.version_id_col).key))

    def key_of(self, row: Any) -> Any:
        """The value of the row's primary key."""
        return getattr(row, self.key.key)

    # --- reading

    def visible(self, base: Filters | None = None) -> Select[Any]:
        """All rows that the actor may read, within a view's own base filters."""
        statement: Select[Any] = restrict(select(self.obj), self.obj, actor())
        return base.apply_all(statement) if base is not None else statement

    def one(
        self, key: Any, base: Filters | None = None, *, paths: Iterable[str] = (), lock: bool = False
    ) -> Any:
        """The row with this key. Raises NotFound where there is none, or none that the actor may read."""
        statement = self.visible(base).where(self.key == self._parsed(key)).options(*self.loads(paths))
        if lock:
            statement = statement.with_for_update(of=self.obj).execution_options(populate_existing=True)
        row = self.session.scalars(statement).unique().one_or_none()
        if row is None:
            raise NotFound
        return row

    def some(self, keys: Iterable[Any], base: Filters | None = None) -> Sequence[Any]:
        """The rows with these keys that the actor may read, by key; the others are left out."""
        wanted = []
        for key in keys:
            try:
                wanted.append(self._parsed(key))
            except NotFound:
                continue
        statement = self.visible(base).where(self.key.in_(wanted)).order_by(self.key)
        return list(self.session.scalars(statement).unique()) if wanted else []

    def fetch(self, statement: Select[Any], order: Sequence[Any], paths: Iterable[str]) -> list[Any]:
        """Rows of a limited ``statement``: their keys first, then the rows with all that their columns need."""
        keys = statement.with_only_columns(self.key.label("key")).order_by(*order).subquery()
        rows = (
            select(self.obj).join(keys, self.key == keys.c.key).options(*self.loads(paths)).order_by(*order)
        )
        return list(self.session.scalars(rows).unique())

    def loads(self, paths: Iterable[str]) -> list[LoaderOption]:
        """What to load along, so that showing ``paths`` ("organisation", "learner.person") asks no more."""
        found: list[LoaderOption] = []
        for path in paths:
            model, chain = self.obj, None
            for name in self._with_name(path):
                relation = inspect(model).relationships.get(name)
                if relation is None:
                    break
                attribute = getattr(model, name)
                if chain is None:
                    chain = selectinload(attribute) if relation.uselist else joinedload(attribute)
                else:
                    chain = chain.selectinload(attribute) if relation.uselist else chain.joinedload(attribute)
                model = relation.mapper.class_
            if chain is not None:
                found.append(chain)
        return found

    def _with_name(self, path: str) -> list[str]:
        """The steps of ``path``, and those on to what the related record is called by, where that is a relation further."""
        names, model = path.split("."), self.obj
        for name in names:
            relation = inspect(model).relationships.get(name)
            if relation is None:
                return names
            model = relation.mapper.class_
        called: str = next(iter(getattr(model, "__lookup__", ())), "")
        return names + called.split(".")[:-1]

    def relation(self, name: str) -> RelationshipProperty[Any] | None:
        """The relationship ``name``, if it is one."""
        return inspect(self.obj).relationships.get(name)

    def _parsed(self, key: Any) -> Any:
        """A key out of an address. Raises NotFound for what no database could hold."""
        if self.key.type.python_type is not int:
            if not storable(str(key)):
                raise NotFound
            return key
        text = str(key)
        if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= LARGEST_KEY):
            raise NotFound
        return int(text)

    # --- what Flask-AppBuilder itself calls

    def query(
        self,
        filters: Filters | None = None,
        order_column: str = "",
        order_direction: str = "",
        page: int | None = None,
        page_size: int | None = None,
        select_columns: list[str] | None = None,
        outer_default_load: bool = False,
    ) -> tuple[int, list[Any]]:
        """Capped count and one page; order columns that aren't the model's own are passed over."""
        statement = self.visible(filters)
        size = min(page_size or LARGEST_PAGE, LARGEST_PAGE)
        order: list[Any] = [self.key]
        if order_column in inspect(self.obj).column_attrs:
            column = getattr(self.obj, order_column)
            order.insert(0, column.desc() if order_direction == "desc" else column.asc())
        limited = statement.limit(size).offset(max(page or 0, 0) * size)
        return capped_count(self.session, statement), self.fetch(limited, order, select_columns or ())

    def get(self, id: Any, filters: Filters | None = None, *_: Any, **__: Any) -> Any:
        """The row, or None where the actor may not read it."""
        try:
            return self.one(id, filters)
        except NotFound:
            return None

    def get_related_obj(self, col_name: str, value: Any) -> Any:
        """The related row with this key, or None where the actor may not read it."""
        return Records(self.get_related_model(col_name)).get(value)

    def add(self, item: Any, commit: bool = True) -> None:
        """Add a row to the open unit of work, in the actor's name."""
        uow = self._unit()
        if hasattr(item, "created_by_id"):
            item.created_by_id = uow.actor.user_id
        uow.session.add(item)
        uow.flush()

    def edit(self, item: Any, commit: bool = True) -> None:
        """Send a row's changes to the database, in the open unit of work."""
        self._unit().flush()

    def delete(self, item: Any, commit: bool = True) -> None:
        """Delete a row in the open unit of work. Raises Conflict while other rows hang on it."""
        uow = self._unit()
        self._refuse_orphans(item)
        uow.session.delete(item)
        uow.flush()

    def delete_all(self, items: list[Any]) -> None:
        """Delete rows in the open unit of work: all of them or none."""
        for item in items:
            self.delete(item)

    def _refuse_orphans(self, item: Any) -> None:
        """SQLAlchemy would cut children off by an UPDATE to NULL before the database can say that they are there."""
        for relation in inspect(self.obj).relationships:
            if relation.direction is not RelationshipDirection.ONETOMANY or relation.cascade.delete:
                continue
            children = select(relation.mapper.class_).where(
                with_parent(item, getattr(self.obj, relation.key))
            )
            if self.session.scalar(select(children.exists())):
                raise in_use()

    def _unit(self) -> UnitOfWork:
        uow: UnitOfWork | None = self.session.info.get("uow")
        if uow is None:
            raise RuntimeError("a record is written outside a unit of work")
        return uow
