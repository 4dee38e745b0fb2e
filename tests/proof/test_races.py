"""Several people, or one person twice, at the same moment: one wins, the others are told who; one form is one row."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app.conversion.models import ConversionApplication
from app.demo.world import CET
from app.kernel.database import db
from app.kernel.workflow import Step, Workflow
from app.recognition.models import RecognitionApplication
from app.review.models import Review
from app.rules.models import Rule
from tests.proof.test_kills import AGREED, Waiting, _ready
from tests.support.crowds import at_once, copy_of
from tests.support.forms import filled
from tests.support.proof import amount, measured
from tests.support.story import Cast, log_in, post, token

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
LAW = "CET 4 及以上证书转2018春法学专业学位外语"


def _reviewers(app: Flask, number: int) -> list[tuple[FlaskClient, str]]:
    """``number`` browsers of three people, each logged in, with its form token."""
    first = [log_in(app, word) for word in ("point", "center", "center2")[:number]]
    browsers = [*first, *(copy_of(app, client) for client in first)][:number]
    return [(client, token(client, "/password/")) for client in browsers]


def _decide_at_once(reviewers: list[tuple[FlaskClient, str]], case: Waiting) -> list[tuple[int, str]]:
    """Everybody agrees at the same moment: (status, page) of each."""

    def step(number: int, client: FlaskClient, form_token: str) -> tuple[int, str]:
        data = {
            **AGREED,
            "version": str(case.version),
            "key": f"{case.key}-{number}",
            "csrf_token": form_token,
        }
        answer = client.post(f"/console/recognition/{case.key}/decide", data=data)
        return answer.status_code, answer.text

    return at_once(
        [lambda n=n, c=c, t=t: step(n, c, t) for n, (c, t) in enumerate(reviewers)]  # type: ignore[misc]
    )


def _winner(case: int) -> tuple[int, str]:
    """How many decisions there are, and whose the first is."""
    db.session.rollback()
    rows = db.session.scalars(select(Review).where(Review.recognition_id == case)).all()
    return len(rows), repr(rows[0].reviewer) if rows else ""


@pytest.mark.parametrize("reviewers", [2, 6])
def test_of_several_reviewers_exactly_one_wins(demo: Flask, cast: Cast, backend: str, reviewers: int) -> None:
    browsers = _reviewers(demo, reviewers)
    turns = amount(3, 250)
    for _turn in range(turns):
        case = _ready(cast)
        db.session.remove()
        answers = _decide_at_once(browsers, case)
        decisions, name = _winner(case.key)
        assert sorted(status for status, _page in answers) == [302] + [409] * (reviewers - 1)
        assert decisions == 1
        assert all(name in page for status, page in answers if status == 409), "the others read who decided"
    measured(
        "reviewers",
        f"{turns} turns of {reviewers}: one winner each, the others 409 with the winner's name",
        backend,
    )


@SQLITE
def test_without_the_check_of_state_and_version_several_would_mutant(
    demo: Flask, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    browsers = _reviewers(demo, 2)
    case = _ready(cast)
    db.session.remove()

    def careless(self: Workflow, uow: Any, row: Any, name: str, version: int | None) -> Any:
        return self.transitions[name]

    def careless_follow(self: Workflow, uow: Any, row: Any, name: str, **inputs: Any) -> Any:
        return self._move(Step(uow, row, self.transitions[name], inputs))

    monkeypatch.setattr(Workflow, "check", careless)
    monkeypatch.setattr(Workflow, "follow", careless_follow)
    statuses = sorted(status for status, _page in _decide_at_once(browsers, case))
    assert statuses != [302, 409] or _winner(case.key)[0] != 1


def _apply(app: Flask, cast: Cast, keys: bool) -> tuple[list[tuple[int, str]], int]:
    """The same application sent twenty times in parallel: (status, receipt) of each, and how many rows came of it."""
    learner = log_in(app, "learner")
    cet = cast.add(
        "learner", "vocational", {"certificate_number": "200051999900001", "obtained_on": "2020-06-01"}, CET
    )
    rule = db.session.scalars(select(Rule).where(Rule.name == LAW)).one()
    address = f"/me/conversion/apply/{cet}/{rule.id}"
    form = filled(learner.get(address).text, "key")
    before = db.session.scalar(select(func.count()).select_from(ConversionApplication)) or 0
    db.session.remove()

    def send(number: int) -> tuple[int, str]:
        own = form if keys else {**form, "key": [f"another {number}"]}
        answer = copy_of(app, learner).post(address, data=own)
        return answer.status_code, answer.location or ""

    found = at_once([lambda n=n: send(n) for n in range(20)])  # type: ignore[misc]
    after = db.session.scalar(select(func.count()).select_from(ConversionApplication)) or 0
    return found, after - before


def test_the_same_form_twenty_times_is_one_row_with_one_receipt(
    demo: Flask, cast: Cast, backend: str
) -> None:
    answers, rows = _apply(demo, cast, keys=True)
    assert rows == 1
    assert {status for status, _receipt in answers} == {302}
    assert len({receipt for _status, receipt in answers}) == 1
    measured("form", "20 at once: one row, 20 equal receipts", backend)


@SQLITE
def test_without_its_key_the_form_has_other_answers_mutant(demo: Flask, cast: Cast) -> None:
    answers, rows = _apply(demo, cast, keys=False)
    assert rows == 1, "the hold still bars spending twice"
    assert len({receipt for _status, receipt in answers}) > 1


@SQLITE
def test_a_reviewer_demoted_while_the_form_is_open_decides_nothing(demo: Flask, cast: Cast) -> None:
    case = _ready(cast)
    reviewer, admin = log_in(demo, "point"), log_in(demo, "admin")
    form = filled(reviewer.get(f"/console/recognition/{case.key}").text, "key")
    address = f"/console/records/account/{cast.account('point')}/edit"
    rights: dict[str, Any] = dict(filled(admin.get(address).text, "version"))
    with db.engine.connect() as connection:
        other = connection.exec_driver_sql("SELECT id FROM ab_role WHERE name = 'Institution'").scalar_one()
    assert post(admin, address, {**rights, "roles": [str(other)]}).status_code == 302
    sent = {**form, **AGREED}
    assert reviewer.post(f"/console/recognition/{case.key}/decide", data=sent).status_code in (302, 400)
    again = log_in(demo, "point")
    assert (
        post(
            again,
            f"/console/recognition/{case.key}/decide",
            dict(sent) | {"csrf_token": token(again, "/password/")},
        ).status_code
        == 403
    )
    db.session.rollback()
    assert db.session.get_one(RecognitionApplication, case.key).state == "submitted"
    measured("demoted", "session ended with the role; logged in again: 403, case unchanged")
