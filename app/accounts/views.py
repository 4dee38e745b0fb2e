"""学分账户."""

from __future__ import annotations

from flask.typing import ResponseReturnValue
from flask_appbuilder import BaseView, expose, has_access

from app.accounts import queries
from app.accounts.models import KINDS
from app.catalogue.models import Category
from app.console.pages import numbered
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
