"""Loading the demo: the same people and cases every time, in seconds."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from app.demo.people import LEARNERS, STAFF, People
from app.demo.story import Story
from app.demo.world import World
from app.kernel.actor import SYSTEM
from app.kernel.database import db
from app.kernel.settings import settings
from app.kernel.unit_of_work import UnitOfWork
from app.security import personal
from app.security.models import Account


def is_loaded() -> bool:
    """Whether the demo's people are there."""
    return (
        db.session.scalar(select(Account.id).where(Account.login_index == personal.login_index("learner")))
        is not None
    )


def load() -> None:
    """Institutions, people, rules and cases. Does nothing where they are there already."""
    if is_loaded():
        return
    with UnitOfWork(db.session, SYSTEM) as uow:
        world = World(uow)
        world.build()
        people = People(uow, world)
        identity = people.build()
        world.rules()
        accounts = {word: account.id for word, account in people.accounts.items()}
        learners = {word: learner.id for word, learner in people.learners.items()}
    _note_file().write_text(identity)
    Story(accounts, learners).tell()


def greeting() -> str:
    """What a newcomer reads at the start: whom to log in as."""
    staff = [f"{word:<12} {name}  {role}" for word, name, role, _organisation, _department in STAFF]
    learners = [f"{word:<12} {name}  Learner" for word, name, _point, _programme in LEARNERS]
    lines = "\n  ".join([*staff, *learners])
    identity = _note_file().read_text() if _note_file().exists() else "-"
    head = "\nDemo people (password Demo-<word>-2026, e.g. Demo-learner-2026):"
    return f"{head}\n\n  {lines}\n\n  imported, not yet activated: identity number {identity}\n"


def _note_file() -> Path:
    return settings().data_dir / "demo-imported-identity"
