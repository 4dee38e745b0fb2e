"""省, 市, 区 (GB/T 2260), as a cascade for addresses and to check identity numbers by."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

#: Prefixes of identity numbers of people from Hong Kong, Macao and Taiwan.
BEYOND = ("81", "82", "83")


def below(code: str = "") -> list[tuple[str, str]]:
    """Provinces, or what lies directly below a province or city, as (code, name); nothing for an unknown code."""
    return _children().get(code, [])


def words(*codes: str) -> str | None:
    """The names of a province, a city in it and a district in that, as one writes them; None where they don't fit.

    What has nothing below it (Taiwan, Hong Kong, Macao; four cities) ends the chain.
    """
    given = [code for code in codes if code]
    parent, names = "", []
    for code in given:
        name = dict(below(parent)).get(code)
        if name is None:
            return None
        if name not in names and not name.startswith("省直辖"):
            names.append(name)
        parent = code
    return "".join(names) if given and not below(parent) else None


def is_district(prefix: str) -> bool:
    """Whether the first six digits of an identity number are, or once were, those of a district."""
    return prefix in _districts() or prefix[:2] in BEYOND


@cache
def _data() -> dict[str, Any]:
    data: dict[str, Any] = json.loads((Path(__file__).parent / "data/regions.json").read_text("utf-8"))
    return data


@cache
def _children() -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {"": []}
    for province, name, cities in _data()["provinces"]:
        found[""].append((province, name))
        found[province] = [(city, label) for city, label, _ in cities]
        for city, _label, districts in cities:
            # A city may carry its province's name and number (municipalities): its own key stays its code.
            found[city] = [(district, label) for district, label in districts]
    return found


@cache
def _districts() -> frozenset[str]:
    codes = {code for children in _children().values() for code, _ in children}
    return frozenset(codes) | frozenset(_data()["former"])
