"""What stands on an audit sheet, gathered from a case: all that an auditor asks for, as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from app.achievements import values
from app.achievements.models import STATES as ACHIEVEMENT_STATES
from app.achievements.models import Achievement
from app.appeals.models import REVERSAL_STATES, Appeal, Reversal
from app.appeals.models import STATES as APPEAL_STATES
from app.audit.models import AuditCheckpoint, AuditEvent, AuditHead
from app.calendar import services as calendar
from app.conversion.models import ADVICE, ASSESSMENT_STATES, Assessment, ConversionApplication
from app.conversion.models import STATES as CONVERSION_STATES
from app.documents import history
from app.documents.models import IssuedDocument
from app.documents.words import Words
from app.kernel.clock import now
from app.kernel.settings import settings
from app.recognition.models import STATES as RECOGNITION_STATES
from app.recognition.models import RecognitionApplication
from app.review import services as review
from app.review.models import DECISIONS, DUTY_REASONS, FAULTS, STAGES, Recusal, Review
from app.security import personal
from app.security.models import Account
from app.security.permissions import ROLE_LABELS
from reports import records as paper


def recognition_record(
    session: Session,
    row: IssuedDocument,
    case: RecognitionApplication,
    words: Words,
    issuer: str,
    identity: bool,
) -> paper.RecognitionSheet:
    """The sheet of one round; ``identity``: the reader may see the masked identity number."""
    events = _events(session, case)
    then = history.achievement(session, case.achievement, history.decided_at(case, events))
    return paper.RecognitionSheet(
        **_common(session, row, case, words, issuer, identity),
        state=words(RECOGNITION_STATES[case.state]),
        round=case.round,
        credits=then.credits,
        level=words.named(then.level) if then.level else "",
    )


def conversion_record(
    session: Session,
    row: IssuedDocument,
    case: ConversionApplication,
    words: Words,
    issuer: str,
    identity: bool,
) -> paper.ConversionSheet:
    """The sheet of an application, with what was frozen at submission and the arithmetic of the grant."""
    version = case.rule_version
    return paper.ConversionSheet(
        **_common(session, row, case, words, issuer, identity),
        state=words(CONVERSION_STATES[case.state]),
        doubted=words.text("Under review") if case.suspect else "",
        assessments=_assessments(session, case, words),
        rule=paper.Rule(
            version.rule.agreement.name,
            version.name,
            version.description,
            version.number,
            version.digest or "",
        )
        if version
        else None,
        committee=case.committee.name if case.committee else "",
        targets=tuple(
            paper.Target(
                target.catalogue_item.name,
                words.named(target.catalogue_item.category),
                target.catalogue_item.organisation.name,
                target.item_credits,
                target.ratio,
                target.granted_credits,
            )
            for target in case.targets
        ),
    )


def _common(
    session: Session, row: IssuedDocument, case: Any, words: Words, issuer: str, identity: bool
) -> dict[str, Any]:
    learner = case.learner
    head = session.get(AuditHead, 1)
    events = _events(session, case)
    moment = history.decided_at(case, events)
    then = [history.achievement(session, one, moment) for one in case.achievements]
    return {
        "number": row.number,
        "code": row.code,
        "url": f"{settings().base_url}/verify/{row.code}",
        "issued_at": row.issued_at,
        "issued_by": issuer,
        "case_number": case.number or "",
        "learner": f"{learner.name} ({learner.number})",
        "identity": personal.masked(learner.person, "identity") if identity else "***",
        "home_point": case.home_point.name,
        "authorised_institution": _name(case.authorised_institution),
        "recognising_institution": _name(case.recognising_institution),
        "submitted_at": case.submitted_at,
        "clocks": _clocks(session, case, words, events),
        "as_of": moment,
        "achievements": tuple(_achievement(one, words) for one in then),
        "evidence": _evidence(session, case, then, moment, words),
        "attestations": _attestations(session, case),
        "reviews": tuple(_reviewed(one, words) for one in review.reviews(session, case)),
        "recusals": _recusals(session, case, words),
        "timeline": _timeline(session, case, words, events),
        "last_event": (head.sequence, head.hash.hex()) if head else (0, ""),
        "checkpoint": checkpoint(session),
        "appeals": (*_appeals(session, case, words), *_reversals(session, case, words)),
    }


def _name(row: Any) -> str:
    return row.name if row else ""


def _achievement(achievement: Achievement, words: Words) -> paper.Achievement:
    lines = tuple(
        (line.label(words.language), line.value(words.language)) for line in values.shown(achievement)
    )
    state = words(ACHIEVEMENT_STATES[achievement.state])
    return paper.Achievement(achievement.name, words.named(achievement.category), state, lines)


def _evidence(
    session: Session, case: Any, then: list[Any], moment: datetime | None, words: Words
) -> tuple[paper.Evidence, ...]:
    rows = [
        (one.file, words.labelled(one.requirement) if one.requirement else "")
        for achievement in then
        for one in history.evidence(session, achievement, moment)
    ]
    roles = {"initial": words.text("Initial review material"), "related": words.text("Related material")}
    rows += [(one.file, roles[one.role]) for one in getattr(case, "files", ())]
    return tuple(
        paper.Evidence(file.name, file.media_type, file.size, file.digest, file.created_at, purpose)
        for file, purpose in rows
    )


def _assessments(session: Session, case: ConversionApplication, words: Words) -> tuple[paper.Assessed, ...]:
    query = select(Assessment).where(Assessment.application_id == case.id).order_by(Assessment.id)
    return tuple(
        paper.Assessed(
            row.organisation.name,
            row.given_by.get_full_name() if row.given_by else "",
            words(ASSESSMENT_STATES[row.state]),
            row.question,
            words(ADVICE[row.advice]) if row.advice else "",
            row.grounds,
            row.given_at,
        )
        for row in session.scalars(query)
    )


def _attestations(session: Session, case: Any) -> tuple[paper.Attested, ...]:
    rows = review.attestations(session, case)
    if (
        getattr(case, "kind", "") == "performance"
    ):  # the attestation of the recognition round serves (spec 2.5)
        ids = [achievement.id for achievement in case.achievements]
        rounds = select(RecognitionApplication).where(RecognitionApplication.achievement_id.in_(ids))
        rows = [one for each in session.scalars(rounds) for one in review.attestations(session, each)] + rows
    return tuple(
        paper.Attested(
            row.original,
            row.witness.get_full_name(),
            _name(row.organisation),
            row.place,
            row.seen_on,
            row.pages,
            row.copy_kept_at,
            row.keep_until,
        )
        for row in rows
    )


def _reviewed(row: Review, words: Words) -> paper.Reviewed:
    return paper.Reviewed(
        words(STAGES[row.stage]),
        words(DECISIONS[row.decision]),
        row.reviewer.get_full_name(),
        words.text(ROLE_LABELS.get(row.role, row.role)),
        _name(row.organisation),
        row.department,
        row.created_at,
        row.opinion,
        words(FAULTS[row.fault]) if row.fault else "",
    )


def _recusals(session: Session, case: Any, words: Words) -> tuple[paper.Recused, ...]:
    query = select(Recusal).filter_by(**case.case_key).order_by(Recusal.id).options(joinedload(Recusal.user))
    return tuple(
        paper.Recused(
            words(STAGES[row.stage]),
            row.user.get_full_name(),
            words(DUTY_REASONS[row.reason]),
            row.blocked,
            row.created_at,
            row.note,
        )
        for row in session.scalars(query)
    )


def _appeals(session: Session, case: Any, words: Words) -> list[paper.Appeal]:
    return [
        paper.Appeal(
            words.text("Appeal"),
            words(APPEAL_STATES[row.state]),
            row.grounds,
            row.opinion,
            row.decided_by.get_full_name() if row.decided_by else "",
            row.decided_at or row.filed_at,
        )
        for row in session.scalars(select(Appeal).filter_by(**case.case_key))
    ]


def _reversals(session: Session, case: Any, words: Words) -> list[paper.Appeal]:
    if not isinstance(case, ConversionApplication):
        return []
    query = select(Reversal).where(Reversal.conversion_id == case.id).order_by(Reversal.id)
    return [
        paper.Appeal(
            words.text("Reversal"),
            words(REVERSAL_STATES[row.state]),
            row.reason,
            row.opinion,
            " / ".join(who.get_full_name() for who in (row.proposed_by, row.decided_by) if who),
            row.decided_at or row.created_at,
        )
        for row in session.scalars(query)
    ]


def _events(session: Session, case: Any) -> Sequence[Any]:
    """The case's own acts in the audit trail (changes of columns say nothing to a reader)."""
    query = select(AuditEvent.at, AuditEvent.action, AuditEvent.actor_id).where(
        AuditEvent.subject_table == case.__table__.name,
        AuditEvent.subject_id == case.id,
        AuditEvent.action.not_like("record.%"),
    )
    return session.execute(query.order_by(AuditEvent.sequence)).all()


def _timeline(session: Session, case: Any, words: Words, events: Sequence[Any]) -> tuple[paper.Moment, ...]:
    """The case's own acts and, between them, who saw originals and what became of appeals and reversals."""
    ids = {event.actor_id for event in events} - {None}
    people = {
        one.id: one.get_full_name() for one in session.scalars(select(Account).where(Account.id.in_(ids)))
    }
    system = words.text("System")
    lines = [
        paper.Moment(event.at, words.action(event.action), people.get(event.actor_id, system))
        for event in events
    ]
    seen = words.text("Originals seen")
    lines += [
        paper.Moment(row.created_at, f"{seen}（{row.original}）", row.witness.get_full_name())
        for row in review.attestations(session, case)
    ]
    filed = words.text("Appeal filed")
    lines += [
        paper.Moment(row.filed_at, filed, case.learner.name)
        for row in session.scalars(select(Appeal).filter_by(**case.case_key))
    ]
    if isinstance(case, ConversionApplication):
        proposed = words.text("Reversal proposed")
        query = select(Reversal).where(Reversal.conversion_id == case.id)
        lines += [
            paper.Moment(row.created_at, proposed, row.proposed_by.get_full_name())
            for row in session.scalars(query)
        ]
    return tuple(sorted(lines, key=lambda line: line.at))


def checkpoint(session: Session) -> tuple[int, str]:
    """How far the last signed checkpoint of the audit trail reaches, and its Merkle root; (0, "") where there is none."""
    row = session.scalars(select(AuditCheckpoint).order_by(AuditCheckpoint.sequence.desc()).limit(1)).first()
    return (row.sequence, row.root.hex()) if row else (0, "")


def _clocks(session: Session, case: Any, words: Words, events: Sequence[Any]) -> tuple[tuple[str, str], ...]:
    """Working days on the bank's clock and on the learner's; a return stops the one and starts the other (spec 2)."""
    used = {"bank": 0, "learner": 0}
    running, since = "bank", case.submitted_at
    for at, act in [(event.at, event.action.rpartition(".")[2]) for event in events] + [(now(), "now")]:
        returned = act == "return" or act.endswith("_return")
        if not (returned or act in history.ENDS or act in ("resubmit", "now")):
            continue
        used[running] += calendar.working_days_between(session, since, max(since, at))
        if act in history.ENDS or (returned and isinstance(case, RecognitionApplication)):
            break  # decided, or a round that is over: its correction is a round of its own
        running, since = ("learner" if returned else "bank"), at
    days = words.text("%(days)s working days")
    return (
        (words.text("Bank's clock"), days % {"days": used["bank"]}),
        (words.text("Learner's clock"), days % {"days": used["learner"]}),
    )
