"""Which committee gets a case (spec 2.4): AND inside a scope row, OR between rows; the most specific wins, a small
category before its large one; a tie or none → 未分派.
"""

from __future__ import annotations

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.conversion import caps
from app.conversion.models import ConversionApplication
from app.organisations.models import Committee, CommitteeScope


def committee_for(session: Session, case: ConversionApplication) -> int | None:
    """The committee's id, or None when none covers the case or two do equally."""
    small = {achievement.category_id for achievement in case.achievements}
    categories = caps.kinds(case.achievements)
    institutions = {target.catalogue_item.organisation_id for target in case.targets}
    rows = session.scalars(
        select(CommitteeScope)
        .join(Committee)
        .where(
            Committee.active,
            or_(CommitteeScope.programme_id.is_(None), CommitteeScope.programme_id == case.programme_id),
            or_(CommitteeScope.category_id.is_(None), CommitteeScope.category_id.in_(categories)),
            or_(CommitteeScope.organisation_id.is_(None), CommitteeScope.organisation_id.in_(institutions)),
        )
    )
    best: dict[int, tuple[int, bool]] = {}
    for row in rows:
        named = sum(key is not None for key in (row.programme_id, row.category_id, row.organisation_id))
        specific = (named, row.category_id in small)
        best[row.committee_id] = max(best.get(row.committee_id, (0, False)), specific)
    if not best:
        return None
    top = max(best.values())
    winners = [key for key, specific in best.items() if specific == top]
    return winners[0] if len(winners) == 1 else None
