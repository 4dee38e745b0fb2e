"""The faces of the house name everything that there is: a newcomer who reads them has missed nothing."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

from app import models
from app.kernel.database import Model

HOME = Path(__file__).resolve().parent.parent
ROOMS = sorted(file.parent.name for file in HOME.glob("app/*/__init__.py"))


def test_the_table_of_contents_lists_every_record() -> None:
    for room in HOME.glob("app/*/models.py"):
        import_module(f"app.{room.parent.name}.models")
    records = {mapper.class_ for mapper in Model.registry.mappers}
    ours = {record.__name__ for record in records if record.__module__.startswith("app.")}
    assert ours - set(models.__all__) == set()


def test_the_floors_show_every_room() -> None:
    floors = (HOME / "docs/architecture.md").read_text("utf-8").split("## Floors")[1].split("\n## ")[0]
    assert [room for room in ROOMS if f"`{room}`" not in floors] == []


def test_decisions_are_numbered_without_holes_and_listed() -> None:
    notes = sorted(file.name for file in HOME.glob("docs/adr/0*.md"))
    assert [int(name[:4]) for name in notes] == list(range(1, len(notes) + 1))
    listed = re.findall(
        r"^\| \[(\d{4})\]\((.+?)\) \|", (HOME / "docs/adr/README.md").read_text("utf-8"), re.M
    )
    assert [name for _number, name in listed] == notes
    for number, name in listed:
        title = (HOME / "docs/adr" / name).read_text("utf-8").splitlines()[0]
        assert name.startswith(number)
        assert title.startswith(f"# {number} ")
