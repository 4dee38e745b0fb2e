"""A case as it stood when it was decided: what a learner or an office changed since is taken back by the audit trail.

An audit sheet that is drawn years later shows what the reviewers had before them, not what the records say today.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.achievements.models import Achievement, AchievementEvidence
from app.achievements.states import EDITABLE
from app.audit.models import AuditEvent
from app.catalogue.models import EvidenceRequirement
from app.evidence.models import EvidenceFile
from app.framework.models import FrameworkLevel

#: Acts that end a case, so that no clock runs any more and nothing that comes later belongs to the decision.
ENDS = frozenset(
    {
        *(
            "pass",
            "refuse",
            "return",
            "initial_refuse",
            "final_agree",
            "final_refuse",
            "uphold",
            "uphold_final",
        ),
        *("performance_agree", "performance_refuse", "withdraw", "lapse"),
    }
)
OPEN = frozenset({"submitted", "initial_review", "final_review", "performance_review"})


class AsDecided:
    """An achievement with the columns that were different at the time."""

    def __init__(self, row: Achievement, columns: dict[str, Any]) -> None:
        self._row, self._columns = row, columns

    def __getattr__(self, name: str) -> Any:
        return self._columns[name] if name in self._columns else getattr(self._row, name)


def decided_at(case: Any, events: Sequence[Any]) -> datetime | None:
    """When the case came to its (last) end, by its own acts; None while it is open."""
    if case.state in OPEN:
        return None
    ends = [event.at for event in events if event.action.rpartition(".")[2] in ENDS]
    return max(ends, default=None)


def achievement(session: Session, row: Achievement, moment: datetime | None) -> Any:
    """The achievement as it was at ``moment`` (None: now)."""
    if moment is None:
        return row
    changes = select(AuditEvent.canonical).where(
        AuditEvent.subject_table == Achievement.__tablename__,
        AuditEvent.subject_id == row.id,
        AuditEvent.action == "record.changed",
        AuditEvent.at > moment,
    )
    columns: dict[str, Any] = {}
    for written in session.scalars(changes.order_by(AuditEvent.sequence.desc())):
        for name, (before, _after) in json.loads(written)["body"].items():
            columns[name] = _typed(name, before)
    if "level_id" in columns:
        columns["level"] = session.get(FrameworkLevel, columns["level_id"]) if columns["level_id"] else None
    return AsDecided(row, columns) if columns else row


def evidence(session: Session, row: Any, moment: datetime | None) -> list[Any]:
    """The evidence that lay before the reviewers at ``moment``, what was taken off since included; ``row`` as
    :func:`achievement` gave it.
    """
    if moment is None:
        return list(row.evidence)
    kept = [one for one in row.evidence if one.created_at <= moment]
    if row.state not in EDITABLE:  # accepted: nothing can have been taken off
        return kept
    gone = select(AuditEvent.canonical).where(
        AuditEvent.action == "record.deleted",
        AuditEvent.at > moment,
        AuditEvent.subject_table == AchievementEvidence.__tablename__,
    )
    for written in session.scalars(gone):
        body = {name: before for name, (before, _after) in json.loads(written)["body"].items()}
        if body["achievement_id"] == row.id:
            file = session.get(EvidenceFile, body["file_id"])
            if file is not None and file.created_at <= moment:
                kept.append(TakenOff(file, session.get(EvidenceRequirement, body.get("requirement_id") or 0)))
    return kept


@dataclass(frozen=True)
class TakenOff:
    """Evidence that the learner has taken off since."""

    file: EvidenceFile
    requirement: EvidenceRequirement | None


def _typed(name: str, value: Any) -> Any:
    return date.fromisoformat(value) if name == "obtained_on" and value else value
