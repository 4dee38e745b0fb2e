"""The one table for permission: view, actions, roles, whose rows, in which states.

From it come Flask-AppBuilder's built-in roles, the checks of the workflows, the row policies, the matrix in
the docs and the tests; a test fails on any endpoint that is not in it. Roles are code: the admin page
assigns them to people, it doesn't edit them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from app.kernel.actor import Actor
from app.kernel.errors import N_, Conflict, Forbidden
from app.security.rows import Scope, covers


class Role(StrEnum):
    """The roles of spec 1.2."""

    ADMIN = "Admin"
    CENTER = "Center"
    INSTITUTION = "Institution"
    POINT = "TeachingPoint"
    COMMITTEE = "Committee"
    ASSESSOR = "Assessor"
    AUDITOR = "Auditor"
    LEARNER = "Learner"
    PUBLIC = "Public"


ROLE_LABELS: Mapping[str, str] = {
    Role.ADMIN: N_("System administrator"),
    Role.CENTER: N_("Management centre staff"),
    Role.INSTITUTION: N_("Institution administrator"),
    Role.POINT: N_("Teaching point administrator"),
    Role.COMMITTEE: N_("Committee member"),
    Role.ASSESSOR: N_("Third-party assessor"),
    Role.AUDITOR: N_("Auditor"),
    Role.LEARNER: N_("Learner"),
    Role.PUBLIC: N_("Visitor"),
}

#: Everybody who works here; each group below reads as people say it.
STAFF = (Role.ADMIN, Role.CENTER, Role.INSTITUTION, Role.POINT, Role.COMMITTEE, Role.ASSESSOR, Role.AUDITOR)
EVERYBODY = (Role.PUBLIC, Role.LEARNER, *STAFF)
SIGNED_IN = (Role.LEARNER, *STAFF)
C, I, P, K, S, A, L = (
    Role.CENTER,
    Role.INSTITUTION,
    Role.POINT,
    Role.COMMITTEE,
    Role.ASSESSOR,
    Role.AUDITOR,
    Role.LEARNER,
)

READ = "list show lookup export"
WRITE = "add edit delete"


@dataclass(frozen=True)
class Grant:
    """``roles`` may do ``actions`` of ``view`` on the rows in ``rows`` (while in ``states``, where any are
    named).

    ``record`` is the model that the view shows; its name without ``View`` unless said otherwise.
    """

    view: str
    actions: tuple[str, ...]
    roles: tuple[Role, ...]
    rows: Scope = Scope.ALL
    states: tuple[str, ...] = ()
    record: str = ""

    @property
    def model_name(self) -> str:
        return self.record or self.view.removesuffix("View")


def grant(
    view: str,
    actions: str,
    roles: Iterable[Role] | Role,
    rows: Scope = Scope.ALL,
    *,
    states: str = "",
    record: str = "",
) -> Grant:
    """One row of the table; ``actions`` and ``states`` are words in one string."""
    listed = (roles,) if isinstance(roles, Role) else tuple(roles)
    return Grant(view, tuple(actions.split()), listed, rows, tuple(states.split()), record)


TABLE: tuple[Grant, ...] = (
    # --- the house
    grant("static", "get", EVERYBODY),
    grant("appbuilder", "get", EVERYBODY),
    grant("vendor", "get", EVERYBODY),
    grant("health", "get", EVERYBODY),
    grant("metrics", "get", EVERYBODY),  # by token, or from the host itself
    grant("UtilView", "back", EVERYBODY),
    grant("LocaleView", "index", EVERYBODY),
    grant("StyleView", "get", STAFF),
    grant("LookupView", "everything", STAFF),
    grant("PreferencesView", "phrases keep drop keep_phrase drop_phrase", STAFF),
    # --- security
    grant("LoginView", "login logout factor", EVERYBODY),
    grant("LoginView", "again", SIGNED_IN),
    grant("SafetyView", "index end factor recovery", SIGNED_IN),
    grant("ContactView", "index", SIGNED_IN),
    grant("InvitedView", "index", EVERYBODY),
    grant("InvitationDesk", "queue invite renew", (Role.ADMIN, C), record="Invitation"),
    grant("InvitationDesk", "approve refuse", Role.ADMIN, record="Invitation"),
    grant("ActivateView", "index verify password", EVERYBODY),
    grant("RecoverView", "index verify password", EVERYBODY),
    grant("JoinView", "index form", EVERYBODY),
    grant("RegionView", "below", EVERYBODY),
    grant("StrengthView", "index", EVERYBODY),
    grant("PasswordView", "change", SIGNED_IN),
    grant("AccountView", READ + " edit", Role.ADMIN),
    grant("AccountView", "lookup", (C, A), record="Account"),
    grant("RoleRows", "read", Role.ADMIN, record="Role"),
    # --- organisations, committees, calendar
    grant("OrganisationView", READ, (*STAFF, L)),
    grant("OrganisationView", WRITE, C),
    grant("CommitteeView", READ, (C, I, A, K)),
    grant("CommitteeView", WRITE, C),
    grant("CommitteeMemberView", READ, (C, A)),
    grant("CommitteeMemberView", WRITE, C),
    grant("CommitteeScopeView", READ, (C, A)),
    grant("CommitteeScopeView", WRITE, C),
    grant("WorkingDayView", READ + " month", STAFF),
    grant("WorkingDayView", WRITE, C),
    # --- learners
    grant("LearnerView", READ, (C, A)),
    grant("LearnerView", READ, (I, P), Scope.BELOW),
    grant("LearnerView", "edit", C),
    grant("LearnerView", "edit", P, Scope.BELOW),
    grant("LearnerView", "standing", C),
    grant(
        "ProfileView",
        "index introduction address picture photo correct copy close",
        L,
        Scope.LEARNER,
        record="Correction",
    ),
    grant("CorrectionDesk", "queue decide", C, record="Correction"),
    grant("CorrectionDesk", "queue decide", P, Scope.BELOW, record="Correction"),
    grant("LearnerView", "reveal", C),
    grant("LearnerView", "reveal", (I, P), Scope.BELOW),
    grant("LearnerRows", "read", L, Scope.LEARNER, record="Learner"),
    # --- framework
    grant("FrameworkLevelView", READ, STAFF),
    grant("FrameworkLevelView", "edit", C),
    grant("LevelDescriptorView", READ, STAFF),
    grant("LevelDescriptorView", "edit", C),
    grant("IndustryStandardView", READ, STAFF),
    grant("IndustryStandardView", WRITE, C),
    # --- catalogue
    grant("CategoryView", READ, (*STAFF, L)),
    grant("CategoryView", "add edit", C),
    grant("CategoryFieldView", READ, STAFF),
    grant("CategoryFieldView", "add edit", C),
    grant("EvidenceRequirementView", READ, STAFF),
    grant("EvidenceRequirementView", "add edit", C),
    grant("CodeListView", READ, STAFF),
    grant("CodeListView", "add edit", C),
    grant("CodeValueView", READ, STAFF),
    grant("CodeValueView", "add edit", C),
    grant("ProgrammeView", READ, (*STAFF, L)),
    grant("ProgrammeView", WRITE, C),
    grant("ProgrammeView", WRITE, I, Scope.BELOW),
    grant("CatalogueItemView", READ, (*STAFF, L)),
    grant("CatalogueItemView", WRITE + " approve retire", C),
    grant("CatalogueItemView", WRITE + " approve retire", I, Scope.BELOW),
    # --- evidence, achievements, accounts
    grant("EvidenceView", "show thumb", (C, A), record="EvidenceFile"),
    grant("EvidenceView", "show thumb", (I, P), Scope.BELOW, record="EvidenceFile"),
    grant("EvidenceView", "show thumb", L, Scope.LEARNER, record="EvidenceFile"),
    grant("EvidenceView", "show thumb", K, Scope.COMMITTEE, record="EvidenceFile"),
    grant("EvidenceView", "show thumb", S, Scope.ASSESSOR, record="EvidenceFile"),
    grant("MyView", "index", L, Scope.LEARNER, record="Achievement"),
    grant("MyAchievementView", "add show edit delete", L, Scope.LEARNER, record="Achievement"),
    grant("AchievementView", READ, (C, A)),
    grant("AchievementView", READ, (I, P), Scope.BELOW),
    grant("AchievementView", "revoke", C),
    grant("MyAccountView", "index", L, Scope.LEARNER, record="CreditEntry"),
    grant("CreditEntryView", READ, (C, A)),
    grant("CreditEntryView", READ, (I, P), Scope.BELOW),
    # --- review, recognition
    grant("MyRecognitionView", "index submit records", L, Scope.LEARNER, record="Achievement"),
    grant("MyRecognitionRows", "read", L, Scope.LEARNER, record="RecognitionApplication"),
    grant("RecognitionDesk", "queue case export", (C, A), record="RecognitionApplication"),
    grant("RecognitionDesk", "queue case export", P, Scope.BELOW, record="RecognitionApplication"),
    grant(
        "RecognitionDesk",
        "decide bulk attest claim release",
        C,
        states="submitted",
        record="RecognitionApplication",
    ),
    grant(
        "RecognitionDesk",
        "decide bulk attest claim release",
        P,
        Scope.BELOW,
        states="submitted",
        record="RecognitionApplication",
    ),
    grant("ReviewView", READ, (C, A)),
    grant("AttestationView", READ, (C, A)),
    grant("RecusalView", READ, (C, A)),
    # --- rules
    grant("AgreementView", READ + " document", (C, I, P, K, A)),
    grant("AgreementView", WRITE + " attach", C),
    grant("AgreementPartyView", READ, (C, I, A)),
    grant("AgreementPartyView", WRITE, C),
    grant("CreditCapView", READ, (C, I, A)),
    grant("CreditCapView", WRITE, C),
    grant("RuleTemplateView", READ + " difference", (C, I, A)),
    grant("RuleTemplateView", WRITE + " expand", C),
    grant("RuleView", READ, (C, I, P, K, A)),
    grant("RuleView", WRITE + " draft compose publish propose_retirement retire keep", C),
    grant("RuleView", "impact impact_list", (C, A)),
    grant("RuleView", "add edit", I, Scope.BELOW, states="draft"),
    grant("RuleView", "draft compose impact impact_list", I, Scope.BELOW),
    grant("RuleVersionView", READ, (C, I, A)),
    grant("RuleSourceView", READ, (C, I, A)),
    grant("RuleTargetView", READ, (C, I, A)),
    grant("LintView", "index", (C, I, A), record="Rule"),
    # --- conversion, appeals
    grant(
        "MyConversionView",
        "index rules apply progress show withdraw resubmit",
        L,
        Scope.LEARNER,
        record="ConversionApplication",
    ),
    grant("MyPlanView", "index", L, Scope.LEARNER, record="Learner"),
    grant("PlanView", "index show", C, record="Learner"),
    grant("PlanView", "index show", (I, P), Scope.BELOW, record="Learner"),
    grant("MyPerformanceView", "index target", L, Scope.LEARNER, record="ConversionApplication"),
    grant("MyAppealView", "recognition conversion", L, Scope.LEARNER, record="Appeal"),
    grant("InitialReviewDesk", "queue case export", (C, A), record="ConversionApplication"),
    grant("InitialReviewDesk", "queue case export", P, Scope.BELOW, record="ConversionApplication"),
    grant(
        "InitialReviewDesk",
        "decide bulk claim release material",
        C,
        states="initial_review",
        record="ConversionApplication",
    ),
    grant(
        "InitialReviewDesk",
        "decide bulk claim release material",
        P,
        Scope.BELOW,
        states="initial_review",
        record="ConversionApplication",
    ),
    # An upheld appeal may have gone past the initial review: then originals are attested during the final one.
    grant(
        "InitialReviewDesk",
        "attest",
        C,
        states="initial_review final_review",
        record="ConversionApplication",
    ),
    grant(
        "InitialReviewDesk",
        "attest",
        P,
        Scope.BELOW,
        states="initial_review final_review",
        record="ConversionApplication",
    ),
    grant("FinalReviewDesk", "queue case export", (C, A), record="ConversionApplication"),
    grant("FinalReviewDesk", "queue case export", K, Scope.COMMITTEE, record="ConversionApplication"),
    grant(
        "FinalReviewDesk",
        "decide bulk claim release",
        K,
        Scope.COMMITTEE,
        states="final_review",
        record="ConversionApplication",
    ),
    grant("PerformanceReviewDesk", "queue case export", (C, A), record="ConversionApplication"),
    grant("PerformanceReviewDesk", "attest", C, states="performance_review", record="ConversionApplication"),
    grant("PerformanceReviewDesk", "queue case export", K, Scope.COMMITTEE, record="ConversionApplication"),
    grant(
        "PerformanceReviewDesk",
        "decide bulk claim release ask",
        K,
        Scope.COMMITTEE,
        states="performance_review",
        record="ConversionApplication",
    ),
    grant("AssessmentDesk", "queue case give", S, Scope.ASSESSOR, record="Assessment"),
    grant("UnassignedView", "queue assign", C, record="ConversionApplication"),
    grant("AppealDesk", "queue case export", (C, A), record="Appeal"),
    grant("AppealDesk", "queue case export", K, Scope.COMMITTEE, record="Appeal"),
    grant("AppealDesk", "decide assign", C, states="filed", record="Appeal"),
    grant("AppealDesk", "decide", K, Scope.COMMITTEE, states="filed", record="Appeal"),
    grant("ReversalView", "queue propose decide stand", C, record="Reversal"),
    grant("ReversalView", "queue", A, record="Reversal"),
    grant("ConsumptionEntryView", READ, (C, A)),
    # --- notices
    grant("MyNoticeView", "index read read_all preferences", L),
    grant("StaffNoticeView", "index read read_all preferences", STAFF),
    grant("NoticeView", READ, (C, A)),
    grant("NoticeView", "resend", C, states="sent unknown failed no_address"),
    grant("NoticeTemplateView", READ, (C, A)),
    grant("NoticeTemplateView", "edit", C),
    # --- portal, documents
    grant("PortalView", "index", EVERYBODY),
    grant("FrameworkView", "index", EVERYBODY),
    grant("StandardsView", "index show", EVERYBODY),
    grant("RulesView", "index show", EVERYBODY),
    grant("HelpView", "index", EVERYBODY),
    grant("VerifyView", "index show seal", EVERYBODY),
    grant("TermsView", "index", EVERYBODY),
    grant("MyQuestionView", "index", L, Scope.LEARNER, record="Question"),
    grant("QuestionView", READ, (C, A)),
    grant("QuestionView", "add edit", C),
    grant("AnnouncementView", READ, STAFF),
    grant("AnnouncementView", WRITE, C),
    grant("TermsEditionView", READ, (C, A), record="Terms"),
    grant("TermsEditionView", "add edit", C, record="Terms"),
    grant("DocumentView", "recognition", (C, A), record="RecognitionApplication"),
    grant("DocumentView", "recognition", (I, P), Scope.BELOW, record="RecognitionApplication"),
    grant("DocumentView", "conversion", (C, A), record="ConversionApplication"),
    grant("DocumentView", "conversion", (I, P), Scope.BELOW, record="ConversionApplication"),
    grant("DocumentView", "conversion", K, Scope.COMMITTEE, record="ConversionApplication"),
    grant("DocumentView", "learner", (C, A), record="Learner"),
    grant("DocumentView", "learner", (I, P), Scope.BELOW, record="Learner"),
    grant("DocumentView", "paper", (C, A), record="IssuedDocument"),
    grant("DocumentView", "paper", (I, P), Scope.BELOW, record="IssuedDocument"),
    grant(
        "MyDocumentView", "index paper disclose credential token", L, Scope.LEARNER, record="IssuedDocument"
    ),
    grant("RegisterView", "index paper lookup", (C, I, P, A), record="IssuedDocument"),
    grant("CredentialView", "index issuer keys status show", EVERYBODY),
    grant("WellKnownView", "did", EVERYBODY),
    grant("CredentialRecordView", READ, (C, A), record="Credential"),
    grant("DoubtView", "queue", (C, A), record="IssuedDocument"),
    grant("DoubtView", "decide", C, record="IssuedDocument"),
    grant("IssuedDocumentView", READ, (C, A)),
    grant("WorkView", "index", STAFF),
    grant("LookupView", "items", (C, P)),
    # --- long work
    grant("ImportKind", "organisations programmes catalogue rules learners achievements", C),
    grant("ImportKind", "programmes catalogue rules learners achievements", I),
    grant("ImportKind", "learners achievements", P),
    grant("ImportJobView", READ + " progress file new start template", C),
    grant("ImportJobView", READ + " progress file new start template", (I, P), Scope.BELOW),
    grant("ImportJobView", "cancel", C, states="waiting running"),
    grant("ImportJobView", "cancel", (I, P), Scope.BELOW, states="waiting running"),
    grant("ImportJobView", "load", C, states="done"),
    grant("ImportJobView", "load", (I, P), Scope.BELOW, states="done"),
    grant("ImportJobView", "undo", C, states="done failed cancelled"),
    grant("ImportJobView", "undo", (I, P), Scope.BELOW, states="done failed cancelled"),
    grant("ExportJobView", READ + " progress file", STAFF, Scope.USER),
    grant("ExportJobView", "cancel", STAFF, Scope.USER, states="waiting running"),
    grant("JobView", READ + " progress", Role.ADMIN),
    grant("JobView", "cancel", Role.ADMIN, states="waiting running"),
    # --- figures
    grant("StatisticsView", "index cases export", (C, A), record="Statistics"),
    grant("StatisticsView", "index cases export", (I, P), Scope.BELOW, record="Statistics"),
    # --- the REST API; what a key may besides, its scopes say
    grant("DescriptionApi", "document", EVERYBODY),
    grant("SwaggerView", "index", EVERYBODY),
    grant("CallerApi", "show", STAFF),
    grant("CatalogueApi", "list show", STAFF, record="CatalogueItem"),
    grant("CatalogueApi", "create", C, record="CatalogueItem"),
    grant("CatalogueApi", "create", I, Scope.BELOW, record="CatalogueItem"),
    grant("RuleApi", "list show", (C, I, P, K, A), record="Rule"),
    grant("LearnerApi", "list show", (C, A), record="Learner"),
    grant("LearnerApi", "list show", (I, P), Scope.BELOW, record="Learner"),
    grant("AchievementApi", "list show", (C, A), record="Achievement"),
    grant("AchievementApi", "list show", (I, P), Scope.BELOW, record="Achievement"),
    grant("RecognitionApi", "list show", (C, A), record="RecognitionApplication"),
    grant("RecognitionApi", "list show", P, Scope.BELOW, record="RecognitionApplication"),
    grant("RecognitionApi", "attest decide", C, record="RecognitionApplication"),
    grant("RecognitionApi", "attest decide", P, Scope.BELOW, record="RecognitionApplication"),
    grant("ConversionApi", "list show", (C, A), record="ConversionApplication"),
    grant("ConversionApi", "list show", P, Scope.BELOW, record="ConversionApplication"),
    grant("ConversionApi", "list show", K, Scope.COMMITTEE, record="ConversionApplication"),
    grant("ConversionApi", "attest decide", C, record="ConversionApplication"),
    grant("ConversionApi", "attest decide", P, Scope.BELOW, record="ConversionApplication"),
    grant("ConversionApi", "decide", K, Scope.COMMITTEE, record="ConversionApplication"),
    grant("DecisionApi", "list show", (C, A), record="Review"),
    grant("AccessKeyView", "list create revoke", (C, I, P, K, A), Scope.USER, record="AccessKey"),
    grant("AccessKeyView", "list revoke", Role.ADMIN, record="AccessKey"),
    # --- audit
    grant("TrailView", "index event case", A, record="AuditEvent"),
    grant("ReviewingView", "index", A, record="Review"),
    grant(
        "SampleView", "index show draw result finding follow_up conclude paper pack", A, record="AuditSample"
    ),
)

#: Every view that the table names.
VIEWS = frozenset(row.view for row in TABLE)

#: Actions that show a row to somebody; they decide which rows lists, pages and look-ups of a record may
#: reach.
READING = frozenset({"list", "show", "lookup", "read", "queue", "case"})


@cache
def _granted(permission: str, roles: frozenset[str]) -> tuple[Grant, ...]:
    view, _, action = permission.partition(".")
    return tuple(g for g in TABLE if g.view == view and action in g.actions and roles.intersection(g.roles))


@cache
def read_scopes(record: str, roles: frozenset[str]) -> frozenset[Scope]:
    """The scopes in which holders of ``roles`` may read rows of the model named ``record``."""
    return frozenset(
        g.rows
        for g in TABLE
        if g.model_name == record and READING.intersection(g.actions) and roles.intersection(g.roles)
    )


def authorise(actor: Actor, permission: str, row: Any = None) -> None:
    """Raises Forbidden unless ``actor`` holds ``permission`` (``View.action``), and for ``row`` where one is given;
    Conflict where only the row's state forbids it, because then somebody else was first.

    The system itself (deadlines, jobs) is not asked.
    """
    if actor.is_system:
        return
    grants = _granted(permission, actor.roles)
    if row is None:
        if not grants:
            raise Forbidden("forbidden", N_("You are not allowed to do this."))
        return
    fitting = [g for g in grants if not g.states or row.state in g.states]
    if not covers(row, actor, frozenset(g.rows for g in fitting or grants)):
        raise Forbidden("forbidden", N_("You are not allowed to do this."))
    if not fitting:
        raise Conflict("wrong_state", N_("This is no longer possible: the case has moved on."))


def allowed(actor: Actor, permission: str, row: Any = None) -> bool:
    """Whether :func:`authorise` would let this pass."""
    try:
        authorise(actor, permission, row)
    except (Forbidden, Conflict):
        return False
    return True


@cache
def holds(roles: frozenset[str], view: str, permission: str) -> bool:
    """Whether one of ``roles`` has Flask-AppBuilder's ``permission`` (``can_list``, an action's name,
    ``menu_access``) on ``view``. Whoever may only look names up in other forms sees no menu entry.
    """
    if permission == "menu_access":
        return any(g.view == view and g.actions != ("lookup",) and roles.intersection(g.roles) for g in TABLE)
    return bool(_granted(f"{view}.{permission.removeprefix('can_')}", roles))


def grants_of(actor: Actor, permission: str) -> tuple[Grant, ...]:
    """The rows of the table that give ``actor`` this permission."""
    return _granted(permission, actor.roles)


def role_for(actor: Actor, permission: str) -> str:
    """In which of their roles an actor holds a permission: what a review says under "role"."""
    held = [role for g in _granted(permission, actor.roles) for role in g.roles if role in actor.roles]
    return held[0].value if held else ""


def fab_roles() -> dict[str, list[list[str]]]:
    """Flask-AppBuilder's ``FAB_ROLES``: its patterns are prefix regexes, so both are anchored (spec 6).

    A view's menu entry shows to whoever holds any of its actions.
    """
    found: dict[str, dict[str, set[str]]] = {role: {} for role in Role}
    for row in TABLE:
        for role in row.roles:
            found[role].setdefault(row.view, set()).update(row.actions)
    return {
        role: [
            [f"^{view}$", f"^(menu_access|(can_)?({'|'.join(sorted(actions))}))$"]
            for view, actions in sorted(views.items())
        ]
        for role, views in found.items()
    }
