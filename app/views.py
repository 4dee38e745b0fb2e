"""The site map: menu → view → who. The only place that registers views; who may see what stands in
``security/permissions.py``.
"""

from __future__ import annotations

from flask_appbuilder import AppBuilder
from flask_babel import lazy_gettext as _

from app.accounts.views import MyAccountView
from app.achievements.views import MyAchievementView, MyView
from app.appeals.views import AppealDesk, MyAppealView, ReversalView
from app.console.work import LookupView, WorkView
from app.conversion.views import (
    AssessmentDesk,
    FinalReviewDesk,
    InitialReviewDesk,
    MyConversionView,
    MyPerformanceView,
    PerformanceReviewDesk,
    UnassignedView,
)
from app.documents.views import DocumentView
from app.evidence.views import EvidenceView
from app.notices.views import MyNoticeView, StaffNoticeView
from app.portal.views import (
    FrameworkView,
    HelpView,
    MyQuestionView,
    PortalView,
    RulesView,
    StandardsView,
    TermsView,
    VerifyView,
)
from app.recognition.views import MyRecognitionView, RecognitionDesk
from app.security.views import LoginView, PasswordView

#: The page at ``/``.
INDEX = PortalView

#: Menu: section → (view, label, icon), in the order in which people work.
MENU = (
    (
        "work",
        _("Work"),
        (
            (WorkView, _("My work"), "inbox"),
            (RecognitionDesk, _("Recognition review"), "patch-check"),
            (InitialReviewDesk, _("Initial review of conversions"), "clipboard-check"),
            (FinalReviewDesk, _("Final review of conversions"), "clipboard2-check"),
            (PerformanceReviewDesk, _("Review of performance conversions"), "trophy"),
            (AssessmentDesk, _("Assessments"), "chat-square-text"),
            (UnassignedView, _("Unassigned cases"), "question-diamond"),
            (AppealDesk, _("Appeals"), "megaphone"),
            (ReversalView, _("Reversals"), "arrow-counterclockwise"),
        ),
    ),
)

#: Pages without a menu entry of staff: the public's, learners', and parts of other pages.
WITHOUT_MENU = (
    LoginView,
    PasswordView,
    EvidenceView,
    DocumentView,
    LookupView,
    FrameworkView,
    StandardsView,
    RulesView,
    HelpView,
    VerifyView,
    TermsView,
    MyView,
    MyAchievementView,
    MyRecognitionView,
    MyConversionView,
    MyPerformanceView,
    MyAppealView,
    MyAccountView,
    MyQuestionView,
    MyNoticeView,
    StaffNoticeView,
)


def register_views(appbuilder: AppBuilder) -> None:
    """Register every view, in the order in which the menu shows them."""
    WorkView.desks = (RecognitionDesk, InitialReviewDesk, FinalReviewDesk, PerformanceReviewDesk, AppealDesk)
    for section, title, entries in MENU:
        for view, label, icon in entries:
            appbuilder.add_view(
                view, view.__name__, label=label, icon=icon, category=section, category_label=title
            )
    for view in WITHOUT_MENU:
        appbuilder.add_view_no_menu(view)
