"""How staff find learners: by name as people say it, by number or mobile exactly."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select

from app.kernel.errors import Invalid
from app.learners.models import Learner
from app.security import personal
from app.security.grams import named_like
from app.security.models import IDENTITY_TYPES, Person


def named(query: Select[Any], word: str) -> Select[Any]:
    """Learners whose name, pinyin or initials contain ``word``."""
    people = select(Person.id).where(named_like(word))
    return query.where(Learner.person_id.in_(people))


def with_identity_or_mobile(query: Select[Any], word: str) -> Select[Any]:
    """The learner with exactly this identity number (of whatever document) or mobile: through the blind indexes."""
    numbers = [personal.identity_index(kind, word) for kind in IDENTITY_TYPES.codes]
    found: list[ColumnElement[bool]] = [Person.identity_index.in_(numbers)]
    with suppress(Invalid):  # no mobile: then it can only be a document's number
        found.append(Person.mobile_index == personal.mobile_index(word))
    return query.where(Learner.person_id.in_(select(Person.id).where(or_(*found))))
