"""Asking and answering 在线解答; what is published stays published as it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.kernel.clock import now
from app.kernel.errors import N_, Conflict, Invalid
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner
from app.notices import services as notices
from app.portal.models import Question

#: As much of a question as its notice repeats.
SHOWN = 60


def ask(uow: UnitOfWork, text: str, consented: bool) -> Question:
    """A learner's question; ``consented``: it may be published with its answer. Raises Invalid."""
    if not text.strip():
        raise Invalid("no_question", N_("Please write your question."))
    if len(text) > 2000:
        raise Invalid("too_long", N_("At most %(longest)s characters."), longest=2000)
    row = Question(
        learner_id=uow.actor.learner_id,
        text=text.strip(),
        consented=consented,
        created_by_id=uow.actor.user_id,
    )
    uow.session.add(row)
    uow.flush()
    return row


def stamp_answer(row: Question, answered_by_id: int | None) -> None:
    """Note who answered, and when, as soon as there is an answer. Raises Invalid naming the field.

    Only what is answered is published, and a learner's question only with their consent (spec 2.9).
    """
    if row.answer.strip() and row.answered_at is None:
        row.answered_at, row.answered_by_id = now(), answered_by_id
    if not row.answer.strip():
        row.answer, row.answered_at, row.answered_by_id = "", None, None
    if row.published and not row.answered_at:
        raise _refused("unanswered", N_("Only an answered question can be published."))
    if row.published and row.learner_id is not None and not row.consented:
        raise _refused("no_consent", N_("The asker has not agreed to publication."))


def tell_asker(uow: UnitOfWork, row: Question, before: Mapping[str, Any]) -> None:
    """Tell a learner, once, that their question was answered."""
    if row.learner_id is None or row.answered_at is None or before.get("answered_at") is not None:
        return
    asker = uow.session.get_one(Learner, row.learner_id)
    short = row.text if len(row.text) <= SHOWN else f"{row.text[:SHOWN]}…"
    notices.post(
        uow,
        "question_answered",
        asker.person_id,
        variables={"question": short},
        link="/me/questions/",
        event=f"question {row.id} answered",
    )


def check_edition(before: Mapping[str, Any]) -> None:
    """An edition of the terms that people may have agreed to is not changed any more. Raises Conflict."""
    published = before.get("published_at")
    if published is not None and published <= now():
        raise Conflict("sealed", N_("This edition is in force and can't be changed: please write a new one."))


def _refused(code: str, message: str) -> Invalid:
    return Invalid(code, message, fields={"published": [Invalid(code, message)]})
