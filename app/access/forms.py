"""Forms of activation, recovery and registration."""

from __future__ import annotations

from typing import Any

from flask_appbuilder.forms import DynamicForm
from flask_babel import get_locale, gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import select
from wtforms import (
    DateField,
    PasswordField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
)
from wtforms.validators import DataRequired, EqualTo, Length
from wtforms.widgets import CheckboxInput, ListWidget

from app.access.invitations import Guest
from app.access.services import Registration
from app.kernel.database import db
from app.learners import nations, regions
from app.learners.services import HOMES
from app.organisations.models import Organisation
from app.security.forms import login_kinds
from app.security.models import GENDERS, IDENTITY_TYPES
from app.security.permissions import ROLE_LABELS, STAFF, Role


class IdentityForm(DynamicForm):
    """激活 1: 证件号码."""

    identity = StringField(
        _("Identity number"),
        validators=[DataRequired(_("Please enter your identity number.")), Length(max=32)],
        description=_("At most 32 characters"),
        render_kw={"autocomplete": "off", "autofocus": True},
    )


class NameForm(DynamicForm):
    """找回 1: whose password it is."""

    kind = SelectField(_("Kind of account"), choices=login_kinds, validators=[Length(max=32)])
    name = StringField(
        _("Account"),
        validators=[DataRequired(_("Please enter your account.")), Length(max=64)],
        render_kw={"autocomplete": "username", "autocapitalize": "none", "autofocus": True},
    )


class ChannelForm(DynamicForm):
    """Where the code goes."""

    channel = RadioField(
        _("Way of proof"),
        choices=[("sms", _("Code by SMS to the bound mobile")), ("email", _("Code to the bound mailbox"))],
        default="sms",
    )


class NewPasswordForm(DynamicForm):
    """设置密码, 确认密码."""

    new = PasswordField(
        _("Set password"),
        validators=[DataRequired(_("Please enter a new password.")), Length(max=200)],
        render_kw={"autocomplete": "new-password", "data-strength": "/strength/"},
    )
    again = PasswordField(
        _("Confirm password"),
        validators=[
            DataRequired(_("Please enter the new password again.")),
            EqualTo("new", _("The two are not the same.")),
        ],
        render_kw={"autocomplete": "new-password"},
    )


class InvitationForm(DynamicForm):
    """Whom to invite, as what."""

    login = StringField(
        _("User name"),
        validators=[DataRequired(_("Please choose a user name."))],
        description=_("4 to 32 letters and digits, beginning with a letter"),
        render_kw={"autocapitalize": "none", "maxlength": 32},
    )
    name = StringField(
        _("Real name"),
        validators=[DataRequired(_("Please give the name as it stands in the document.")), Length(max=50)],
    )
    identity_type = SelectField(_("Kind of document"))
    identity = StringField(
        _("Identity number"),
        validators=[DataRequired(_("Please enter the identity number.")), Length(max=32)],
        description=_("Keeps duties apart: one person, however many accounts."),
    )
    mobile = StringField(_("Mobile"), validators=[DataRequired(_("Please give the mobile number."))])
    email = StringField(_("E-mail"), validators=[DataRequired(_("Please give the e-mail address."))])
    organisation = SelectField(_("Organisation"), choices=lambda: _places())
    department = StringField(_("Department"), validators=[Length(max=100)])
    roles = SelectMultipleField(
        _("Roles"),
        validators=[DataRequired(_("Please choose at least one role."))],
        option_widget=CheckboxInput(),
        widget=ListWidget(prefix_label=False),
        description=_(
            "Committee members, auditors, centre staff and administrators need a second administrator's approval."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.identity_type.choices = [(kind.code, gettext(kind.label)) for kind in IDENTITY_TYPES]
        self.roles.choices = [(str(role), gettext(ROLE_LABELS[role])) for role in STAFF]

    def guest(self) -> Guest:
        """What was typed."""
        return Guest(
            login=self.login.data.strip(),
            name=self.name.data,
            identity_type=self.identity_type.data,
            identity=self.identity.data,
            mobile=self.mobile.data,
            email=self.email.data,
            organisation_id=int(self.organisation.data),
            department=self.department.data or "",
            roles=tuple(Role(role) for role in self.roles.data),
        )


def _places() -> list[tuple[str, str]]:
    found = db.session.execute(
        select(Organisation.id, Organisation.name).where(Organisation.active).order_by(Organisation.path)
    )
    return [(str(key), name) for key, name in found]


def _nationalities() -> list[tuple[str, str]]:
    return list(nations.nationalities("en" if str(get_locale()) == "en" else "zh").items())


def _homes() -> list[tuple[str, str]]:
    found = db.session.execute(
        select(Organisation.id, Organisation.name)
        .where(Organisation.kind.in_(HOMES[:2]), Organisation.active)
        .order_by(Organisation.path)
    )
    return [("", gettext("None: the management centre")), *((str(key), name) for key, name in found)]


def _below(code: str | None) -> list[tuple[str, str]]:
    return [("", gettext("Please choose")), *(regions.below(code) if code else [])]


class RegistrationForm(NewPasswordForm):
    """立即注册: the fields of spec 2.1, in the manual's order."""

    login = StringField(
        _("User name"),
        validators=[DataRequired(_("Please choose a user name."))],
        description=_("4 to 32 letters and digits, beginning with a letter"),
        render_kw={"autocomplete": "username", "autocapitalize": "none", "maxlength": 32},
    )
    name = StringField(
        _("Real name"),
        validators=[DataRequired(_("Please give your name as it stands in your document.")), Length(max=50)],
        render_kw={"autocomplete": "name"},
    )
    nationality = SelectField(_("Nationality"), choices=_nationalities, default="CN")
    ethnicity = SelectField(_("Ethnic group"), choices=list(nations.ETHNICITIES.items()), default="01")
    gender = SelectField(_("Gender"))
    identity_type = SelectField(_("Kind of document"))
    identity = StringField(
        _("Identity number"),
        validators=[DataRequired(_("Please enter your identity number.")), Length(max=32)],
        render_kw={"autocomplete": "off"},
    )
    birth_date = DateField(
        _("Date of birth"), validators=[DataRequired(_("Please give your date of birth."))]
    )
    email = StringField(
        _("E-mail"),
        validators=[DataRequired(_("Please give your e-mail address.")), Length(max=254)],
        render_kw={"autocomplete": "email", "type": "email"},
    )
    province = SelectField(
        _("Province"), validators=[DataRequired(_("Please choose province, city and district."))]
    )
    city = SelectField(_("City"))
    district = SelectField(_("District"))
    address = StringField(
        _("Detailed address"),
        validators=[DataRequired(_("Please give street and number, at most 200 characters."))],
        render_kw={"autocomplete": "street-address", "maxlength": 200},
    )
    home = SelectField(_("Home teaching point"), choices=_homes)
    mobile = StringField(
        _("Mobile"),
        validators=[DataRequired(_("Please give your mobile number.")), Length(max=32)],
        render_kw={"autocomplete": "tel-national", "inputmode": "tel", "type": "tel"},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.gender.choices = [("", gettext("Please choose")), *((g.code, gettext(g.label)) for g in GENDERS)]
        self.identity_type.choices = [(kind.code, gettext(kind.label)) for kind in IDENTITY_TYPES]
        self.province.choices = [("", gettext("Please choose")), *regions.below()]
        self.city.choices = _below(self.province.data)
        self.district.choices = _below(self.city.data)
        self.province.render_kw = {"data-cascade": self.city.id}
        self.city.render_kw = {"data-cascade": self.district.id}

    def given(self) -> Registration:
        """What was typed."""
        return Registration(
            login=self.login.data.strip(),
            name=self.name.data,
            password=self.new.data,
            nationality=self.nationality.data,
            ethnicity=self.ethnicity.data,
            gender=self.gender.data,
            identity_type=self.identity_type.data,
            identity=self.identity.data,
            birth_date=self.birth_date.data,
            email=self.email.data,
            region=(self.province.data, self.city.data, self.district.data),
            address=self.address.data,
            home_id=int(self.home.data) if self.home.data else None,
            mobile=self.mobile.data,
        )

    #: Which form field shows a refusal of which part.
    SHOWN = {"password": "new", "region": "province"}
