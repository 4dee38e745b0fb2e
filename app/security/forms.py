"""Forms of logging in."""

from __future__ import annotations

from flask_appbuilder.forms import DynamicForm
from flask_babel import lazy_gettext as _
from wtforms import PasswordField, StringField
from wtforms.validators import DataRequired, EqualTo, Length


class LoginForm(DynamicForm):
    """账号 and 密码."""

    username = StringField(
        _("Account"),
        validators=[DataRequired(_("Please enter your account.")), Length(max=64)],
        description=_("User name, identity number or verified mobile"),
        render_kw={"autocomplete": "username", "autocapitalize": "none", "autofocus": True},
    )
    password = PasswordField(
        _("Password"),
        validators=[DataRequired(_("Please enter your password.")), Length(max=200)],
        render_kw={"autocomplete": "current-password"},
    )


class PasswordForm(DynamicForm):
    """原密码, 新密码, 确认."""

    old = PasswordField(
        _("Present password"),
        validators=[DataRequired(_("Please enter your present password.")), Length(max=200)],
        render_kw={"autocomplete": "current-password"},
    )
    new = PasswordField(
        _("New password"),
        validators=[DataRequired(_("Please enter a new password.")), Length(max=200)],
        render_kw={"autocomplete": "new-password"},
    )
    again = PasswordField(
        _("New password again"),
        validators=[
            DataRequired(_("Please enter the new password again.")),
            EqualTo("new", _("The two are not the same.")),
        ],
        render_kw={"autocomplete": "new-password"},
    )
