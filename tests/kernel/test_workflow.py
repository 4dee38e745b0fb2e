"""Transition tables: one writer of a state, and the tables of the house say what spec 2 says."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from app.achievements.states import workflow as achievements
from app.appeals.states import appeals, reversals
from app.conversion.states import workflow as conversion
from app.kernel.database import db
from app.kernel.errors import Conflict, Forbidden, NotFound
from app.kernel.workflow import Workflow
from app.recognition.models import RecognitionApplication
from app.recognition.states import workflow as recognition
from app.security.permissions import TABLE
from tests.support.story import Cast

WORKFLOWS = (achievements, recognition, conversion, appeals, reversals)
SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda one: one.name)
def test_a_table_names_known_states_and_permissions_only(workflow: Workflow) -> None:
    known = {f"{row.view}.{action}" for row in TABLE for action in row.actions}
    for step in workflow.transitions.values():
        assert set(step.sources) <= set(workflow.states.codes), step.name
        assert callable(step.target) or step.target in workflow.states, step.name
        assert step.permission in known or step.permission.startswith("System."), (
            f"{step.name}: {step.permission}"
        )


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda one: one.name)
def test_every_state_is_reached_or_is_where_it_begins(workflow: Workflow) -> None:
    reached = {step.target for step in workflow.transitions.values() if not callable(step.target)}
    beginnings = set(workflow.states.codes) - reached
    assert len(beginnings) <= 3, beginnings


def _open_case(cast: Cast) -> RecognitionApplication:
    key = select(RecognitionApplication.id).where(RecognitionApplication.state == "submitted").limit(1)
    return db.session.get_one(RecognitionApplication, db.session.scalars(key).one())


@SQLITE
def test_a_state_has_one_writer(cast: Cast) -> None:
    case = _open_case(cast)
    with pytest.raises(RuntimeError, match="moved by its workflow only"):
        case.state = "recognised"
    db.session.rollback()


def test_the_database_knows_the_states_too(cast: Cast) -> None:
    key = _open_case(cast).id
    db.session.rollback()
    for state in ("nonsense", "recognised"):  # unknown; known, but without who decided and when
        with (
            pytest.raises(DBAPIError),
            db.engine.connect().execution_options(writes=True) as connection,
            connection.begin(),
        ):
            connection.execute(
                text("UPDATE recognition_application SET state = :s WHERE id = :k"), {"s": state, "k": key}
            )


@SQLITE
def test_a_transition_asks_who_which_version_and_from_where(cast: Cast) -> None:
    key = _open_case(cast).id

    def fire(name: str, version: int | None = None) -> object:
        return lambda uow: recognition.fire(
            uow, recognition.lock(uow, key), name, version=version, opinion="x"
        )

    name = next(one for one in recognition.transitions if one.startswith("refuse"))
    with pytest.raises(Forbidden):
        cast.act("learner", fire(name))  # type: ignore[arg-type]
    with pytest.raises(Conflict):
        cast.act("center", fire(name, 77))  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        cast.act("center", lambda uow: recognition.lock(uow, 10**9))
    assert _open_case(cast).id == key


@SQLITE
def test_buttons_are_what_may_be_fired(cast: Cast) -> None:
    case = _open_case(cast)
    assert recognition.available(case, cast.by("learner")) == []
    assert recognition.available(case, cast.by("auditor")) == []
    assert {step.name for step in recognition.available(case, cast.by("center"))} >= {"refuse"}
