"""Agreement and drift per committee (spec 5.13), and what stands out in how people review (spec 5.14): shown, never
deciding.

Decisions are read off ``review``, which nobody can change. A second reading of a case exists where an auditor looked
at it in a sample, and where a refusal was appealed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import sqrt
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from app.appeals.models import Appeal
from app.audit.models import SampledCase
from app.conversion.models import ConversionApplication
from app.organisations.models import Committee
from app.review.models import Review

#: Drift compares these last days with the year before them.
RECENT, BEFORE = timedelta(days=90), timedelta(days=365)
#: Nothing is said about fewer decisions than this, and a share stands out from this many standard errors on.
ENOUGH, FAR = 20, 3.0
#: A decision this soon after the same reviewer's last one is faster than reading; sooner than a second apart they
#: were taken together, as cases that are complete may be (spec 2.4).
READING, TOGETHER = timedelta(seconds=15), timedelta(seconds=1)
#: Decisions looked through for those faster than reading: the newest ones.
SEARCHED = 50_000
_COMMITTEE_STAGES = ("final", "performance")
_OPPOSITE = {"agree": "refuse", "refuse": "agree"}


def kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Cohen's κ of two readings of the same cases (J. Cohen, Educational and Psychological Measurement 20, 1960, 37–46).

    None without cases, and where chance alone would agree always: then κ says nothing.
    """
    if not pairs:
        return None
    n = len(pairs)
    agreed = sum(one == other for one, other in pairs)
    by_chance = sum(
        sum(one == mark for one, _ in pairs) * sum(other == mark for _, other in pairs)
        for mark in {mark for pair in pairs for mark in pair}
    )
    return None if by_chance == n * n else (agreed / n - by_chance / n**2) / (1 - by_chance / n**2)


def apart(some: int, of: int, others: int, of_others: int) -> float | None:
    """By how many standard errors two shares differ (two-proportion z, pooled); None where too few were counted."""
    if of < ENOUGH or of_others < ENOUGH:
        return None
    pooled = (some + others) / (of + of_others)
    error = sqrt(pooled * (1 - pooled) * (1 / of + 1 / of_others))
    return (some / of - others / of_others) / error if error else 0.0


@dataclass(frozen=True)
class Standing:
    """One committee. Pairs of numbers are (agreed, decided); ``drift`` is in standard errors."""

    committee: str
    read_twice: int
    agreement: float | None
    appeals: int
    upheld: int
    recent: tuple[int, int]
    before: tuple[int, int]
    drift: float | None

    @property
    def drifts(self) -> bool:
        return self.drift is not None and abs(self.drift) >= FAR


def standings(session: Session, at: datetime) -> list[Standing]:
    """Every committee as it stands at ``at``, by name."""
    twice, appealed = _read_twice(session), _appealed(session)
    recent, before = _agreed(session, at - RECENT, at), _agreed(session, at - RECENT - BEFORE, at - RECENT)
    found = []
    for key, name in session.execute(select(Committee.id, Committee.name).order_by(Committee.name)):
        now_, then = recent.get(key, (0, 0)), before.get(key, (0, 0))
        upheld, decided = appealed.get(key, (0, 0))
        found.append(
            Standing(
                name, len(twice[key]), kappa(twice[key]), decided, upheld, now_, then, apart(*now_, *then)
            )
        )
    return found


def _read_twice(session: Session) -> dict[int, list[tuple[str, str]]]:
    """Per committee: what it decided, and what an auditor who read the case in a sample held right."""
    last = (
        select(func.max(Review.id))
        .where(Review.stage.in_(_COMMITTEE_STAGES), Review.decision != "return")
        .where(Review.conversion_id.is_not(None))
        .group_by(Review.conversion_id)
    )
    query = (
        select(ConversionApplication.committee_id, Review.decision, SampledCase.result)
        .join(Review, Review.conversion_id == ConversionApplication.id)
        .join(SampledCase, SampledCase.conversion_id == ConversionApplication.id)
        .where(Review.id.in_(last), SampledCase.result != "open")
    )
    found: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for key, decision, result in session.execute(query).tuples():
        if key is not None:
            found[key].append((decision, decision if result == "well" else _OPPOSITE[decision]))
    return found


def _appealed(session: Session) -> dict[int, tuple[int, int]]:
    """Per committee whose refusal was appealed: (upheld, decided)."""
    refused = (
        select(Review.conversion_id)
        .where(Review.stage.in_(_COMMITTEE_STAGES), Review.decision == "refuse")
        .where(Review.conversion_id.is_not(None))
    )
    query = (
        select(ConversionApplication.committee_id, _count(Appeal.state == "upheld"), func.count())
        .join(Appeal, Appeal.conversion_id == ConversionApplication.id)
        .where(Appeal.state != "filed", ConversionApplication.id.in_(refused))
        .group_by(ConversionApplication.committee_id)
    )
    return _pairs(session.execute(query))


def _agreed(session: Session, begin: datetime, end: datetime) -> dict[int, tuple[int, int]]:
    query = (
        select(ConversionApplication.committee_id, _count(Review.decision == "agree"), func.count())
        .join(Review, Review.conversion_id == ConversionApplication.id)
        .where(Review.stage.in_(_COMMITTEE_STAGES), Review.decision != "return")
        .where(Review.created_at >= begin, Review.created_at < end)
        .group_by(ConversionApplication.committee_id)
    )
    return _pairs(session.execute(query))


def _count(condition: Any) -> Any:
    return func.sum(case((condition, 1), else_=0))


def _pairs(rows: Iterable[Any]) -> dict[int, tuple[int, int]]:
    return {key: (int(some), int(of)) for key, some, of in rows if key is not None}


@dataclass(frozen=True)
class Behaviour:
    """A reviewer who stands out. ``kind`` is one of SIGNAL_KINDS; shares are (some, of) of the reviewer and of peers."""

    kind: str
    reviewer_id: int
    stage: str
    own: tuple[int, int]
    peers: tuple[int, int]
    apart: float | None


def far_from_peers(session: Session, at: datetime) -> list[Behaviour]:
    """Reviewers whose share of refusals in the last year is far from that of everybody else at the same stage, before
    the same committee where there is one.
    """
    group = case((Review.stage.in_(_COMMITTEE_STAGES), ConversionApplication.committee_id), else_=None)
    query = (
        select(Review.stage, group, Review.reviewer_id, _count(Review.decision == "refuse"), func.count())
        .outerjoin(ConversionApplication, ConversionApplication.id == Review.conversion_id)
        .where(Review.decision != "return", Review.created_at >= at - BEFORE, Review.created_at < at)
        .where(Review.stage.in_(("recognition", "initial", *_COMMITTEE_STAGES)))
        .group_by(Review.stage, group, Review.reviewer_id)
    )
    rows = session.execute(query).all()
    sums: dict[Any, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for stage, place, _reviewer, some, of in rows:
        sums[stage, place] = (sums[stage, place][0] + int(some), sums[stage, place][1] + of)
    found = []
    for stage, place, reviewer, some, of in rows:
        peers = (sums[stage, place][0] - int(some), sums[stage, place][1] - of)
        distance = apart(int(some), of, *peers)
        if distance is not None and abs(distance) >= FAR:
            found.append(Behaviour("reviewer_drift", reviewer, stage, (int(some), of), peers, distance))
    return sorted(found, key=lambda one: -abs(one.apart or 0))


def faster_than_reading(session: Session, at: datetime) -> list[Behaviour]:
    """Reviewers who in the last days often decided sooner after their last decision than anybody can read a case."""
    newest = (
        select(Review.reviewer_id, Review.created_at)
        .where(Review.created_at >= at - RECENT, Review.created_at < at)
        .where(Review.stage.in_(("recognition", "initial", *_COMMITTEE_STAGES)))
        .order_by(Review.created_at.desc())
        .limit(SEARCHED)
    )
    times: dict[int, list[datetime]] = defaultdict(list)
    for reviewer, moment in session.execute(newest):
        times[reviewer].append(moment)
    quick = {reviewer: _quick(sorted(moments)) for reviewer, moments in times.items()}
    everybody = (sum(one[0] for one in quick.values()), sum(one[1] for one in quick.values()))
    found = [
        Behaviour("fast_review", reviewer, "", own, (everybody[0] - own[0], everybody[1] - own[1]), None)
        for reviewer, own in quick.items()
        if own[1] >= ENOUGH and own[0] * 5 >= own[1]
    ]
    return sorted(found, key=lambda one: -one.own[0])


def _quick(moments: Sequence[datetime]) -> tuple[int, int]:
    """(faster than reading, all) of one reviewer's decisions in their order; those taken together count for none."""
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    alone = [gap for gap in gaps if gap >= TOGETHER]
    return sum(gap < READING for gap in alone), len(alone)
