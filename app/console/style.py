"""Every piece that pages are made of, in every state, on one page: for whoever makes the next one."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

from flask.typing import ResponseReturnValue
from flask_appbuilder import BaseView, expose, has_access
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired

from app.kernel.choices import Choice, Tone
from app.kernel.clock import now
from app.kernel.errors import N_

#: One of each tone, as badges read.
_BADGES = (
    Choice("neutral", N_("Not applied")),
    Choice("info", N_("Awaiting review"), Tone.INFO),
    Choice("success", N_("Approved"), Tone.SUCCESS),
    Choice("warning", N_("Returned for correction"), Tone.WARNING),
    Choice("danger", N_("Refused"), Tone.DANGER),
)


class SampleForm(FlaskForm):
    """A field of each kind; sent nowhere."""

    line = StringField(_l("Text"), [InputRequired()], description=_l("A help text stands below its field."))
    choice = SelectField(_l("Choice"), choices=[("", "-"), ("a", "甲"), ("b", "乙")])
    lines = TextAreaField(_l("Long text"))
    yes = BooleanField(_l("In use"), default=True)


class StyleView(BaseView):
    """/console/style."""

    route_base = "/console/style"
    default_view = "get"

    @expose("/")
    @has_access
    def get(self) -> ResponseReturnValue:
        form = SampleForm()
        form.line.errors = [_l("Please fill this in.")]
        moment = now()
        events = [
            SimpleNamespace(at=moment - timedelta(days=3), title="初审", who="林碧莹", text="同意"),
            SimpleNamespace(at=moment - timedelta(hours=5), title="终审", who="区颖琳", text="同意"),
        ]
        ages = [moment - timedelta(minutes=2), moment - timedelta(hours=7), moment - timedelta(days=40)]
        return self.render_template("console/style.html", form=form, badges=_BADGES, events=events, ages=ages)
