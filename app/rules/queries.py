"""Finding rules: for an achievement, for the public, and how many there are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from app.catalogue.models import CatalogueItem, Programme
from app.rules.models import Agreement, Rule, RuleCandidate, RuleSource, RuleTarget, RuleVersion

_WITH_VERSION = (
    joinedload(Rule.agreement),
    joinedload(Rule.programme),
    joinedload(Rule.current_version)
    .selectinload(RuleVersion.targets)
    .joinedload(RuleTarget.catalogue_item)
    .joinedload(CatalogueItem.organisation),
    joinedload(Rule.current_version).selectinload(RuleVersion.sources).joinedload(RuleSource.catalogue_item),
)


def for_item(
    item_id: int, *, words: str = "", own_programme_id: int | None = None, own_name: str = ""
) -> Select[tuple[Rule]]:
    """Published rules that an item can enter, found by words; the learner's own programme first, then its
    other terms (spec 2.6).
    """
    query: Any = (
        select(Rule)
        .join(RuleCandidate, RuleCandidate.rule_id == Rule.id)
        .outerjoin(Programme, Programme.id == Rule.programme_id)
        .where(RuleCandidate.catalogue_item_id == item_id, Rule.state == "published")
        .options(*_WITH_VERSION)
    )
    order: list[Any] = []
    if own_programme_id is not None:
        order.append((func.coalesce(Rule.programme_id, 0) == own_programme_id).desc())
        order.append((func.coalesce(Programme.name, "") == own_name).desc())
    return _matching(query, words).order_by(*order, Programme.term.desc(), Rule.name, Rule.id)


def public(*, words: str = "") -> Select[tuple[Rule]]:
    """Published rules for everyone, found by words."""
    query: Any = (
        select(Rule)
        .join(Agreement)
        .outerjoin(Programme, Programme.id == Rule.programme_id)
        .where(Rule.state == "published")
        .options(*_WITH_VERSION)
    )
    return _matching(query, words).order_by(Rule.name, Rule.id)


def _matching(query: Any, words: str) -> Any:
    for word in words.split()[:8]:
        query = query.where(
            or_(
                Rule.name.contains(word, autoescape=True),
                Programme.name.contains(word, autoescape=True),
                Programme.term == word,
            )
        )
    return query


def counts_for_items(session: Session, item_ids: Iterable[int]) -> dict[int, int]:
    """How many published rules each item can enter: one indexed look-up for a page."""
    ids = set(item_ids)
    if not ids:
        return {}
    rows = session.execute(
        select(RuleCandidate.catalogue_item_id, func.count())
        .where(RuleCandidate.catalogue_item_id.in_(ids))
        .group_by(RuleCandidate.catalogue_item_id)
    )
    return dict(rows.tuples().all())


def published(session: Session, rule_id: int) -> Rule | None:
    """A published rule with its version, or None."""
    return session.scalar(
        select(Rule).where(Rule.id == rule_id, Rule.state == "published").options(*_WITH_VERSION)
    )


def version_of(session: Session, version_id: int) -> RuleVersion:
    """A version with its sources and targets."""
    return session.scalars(
        select(RuleVersion)
        .where(RuleVersion.id == version_id)
        .options(
            selectinload(RuleVersion.sources),
            selectinload(RuleVersion.targets).joinedload(RuleTarget.catalogue_item),
        )
    ).one()
