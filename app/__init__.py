"""Credit Bank: ``create_app`` is the only place that wires the house together."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from flask import Flask
from flask_appbuilder import AppBuilder
from flask_migrate import Migrate
from flask_wtf.csrf import CSRFProtect
from jinja2 import FileSystemLoader
from werkzeug.middleware.proxy_fix import ProxyFix

from app.kernel import settings as kernel_settings
from app.kernel.database import db
from app.kernel.settings import Settings
from app.kernel.unit_of_work import UnitOfWork

_HERE = Path(__file__).parent


def create_app(chosen: Settings | None = None) -> Flask:
    """The application with these settings (default: from the environment)."""
    import config
    from app import models as models
    from app import operations
    from app.api import edge
    from app.audit.services import append_all
    from app.cli import register_commands
    from app.console.settings import console_settings
    from app.security import gate, headers
    from app.security.manager import SecurityManager
    from app.security.permissions import fab_roles
    from app.security.sessions import ServerSessions
    from app.vendor import register as register_vendor
    from app.views import INDEX, register_views
    from app.web import register_web

    chosen = chosen or config.load(os.environ)
    kernel_settings.use(chosen)
    app = Flask(__name__)
    app.jinja_loader = FileSystemLoader(
        [_HERE / "templates", _HERE / "console/templates", *sorted(_HERE.glob("*/templates"))]
    )
    app.config.update(config.flask_settings(chosen))
    app.config.update(console_settings())
    app.config.update(FAB_ROLES=fab_roles(), FAB_UPDATE_PERMS=False, FAB_CREATE_DB=False)
    app.extensions["creditbank"] = chosen

    db.init_app(app)
    Migrate(app, db, directory=str(_HERE.parent / "migrations"), render_as_batch=True, compare_type=True)
    CSRFProtect(app)  # before AppBuilder, or its delete and actions would work by GET (spec 6)
    if chosen.proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=chosen.proxies, x_proto=chosen.proxies)  # type: ignore[method-assign]
    app.session_interface = ServerSessions()
    headers.register(app)
    UnitOfWork.before_commit = [append_all]
    operations.register(app)
    register_web(app)
    register_vendor(app)
    with app.app_context():
        appbuilder = AppBuilder(app, db.session, security_manager_class=SecurityManager, indexview=INDEX)
        register_views(appbuilder)
        appbuilder.sm.auth_view = next(view for view in appbuilder.baseviews if view.endpoint == "LoginView")
    edge.register(app)
    gate.register(app)
    _give_work(app)
    register_commands(app)
    return app


def _give_work(app: Flask) -> None:
    """What the worker does: deliver, let overdue corrections lapse, remind learners and reviewers; long work beside it."""
    from app.access.codes import send_codes
    from app.api.services import forget_old
    from app.audit import checkpoints
    from app.auditor import packs
    from app.console import export
    from app.conversion.services import lapse_assessments, lapse_overdue, remind_due
    from app.documents import registers
    from app.exchange import loading, undoing
    from app.jobs import kinds
    from app.jobs.runner import carry_out
    from app.jobs.services import plan
    from app.notices.delivery import deliver
    from app.portal.telling import tell_audiences
    from app.reminders import remind_reviewers
    from app.worker import Task, in_unit, register, stopping

    kinds.register(*loading.KINDS, undoing.KIND, registers.KIND, packs.KIND, export.KIND)
    register(
        app,
        Task("find out whom codes go to", in_unit(send_codes)),
        Task("deliver notices", partial(deliver, stopping=stopping.is_set)),
        Task("let overdue corrections lapse", in_unit(lapse_overdue), every=60),
        Task("let overdue assessments lapse", in_unit(lapse_assessments), every=600),
        Task("remind learners", in_unit(remind_due), every=600),
        Task("remind reviewers", in_unit(remind_reviewers), every=600),
        Task("tell audiences of announcements", in_unit(tell_audiences)),
        Task("sign a checkpoint", lambda _app: checkpoints.run(db.session()), every=30),
        Task("plan daily jobs", in_unit(plan), every=60),
        Task("carry out jobs", partial(carry_out, stopping=stopping.is_set), lane="long"),
        Task("forget answers of the API", in_unit(forget_old), every=3600),
    )
