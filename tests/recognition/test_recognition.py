"""Recognition: rounds, attestation, duties, credits, and who may decide (spec 2.3)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.accounts.models import CreditEntry
from app.achievements.models import Achievement
from app.kernel.database import db
from app.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from app.notices.models import Notice
from app.recognition import services
from app.recognition.models import RecognitionApplication
from app.review.models import Recusal, Review
from app.review.services import Blocked
from tests.support.story import Cast, in_thread, log_in, post

WORK = {"name": "物流行业工作5年", "issuer": "粤通物流有限公司", "obtained_on": "2021-03-01"}


def _submitted(cast: Cast, who: str = "learner") -> tuple[int, int]:
    achievement = cast.add(who, "performance_work", WORK)
    return achievement, cast.recognise(who, achievement, "")


def _state(model: type, key: int) -> str:
    return str(db.session.scalar(select(model.state).where(model.id == key)))


def test_recognition_needs_the_attested_original_and_then_posts_the_credits(cast: Cast) -> None:
    achievement, case = _submitted(cast)
    with pytest.raises(Invalid, match="attested"):
        cast.act("point", lambda uow: services.decide(uow, case, "agree", "同意", None))
    assert _state(Achievement, achievement) == "submitted"
    cast.act("point", lambda uow: services.attest(uow, case, cast._seen(uow, RecognitionApplication, case)))
    cast.act("point", lambda uow: services.decide(uow, case, "agree", "同意", None, credits=250))
    assert _state(Achievement, achievement) == "recognised"
    entries = db.session.scalars(select(CreditEntry).where(CreditEntry.achievement_id == achievement)).all()
    assert [(entry.kind, entry.credits) for entry in entries] == [("accumulation", 250)]
    told = db.session.scalars(
        select(Notice.channel).where(Notice.template_code == "recognised").order_by(Notice.id.desc()).limit(3)
    )
    assert set(told) == {"in_app", "sms", "email"}


def test_a_return_says_what_is_wrong_and_the_next_round_keeps_the_first(cast: Cast) -> None:
    achievement, case = _submitted(cast)
    with pytest.raises(Invalid, match="what is wrong"):
        cast.act("point", lambda uow: services.decide(uow, case, "return", "缺页", None))
    cast.act("point", lambda uow: services.decide(uow, case, "return", "缺页", None, fault="missing"))
    assert _state(Achievement, achievement) == "returned"
    second = cast.act("learner", lambda uow: services.submit(uow, [achievement])[0].id)
    rounds = db.session.execute(
        select(RecognitionApplication.round, RecognitionApplication.state)
        .where(RecognitionApplication.achievement_id == achievement)
        .order_by(RecognitionApplication.round)
    ).all()
    assert [tuple(row) for row in rounds] == [(1, "returned"), (2, "submitted")]
    assert second != case


def test_only_the_home_point_and_the_centre_reach_a_case(cast: Cast, demo: Flask) -> None:
    _achievement, case = _submitted(cast)
    with pytest.raises(Forbidden):
        cast.act("point2", lambda uow: services.decide(uow, case, "refuse", "不同意", None))
    sibling = log_in(demo, "point2")
    for action in ("decide", "attest", "claim", "release"):
        assert (
            post(
                sibling,
                f"/console/recognition/{case}/{action}",
                {"decision": "refuse", "opinion": "x", "version": 1},
            ).status_code
            == 404
        )
    assert sibling.get(f"/console/recognition/{case}").status_code == 404
    bulk = post(
        sibling,
        "/console/recognition/bulk",
        {"rowid": case, "confirmed": 1, "decision": "refuse", "opinion": "x", f"version-{case}": 1},
    )
    assert bulk.status_code == 302
    assert _state(RecognitionApplication, case) == "submitted"
    cast.act("center", lambda uow: services.decide(uow, case, "refuse", "不同意", None))
    assert _state(RecognitionApplication, case) == "refused"


def test_another_learner_can_neither_submit_nor_see(cast: Cast, demo: Flask) -> None:
    achievement = cast.add("learner", "performance_work", WORK)
    with pytest.raises(NotFound):
        cast.act("learner2", lambda uow: services.submit(uow, [achievement]))
    other = log_in(demo, "learner2")
    assert other.get(f"/me/achievements/{achievement}").status_code == 404
    assert post(other, f"/me/achievements/{achievement}/delete", {"version": 1}).status_code == 404
    assert _state(Achievement, achievement) == "draft"


def test_nobody_decides_on_their_own_case_whichever_account_they_use(cast: Cast, demo: Flask) -> None:
    """The learner is hired by the teaching point: same person, another account."""
    from app.learners.models import Learner
    from app.security.models import Account

    _achievement, case = _submitted(cast)

    def hire(uow: object) -> None:
        person = db.session.get_one(Learner, cast.learner("learner")).person_id
        db.session.get_one(Account, cast.account("point")).person_id = person

    cast.act("", hire)
    cast._actors.clear()
    with pytest.raises(Blocked):
        cast.act("point", lambda uow: services.decide(uow, case, "refuse", "不同意", None))
    answer = post(
        log_in(demo, "point"),
        f"/console/recognition/{case}/decide",
        {"decision": "refuse", "opinion": "x", "version": 2},
    )
    assert answer.status_code == 403
    assert "本人的业务" in answer.text
    blocks = db.session.scalars(select(Recusal).where(Recusal.recognition_id == case)).all()
    assert [(row.reason, row.blocked) for row in blocks] == [("own_case", True)]
    assert _state(RecognitionApplication, case) == "submitted"


def test_a_reviewer_whose_employer_issued_typed_in_evidence_is_blocked(cast: Cast) -> None:
    point = cast.by("point").organisation_name
    achievement = cast.add("learner", "performance_work", {**WORK, "issuer": point})
    case = cast.recognise("learner", achievement, "")
    with pytest.raises(Blocked):
        cast.act("point", lambda uow: services.decide(uow, case, "refuse", "不同意", None))


@pytest.mark.parametrize("reviewers", [2, 6])
def test_of_reviewers_at_the_same_moment_exactly_one_wins(cast: Cast, demo: Flask, reviewers: int) -> None:
    for _turn in range(3):
        _achievement, case = _submitted(cast)
        version = db.session.scalar(
            select(RecognitionApplication.version).where(RecognitionApplication.id == case)
        )
        words = ["point", "center", "center2"] * 2
        cast.by("point"), cast.by("center"), cast.by("center2")
        db.session.remove()

        def decide(who: str, case: int = case, version: int | None = version) -> str:
            try:
                in_thread(
                    demo,
                    cast,
                    who,
                    lambda uow: services.decide(uow, case, "refuse", f"不同意 {who}", version),
                )
            except Conflict:
                return "conflict"
            return "won"

        with ThreadPoolExecutor(reviewers) as pool:
            outcomes = list(pool.map(decide, words[:reviewers]))
        assert sorted(outcomes) == ["conflict"] * (reviewers - 1) + ["won"]
        assert (
            db.session.scalar(select(func.count()).select_from(Review).where(Review.recognition_id == case))
            == 1
        )


def test_whoever_comes_second_is_told_who_decided_what(cast: Cast, demo: Flask) -> None:
    _achievement, case = _submitted(cast)
    late = log_in(demo, "point")
    page = late.get(f"/console/recognition/{case}").text
    assert "认定不通过" in page
    cast.act("center", lambda uow: services.decide(uow, case, "refuse", "不同意", None))
    answer = post(
        late,
        f"/console/recognition/{case}/decide",
        {"decision": "refuse", "opinion": "x", "version": 2, "key": "k1"},
    )
    assert answer.status_code == 409

    assert "明耀星 已作出结论：不同意" in answer.text


def test_the_same_form_twice_is_one_decision(cast: Cast) -> None:
    _achievement, case = _submitted(cast)
    for _time in range(2):
        cast.act(
            "point", lambda uow: services.decide(uow, case, "refuse", "不同意", 2, idempotency_key="same")
        )
    assert (
        db.session.scalar(select(func.count()).select_from(Review).where(Review.recognition_id == case)) == 1
    )
