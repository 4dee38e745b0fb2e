"""What a rule asks for, and whether holdings answer it: one engine for submission, planner, impact and replay.

Plain values in, plain values out: nothing here reads the database or the clock, so a stored decision can be decided
again years later (spec 1.5.4).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from itertools import combinations
from typing import Any

from app.kernel.errors import N_, DomainError, Invalid
from app.rules.models import RuleVersion

#: From how much resemblance on two names are taken for similar, in hundredths (Dice's coefficient of letters).
SIMILAR = 60


@dataclass(frozen=True)
class Holding:
    """An achievement as a rule sees it. ``level`` is the number of the qualification level, credits in hundredths."""

    key: int
    item: int | None
    category: int
    name: str
    issuer: str = ""
    issuer_id: int | None = None
    score: str = ""
    level: int | None = None
    obtained_on: date | None = None
    converted: bool = False
    performance: bool = False
    accepted: bool = True


@dataclass(frozen=True)
class Slot:
    """One place to fill: by an item, or by a category with conditions. ``group`` is None for a slot by itself."""

    key: int
    item: int | None = None
    category: int | None = None
    words: str = ""
    similar: bool = False
    issuer_id: int | None = None
    issuer: str = ""
    minimum_score: int | None = None
    minimum_level: int | None = None
    months: int | None = None
    group: int | None = None

    @property
    def by_name(self) -> bool:
        """Whether a reviewer has to confirm that the name is the one meant."""
        return self.item is None and bool(self.words)


@dataclass(frozen=True)
class Terms:
    """What a rule version says. ``needed``: how many members (groups, and slots in none) are enough; None: all.

    ``groups``: (group, how many of its slots are enough; None: all). ``targets``: (item, ratio in basis
    points); ``targets_needed``: how many of them the learner chooses; None: all are granted.
    """

    slots: tuple[Slot, ...]
    targets: tuple[tuple[int, int], ...]
    needed: int | None = None
    groups: tuple[tuple[int, int | None], ...] = ()
    targets_needed: int | None = None
    accepts_converted: bool = False

    @property
    def members(self) -> list[tuple[Slot, ...]]:
        """Groups and single slots, in the order of their first slot."""
        found: dict[Any, list[Slot]] = {}
        for slot in self.slots:
            found.setdefault(("slot", slot.key) if slot.group is None else ("group", slot.group), []).append(
                slot
            )
        return [tuple(slots) for slots in found.values()]

    def enough(self, member: Sequence[Slot]) -> int:
        """How many slots of a member must be filled."""
        group = member[0].group
        wanted = None if group is None else dict(self.groups).get(group)
        return len(member) if wanted is None else wanted

    def plain(self) -> dict[str, Any]:
        """As JSON values, for a decision's record."""
        return {
            "slots": [asdict(slot) for slot in self.slots],
            "targets": [list(target) for target in self.targets],
            "needed": self.needed,
            "groups": [list(group) for group in self.groups],
            "targets_needed": self.targets_needed,
            "accepts_converted": self.accepts_converted,
        }

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> Terms:
        """The terms that :meth:`plain` wrote."""
        return cls(
            slots=tuple(Slot(**slot) for slot in plain["slots"]),
            targets=tuple((item, ratio) for item, ratio in plain["targets"]),
            needed=plain["needed"],
            groups=tuple((group, needed) for group, needed in plain["groups"]),
            targets_needed=plain["targets_needed"],
            accepts_converted=plain["accepts_converted"],
        )


def terms_of(version: RuleVersion) -> Terms:
    """What a rule version asks for and grants."""
    return Terms(
        slots=tuple(
            Slot(
                key=row.id,
                item=row.catalogue_item_id,
                category=row.category_id,
                words=row.name_pattern,
                similar=row.similar_names,
                issuer_id=row.issuer_id,
                issuer=row.issuer.name if row.issuer else "",
                minimum_score=row.minimum_score,
                minimum_level=row.minimum_level.number if row.minimum_level else None,
                months=row.months_valid,
                group=row.group_id,
            )
            for row in version.sources
        ),
        targets=tuple((row.catalogue_item_id, row.ratio) for row in version.targets),
        needed=version.needed,
        groups=tuple((row.id, row.needed) for row in version.groups),
        targets_needed=version.targets_needed,
        accepts_converted=version.accepts_converted,
    )


# --- one holding, one slot


def fits(slot: Slot, holding: Holding) -> bool:
    """Whether the slot asks for this kind of achievement at all."""
    if slot.item is not None:
        return holding.item == slot.item
    if holding.category != slot.category or not _of_issuer(slot, holding):
        return False
    return not slot.words or named(slot.words, holding.name, similar=slot.similar)


def _of_issuer(slot: Slot, holding: Holding) -> bool:
    if slot.issuer_id is None:
        return True
    return holding.issuer_id == slot.issuer_id or (
        holding.issuer_id is None and holding.issuer == slot.issuer
    )


def named(words: str, name: str, *, similar: bool = False) -> bool:
    """Whether ``name`` holds one of the words (separated by commas), or resembles one where ``similar``."""
    return any(
        word.casefold() in name.casefold() or (similar and resemblance(word, name) >= SIMILAR)
        for word in split(words)
    )


def split(words: str) -> list[str]:
    """The parts of a list that people type: by comma or enumeration comma, Chinese ones too."""
    return [part for part in (word.strip() for word in re.split(r"[,，、;；|]", words)) if part]


def resemblance(one: str, other: str) -> int:
    """How many letters two names share, in hundredths of both."""
    left, right = set(one.casefold()), set(other.casefold())
    return 200 * len(left & right) // (len(left) + len(right)) if left and right else 0


def obstacles(terms: Terms, slot: Slot, holding: Holding, day: date) -> list[DomainError]:
    """Why ``holding`` can't fill ``slot`` on ``day``; empty when it can."""
    reasons: list[DomainError] = []
    if not holding.accepted:
        reasons.append(Invalid("not_accepted", N_("This achievement is not recognised, or is under review.")))
    if holding.performance:
        reasons.append(
            Invalid("performance", N_("Performance achievements are converted on their own page."))
        )
    if holding.converted and not terms.accepts_converted:
        reasons.append(
            Invalid("converted", N_("An achievement granted by a conversion is no source of this rule."))
        )
    if not fits(slot, holding):
        reasons.append(Invalid("other_item", N_("This rule asks for another achievement.")))
    return reasons + _conditions(slot, holding, day)


def _conditions(slot: Slot, holding: Holding, day: date) -> list[DomainError]:
    reasons: list[DomainError] = []
    if slot.minimum_score is not None and not _scored(holding.score, slot.minimum_score):
        reasons.append(
            Invalid("score", N_("The score must be at least %(score)s."), score=slot.minimum_score)
        )
    if slot.minimum_level is not None and (holding.level is None or holding.level < slot.minimum_level):
        words = N_("The qualification level must be at least %(level)s.")
        reasons.append(Invalid("level", words, level=slot.minimum_level))
    if slot.months is not None and not _recent(holding.obtained_on, slot.months, day):
        words = N_("It must have been obtained within the last %(months)s months.")
        reasons.append(Invalid("too_old", words, months=slot.months))
    return reasons


def _scored(score: str, minimum: int) -> bool:
    found = re.match(r"\d+", score.strip())
    return found is not None and int(found.group()) >= minimum


def _recent(obtained: date | None, months: int, day: date) -> bool:
    if obtained is None or obtained > day:
        return False
    passed = (day.year - obtained.year) * 12 + day.month - obtained.month
    return passed < months or (passed == months and day.day <= obtained.day)


# --- a whole rule


def satisfied(terms: Terms, filled: Iterable[int]) -> bool:
    """Whether these filled slots are what the rule asks for."""
    have = set(filled)
    members = terms.members
    complete = sum(
        len(have.intersection(s.key for s in member)) >= terms.enough(member) for member in members
    )
    return complete >= (len(members) if terms.needed is None else terms.needed)


def minimal(terms: Terms) -> Iterator[tuple[Slot, ...]]:
    """Every smallest set of slots that satisfies the rule."""
    members = terms.members
    for chosen in combinations(members, len(members) if terms.needed is None else terms.needed):
        yield from _choices(terms, chosen, ())


def _choices(
    terms: Terms, members: Sequence[tuple[Slot, ...]], so_far: tuple[Slot, ...]
) -> Iterator[tuple[Slot, ...]]:
    if not members:
        yield so_far
        return
    for part in combinations(members[0], terms.enough(members[0])):
        yield from _choices(terms, members[1:], so_far + part)


def fill(terms: Terms, holdings: Iterable[Holding], day: date) -> dict[int, int] | None:
    """Slot → holding: some way to satisfy the rule with these holdings, each used once; None where there is none."""
    held = list(holdings)
    able = {slot.key: [h.key for h in held if not obstacles(terms, slot, h, day)] for slot in terms.slots}
    for slots in minimal(terms):
        if all(able[slot.key] for slot in slots):
            found = _assign([slot.key for slot in slots], able)
            if found is not None:
                return found
    return None


def _assign(slots: Sequence[int], able: Mapping[int, Sequence[int]]) -> dict[int, int] | None:
    """A perfect matching of slots to holdings, by augmenting paths."""
    taken: dict[int, int] = {}

    def place(slot: int, seen: set[int]) -> bool:
        for holding in able[slot]:
            if holding not in seen:
                seen.add(holding)
                if holding not in taken or place(taken[holding], seen):
                    taken[holding] = slot
                    return True
        return False

    if not all(place(slot, set()) for slot in slots):
        return None
    return {slot: holding for holding, slot in taken.items()}


def granted(item_credits: int, ratio: int) -> int:
    """Hundredths of a credit: ``item_credits`` × ``ratio`` basis points, half up."""
    return (item_credits * ratio + 5000) // 10000
