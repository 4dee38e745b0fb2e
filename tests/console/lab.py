"""A small library on tables of its own: what the base views do is tested on it, whatever the product's rooms declare.

The tables stand in metadata of their own, so that no migration and no comparison ever sees them.
"""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from flask import Flask
from flask_appbuilder import BaseView, ModelView, expose, has_access
from flask_appbuilder.models.sqla.filters import FilterEqual
from flask_babel import lazy_gettext as _
from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    Time,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, foreign, mapped_column, relationship

from app.console.actions import action
from app.console.interface import Records
from app.console.views import FactView, RecordView
from app.kernel.choices import Choice, Choices, Tone
from app.kernel.database import BasisPoints, Code, Editable, Hundredths, Key, Model, Moment, Recorded
from app.kernel.errors import N_, Conflict, Invalid
from app.kernel.rows import Rows
from app.organisations.models import Organisation
from app.security import permissions
from app.security.permissions import READ, WRITE, Grant, Role, grant
from app.security.rows import Scope

METADATA = MetaData(naming_convention=Model.metadata.naming_convention)
for _table in Model.metadata.sorted_tables:
    _table.to_metadata(METADATA)


class Base(DeclarativeBase):
    metadata = METADATA


KINDS = Choices(Choice("novel", N_("Novel"), Tone.SUCCESS), Choice("essay", N_("Essay"), Tone.WARNING))

book_tag = Table(
    "lab_book_tag",
    METADATA,
    Column("book_id", Key, ForeignKey("lab_book.id"), primary_key=True),
    Column("tag_id", Key, ForeignKey("lab_tag.id"), primary_key=True),
)


class Tag(Editable, Base):
    __tablename__ = "lab_tag"

    name: Mapped[str] = mapped_column(String(50), nullable=False)

    def __repr__(self) -> str:
        return self.name


class Shelf(Editable, Base):
    """Belongs to an organisation; ``secret`` is shown nowhere."""

    __tablename__ = "lab_shelf"
    __table_args__ = (UniqueConstraint("organisation_id", "name"),)
    __rows__ = Rows(organisation="organisation_id")

    name: Mapped[str] = mapped_column(String(50), nullable=False)
    organisation_id: Mapped[int] = mapped_column(Key, ForeignKey("organisation.id"), nullable=False)
    secret: Mapped[str] = mapped_column(String(50), default="hidden", nullable=False)
    active: Mapped[bool] = mapped_column(default=True, nullable=False)

    organisation: Mapped[Organisation] = relationship(
        Organisation, primaryjoin=lambda: foreign(Shelf.organisation_id) == Organisation.id
    )
    books: Mapped[list[Book]] = relationship(back_populates="shelf")

    def __repr__(self) -> str:
        return self.name


class Book(Editable, Base):
    """Has a column of every type, and columns whose names mean something to forms."""

    __tablename__ = "lab_book"
    __table_args__ = (
        UniqueConstraint("title"),
        KINDS.check("kind"),
        CheckConstraint("until IS NULL OR until >= since", name="until_after_since"),
    )
    __rows__ = Rows(organisation="organisation_id")

    title: Mapped[str] = mapped_column(String(100), nullable=False)
    organisation_id: Mapped[int] = mapped_column(Key, ForeignKey("organisation.id"), nullable=False)
    shelf_id: Mapped[int | None] = mapped_column(Key, ForeignKey("lab_shelf.id"))
    kind: Mapped[str] = mapped_column(Code(KINDS), default="novel", nullable=False)
    credits: Mapped[int | None] = mapped_column(Hundredths)
    ratio: Mapped[int] = mapped_column(BasisPoints, default=10000, nullable=False)
    copies: Mapped[int] = mapped_column(Integer, default=1, nullable=False)
    barcode: Mapped[int | None] = mapped_column(BigInteger)
    price: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    since: Mapped[date | None] = mapped_column(Date)
    until: Mapped[date | None] = mapped_column(Date)
    read_at: Mapped[datetime | None] = mapped_column(Moment)
    opens: Mapped[time | None] = mapped_column(Time)
    token: Mapped[UUID | None] = mapped_column(Uuid)
    values: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, nullable=False)
    data: Mapped[str] = mapped_column(String(50), default="", nullable=False)
    errors: Mapped[str] = mapped_column(String(50), default="", nullable=False)
    meta: Mapped[str] = mapped_column(String(50), default="", nullable=False)
    process: Mapped[str] = mapped_column(String(50), default="", nullable=False)
    note: Mapped[str | None] = mapped_column(Text)
    active: Mapped[bool] = mapped_column(default=True, nullable=False)
    lent: Mapped[bool | None] = mapped_column()

    organisation: Mapped[Organisation] = relationship(
        Organisation, primaryjoin=lambda: foreign(Book.organisation_id) == Organisation.id
    )
    shelf: Mapped[Shelf | None] = relationship(back_populates="books")
    tags: Mapped[list[Tag]] = relationship(secondary=book_tag)

    def __repr__(self) -> str:
        return self.title


class Stamp(Recorded, Base):
    """A fact."""

    __tablename__ = "lab_stamp"

    text: Mapped[str] = mapped_column(String(50), nullable=False)
    book_id: Mapped[int] = mapped_column(Key, ForeignKey("lab_book.id"), nullable=False)

    book: Mapped[Book] = relationship()

    def __repr__(self) -> str:
        return self.text


COLUMNS = [
    *("title", "organisation", "shelf", "tags", "kind", "credits", "ratio", "copies", "barcode", "price"),
    *(
        "since",
        "until",
        "read_at",
        "opens",
        "token",
        "values",
        "data",
        "errors",
        "meta",
        "process",
        "note",
        "active",
        "lent",
    ),
]
LABELS = {
    name: name.title()
    for name in (
        "shelf",
        "tags",
        "copies",
        "barcode",
        "price",
        "opens",
        "token",
        "data",
        "errors",
        "meta",
        "process",
        "lent",
    )
} | {"read_at": "Read at", "book": "Book", "shelf.name": "Shelf", "books": "Books"}


class BookView(RecordView):
    """Records with everything; ``hidden`` books are outside of its base filters."""

    datamodel = Records(Book)
    label, label_plural = _("Book"), _("Books")
    list_columns = ["title", "organisation", "shelf", "kind", "credits", "since", "read_at", "active"]
    show_columns = [*COLUMNS, "created_at", "changed_at"]
    add_columns = edit_columns = COLUMNS
    search_columns = [
        *(
            "title",
            "kind",
            "active",
            "credits",
            "copies",
            "barcode",
            "since",
            "read_at",
            "shelf",
            "tags",
            "shelf.name",
        ),
    ]
    label_columns = LABELS
    base_filters = [["process", FilterEqual, ""]]
    base_order = ("title", "asc")
    description_columns = {"copies": "How many there are."}

    def check(self, values: dict[str, Any], row: Any = None) -> None:
        if values["title"] == "Refused by check":
            raise Invalid("bad", N_("Not this title."), {"title": [Invalid("bad", N_("Not this title."))]})

    def pre_add(self, item: Any) -> None:
        if item.title == "Refused by hook":
            raise Conflict("bad", N_("The hook says no."))

    def pre_update(self, item: Any) -> None:
        self.pre_add(item)

    def post_update(self, item: Any) -> None:
        if item.title == "Refused after":
            raise Conflict("bad", N_("Too late, says the hook."))

    @action(_("Lend"), confirm=_("Lend these books?"), icon="send")
    def lend(self, uow: Any, row: Any) -> None:
        """Lend a book; one that is out already is refused."""
        if row.lent:
            raise Conflict("lent", N_("It is lent already."))
        row.lent = True

    @action(_("Withdraw"), reason=_("Why?"))
    def withdraw(self, uow: Any, row: Any, reason: str) -> None:
        """Take a book out of use, with a reason."""
        row.active, row.note = False, reason


class ShelfView(RecordView):
    datamodel = Records(Shelf)
    label, label_plural = _("Shelf"), _("Shelves")
    list_columns = ["name", "organisation", "active"]
    show_columns = ["name", "organisation", "active"]
    add_columns = edit_columns = ["name", "organisation", "active"]
    search_columns = ["name"]
    related_views = [BookView]
    label_columns = LABELS


class StampView(FactView):
    datamodel = Records(Stamp)
    label, label_plural = _("Stamp"), _("Stamps")
    list_columns = ["text", "book", "created_at"]
    show_columns = ["text", "book", "created_at"]
    search_columns = ["text"]
    label_columns = LABELS


class OriginalView(ModelView):
    """Flask-AppBuilder as shipped, over the same rows: the control of the test of filters between threads."""

    datamodel = Records(Book)
    list_columns = ["title"]
    show_columns = add_columns = edit_columns = ["title"]
    search_columns = ["title"]
    page_size = 100
    list_template = "original.html"


class RecView(BaseView):
    route_base = "/lab/rec"

    @expose("/")
    @has_access
    def index(self) -> str:
        return "rec"


class RecViewSecret(BaseView):
    route_base = "/lab/secret"

    @expose("/")
    @has_access
    def index(self) -> str:
        return "secret"


VIEWS = (BookView, ShelfView, StampView, OriginalView, RecView, RecViewSecret)

TABLE: tuple[Grant, ...] = (
    grant("BookView", READ + " " + WRITE + " lend withdraw", Role.CENTER),
    grant("BookView", READ + " " + WRITE + " lend", (Role.POINT, Role.INSTITUTION), Scope.BELOW),
    grant("ShelfView", READ + " " + WRITE, Role.CENTER),
    grant("ShelfView", READ, (Role.POINT, Role.INSTITUTION), Scope.BELOW),
    grant("StampView", READ, (Role.CENTER, Role.AUDITOR)),
    grant("TagRows", "read", (Role.CENTER, Role.POINT, Role.INSTITUTION), record="Tag"),
    grant("OriginalView", READ, Role.CENTER, record="Book"),
    grant("RecView", "index", Role.CENTER),
    grant("RecViewSecret", "index", Role.ADMIN),
)


def tables() -> list[Table]:
    """The lab's own tables."""
    return [table for table in METADATA.sorted_tables if table.name.startswith("lab_")]


def register(app: Flask) -> None:
    """Add the lab's views to the application, before its first request."""
    with app.app_context():
        for view in VIEWS:
            app.appbuilder.add_view_no_menu(view)  # type: ignore[attr-defined]


def forget_grants() -> None:
    """Let the permission table be read anew."""
    permissions._granted.cache_clear()
    permissions.read_scopes.cache_clear()
