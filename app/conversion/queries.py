"""What the pages of conversions read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import Session, joinedload, selectinload

from app.achievements.models import Achievement
from app.catalogue.models import Category
from app.conversion.eligibility import holding
from app.conversion.models import ConversionApplication, ConversionSource, ConversionTarget
from app.learners.models import Learner
from app.rules.models import Agreement, Rule, RuleVersion
from app.rules.queries import counts

#: An application counts as 已用 from submission until it is withdrawn, refused or reversed (spec 2.4).
IN_USE = ("initial_review", "performance_review", "final_review", "returned", "approved")

#: (achievement, rule) of every application that counts as 已用; built once.
_USES = (
    select(ConversionSource.achievement_id, RuleVersion.rule_id)
    .join(ConversionApplication, ConversionApplication.id == ConversionSource.application_id)
    .outerjoin(RuleVersion, RuleVersion.id == ConversionApplication.rule_version_id)
    .where(
        ConversionSource.achievement_id.in_(bindparam("achievements", expanding=True)),
        ConversionApplication.state.in_(IN_USE),
    )
)

#: What a queue of conversions by rule shows of each case.
NAMES = (
    joinedload(ConversionApplication.learner).joinedload(Learner.person),
    joinedload(ConversionApplication.rule_version).joinedload(RuleVersion.rule).joinedload(Rule.agreement),
)

#: The same with what is converted into what.
QUEUE = (
    *NAMES,
    selectinload(ConversionApplication.sources)
    .joinedload(ConversionSource.achievement)
    .joinedload(Achievement.category),
    selectinload(ConversionApplication.targets).joinedload(ConversionTarget.catalogue_item),
)


def convertible(
    learner_id: int, *, name: str = "", category_id: int | None = None, issuer: str = ""
) -> Select[tuple[Achievement]]:
    """Catalogued and recognised achievements outside 业绩类, newest first (spec 2.4)."""
    query = (
        select(Achievement)
        .join(Category, Category.id == Achievement.category_id)
        .where(
            Achievement.learner_id == learner_id,
            Achievement.state.in_(("catalogued", "recognised")),
            Category.performance.is_(False),
        )
        .order_by(Achievement.id.desc())
        .options(
            joinedload(Achievement.category),
            joinedload(Achievement.catalogue_item),
            joinedload(Achievement.level),
        )
    )
    if name:
        query = query.where(Achievement.name.contains(name, autoescape=True))
    if issuer:
        query = query.where(Achievement.issuer.contains(issuer, autoescape=True))
    return query.where(Achievement.category_id == category_id) if category_id else query


def performance(learner_id: int) -> Select[tuple[Achievement]]:
    """Recognised 业绩类 achievements, newest first (spec 2.5)."""
    return (
        select(Achievement)
        .join(Category, Category.id == Achievement.category_id)
        .where(Achievement.learner_id == learner_id, Achievement.state == "recognised", Category.performance)
        .order_by(Achievement.id.desc())
        .options(joinedload(Achievement.category).joinedload(Category.parent))
    )


def rule_counts(session: Session, achievements: Sequence[Achievement]) -> dict[int, tuple[int, int]]:
    """(可转换规则数, 已用转换规则数) per achievement: published rules that it can enter less those in use, and how many
    applications it is in use by.
    """
    rows = session.execute(_USES, {"achievements": [a.id for a in achievements]})
    in_use: dict[int, set[int]] = {}
    used: dict[int, int] = {}
    for achievement, rule in rows:
        used[achievement] = used.get(achievement, 0) + 1
        in_use.setdefault(achievement, set()).add(rule)
    open_ones = counts(session, [holding(a) for a in achievements], in_use)
    return {a.id: (open_ones[a.id], used.get(a.id, 0)) for a in achievements}


def of_achievement(session: Session, achievement_id: int) -> list[ConversionApplication]:
    """The applications that an achievement went into, newest first."""
    query = (
        select(ConversionApplication)
        .join(ConversionSource, ConversionSource.application_id == ConversionApplication.id)
        .where(ConversionSource.achievement_id == achievement_id)
        .order_by(ConversionApplication.id.desc())
        .options(*QUEUE)
    )
    return list(session.scalars(query).unique())


def agreement_named(query: Select[Any], word: str) -> Select[Any]:
    """Narrow a queue by 协议名称."""
    versions = (
        select(RuleVersion.id)
        .join(Rule, Rule.id == RuleVersion.rule_id)
        .join(Agreement)
        .where(Agreement.name.contains(word, autoescape=True))
    )
    return query.where(ConversionApplication.rule_version_id.in_(versions))


def rule_named(query: Select[Any], word: str) -> Select[Any]:
    """Narrow a queue by 规则名称."""
    versions = select(RuleVersion.id).where(RuleVersion.name.contains(word, autoescape=True))
    return query.where(ConversionApplication.rule_version_id.in_(versions))
