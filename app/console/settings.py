"""What Flask-AppBuilder is told at start."""

from __future__ import annotations

from typing import Any


def console_settings() -> dict[str, Any]:
    """Settings of Flask-AppBuilder (spec 6): nothing of its own but forms, lists and menu."""
    return {
        "FAB_ADD_SECURITY_VIEWS": False,
        "FAB_ADD_SECURITY_API": False,
        "FAB_ADD_SECURITY_PERMISSION_VIEW": False,
        "FAB_ADD_OPENAPI_VIEWS": False,
        "FAB_ADD_MENU_API": False,
        "FAB_API_SWAGGER_UI": False,
        "AUTH_TYPE": 1,
        "AUTH_ROLE_ADMIN": "Admin",
        "AUTH_ROLE_PUBLIC": "Public",
        "AUTH_USER_REGISTRATION": False,
    }
