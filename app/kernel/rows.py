"""Whose row it is: declared beside each table, read by the row policies of the security room.

Every model that is not for everyone's eyes carries ``__rows__ = Rows(…)``: which column names the learner,
the organisation, the committee or the assessing organisation that the row belongs to; or ``through`` which
relationship the owner is found.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rows:
    """Column names of the owning ids; ``through`` names a many-to-one relationship to a model with its own
    ``__rows__``.
    """

    learner: str | None = None
    organisation: str | None = None
    committee: str | None = None
    assessor: str | None = None
    user: str | None = None
    through: str | None = None
