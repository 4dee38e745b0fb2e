"""The schema's table of contents: every room's records, in reading order."""

from __future__ import annotations

from app.calendar.models import WorkingDay
from app.security.models import (
    Account,
    Consent,
    Person,
    PersonKey,
    RecoveryCode,
    Terms,
    Throttle,
    UserSession,
    VerificationCode,
)
from app.security import grams as grams
from app.organisations.models import Committee, CommitteeMember, CommitteeScope, Organisation
from app.framework.models import FrameworkLevel, IndustryStandard, LevelDescriptor
from app.learners.models import Learner
from app.catalogue.models import (
    CatalogueItem,
    Category,
    CategoryField,
    CodeList,
    CodeValue,
    EvidenceRequirement,
    Programme,
)
from app.evidence.models import EvidenceFile
from app.achievements.models import Achievement, AchievementEvidence
from app.review.models import Attestation, Recusal, Review
from app.recognition.models import RecognitionApplication
from app.rules.models import (
    Agreement,
    AgreementParty,
    CreditCap,
    Rule,
    RuleCandidate,
    RuleGroup,
    RuleSource,
    RuleTarget,
    RuleTemplate,
    RuleVersion,
)
from app.conversion.models import (
    Assessment,
    ConsumptionEntry,
    ConsumptionHold,
    ConversionApplication,
    ConversionFile,
    ConversionSource,
    ConversionTarget,
)
from app.access.models import Closure, Correction, Invitation, StandingChange
from app.appeals.models import Appeal, Reversal
from app.accounts.models import CreditEntry
from app.documents.models import Credential, DocumentSource, IssuedDocument
from app.notices.models import Notice, NoticePreference, NoticeTemplate
from app.portal.models import Announcement, Question
from app.preferences.models import Phrase, SavedView
from app.jobs.models import ExportJob, ImportJob, Job
from app.api.models import AccessKey, ApiAnswer, ApiUsage
from app.exchange.models import ImportChunk, ImportRowError
from app.insight.models import Signal
from app.audit.models import AuditCheckpoint, AuditEvent, AuditHead, AuditSample, Finding, SampledCase

__all__ = [name for name, value in dict(globals()).items() if isinstance(value, type)]
