"""学分账户."""

from __future__ import annotations

from flask.typing import ResponseReturnValue
from flask_appbuilder import BaseView, expose, has_access
from flask_babel import lazy_gettext as _

from app.accounts import queries
from app.accounts.models import KINDS, CreditEntry
from app.catalogue.models import Category
from app.console.interface import Records
from app.console.pages import numbered
from app.console.views import FactView
from app.framework.models import FrameworkLevel
from app.kernel.database import db
from app.kernel.errors import NotFound
from app.security.current import actor


class MyAccountView(BaseView):
    """Balance per kind, category and level; the postings."""

    route_base = "/me/account"
    default_view = "index"

    @expose("/")
    @has_access
    def index(self) -> ResponseReturnValue:
        learner_id = actor().learner_id
        if learner_id is None:
            raise NotFound
        found = queries.balances(db.session(), learner_id)
        names = {
            row.id: row
            for row in db.session.query(Category).where(Category.id.in_({b.category_id for b in found}))
        }
        levels = {row.id: row for row in db.session.query(FrameworkLevel)}
        page = numbered(db.session(), queries.entries(learner_id), sizes=(10, 25, 50), default=10)
        return self.render_template(
            "accounts/account.html",
            totals=queries.totals(found),
            balances=found,
            categories=names,
            levels=levels,
            page=page,
            kinds=KINDS,
        )


class CreditEntryView(FactView):
    """学分流水: postings, for staff."""

    datamodel = Records(CreditEntry)
    label, label_plural = _("Posting"), _("Postings")
    list_columns = ["created_at", "learner", "achievement", "kind", "credits", "category", "level"]
    search_columns = ["kind", "category", "level"]
    show_columns = [
        *("created_at", "learner", "achievement", "kind", "credits", "category", "level", "conversion_id"),
        "reverses_id",
    ]
