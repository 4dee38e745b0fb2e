"""Who acts: a plain value, made once per request or command, that services and policies read."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Actor:
    """A person at work through one account. Ids are row ids; ``organisation_path`` is the materialised path
    of the organisation (``/1/4/``), so that "own and below" is a prefix. ``assessor_of`` is set for
    third-party reviewers only.
    """

    user_id: int | None
    person_id: int | None = None
    name: str = ""
    roles: frozenset[str] = frozenset()
    organisation_id: int | None = None
    organisation_path: str = ""
    organisation_name: str = ""
    department: str = ""
    learner_id: int | None = None
    committee_ids: frozenset[int] = field(default_factory=frozenset)
    address: str = ""

    @property
    def is_system(self) -> bool:
        return self.user_id is None and "System" in self.roles


#: The platform itself: deadlines that pass, jobs, demo data.
SYSTEM = Actor(user_id=None, name="system", roles=frozenset({"System"}))

#: A visitor who has not logged in.
VISITOR = Actor(user_id=None, roles=frozenset({"Public"}))
