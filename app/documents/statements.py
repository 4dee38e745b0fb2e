"""Credit statements and transcripts: gathered from the ledger, issued to the learner or by staff, remembered with what
they are built on.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from app.accounts import queries as accounts
from app.accounts.models import KINDS, CreditEntry
from app.achievements.models import Achievement
from app.achievements.states import ACCEPTED
from app.catalogue.models import Category
from app.documents import services
from app.documents.models import DISCLOSURES, DocumentSource, IssuedDocument
from app.documents.words import Words
from app.framework.models import FrameworkLevel
from app.kernel.errors import N_, Invalid, NotFound
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner
from app.security import personal
from reports import records
from reports.statement import statement, transcript

PREFIXES = {"statement": "DZ", "transcript": "XZ"}


def issue(
    uow: UnitOfWork, kind: str, learner: Learner, language: str = "zh", disclosure: str = "none"
) -> tuple[IssuedDocument, bytes]:
    """A statement or a transcript (``kind``) of a learner's account as it stands now; supersedes the one in the same
    language. ``disclosure``: what the holder lets those see who verify it. Raises NotFound, Invalid, NoSpace.
    """
    if kind not in PREFIXES:
        raise NotFound
    check_disclosure(disclosure)
    services.supersede(uow, kind, learner_id=learner.id, language=language)
    row, words = services.begin(
        uow, kind, PREFIXES[kind], language, learner_id=learner.id, disclosure=disclosure
    )
    cover = services.cover(uow.session, row, services.issuer(uow.actor, words), ())
    holder = _holder(learner, words)
    record: Any
    if kind == "statement":
        record, row.said, built_on = _statement(uow.session, learner, cover, holder, words)
        content = statement(record, **services.printing(words))
    else:
        record, row.said, built_on = _transcript(uow.session, learner, cover, holder, words)
        content = transcript(record, **services.printing(words))
    uow.session.add_all(
        DocumentSource(document_id=row.id, achievement_id=key, created_by_id=uow.actor.user_id)
        for key in sorted(built_on)
    )
    return services.keep(uow, row, content)


def disclose(uow: UnitOfWork, row: IssuedDocument, disclosure: str) -> None:
    """The holder changes what others see who verify the paper. Raises Invalid."""
    check_disclosure(disclosure)
    row.disclosure = disclosure
    uow.flush()


def check_disclosure(disclosure: str) -> None:
    """Raises Invalid where it is none that we know."""
    if disclosure not in {choice.code for choice in DISCLOSURES}:
        raise Invalid("disclosure", N_("Please choose what others may see."))


def of_learner(session: Session, learner_id: int) -> list[IssuedDocument]:
    """The learner's statements and transcripts, newest first."""
    query = select(IssuedDocument).where(
        IssuedDocument.learner_id == learner_id,
        IssuedDocument.kind.in_(PREFIXES),
        IssuedDocument.digest.is_not(None),
    )
    return list(session.scalars(query.order_by(IssuedDocument.id.desc()).limit(200)))


def _holder(learner: Learner, words: Words) -> records.Holder:
    return records.Holder(
        name=learner.name,
        number=learner.number,
        identity=personal.masked(learner.person, "identity"),
        home_point=learner.home_point.name,
        programme=str(learner.programme) if learner.programme else "",
    )


def _statement(
    session: Session, learner: Learner, cover: records.Cover, holder: records.Holder, words: Words
) -> tuple[records.Statement, dict[str, Any], set[int]]:
    found = accounts.balances(session, learner.id)
    categories = {row.id: row for row in session.scalars(select(Category))}
    levels = {row.id: row for row in session.scalars(select(FrameworkLevel))}
    entries = list(reversed(list(session.scalars(accounts.entries(learner.id)))))
    numbers = {entry.id: place for place, entry in enumerate(entries, 1)}
    totals = accounts.totals(found)
    record = records.Statement(
        cover,
        holder,
        totals=tuple((words(KINDS[kind]), sum_) for kind, sum_ in totals.items()),
        balances=tuple(
            (
                words(KINDS[b.kind]),
                words.named(categories[b.category_id]),
                words.named(levels[b.level_id]) if b.level_id else "",
                b.credits,
            )
            for b in found
        ),
        entries=tuple(
            records.Posted(
                entry.created_at,
                entry.achievement.name,
                words(KINDS[entry.kind]),
                words.named(entry.category),
                words.named(entry.level) if entry.level else "",
                entry.credits,
                words.text("Counter-entry of No. %(number)s") % {"number": numbers[entry.reverses_id]}
                if entry.reverses_id
                else "",
            )
            for entry in entries
        ),
    )
    said = {
        "totals": totals,
        "entries": [
            {
                "name": e.achievement.name,
                "kind": e.kind,
                "credits": e.credits,
                "on": _day(e.created_at.date()),
            }
            for e in entries
        ],
    }
    return record, said, {entry.achievement_id for entry in entries if entry.achievement.state in ACCEPTED}


def _transcript(
    session: Session, learner: Learner, cover: records.Cover, holder: records.Holder, words: Words
) -> tuple[records.Transcript, dict[str, Any], set[int]]:
    """Whatever is accepted and not under review stands on it."""
    held = _standing(session, learner)
    posted = _posted(session, [one.id for one in held])
    rows = [(one, *posted.get(one.id, (_kind(one), None))) for one in held]
    totals: dict[str, int] = {kind.code: 0 for kind in KINDS}
    per_level: dict[tuple[int, str], int] = defaultdict(int)
    for one, kind, credits in rows:
        totals[kind] += credits or 0
        if one.level:
            per_level[one.level.number, kind] += credits or 0
    levels = {one.level.number: one.level for one in held if one.level}
    record = records.Transcript(
        cover,
        holder,
        totals=tuple((words(KINDS[kind]), sum_) for kind, sum_ in totals.items()),
        levels=tuple(
            (words.named(levels[number]), words(KINDS[kind]), sum_)
            for (number, kind), sum_ in sorted(per_level.items())
        ),
        achievements=tuple(
            records.Held(
                one.name,
                words.named(one.category),
                one.issuer,
                _day(one.obtained_on),
                words.named(one.level) if one.level else "",
                words(KINDS[kind]),
                credits,
            )
            for one, kind, credits in rows
        ),
    )
    entries = [
        {
            "name": one.name,
            "issuer": one.issuer,
            "on": _day(one.obtained_on),
            "kind": kind,
            "credits": credits,
        }
        for one, kind, credits in rows
    ]
    return record, {"totals": totals, "entries": entries}, {one.id for one in held}


def _standing(session: Session, learner: Learner) -> list[Achievement]:
    query = select(Achievement).where(
        Achievement.learner_id == learner.id,
        Achievement.state.in_(ACCEPTED),
        Achievement.suspect.is_(False),
    )
    return list(
        session.scalars(
            query.order_by(Achievement.obtained_on, Achievement.id).options(
                joinedload(Achievement.category), joinedload(Achievement.level)
            )
        )
    )


def _posted(session: Session, ids: list[int]) -> dict[int, tuple[str, int]]:
    """What stands in the ledger for each achievement: its kind, and hundredths."""
    query = (
        select(CreditEntry.achievement_id, CreditEntry.kind, func.sum(CreditEntry.credits))
        .where(CreditEntry.achievement_id.in_(ids))
        .group_by(CreditEntry.achievement_id, CreditEntry.kind)
    )
    return {key: (kind, int(sum_)) for key, kind, sum_ in session.execute(query)}


def _kind(achievement: Achievement) -> str:
    return "conversion" if achievement.origin == "converted" else "accumulation"


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""
