"""Flask-AppBuilder's security manager, ours: access from the permission table, none of its own pages."""

from __future__ import annotations

from flask import current_app, session
from flask_appbuilder.security.sqla.manager import SecurityManager as FabSecurityManager
from flask_login import LoginManager

from app.security.current import SignedIn, actor
from app.security.models import Account
from app.security.permissions import VIEWS, holds


class SecurityManager(FabSecurityManager):
    """Answers who may do what from ``permissions.TABLE``; registers no page of Flask-AppBuilder's."""

    user_model = Account

    def create_login_manager(self, app: object) -> LoginManager:
        manager = super().create_login_manager(app)
        manager.login_view = "LoginView.login"
        manager.login_message = None
        return manager

    def register_views(self) -> None:
        """None: its pages of users, roles, permissions, registration and API keys pass by our rules (spec
        6).
        """

    def load_user(self, pk: int) -> SignedIn | None:
        found = getattr(session, "actor", None)
        return SignedIn(found) if found is not None and str(found.user_id) == str(pk) else None

    def has_access(self, permission_name: str, view_name: str) -> bool:
        return holds(actor().roles, view_name, permission_name)

    def get_user_menu_access(self, menu_names: list[str] | None = None) -> set[str]:
        # A name that is no view is a section: it shows as soon as one of its entries does.
        roles = actor().roles
        names = set(menu_names or ())
        return {name for name in names if name not in VIEWS or holds(roles, name, "menu_access")}

    def add_permissions_view(self, base_permissions: list[str], view_menu: str) -> None:
        """None are kept in the database (ADR 0008)."""

    def add_permissions_menu(self, view_menu_name: str) -> None:
        """None are kept in the database (ADR 0008)."""

    @property
    def get_url_for_login(self) -> str:
        return str(current_app.url_for("LoginView.login"))
