"""What becomes of papers and credentials when something that they are built on is withdrawn (spec 1.5.7, 2.7).

Papers become 待复核, which public verification shows, until the centre lets each stand or revokes it. A credential
says one thing only, so it follows its achievement: revoked with it, under review with it.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session, joinedload

from app.achievements.models import Achievement
from app.documents.models import Credential, DocumentSource, IssuedDocument
from app.kernel.clock import now
from app.kernel.errors import N_, Conflict, Invalid
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner


def doubt(uow: UnitOfWork, achievement_ids: Iterable[int]) -> None:
    """These achievements were revoked, or came under review themselves."""
    ids = set(achievement_ids)
    for paper in uow.session.scalars(_built_on(ids).where(IssuedDocument.standing == "valid")):
        paper.standing = "under_review"
        uow.record("document.doubted", paper)
    _follow(uow, ids)


def settle(uow: UnitOfWork, achievement_ids: Iterable[int]) -> None:
    """The doubt about these achievements was lifted: papers that rest on nothing else doubtful stand again."""
    ids = set(achievement_ids)
    for paper in uow.session.scalars(_built_on(ids).where(IssuedDocument.standing == "under_review")):
        if not doubtful(uow.session, paper):
            paper.standing = "valid"
            uow.record("document.confirmed", paper)
    _follow(uow, ids)


def doubtful(session: Session, paper: IssuedDocument) -> list[Achievement]:
    """What of the paper's ground was revoked or is under review."""
    query = (
        select(Achievement)
        .join(DocumentSource, DocumentSource.achievement_id == Achievement.id)
        .where(
            DocumentSource.document_id == paper.id, or_(Achievement.state == "revoked", Achievement.suspect)
        )
        .order_by(Achievement.id)
    )
    return list(session.scalars(query))


def under_review(session: Session) -> list[IssuedDocument]:
    """Statements and transcripts that wait for the centre, oldest first."""
    query = select(IssuedDocument).where(
        IssuedDocument.standing == "under_review", IssuedDocument.kind.in_(("statement", "transcript"))
    )
    person = joinedload(IssuedDocument.learner).joinedload(Learner.person)
    return list(session.scalars(query.order_by(IssuedDocument.id).limit(200).options(person)))


def decide(uow: UnitOfWork, paper_id: int, decision: str, reason: str) -> IssuedDocument:
    """The centre has looked at a paper under review: ``stand`` or ``revoke``. Raises Conflict, Invalid."""
    paper = uow.session.scalar(
        select(IssuedDocument)
        .where(IssuedDocument.id == paper_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if paper is None or paper.standing != "under_review":
        raise Conflict("wrong_state", N_("This is no longer possible: the case has moved on."))
    if not reason.strip():
        raise Invalid("reason", N_("Please give a reason."))
    if decision not in ("stand", "revoke"):
        raise Invalid("no_decision", N_("Please choose a decision."))
    paper.standing = "valid" if decision == "stand" else "revoked"
    action = "document.confirmed" if decision == "stand" else "document.revoked"
    uow.flush()
    uow.record(action, paper, why=reason.strip()[:2000])
    return paper


def _built_on(ids: set[int]) -> Select[IssuedDocument]:
    papers = select(DocumentSource.document_id).where(DocumentSource.achievement_id.in_(ids))
    return select(IssuedDocument).where(IssuedDocument.id.in_(papers)).with_for_update()


def _follow(uow: UnitOfWork, ids: set[int]) -> None:
    """Credentials stand as their achievements do; a revoked one never comes back."""
    uow.flush()
    query = (
        select(Credential)
        .where(Credential.achievement_id.in_(ids), Credential.standing != "revoked")
        .options(joinedload(Credential.achievement))
        .with_for_update(of=Credential)
    )
    for credential in uow.session.scalars(query):
        held = credential.achievement
        if held.state == "revoked":
            credential.standing, credential.revoked_at = "revoked", now()
        else:
            credential.standing = "under_review" if held.suspect else "valid"
    uow.flush()
