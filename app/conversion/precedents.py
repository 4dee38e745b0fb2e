"""先例: past decisions on performance achievements like this one, shown while deciding and never deciding (spec 5.13).

Likeness is counted by the database from four things that a reviewer can check: the same target item, the same
organisation, the same kind of achievement, and words in common. The learners of past cases are not named.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, literal, or_, select
from sqlalchemy.orm import Session

from app.achievements.models import Achievement
from app.catalogue.models import CatalogueItem, Category
from app.conversion.models import ConversionApplication, ConversionSource, ConversionTarget
from app.kernel.actor import Actor
from app.kernel.errors import N_
from app.learners.models import Learner
from app.review.models import Review
from app.security.rows import readable

#: What makes cases alike, what each weighs, in the order in which it is said. Words weigh up to their number, by share.
REASONS = {
    "item": (N_("Same target achievement"), 4),
    "organisation": (N_("Same organisation"), 2),
    "kind": (N_("Same kind"), 2),
    "words": (N_("Similar words"), 4),
}
#: This share of the words, in per cent, is called similar.
SIMILAR = 30
#: As many are shown, and as many of the newest performance cases are looked through.
SHOWN, SEARCHED = 5, 5000
_DECIDED = ("approved", "refused", "reversed")
_MOST_PAIRS = 30
_NOBODY = "＊＊"


@dataclass(frozen=True)
class Precedent:
    """One past decision. ``reasons``: names of :data:`REASONS`; ``credits``: granted, in hundredths."""

    number: str | None
    state: str
    decided_at: datetime
    source: str
    target: str
    organisation: str
    credits: int | None
    opinion: str
    reasons: tuple[str, ...]


def pairs(name: str) -> list[str]:
    """The words of a name as pairs of neighbouring signs, which serves Chinese, where nothing stands between words."""
    signs = "".join(sign if sign.isalnum() else " " for sign in name.casefold())
    found = (signs[at : at + 2] for at in range(len(signs) - 1))
    return list(dict.fromkeys(pair for pair in found if " " not in pair))[:_MOST_PAIRS]


def of(session: Session, application: ConversionApplication, actor: Actor) -> list[Precedent]:
    """The past decisions most like ``application`` among those that ``actor`` may read; the likest first, then the newest."""
    if application.kind != "performance" or not application.sources or not application.targets:
        return []
    query, names = _query(application, actor)
    return [_told(row, names) for row in session.execute(query)]


def _query(application: ConversionApplication, actor: Actor) -> tuple[Select[Any], list[str]]:
    own, target = application.achievements[0], application.targets[0].catalogue_item
    recent = (
        select(ConversionSource.application_id, ConversionSource.achievement_id)
        .join(Achievement, Achievement.id == ConversionSource.achievement_id)
        .join(Category, Category.id == Achievement.category_id)
        .where(Category.performance)
        .order_by(ConversionSource.id.desc())
        .limit(SEARCHED)
        .subquery()
    )
    marks = _marks(own, target)
    score: ColumnElement[int] = marks["words"] * REASONS["words"][1]
    for name in ("item", "organisation", "kind"):
        score = score + marks[name] * (REASONS[name][1] * 100)
    names = [name for name in REASONS if name != "words"]
    columns: list[Any] = [
        ConversionApplication,
        Achievement.name,
        CatalogueItem.name,
        ConversionTarget.granted_credits,
        Learner,
        _opinion(),
        marks["words"],
        *(marks[name] for name in names),
    ]
    query = (
        select(*columns)
        .join(recent, recent.c.application_id == ConversionApplication.id)
        .join(Achievement, Achievement.id == recent.c.achievement_id)
        .join(Learner, Learner.id == ConversionApplication.learner_id)
        .join(ConversionTarget, ConversionTarget.application_id == ConversionApplication.id)
        .join(CatalogueItem, CatalogueItem.id == ConversionTarget.catalogue_item_id)
        .where(
            readable(ConversionApplication, actor),
            ConversionApplication.kind == "performance",
            ConversionApplication.state.in_(_DECIDED),
            ConversionApplication.id != application.id,
            or_(*(marks[name] == 1 for name in names), marks["words"] >= SIMILAR),
        )
        .order_by(score.desc(), ConversionApplication.final_at.desc(), ConversionApplication.id.desc())
        .limit(SHOWN)
    )
    return query, names


def _marks(own: Achievement, target: CatalogueItem) -> dict[str, ColumnElement[int]]:
    """For each reason whether a past case has it (1 or 0); words: the share in common in per cent."""
    same_place = CatalogueItem.organisation_id == target.organisation_id
    if own.issuer:
        same_place = or_(same_place, Achievement.issuer == own.issuer)
    wanted = pairs(own.name)
    name = func.lower(Achievement.name)
    shared: ColumnElement[int] = literal(0)
    for pair in wanted:
        shared = shared + case((name.contains(pair, autoescape=True), 1), else_=0)
    return {
        "item": case((ConversionTarget.catalogue_item_id == target.id, 1), else_=0),
        "organisation": case((same_place, 1), else_=0),
        "kind": case((Achievement.category_id == own.category_id, 1), else_=0),
        "words": shared * 100 // max(len(wanted), 1),
    }


def _opinion() -> ColumnElement[str | None]:
    """The opinion of the last decision of the committee, or of the appeal that overruled it."""
    return (
        select(Review.opinion)
        .where(
            and_(
                Review.conversion_id == ConversionApplication.id, Review.stage.in_(("performance", "appeal"))
            )
        )
        .order_by(Review.id.desc())
        .limit(1)
        .correlate(ConversionApplication)
        .scalar_subquery()
    )


def _told(row: Any, names: list[str]) -> Precedent:
    past, source, target, credits, learner, opinion, words, *marks = row
    found = [name for name, mark in zip(names, marks, strict=True) if mark]
    if words >= SIMILAR:
        found.append("words")

    def unnamed(text: str | None) -> str:
        return (text or "").replace(learner.name, _NOBODY) if learner.name else text or ""

    place = past.targets[0].catalogue_item.organisation.name
    return Precedent(
        past.number,
        past.state,
        past.final_at,
        unnamed(source),
        target,
        place,
        credits,
        unnamed(opinion),
        tuple(found),
    )
