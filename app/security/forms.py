"""Forms of logging in and of passwords."""

from __future__ import annotations

from flask_appbuilder.forms import DynamicForm
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import PasswordField, SelectField, StringField
from wtforms.validators import DataRequired, EqualTo, Length, Regexp

from app.security.models import IDENTITY_TYPES


def login_kinds() -> list[tuple[str, str]]:
    """What an account can be named by: user name and such, or the number of another document."""
    others = [(kind.code, gettext(kind.label)) for kind in IDENTITY_TYPES if kind.code != "resident"]
    return [("", gettext("User name, resident identity number or mobile")), *others]


class LoginForm(DynamicForm):
    """账号 and 密码; ``kind`` names the document, where the account is given by the number of another one."""

    kind = SelectField(_("Log in with"), choices=login_kinds, default="")
    username = StringField(
        _("Account"),
        validators=[DataRequired(_("Please enter your account.")), Length(max=64)],
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
        render_kw={"autocomplete": "new-password", "data-strength": "/strength/"},
    )
    again = PasswordField(
        _("New password again"),
        validators=[
            DataRequired(_("Please enter the new password again.")),
            EqualTo("new", _("The two are not the same.")),
        ],
        render_kw={"autocomplete": "new-password"},
    )


class CodeForm(DynamicForm):
    """验证码."""

    code = StringField(
        _("Verification code"),
        validators=[Regexp(r"^\s*[0-9]{6}\s*$", message=_("Please enter the six digits."))],
        render_kw={"autocomplete": "one-time-code", "inputmode": "numeric", "maxlength": 6},
    )


class FactorForm(DynamicForm):
    """The second factor: six digits of the app, or a recovery code."""

    code = StringField(
        _("Code of the authenticator app"),
        validators=[DataRequired(_("Please enter the code.")), Length(max=20)],
        render_kw={"autocomplete": "one-time-code", "autofocus": True},
    )


class ContactForm(DynamicForm):
    """A new mobile or mailbox, and the password of whoever changes it."""

    channel = SelectField(_("What to change"), choices=[("sms", _("Mobile")), ("email", _("E-mail"))])
    address = StringField(
        _("New mobile or e-mail"),
        validators=[DataRequired(_("Please give the new mobile or e-mail.")), Length(max=254)],
    )
    password = PasswordField(
        _("Present password"),
        validators=[DataRequired(_("Please enter your present password.")), Length(max=200)],
        render_kw={"autocomplete": "current-password"},
    )
