"""等级与行业标准: what staff edit of the framework. The public reads it at ``/framework/`` and ``/standards/``."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

from app.console.interface import Records
from app.console.views import RecordView
from app.framework.models import FrameworkLevel, IndustryStandard, LevelDescriptor


class LevelDescriptorView(RecordView):
    """What a level demands in one dimension."""

    datamodel = Records(LevelDescriptor)
    label, label_plural = _("Level descriptor"), _("Level descriptors")
    add = delete = None
    list_columns = ["level", "dimension", "text_zh"]
    search_columns = ["level", "dimension", "text_zh", "text_en"]
    show_columns = ["level", "dimension", "text_zh", "text_en", "changed_at"]
    add_columns: list[str] = []
    edit_columns = ["text_zh", "text_en"]
    base_order = ("level_id", "asc")


class FrameworkLevelView(RecordView):
    """等级: seven of them, shipped; staff may change the words."""

    datamodel = Records(FrameworkLevel)
    label, label_plural = _("Qualification level"), _("Qualification levels")
    add = delete = None
    list_columns = ["number", "name_zh", "name_en", "summary_zh"]
    search_columns: list[str] = []
    show_columns = ["number", "name_zh", "name_en", "summary_zh", "summary_en", "changed_at"]
    add_columns: list[str] = []
    edit_columns = ["name_zh", "name_en", "summary_zh", "summary_en"]
    related_views = [LevelDescriptorView]
    base_order = ("number", "asc")


class IndustryStandardView(RecordView):
    """行业标准."""

    datamodel = Records(IndustryStandard)
    label, label_plural = _("Industry standard"), _("Industry standards")
    list_columns = ["code", "title", "industry", "level", "issued_by", "active"]
    search_columns = ["code", "title", "industry", "level", "active"]
    show_columns = [
        *("code", "title", "industry", "level", "issued_by", "issued_on", "summary", "active"),
        *("created_at", "changed_at"),
    ]
    add_columns = edit_columns = [
        *("code", "title", "industry", "level", "issued_by", "issued_on", "summary", "active")
    ]
    label_columns = {"code": _("Number of the standard")}
    description_columns = {"active": _("Only standards in use are shown to the public.")}
    base_order = ("code", "asc")
