"""转换上限: how much a person has converted, and what more would pass a cap. A conversion that would is refused whole:
credits are never cut to what is left (ADR 0016).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from app.achievements.models import Achievement
from app.catalogue.models import CatalogueItem, Programme
from app.conversion.models import ConversionApplication, ConversionSource, ConversionTarget
from app.kernel.clock import civil
from app.kernel.errors import N_, Conflict
from app.kernel.numbering import decimal
from app.rules.matching import granted
from app.rules.models import CreditCap


@dataclass(frozen=True)
class Use:
    """Credits (hundredths) that one target takes up: granted, applied for, or thought of."""

    rule: int | None
    organisation: int
    programme: int | None
    categories: frozenset[int]
    year: int
    credits: int


@dataclass(frozen=True)
class Bucket:
    """What one cap counts together, and how much fits in (hundredths)."""

    cap: CreditCap
    programme: int | None
    year: int | None
    limit: int


def counts(cap: CreditCap, use: Use) -> bool:
    """Whether a cap counts this use."""
    return (
        cap.organisation_id == use.organisation
        and cap.rule_id in (None, use.rule)
        and cap.programme_id in (None, use.programme)
        and (cap.category_id is None or cap.category_id in use.categories)
        and (cap.basis == "learner" or use.programme is not None)
    )


def key(cap: CreditCap, use: Use) -> tuple[int, int | None, int | None]:
    """The bucket that a use falls into: cap, programme, year."""
    return (
        cap.id,
        use.programme if cap.basis == "programme" else None,
        use.year if cap.period == "year" else None,
    )


def buckets(
    session: Session, caps: Iterable[CreditCap], uses: Iterable[Use]
) -> dict[tuple[int, int | None, int | None], Bucket]:
    """The buckets that these uses fall into. A share of unknown graduation credits limits nothing."""
    found: dict[tuple[int, int | None, int | None], Bucket] = {}
    for use in uses:
        for cap in caps:
            if counts(cap, use) and key(cap, use) not in found:
                limit = _limit(session, cap, use.programme)
                if limit is not None:
                    _id, programme, year = key(cap, use)
                    found[key(cap, use)] = Bucket(cap, programme, year, limit)
    return found


def _limit(session: Session, cap: CreditCap, programme: int | None) -> int | None:
    if cap.share is None:
        return cap.credits
    row = session.get(Programme, programme) if programme is not None else None
    return (
        None if row is None or row.graduation_credits is None else row.graduation_credits * cap.share // 10000
    )


def in_force(session: Session, organisations: Iterable[int]) -> Sequence[CreditCap]:
    """The caps of these granting institutions."""
    query = select(CreditCap).where(CreditCap.active, CreditCap.organisation_id.in_(set(organisations)))
    return session.scalars(query.order_by(CreditCap.id)).all()


def used(session: Session, seal: bytes, *, besides: int | None = None) -> list[Use]:
    """What a person has been granted or applied for, but for one application."""
    query = (
        select(ConversionTarget)
        .where(ConversionTarget.holder_seal == seal, ConversionTarget.live)
        .options(
            joinedload(ConversionTarget.catalogue_item),
            joinedload(ConversionTarget.application).options(
                joinedload(ConversionApplication.rule_version),
                selectinload(ConversionApplication.sources)
                .joinedload(ConversionSource.achievement)
                .joinedload(Achievement.category),
            ),
        )
    )
    if besides is not None:
        query = query.where(ConversionTarget.application_id != besides)
    return [use_of(target) for target in session.scalars(query)]


def use_of(target: ConversionTarget) -> Use:
    """What a target of an application takes up; credits that nobody knows yet count as none until approval."""
    case, item = target.application, target.catalogue_item
    credits = target.granted_credits
    if credits is None:
        credits = granted(target.item_credits or 0, target.ratio)
    return Use(
        rule=case.rule_version.rule_id if case.rule_version else None,
        organisation=item.organisation_id,
        programme=item.programme_id,
        categories=kinds(case.achievements),
        year=civil(case.submitted_at).year,
        credits=credits,
    )


def kinds(achievements: Iterable[Achievement]) -> frozenset[int]:
    """Small and large categories of sources."""
    rows = [achievement.category for achievement in achievements]
    return frozenset(key for row in rows for key in (row.id, row.parent_id) if key is not None)


def check(session: Session, case: ConversionApplication, seal: bytes) -> None:
    """This application stays within every cap. Raises Conflict: which cap, how much is left."""
    new = [use_of(target) for target in case.targets]
    caps = in_force(session, (use.organisation for use in new))
    if not caps:
        return
    old = used(session, seal, besides=case.id)
    for name, bucket in buckets(session, caps, new).items():
        taken = sum(use.credits for use in old if counts(bucket.cap, use) and key(bucket.cap, use) == name)
        adds = sum(use.credits for use in new if counts(bucket.cap, use) and key(bucket.cap, use) == name)
        if adds and taken + adds > bucket.limit:
            raise Conflict(
                "cap",
                N_(
                    "This would pass the limit “%(cap)s”: %(limit)s credits, %(taken)s in use, %(adds)s more asked for."
                ),
                cap=bucket.cap.name,
                limit=decimal(bucket.limit),
                taken=decimal(taken),
                adds=decimal(adds),
            )


def item_use(item: CatalogueItem, ratio: int, rule: int | None, categories: frozenset[int], year: int) -> Use:
    """What a grant that is only thought of would take up."""
    return Use(
        rule, item.organisation_id, item.programme_id, categories, year, granted(item.credits or 0, ratio)
    )
