"""Registers: which cases stand in one, in chunks, and the issuing of it.

A register is long: it is drawn outside the unit of work, so that nobody waits for it, and only the paper's row is
written inside one, before and after.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from app.achievements.models import Achievement
from app.catalogue.models import CatalogueItem
from app.conversion.models import STATES as CONVERSION_STATES
from app.conversion.models import ConversionApplication, ConversionSource, ConversionTarget
from app.documents import services
from app.documents.models import IssuedDocument
from app.documents.words import Words
from app.jobs.kinds import Kind, Work
from app.kernel.actor import Actor
from app.kernel.clock import CIVIL, civil
from app.kernel.database import db
from app.kernel.errors import N_, Invalid, NotFound
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner
from app.organisations.models import Committee, Organisation
from app.recognition.models import STATES as RECOGNITION_STATES
from app.recognition.models import RecognitionApplication
from app.security.models import Person
from reports.records import RegisterRow
from reports.register import register

#: Cases read at a time.
CHUNK = 500
#: A register of at most so many cases is drawn while the browser waits: about a second.
AT_ONCE = 500

#: What the page of registers lists.
KINDS = ("register", "statistics")
_SEARCHED: dict[str, Any] = {"organisation": Organisation, "committee": Committee}

Case = type[RecognitionApplication] | type[ConversionApplication]


@dataclass(frozen=True)
class Scope:
    """What a register is about: cases submitted from one civil day to another (both included), of one organisation
    and those below it, of one committee (conversions only).
    """

    start: date
    end: date
    organisation_id: int | None = None
    committee_id: int | None = None

    def kept(self) -> dict[str, Any]:
        """As JSON."""
        return {
            **asdict(self),
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
        }

    @classmethod
    def read(cls, kept: dict[str, Any]) -> Scope:
        """Back from :meth:`kept`."""
        days = {name: date.fromisoformat(kept[name]) for name in ("start", "end")}
        return cls(**(kept | days))


def check(scope: Scope, actor: Actor, session: Session) -> None:
    """Raises Invalid where the days are the wrong way round, or the organisation isn't the actor's to ask about."""
    if scope.end < scope.start:
        raise Invalid("days", N_("The last day must not be before the first."))
    if actor.is_system or actor.roles & {"Center", "Auditor"}:
        return
    own = session.get(Organisation, scope.organisation_id) if scope.organisation_id else None
    if (
        scope.committee_id
        or own is None
        or not actor.organisation_path
        or not own.path.startswith(actor.organisation_path)
    ):
        raise Invalid("organisation", N_("Please choose your organisation or one below it."))


def issued(session: Session, by_account: int | None) -> list[IssuedDocument]:
    """Registers and statistics issued of late; ``by_account``: only those that this account asked for."""
    query = select(IssuedDocument).where(IssuedDocument.kind.in_(KINDS), IssuedDocument.digest.is_not(None))
    if by_account is not None:
        query = query.where(IssuedDocument.created_by_id == by_account)
    return list(session.scalars(query.order_by(IssuedDocument.id.desc()).limit(50)))


def search(session: Session, actor: Actor, what: str, word: str) -> list[tuple[int, str]]:
    """Organisations or committees whose name has ``word`` and that the actor may ask about, at most twenty."""
    if what not in _SEARCHED:
        raise NotFound
    model = _SEARCHED[what]
    query = select(model.id, model.name).where(model.name.contains(word, autoescape=True))
    if not actor.roles & {"Center", "Auditor"}:
        if model is Committee:
            return []
        query = query.where(Organisation.path.startswith(actor.organisation_path or "-"))
    return [(row.id, row.name) for row in session.execute(query.order_by(model.name).limit(20))]


def count(session: Session, scope: Scope) -> int:
    """How many cases the register has."""
    return sum(
        session.scalar(select(func.count()).select_from(narrowed(select(model.id), model, scope).subquery()))
        or 0
        for model in models(scope)
    )


def issue(
    session: Session,
    actor: Actor,
    scope: Scope,
    language: str = "zh",
    progress: Callable[[int], None] = lambda done: None,
) -> tuple[IssuedDocument, bytes]:
    """Draw and issue a register. Raises Invalid, NoSpace."""
    steps = issuing(session, actor, scope, language)
    try:
        while True:
            progress(next(steps))
    except StopIteration as end:
        issued: tuple[IssuedDocument, bytes] = end.value
        return issued


def issuing(
    session: Session, actor: Actor, scope: Scope, language: str
) -> Generator[int, None, tuple[IssuedDocument, bytes]]:
    """The same step by step: yields how many cases are done."""
    check(scope, actor, session)
    with UnitOfWork(session, actor) as uow:
        row, words = services.begin(uow, "register", "DJ", language, scope=scope.kept())
    cover = services.cover(session, row, services.issuer(actor, words), facts(session, scope, words))
    with tempfile.SpooledTemporaryFile(max_size=8 * 1024 * 1024) as out:
        yield from register(cover, rows(session, scope, words), out, **services.printing(words))
        out.seek(0)
        content = out.read()
    with UnitOfWork(session, actor) as uow:
        return services.keep(uow, uow.session.get_one(IssuedDocument, row.id), content)


def run(work: Work) -> Iterator[None]:
    """The job that makes a long register; begun anew after a crash, since a paper is whole or not at all."""
    scope = Scope.read(work.parameters)
    session = db.session()
    work.total = count(session, scope)
    steps = issuing(session, work.actor, scope, work.language)
    while True:
        try:
            work.done = next(steps)
        except StopIteration as end:
            row, content = end.value
            work.give(f"{row.number}.pdf", content)
            return
        yield


#: For the worker.
KIND = Kind("register", N_("Register of cases"), run, family="export")


def facts(session: Session, scope: Scope, words: Words) -> tuple[tuple[str, str], ...]:
    """What the paper is about, for its head."""
    every = words.text("All")
    organisation = session.get(Organisation, scope.organisation_id) if scope.organisation_id else None
    committee = session.get(Committee, scope.committee_id) if scope.committee_id else None
    return (
        (words.text("Submitted from"), scope.start.isoformat()),
        (words.text("Submitted to"), scope.end.isoformat()),
        (words.text("Organisation"), organisation.name if organisation else every),
        (words.text("Committee"), committee.name if committee else every),
    )


def rows(session: Session, scope: Scope, words: Words) -> Iterator[RegisterRow]:
    """The lines, recognitions first, each kind by the time of submission."""
    for model in models(scope):
        read = _recognitions if model is RecognitionApplication else _conversions
        for chunk in _chunks(session, model, scope):
            yield from read(session, chunk, words)


def models(scope: Scope) -> tuple[Case, ...]:
    """The kinds of case that the scope is about: a committee decides conversions only."""
    return (ConversionApplication,) if scope.committee_id else (RecognitionApplication, ConversionApplication)


def narrowed(query: Any, model: Case, scope: Scope) -> Any:
    """``query`` over ``model``, within the scope."""
    start = datetime.combine(scope.start, time(), CIVIL).astimezone(UTC)
    end = datetime.combine(scope.end + timedelta(days=1), time(), CIVIL).astimezone(UTC)
    query = query.where(model.submitted_at >= start, model.submitted_at < end)
    if scope.organisation_id:
        above = select(Organisation.path).where(Organisation.id == scope.organisation_id).scalar_subquery()
        below = select(Organisation.id).where(Organisation.path.startswith(above))
        query = query.where(model.home_point_id.in_(below))
    if scope.committee_id and model is ConversionApplication:
        query = query.where(ConversionApplication.committee_id == scope.committee_id)
    return query


def _chunks(session: Session, model: Case, scope: Scope) -> Iterator[list[int]]:
    """Ids in the order of submission, by keyset: each chunk costs the same, however far in."""
    last: tuple[datetime, int] | None = None
    while True:
        query = narrowed(select(model.id, model.submitted_at), model, scope)
        if last is not None:
            at, key = last
            later = or_(model.submitted_at > at, and_(model.submitted_at == at, model.id > key))
            query = query.where(model.submitted_at >= at, later)
        found = session.execute(query.order_by(model.submitted_at, model.id).limit(CHUNK)).all()
        if not found:
            return
        last = (found[-1].submitted_at, found[-1].id)
        yield [row.id for row in found]


def _recognitions(session: Session, ids: list[int], words: Words) -> Iterator[RegisterRow]:
    case = RecognitionApplication
    query = (
        select(
            *(case.number, case.state, case.submitted_at, case.decided_at),
            Person.name.label("learner"),
            Achievement.name.label("achievement"),
            Achievement.credits,
            Organisation.name.label("point"),
        )
        .join(Achievement, Achievement.id == case.achievement_id)
        .join(Learner, Learner.id == Achievement.learner_id)
        .join(Person, Person.id == Learner.person_id)
        .join(Organisation, Organisation.id == case.home_point_id)
        .where(case.id.in_(ids))
        .order_by(case.submitted_at, case.id)
    )
    part = words.text("Recognition")
    for row in session.execute(query).all():
        credits = row.credits if row.state == "recognised" else None
        yield _line(
            words, RECOGNITION_STATES, part, row, row.achievement, "", row.point, row.decided_at, credits
        )


def _conversions(session: Session, ids: list[int], words: Words) -> Iterator[RegisterRow]:
    case = ConversionApplication
    query = (
        select(
            *(case.id, case.number, case.state, case.submitted_at, case.initial_at, case.final_at),
            Person.name.label("learner"),
            Organisation.name.label("point"),
        )
        .join(Learner, Learner.id == case.learner_id)
        .join(Person, Person.id == Learner.person_id)
        .join(Organisation, Organisation.id == case.home_point_id)
        .where(case.id.in_(ids))
        .order_by(case.submitted_at, case.id)
    )
    sources = _names(
        session.execute(
            select(ConversionSource.application_id, Achievement.name)
            .join(Achievement, Achievement.id == ConversionSource.achievement_id)
            .where(ConversionSource.application_id.in_(ids))
            .order_by(ConversionSource.id)
        )
    )
    wanted = session.execute(
        select(ConversionTarget.application_id, CatalogueItem.name, ConversionTarget.granted_credits)
        .join(CatalogueItem, CatalogueItem.id == ConversionTarget.catalogue_item_id)
        .where(ConversionTarget.application_id.in_(ids))
        .order_by(ConversionTarget.id)
    ).all()
    targets = _names((row[0], row[1]) for row in wanted)
    granted: dict[int, int] = {}
    for key, _name, credits in wanted:
        granted[key] = granted.get(key, 0) + (credits or 0)
    part = words.text("Conversion")
    for row in session.execute(query).all():
        decided = row.final_at if row.state in ("approved", "refused", "reversed") else None
        decided = row.initial_at if row.state == "initial_refused" else decided
        credits = granted.get(row.id) if row.state == "approved" else None
        yield _line(
            words,
            CONVERSION_STATES,
            part,
            row,
            "、".join(sources.get(row.id, ())),
            "、".join(targets.get(row.id, ())),
            row.point,
            decided,
            credits,
        )


def _names(found: Any) -> dict[int, list[str]]:
    names: dict[int, list[str]] = {}
    for key, name in found:
        names.setdefault(key, []).append(name)
    return names


def _line(
    words: Words,
    states: Any,
    part: str,
    row: Any,
    source: str,
    target: str,
    point: str,
    decided_at: datetime | None,
    credits: int | None,
) -> RegisterRow:
    return RegisterRow(
        part=part,
        group=f"{civil(row.submitted_at):%Y-%m}",
        number=row.number or "",
        learner=row.learner,
        source=source,
        target=target,
        organisation=point,
        submitted_at=row.submitted_at,
        decided_at=decided_at,
        state=words(states[row.state]),
        credits=credits,
    )
