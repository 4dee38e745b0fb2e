"""Row policies as SQL: who has rows of what, and that the table's scopes mean what they say."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.achievements.models import Achievement
from app.appeals.models import Appeal
from app.conversion.models import Assessment, ConversionApplication
from app.evidence.models import EvidenceFile
from app.kernel.actor import SYSTEM, VISITOR, Actor
from app.kernel.database import Model, db
from app.kernel.errors import Conflict, Forbidden, NotFound
from app.learners.models import Learner
from app.recognition.models import RecognitionApplication
from app.security.permissions import TABLE, Role, allowed, authorise, fab_roles, grant
from app.security.rows import Scope, condition, covers, readable, visible
from tests.support.story import Cast

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
PRIVATE = (
    Learner,
    Achievement,
    RecognitionApplication,
    ConversionApplication,
    EvidenceFile,
    Appeal,
    Assessment,
)


def _count(model: type, actor: Actor) -> int:
    return db.session.scalar(select(func.count()).select_from(model).where(readable(model, actor))) or 0


@pytest.mark.parametrize("model", PRIVATE, ids=lambda model: model.__name__)
def test_whoever_the_table_does_not_name_has_no_rows(cast: Cast, model: type) -> None:
    assert _count(model, VISITOR) == 0
    assert _count(model, Actor(user_id=1, roles=frozenset())) == 0
    assert _count(model, Actor(user_id=1, roles=frozenset({"Nonsense"}))) == 0
    assert _count(model, cast.by("admin")) == 0, "who administers accounts reads no case"
    assert _count(model, SYSTEM) > 0


@pytest.mark.parametrize("scope", Scope)
def test_a_scope_without_an_owner_is_empty_not_everything(cast: Cast, scope: Scope) -> None:
    """Staff without an organisation, a committee or a learner have none of anybody's."""
    nobody = Actor(user_id=None, roles=frozenset({"TeachingPoint", "Committee", "Learner", "Assessor"}))
    if scope is Scope.ALL:
        return
    for model in PRIVATE:
        found = db.session.scalar(
            select(func.count()).select_from(model).where(condition(model, nobody, scope))
        )
        assert found == 0, model.__name__


def test_a_path_is_no_prefix_of_another_number(cast: Cast) -> None:
    """``/1/4/`` covers ``/1/4/9/``, not ``/1/40/``; an empty one covers nothing."""
    short = cast.by("point").organisation_path[:-2]  # without its last sign and slash
    for path, expected in (("/", True), (f"{short}/", False), ("/9999/", False), ("", False)):
        me = Actor(user_id=1, roles=frozenset({"TeachingPoint"}), organisation_id=1, organisation_path=path)
        assert (_count(Learner, me) > 0) is expected, path


def test_visible_never_tells_foreign_from_missing(cast: Cast) -> None:
    theirs = cast.learner("learner3")
    for key in (theirs, 10**9, 0, -1, 2**63, 2**70, "²", "abc", "", "1.0", "9" * 5000):
        with pytest.raises(NotFound):
            visible(db.session(), Learner, key, cast.by("point"))
    assert visible(db.session(), Learner, cast.learner("learner"), cast.by("point")).id == cast.learner(
        "learner"
    )


def test_a_grant_for_states_is_a_conflict_in_others_and_forbidden_for_others(cast: Cast) -> None:
    decided = db.session.scalars(
        select(ConversionApplication).where(
            ConversionApplication.state == "approved",
            ConversionApplication.learner_id == cast.learner("learner"),
        )
    ).first()
    assert decided is not None
    with pytest.raises(Conflict):
        authorise(cast.by("point"), "InitialReviewDesk.decide", decided)
    for word in ("point2", "auditor", "institution", "learner"):
        with pytest.raises(Forbidden):
            authorise(cast.by(word), "InitialReviewDesk.decide", decided)
    assert not allowed(cast.by("admin"), "InitialReviewDesk.decide")


def test_a_row_that_is_not_in_a_session_is_covered_by_nothing(cast: Cast) -> None:
    assert not covers(Learner(), cast.by("point"), frozenset({Scope.BELOW}))
    assert not covers(db.session.get(Learner, cast.learner("learner")), cast.by("point"), frozenset())


def test_the_table_names_real_records_and_the_scopes_that_they_have(app: Flask) -> None:
    models = {mapper.class_.__name__: mapper.class_ for mapper in Model.registry.mappers}
    without_rows = {"Statistics"}  # figures over others' rows, under the policies of those
    for row in TABLE:
        if row.model_name in without_rows or row.rows in (Scope.ALL, Scope.USER):
            continue
        model = models.get(row.model_name)
        assert model is not None, f"{row.view}: no model {row.model_name}"
        assert getattr(model, "__rows__", None) is not None, (
            f"{row.view}: {row.model_name} says not whose it is"
        )


def test_every_role_is_anchored_and_none_has_everything(app: Flask) -> None:
    for role, rows in fab_roles().items():
        for view, actions in rows:
            assert view.startswith("^"), role
            assert view.endswith("$"), role
            assert actions.startswith("^"), role
            assert actions.endswith("$"), role
    assert len(fab_roles()["Admin"]) < len(fab_roles()["Center"])
    assert grant("X", "a b", Role.ADMIN).actions == ("a", "b")
