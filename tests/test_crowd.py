"""The crowd for load work can be loaded, and the audit trail holds what was written."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.demo import crowd
from app.kernel.database import db
from app.learners.models import Learner


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_crowd_is_loaded(demo: Flask) -> None:
    before = db.session.scalar(select(func.count()).select_from(Learner)) or 0
    db.session.rollback()
    crowd.load(20, 1, lambda _done: None)
    assert db.session.scalar(select(func.count()).select_from(Learner)) == before + 20
    db.session.rollback()
    checked = demo.test_cli_runner().invoke(args=["audit", "verify"])
    assert checked.exit_code == 0, checked.output
