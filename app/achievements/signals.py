"""What a reviewer may want to look at before deciding: shown, never deciding (spec 5.14).

Looked up when a case is opened, so that it is true then. Each says what, in words; never whose the other one is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from app.achievements.models import Achievement, AchievementEvidence
from app.evidence.models import EvidenceFile
from app.insight.models import SIGNAL_KINDS
from app.kernel.choices import Choice
from app.kernel.clock import civil
from app.security import personal

#: Achievements in these states claim nothing any more.
_DEAD = ("refused", "revoked")


@dataclass(frozen=True)
class Sign:
    """One thing to look at. ``count``: with how many others, where that is meant."""

    kind: Choice
    achievement: Achievement
    count: int = 0


def of(session: Session, achievement: Achievement) -> list[Sign]:
    """The signals on one achievement and its evidence."""
    found = []
    same_file = _same_file(session, achievement)
    if same_file:
        found.append(Sign(SIGNAL_KINDS["same_file"], achievement, same_file))
    same_number = _same_number(session, achievement)
    if same_number:
        found.append(Sign(SIGNAL_KINDS["same_number"], achievement, same_number))
    if achievement.obtained_on is not None and _impossible(achievement, achievement.obtained_on):
        found.append(Sign(SIGNAL_KINDS["impossible_date"], achievement))
    return found


def _same_file(session: Session, achievement: Achievement) -> int:
    """How many other learners brought a file with the same content."""
    own, other = aliased(EvidenceFile), aliased(EvidenceFile)
    query = (
        select(func.count(other.learner_id.distinct()))
        .select_from(AchievementEvidence)
        .join(own, own.id == AchievementEvidence.file_id)
        .join(other, other.digest == own.digest)
        .where(
            AchievementEvidence.achievement_id == achievement.id, other.learner_id != achievement.learner_id
        )
    )
    return session.scalar(query) or 0


def _same_number(session: Session, achievement: Achievement) -> int:
    """How many other learners claim the same certificate number, of the same item or issuer."""
    if not achievement.certificate_number or achievement.origin == "converted":
        return 0
    same = (
        Achievement.catalogue_item_id == achievement.catalogue_item_id
        if achievement.catalogue_item_id is not None
        else Achievement.issuer == achievement.issuer
    )
    query = select(func.count(Achievement.learner_id.distinct())).where(
        Achievement.identity_key == achievement.identity_key,
        Achievement.learner_id != achievement.learner_id,
        Achievement.certificate_number != "",
        Achievement.state.not_in(_DEAD),
        same,
    )
    return session.scalar(query) or 0


def _impossible(achievement: Achievement, day: date) -> bool:
    """After it was brought here, or before the learner was born."""
    if day > civil(achievement.created_at).date():
        return True
    born = personal.reveal(achievement.learner.person, "birth_date")
    return born is not None and day < date.fromisoformat(born)
