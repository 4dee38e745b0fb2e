"""What learners' pages and look-ups read."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session, joinedload

from app.achievements.models import Achievement
from app.catalogue.models import CatalogueItem, Category, Programme
from app.organisations.models import Organisation


def counts(session: Session, learner_id: int) -> dict[str, int]:
    """成果总数, 未申请, 已申请, 已认定 (名录成果 counts here), 认定未通过, 退回补正: one query (spec 2.2)."""
    rows = session.execute(
        select(Achievement.state, func.count())
        .where(Achievement.learner_id == learner_id)
        .group_by(Achievement.state)
    )
    by_state: dict[str, int] = dict(rows.tuples().all())
    return {
        "total": sum(by_state.values()),
        "draft": by_state.get("draft", 0),
        "submitted": by_state.get("submitted", 0),
        "recognised": by_state.get("recognised", 0) + by_state.get("catalogued", 0),
        "refused": by_state.get("refused", 0),
        "returned": by_state.get("returned", 0),
    }


def of_learner(learner_id: int) -> Select[tuple[Achievement]]:
    """A learner's achievements, newest first, with what a list shows."""
    return (
        select(Achievement)
        .where(Achievement.learner_id == learner_id)
        .order_by(Achievement.id.desc())
        .options(joinedload(Achievement.category).joinedload(Category.parent))
    )


def small_categories(session: Session) -> list[Category]:
    """Active small categories in the order of the large ones and of their own."""
    parent = select(Category).where(Category.parent_id.is_(None)).subquery()
    rows = session.scalars(
        select(Category)
        .join(parent, parent.c.id == Category.parent_id)
        .where(Category.active)
        .order_by(parent.c.position, parent.c.id, Category.position, Category.id)
        .options(joinedload(Category.parent))
    )
    return list(rows)


def search_items(
    session: Session,
    category_id: int,
    *,
    project: str = "",
    name: str = "",
    organisation: str = "",
    own_institution: int | None = None,
    limit: int = 20,
) -> list[CatalogueItem]:
    """Catalogue items by 项目名称, 成果名称, 资历机构名称; those of the learner's own institution first."""
    query = _items(project, name, organisation).where(CatalogueItem.category_id == category_id)
    if own_institution is not None:
        query = query.order_by((CatalogueItem.organisation_id == own_institution).desc())
    return list(session.scalars(query.order_by(CatalogueItem.name, CatalogueItem.id).limit(limit)))


def search_targets(
    session: Session, *, project: str = "", name: str = "", organisation: str = "", limit: int = 20
) -> list[CatalogueItem]:
    """Items that a performance achievement may be converted to: of a programme, whatever the category."""
    query = _items(project, name, organisation).where(CatalogueItem.programme_id.is_not(None))
    return list(session.scalars(query.order_by(CatalogueItem.name, CatalogueItem.id).limit(limit)))


def _items(project: str, name: str, organisation: str) -> Select[tuple[CatalogueItem]]:
    query: Any = (
        select(CatalogueItem)
        .join(Organisation, Organisation.id == CatalogueItem.organisation_id)
        .outerjoin(Programme, Programme.id == CatalogueItem.programme_id)
        .where(CatalogueItem.standing == "active", Organisation.active)
        .options(
            joinedload(CatalogueItem.organisation),
            joinedload(CatalogueItem.programme),
            joinedload(CatalogueItem.category),
        )
    )
    for word in project.split():
        query = query.where(
            or_(
                CatalogueItem.project.contains(word, autoescape=True),
                Programme.name.contains(word, autoescape=True),
                Programme.term.contains(word, autoescape=True),
            )
        )
    for word in name.split():
        query = query.where(
            or_(CatalogueItem.name.contains(word, autoescape=True), CatalogueItem.code == word)
        )
    for word in organisation.split():
        query = query.where(Organisation.name.contains(word, autoescape=True))
    return query  # type: ignore[no-any-return]
