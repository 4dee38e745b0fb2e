"""Issuing audit sheets: gather what an auditor asks for, print it, remember the paper by its digest."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from app.achievements import values
from app.achievements.models import STATES as ACHIEVEMENT_STATES
from app.appeals.models import REVERSAL_STATES, Appeal, Reversal
from app.appeals.models import STATES as APPEAL_STATES
from app.audit.models import AuditEvent, AuditHead
from app.calendar import services as calendar
from app.conversion.models import STATES as CONVERSION_STATES
from app.conversion.models import ConversionApplication
from app.documents.models import IssuedDocument
from app.documents.words import Words
from app.evidence.store import store
from app.kernel.clock import civil, now
from app.kernel.errors import NotFound
from app.kernel.numbering import case_number, verification_code
from app.kernel.settings import settings
from app.kernel.unit_of_work import UnitOfWork
from app.recognition.models import STATES as RECOGNITION_STATES
from app.recognition.models import RecognitionApplication
from app.review import services as review
from app.review.models import DECISIONS, DUTY_REASONS, FAULTS, STAGES, Recusal
from app.security import personal
from app.security.models import Account
from app.security.permissions import ROLE_LABELS
from reports import conversion_sheet, recognition_sheet
from reports import records as paper


def issue_recognition_sheet(uow: UnitOfWork, case: RecognitionApplication, language: str = "zh") -> tuple[IssuedDocument, bytes]:
    """认定审核表 of one round; supersedes the sheet issued before."""
    row = _register(uow, "recognition_sheet", "RDS", case.learner.id, recognition_id=case.id)
    words = Words(language)
    level = case.achievement.level
    record = paper.RecognitionSheet(
        **_common(uow.session, uow, row, case, words, words(RECOGNITION_STATES[case.state])),
        round=case.round,
        credits=case.achievement.credits,
        level=(level.name_en if language == "en" else level.name_zh) if level else "",
    )
    return _keep(uow, row, recognition_sheet(record, language=language, node_modules=settings().node_modules))


def issue_conversion_sheet(uow: UnitOfWork, case: ConversionApplication, language: str = "zh") -> tuple[IssuedDocument, bytes]:
    """转换审核表 of an application; supersedes the sheet issued before."""
    row = _register(uow, "conversion_sheet", "ZHS", case.learner_id, conversion_id=case.id)
    words = Words(language)
    version = case.rule_version
    record = paper.ConversionSheet(
        **_common(uow.session, uow, row, case, words, words(CONVERSION_STATES[case.state])),
        rule=paper.Rule(version.rule.agreement.name, version.name, version.description, version.number, version.digest or "") if version else None,
        committee=case.committee.name if case.committee else "",
        targets=tuple(
            paper.Target(
                t.catalogue_item.name, words.named(t.catalogue_item.category), t.catalogue_item.organisation.name, t.item_credits, t.ratio, t.granted_credits
            )
            for t in case.targets
        ),
    )
    return _keep(uow, row, conversion_sheet(record, language=language, node_modules=settings().node_modules))


def last_issued(session: Session, **case_key: int) -> IssuedDocument | None:
    """The newest sheet of a case."""
    query = select(IssuedDocument).filter_by(**case_key).where(IssuedDocument.digest.is_not(None)).order_by(IssuedDocument.id.desc())
    return session.scalars(query.limit(1)).first()


def read(row: IssuedDocument) -> bytes:
    """The PDF as it was issued. Raises NotFound."""
    if row.digest is None:
        raise NotFound
    with store().open(row.digest) as file:
        return file.read()


def _register(uow: UnitOfWork, kind: str, prefix: str, learner_id: int, **case_key: int) -> IssuedDocument:
    for earlier in uow.session.scalars(select(IssuedDocument).filter_by(kind=kind, standing="valid", **case_key)):
        earlier.standing = "superseded"
    row = IssuedDocument(
        kind=kind, code=verification_code(), learner_id=learner_id, issued_at=now().replace(microsecond=0), created_by_id=uow.actor.user_id, **case_key
    )
    uow.session.add(row)
    uow.flush()
    row.number = case_number(prefix, civil(row.issued_at).date(), row.id)
    return row


def _keep(uow: UnitOfWork, row: IssuedDocument, content: bytes) -> tuple[IssuedDocument, bytes]:
    row.digest = sha256(content).hexdigest()
    store().put(content)
    uow.flush()
    uow.record("document.issued", row, digest=row.digest)
    return row, content


def _common(session: Session, uow: UnitOfWork, row: IssuedDocument, case: Any, words: Words, state: str) -> dict[str, Any]:
    learner = case.learner
    head = session.get(AuditHead, 1)
    return {
        "number": row.number,
        "code": row.code,
        "url": f"{settings().base_url}/verify/{row.code}",
        "issued_at": row.issued_at,
        "issued_by": uow.actor.name,
        "case_number": case.number or "",
        "state": state,
        "learner": learner.name,
        "identity": personal.masked(learner.person, "identity"),
        "home_point": case.home_point.name,
        "authorised_institution": case.authorised_institution.name if case.authorised_institution else "",
        "recognising_institution": case.recognising_institution.name if case.recognising_institution else "",
        "submitted_at": case.submitted_at,
        "clocks": _clocks(session, case, words),
        "achievements": tuple(_achievement(a, words) for a in case.achievements),
        "evidence": _evidence(case, words),
        "attestations": _attestations(session, case),
        "reviews": tuple(_reviewed(r, words) for r in review.reviews(session, case)),
        "recusals": _recusals(session, case, words),
        "timeline": _timeline(session, case, words),
        "last_event": (head.sequence, head.hash.hex()) if head else (0, ""),
        "appeals": _appeals(session, case, words),
    }


def _achievement(achievement: Any, words: Words) -> paper.Achievement:
    lines = tuple((line.label(words.language), line.value(words.language)) for line in values.shown(achievement))
    return paper.Achievement(achievement.name, words.named(achievement.category), words(ACHIEVEMENT_STATES[achievement.state]), lines)


def _evidence(case: Any, words: Words) -> tuple[paper.Evidence, ...]:
    rows = [(e.file, words.labelled(e.requirement) if e.requirement else "") for a in case.achievements for e in a.evidence]
    rows += [(f.file, words.text("Initial review material" if f.role == "initial" else "Related material")) for f in getattr(case, "files", ())]
    return tuple(paper.Evidence(f.name, f.media_type, f.size, f.digest, f.created_at, purpose) for f, purpose in rows)


def _attestations(session: Session, case: Any) -> tuple[paper.Attested, ...]:
    rows = review.attestations(session, case)
    if getattr(case, "kind", "") == "performance":
        ids = [a.id for a in case.achievements]
        for round_ in session.scalars(select(RecognitionApplication).where(RecognitionApplication.achievement_id.in_(ids))):
            rows = [*review.attestations(session, round_), *rows]
    return tuple(
        paper.Attested(
            a.original, a.witness.get_full_name(), a.organisation.name if a.organisation else "", a.place, a.seen_on, a.pages, a.copy_kept_at, a.keep_until
        )
        for a in rows
    )


def _reviewed(row: Any, words: Words) -> paper.Reviewed:
    return paper.Reviewed(
        words(STAGES[row.stage]), words(DECISIONS[row.decision]), row.reviewer.get_full_name(), words.text(ROLE_LABELS.get(row.role, row.role)),
        row.organisation.name if row.organisation else "", row.department, row.created_at, row.opinion, words(FAULTS[row.fault]) if row.fault else "",
    )  # fmt: skip


def _recusals(session: Session, case: Any, words: Words) -> tuple[paper.Recused, ...]:
    rows = session.scalars(select(Recusal).filter_by(**case.case_key).order_by(Recusal.id).options(joinedload(Recusal.user)))
    return tuple(
        paper.Recused(words(STAGES[r.stage]), r.user.get_full_name(), words(DUTY_REASONS[r.reason]), r.blocked, r.created_at) for r in rows
    )


def _appeals(session: Session, case: Any, words: Words) -> tuple[paper.Appeal, ...]:
    found = [
        paper.Appeal(
            words.text("Appeal"), words(APPEAL_STATES[a.state]), a.grounds, a.opinion, a.decided_by.get_full_name() if a.decided_by else "", a.decided_at or a.filed_at
        )
        for a in session.scalars(select(Appeal).filter_by(**case.case_key))
    ]
    if isinstance(case, ConversionApplication):
        found += [
            paper.Appeal(
                words.text("Reversal"), words(REVERSAL_STATES[r.state]), r.reason, r.opinion,
                " / ".join(filter(None, (r.proposed_by.get_full_name(), r.decided_by.get_full_name() if r.decided_by else ""))), r.decided_at or r.created_at,
            )
            for r in session.scalars(select(Reversal).where(Reversal.conversion_id == case.id))
        ]  # fmt: skip
    return tuple(found)


def _timeline(session: Session, case: Any, words: Words) -> tuple[paper.Moment, ...]:
    """The case's own events of the audit trail, in words."""
    table = case.__table__.name
    rows = session.execute(
        select(AuditEvent.at, AuditEvent.action, AuditEvent.actor_id)
        .where(AuditEvent.subject_table == table, AuditEvent.subject_id == case.id, AuditEvent.action.not_like("record.%"))
        .order_by(AuditEvent.sequence)
    ).all()
    people = {a.id: a.get_full_name() for a in session.scalars(select(Account).where(Account.id.in_({row.actor_id for row in rows} - {None})))}
    return tuple(paper.Moment(row.at, words.action(row.action), people.get(row.actor_id, words.text("System"))) for row in rows)


def _clocks(session: Session, case: Any, words: Words) -> tuple[tuple[str, str], ...]:
    """The bank's clock: working days from submission to decision (a return stops it); the learner's: days given to correct."""
    ended = getattr(case, "decided_at", None) or getattr(case, "final_at", None) or getattr(case, "initial_at", None)
    used = calendar.working_days_between(session, case.submitted_at, max(ended or now(), case.submitted_at))
    due = getattr(case, "learner_due_at", None)
    return (
        (words.text("Bank's clock"), words.text("%(days)s working days") % {"days": used}),
        (words.text("Learner's clock"), words.day(due) if due else "-"),
    )
