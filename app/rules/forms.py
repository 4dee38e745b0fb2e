"""The page on which a version of a rule is written: what was typed, as values for the services, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from app.kernel.errors import N_, Invalid
from app.kernel.numbering import decimal
from app.rules.models import RuleVersion
from app.rules.services import Slot

#: More than this many sources, targets or groups are no rule that people can read.
MOST = 20
GROUPS = (1, 2, 3, 4)
_SOURCE = ("item", "category", "issuer", "words", "similar", "score", "level", "months", "group")


@dataclass
class Draft:
    """What stands in the form, as text."""

    name: str = ""
    description: str = ""
    valid_from: str = ""
    valid_until: str = ""
    reuse_group: str = ""
    needed: str = ""
    targets_needed: str = ""
    accepts_converted: bool = False
    sources: list[dict[str, str]] = field(default_factory=list)
    targets: list[dict[str, str]] = field(default_factory=list)
    groups: dict[int, str] = field(default_factory=dict)

    @classmethod
    def read(cls, form: Mapping[str, str]) -> Draft:
        """From a posted form; blank rows are dropped."""
        draft = cls(accepts_converted="accepts_converted" in form)
        for name in _WORDS:
            setattr(draft, name, form.get(name, "").strip())
        for number in range(MOST):
            source = {part: form.get(f"source-{number}-{part}", "").strip() for part in _SOURCE}
            if any(source[part] for part in ("item", "category", "words")):
                draft.sources.append(source)
            target = {part: form.get(f"target-{number}-{part}", "").strip() for part in ("item", "ratio")}
            if target["item"]:
                draft.targets.append(target)
        draft.groups = {number: form.get(f"group-{number}", "").strip() for number in GROUPS}
        return draft

    @classmethod
    def of(cls, version: RuleVersion) -> Draft:
        """As a version stands."""
        return cls(
            name=version.name,
            description=version.description,
            valid_from=version.valid_from.isoformat(),
            valid_until=version.valid_until.isoformat() if version.valid_until else "",
            reuse_group=version.reuse_group,
            needed=_text(version.needed),
            targets_needed=_text(version.targets_needed),
            accepts_converted=version.accepts_converted,
            sources=[
                {
                    "item": _text(row.catalogue_item_id),
                    "category": _text(row.category_id),
                    "issuer": _text(row.issuer_id),
                    "words": row.name_pattern,
                    "similar": "1" if row.similar_names else "",
                    "score": _text(row.minimum_score),
                    "level": _text(row.minimum_level_id),
                    "months": _text(row.months_valid),
                    "group": _text(row.group.position if row.group else None),
                }
                for row in version.sources
            ],
            targets=[
                {"item": str(row.catalogue_item_id), "ratio": decimal(row.ratio)} for row in version.targets
            ],
            groups={row.position: _text(row.needed) for row in version.groups},
        )

    def slots(self) -> list[Slot]:
        """The sources as values. Raises Invalid."""
        return [
            Slot(
                item_id=_number(row["item"]),
                category_id=None if row["item"] else _number(row["category"]),
                name_pattern="" if row["item"] else row["words"][:200],
                similar=bool(row["similar"]) and not row["item"],
                issuer_id=None if row["item"] else _number(row["issuer"]),
                minimum_score=_number(row["score"]),
                minimum_level_id=_number(row["level"]),
                months_valid=_number(row["months"]),
                group=_number(row["group"]),
            )
            for row in self.sources
        ]

    def grants(self) -> list[tuple[int, int]]:
        """The targets as (item, basis points). Raises Invalid."""
        return [(_number(row["item"]) or 0, _basis_points(row["ratio"] or "100")) for row in self.targets]

    def grouped(self) -> dict[int, int | None]:
        """Group → how many of its sources are enough. Raises Invalid."""
        return {number: _number(text) for number, text in self.groups.items()}

    def words(self) -> dict[str, Any]:
        """Everything else as columns of the version. Raises Invalid."""
        needed = _number(self.needed)
        if not self.name:
            raise Invalid("name", N_("Please give the rule a name."))
        return {
            "name": self.name[:200],
            "description": self.description[:4000],
            "valid_from": _day(self.valid_from, needed=True),
            "valid_until": _day(self.valid_until),
            "reuse_group": self.reuse_group.replace("/", "")[:32],
            "mode": "all" if needed is None else "any",
            "needed": needed,
            "targets_needed": _number(self.targets_needed),
            "accepts_converted": self.accepts_converted,
        }


_WORDS = ("name", "description", "valid_from", "valid_until", "reuse_group", "needed", "targets_needed")


def _text(value: int | None) -> str:
    return "" if value is None else str(value)


def _number(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise Invalid("number", N_("Please enter whole numbers."))
    return int(text)


def _basis_points(text: str) -> int:
    try:
        found = Decimal(text) * 100
    except InvalidOperation as error:
        raise Invalid("ratio", N_("A ratio is between 0 and 1000 per cent.")) from error
    if not found.is_finite() or found != found.to_integral_value() or not 0 <= found <= 100000:
        raise Invalid("ratio", N_("A ratio is between 0 and 1000 per cent."))
    return int(found)


def _day(text: str, *, needed: bool = False) -> date | None:
    if not text and not needed:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError as error:
        raise Invalid("day", N_("Please enter a date like 2026-10-09.")) from error
    if not 1900 <= found.year <= 2200:
        raise Invalid("day", N_("Please enter a date like 2026-10-09."))
    return found
