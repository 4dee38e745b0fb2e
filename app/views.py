"""The site map: menu → view → who. The only place that registers views; who may see what stands in
``security/permissions.py``.
"""

from __future__ import annotations

from typing import Any

from flask_appbuilder import AppBuilder
from flask_babel import lazy_gettext as _

from app.access.desks import CorrectionDesk, InvitationDesk, InvitedView
from app.access.records import ContactView, ProfileView, SafetyView
from app.access.views import ActivateView, JoinView, RecoverView, RegionView, StrengthView
from app.accounts.views import CreditEntryView, MyAccountView
from app.achievements.views import AchievementView, MyAchievementView, MyView
from app.api.records import AccessKeyView
from app.api.views import APIS, DescriptionApi, SwaggerView
from app.appeals.views import AppealDesk, MyAppealView, ReversalView
from app.auditor.desks import SampleView
from app.auditor.views import ReviewingView, TrailView
from app.calendar.views import WorkingDayView
from app.catalogue.views import (
    CatalogueItemView,
    CategoryFieldView,
    CategoryView,
    CodeListView,
    CodeValueView,
    EvidenceRequirementView,
    ProgrammeView,
)
from app.console.style import StyleView
from app.console.work import LookupView, WorkView
from app.conversion.desks import (
    AssessmentDesk,
    ConsumptionEntryView,
    FinalReviewDesk,
    InitialReviewDesk,
    PerformanceReviewDesk,
    UnassignedView,
)
from app.conversion.views import MyConversionView, MyPerformanceView, MyPlanView, PlanView
from app.documents.records import CredentialRecordView, IssuedDocumentView
from app.documents.views import (
    CredentialView,
    DocumentView,
    DoubtView,
    MyDocumentView,
    RegisterView,
    WellKnownView,
)
from app.evidence.views import EvidenceView
from app.exchange.views import ImportJobView
from app.framework.views import FrameworkLevelView, IndustryStandardView, LevelDescriptorView
from app.jobs.views import ExportJobView, JobView
from app.learners.views import LearnerView
from app.notices.views import MyNoticeView, NoticeTemplateView, NoticeView, StaffNoticeView
from app.organisations.views import (
    CommitteeMemberView,
    CommitteeScopeView,
    CommitteeView,
    OrganisationView,
)
from app.portal.records import AnnouncementView, QuestionView, TermsEditionView
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
from app.preferences.views import PreferencesView
from app.recognition.views import MyRecognitionView, RecognitionDesk
from app.review.views import AttestationView, RecusalView, ReviewView
from app.rules.records import (
    AgreementPartyView,
    AgreementView,
    CreditCapView,
    RuleSourceView,
    RuleTargetView,
    RuleTemplateView,
    RuleVersionView,
)
from app.rules.views import LintView, RuleView
from app.security.views import AccountView, LoginView, PasswordView
from app.statistics.views import StatisticsView

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
            (StatisticsView, _("Statistics"), "bar-chart"),
        ),
    ),
    (
        "rules",
        _("Rules"),
        (
            (RuleView, _("Rules"), "signpost-split"),
            (AgreementView, _("Agreements"), "file-earmark-text"),
            (RuleTemplateView, _("Rule templates"), "diagram-2"),
            (CreditCapView, _("Limits of conversion"), "speedometer2"),
            (LintView, _("Check of the rules"), "clipboard2-pulse"),
        ),
    ),
    (
        "learners",
        _("Learners"),
        (
            (LearnerView, _("Learner administration"), "people"),
            (CorrectionDesk, _("Corrections of particulars"), "pencil-square"),
            (AchievementView, _("Learners' achievements"), "award"),
            (PlanView, _("Conversion planner"), "map"),
            (CreditEntryView, _("Postings"), "wallet2"),
        ),
    ),
    (
        "catalogue",
        _("Programmes and catalogue"),
        (
            (ProgrammeView, _("Programme maintenance"), "mortarboard"),
            (CatalogueItemView, _("Catalogue of achievements"), "collection"),
            (CategoryView, _("Categories of achievements"), "diagram-3"),
            (CodeListView, _("Code lists"), "list-ol"),
        ),
    ),
    (
        "organisations",
        _("Organisations and committees"),
        (
            (OrganisationView, _("Organisation administration"), "building"),
            (CommitteeView, _("Committee administration"), "people-fill"),
        ),
    ),
    (
        "papers",
        _("Papers and credentials"),
        (
            (RegisterView, _("Registers and statistics"), "journal-text"),
            (DoubtView, _("Papers under review"), "file-earmark-x"),
            (IssuedDocumentView, _("Issued papers"), "file-earmark-check"),
            (CredentialRecordView, _("Credentials"), "award"),
        ),
    ),
    (
        "portal",
        _("Portal and framework"),
        (
            (AnnouncementView, _("Announcements"), "megaphone-fill"),
            (QuestionView, _("Questions and answers"), "chat-dots"),
            (FrameworkLevelView, _("Level query"), "bar-chart-steps"),
            (IndustryStandardView, _("Industry standards"), "journal-check"),
            (TermsEditionView, _("Terms of service"), "file-text"),
        ),
    ),
    (
        "notices",
        _("Notices and calendar"),
        (
            (NoticeView, _("Sent notices"), "envelope"),
            (NoticeTemplateView, _("Notice templates"), "chat-left-text"),
            (WorkingDayView, _("Working calendar"), "calendar3"),
        ),
    ),
    (
        "audit",
        _("Audit"),
        (
            (TrailView, _("Audit trail"), "link-45deg"),
            (SampleView, _("Samples"), "clipboard-data"),
            (ReviewingView, _("Agreement and drift"), "people"),
            (ReviewView, _("Decisions"), "check2-square"),
            (AttestationView, _("Attestations of originals"), "patch-check"),
            (RecusalView, _("Recusals"), "slash-circle"),
            (ConsumptionEntryView, _("Ledger of use"), "hourglass-split"),
        ),
    ),
    (
        "exchange",
        _("Bulk work"),
        ((ImportJobView, _("Import jobs"), "upload"), (ExportJobView, _("Export jobs"), "download")),
    ),
    (
        "system",
        _("Administration"),
        (
            (AccountView, _("Accounts"), "person-gear"),
            (InvitationDesk, _("Invitations"), "envelope-open"),
            (AccessKeyView, _("Keys of the REST API"), "key"),
            (JobView, _("All jobs"), "list-task"),
        ),
    ),
)

#: Pages without a menu entry of staff: the public's, learners', and parts of other pages.
WITHOUT_MENU: tuple[type[Any], ...] = (
    LoginView,
    ActivateView,
    RecoverView,
    JoinView,
    RegionView,
    StrengthView,
    InvitedView,
    SafetyView,
    ContactView,
    ProfileView,
    PasswordView,
    EvidenceView,
    DocumentView,
    CategoryFieldView,
    EvidenceRequirementView,
    CodeValueView,
    LevelDescriptorView,
    CommitteeMemberView,
    CommitteeScopeView,
    AgreementPartyView,
    RuleVersionView,
    RuleSourceView,
    RuleTargetView,
    LookupView,
    StyleView,
    PreferencesView,
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
    MyPlanView,
    MyAppealView,
    MyAccountView,
    MyDocumentView,
    CredentialView,
    WellKnownView,
    MyQuestionView,
    MyNoticeView,
    StaffNoticeView,
    SwaggerView,
    DescriptionApi,
    *APIS,
)


def register_views(appbuilder: AppBuilder) -> None:
    """Register every view, in the order in which the menu shows them."""
    WorkView.desks = (RecognitionDesk, InitialReviewDesk, FinalReviewDesk, PerformanceReviewDesk, AppealDesk)
    WorkView.counted = (AssessmentDesk, UnassignedView)
    LookupView.desks = WorkView.desks
    LookupView.records = (LearnerView, RuleView, CatalogueItemView, ProgrammeView, OrganisationView)
    for section, title, entries in MENU:
        for view, label, icon in entries:
            appbuilder.add_view(
                view, view.__name__, label=label, icon=icon, category=section, category_label=title
            )
    for view in WITHOUT_MENU:
        appbuilder.add_view_no_menu(view)
