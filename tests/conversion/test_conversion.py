"""Conversion: the degree foreign language case, effects, freezing, consumption, returns, assessments, appeals and reversals."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.accounts import queries as accounts
from app.accounts.models import CreditEntry
from app.achievements.models import Achievement
from app.appeals import services as appeals
from app.appeals.models import Appeal, Reversal
from app.conversion import decision, services
from app.conversion.models import (
    Assessment,
    ConsumptionEntry,
    ConsumptionHold,
    ConversionApplication,
    ConversionTarget,
)
from app.conversion.queries import rule_counts
from app.conversion.states import granted
from app.demo.world import CET, NCRE1
from app.kernel.clock import now
from app.kernel.database import db
from app.kernel.errors import Conflict, Forbidden, Invalid
from app.notices.models import Notice
from app.review.models import Review
from app.rules import services as rules
from app.rules.models import Rule, RuleVersion
from tests.support.story import Cast, in_thread, log_in, post

LAW, ENGLISH = "CET 4 及以上证书转2018春法学专业学位外语", "CET 4 及以上证书转2018春法学专业大学英语(B)"


def _cet(cast: Cast, number: str = "200051999900001", who: str = "learner") -> int:
    return cast.add(who, "vocational", {"certificate_number": number, "obtained_on": "2020-06-01"}, CET)


def _state(case: int) -> str:
    db.session.rollback()
    return str(db.session.scalar(select(ConversionApplication.state).where(ConversionApplication.id == case)))


def _version(case: int) -> int:
    db.session.rollback()
    return int(
        db.session.scalar(select(ConversionApplication.version).where(ConversionApplication.id == case)) or 0
    )


def test_the_degree_foreign_language_case(cast: Cast) -> None:
    """Spec 2.6: some 300 rules; 302·0 becomes 301·1; initial, final, the target in the account, the learner told."""
    cet = _cet(cast)
    achievement = db.session.get_one(Achievement, cet)
    assert achievement.state == "catalogued"
    assert rule_counts(db.session(), [achievement])[cet] == (302, 0)
    case = cast.convert("learner", cet, LAW)
    assert rule_counts(db.session(), [achievement])[cet] == (301, 1)
    cast.decide(case, "initial", "agree", "point")
    assert _state(case) == "final_review"
    cast.decide(case, "final", "agree", "committee")
    assert _state(case) == "approved"
    made = db.session.scalars(select(Achievement).where(Achievement.granted_by_id == case)).one()
    assert (made.name, made.state, made.origin, made.learner_id) == (
        "学位外语",
        "catalogued",
        "converted",
        cast.learner("learner"),
    )
    posted = db.session.scalars(select(CreditEntry).where(CreditEntry.conversion_id == case)).all()
    assert [(entry.kind, entry.credits) for entry in posted] == [("conversion", 0)]
    texts = db.session.scalars(
        select(Notice.body)
        .where(Notice.channel == "sms", Notice.link == f"/me/conversion/{case}")
        .order_by(Notice.id)
    ).all()
    assert texts == [
        f"【广东学银】您申请的 {CET} 学习成果转换 学位外语 学习成果已经初审通过，进入终审阶段。",
        f"【广东学银】您申请的 {CET} 学习成果转换 广东开放大学 学位外语 学习成果已经审核通过，广东开放大学 学位外语 学习成果已自动添加到您个人学习账户下，可登录广东终身教育学分银行信息管理平台查看。",  # noqa: E501
    ]
    assert decision.replay(db.session(), case) == []


@pytest.mark.parametrize(
    ("credits", "ratio", "expected"),
    [
        (300, 10000, 300),
        (300, 5000, 150),
        (333, 5000, 167),
        (1, 4999, 0),
        (1, 5000, 1),
        (0, 10000, 0),
        (250, 3333, 83),
    ],
)
def test_credits_times_ratio_half_up(credits: int, ratio: int, expected: int) -> None:
    assert granted(credits, ratio) == expected


def test_one_achievement_is_spent_once_per_programme_and_group(cast: Cast) -> None:
    cet = _cet(cast)
    first = cast.convert("learner", cet, LAW)
    with pytest.raises(Conflict):
        cast.convert("learner", cet, LAW)
    other = cast.convert(
        "learner", cet, ENGLISH
    )  # another reuse group of the same programme: the rule says so
    cast.act("learner", lambda uow: services.withdraw(uow, first, _version(first)))
    assert _state(first) == "withdrawn"
    again = cast.convert("learner", cet, LAW)  # released by the withdrawal
    kinds = db.session.scalars(
        select(ConsumptionEntry.kind)
        .where(ConsumptionEntry.achievement_id == cet)
        .order_by(ConsumptionEntry.id)
    ).all()
    assert kinds == ["reserve", "reserve", "release", "reserve"]
    held = db.session.scalars(
        select(ConsumptionHold.application_id).where(ConsumptionHold.achievement_id == cet)
    ).all()
    assert sorted(held) == sorted([other, again])


def test_parallel_submissions_of_one_achievement_spend_it_once(cast: Cast, demo: Flask) -> None:
    cet = _cet(cast)
    rule = db.session.scalars(select(Rule).where(Rule.name == LAW)).one()
    version = rule.current_version
    assert version is not None
    slot, rule_id, version_id = version.sources[0].id, rule.id, version.id
    cast.by("learner")
    db.session.remove()

    def submit(number: int) -> str:
        try:
            in_thread(
                demo,
                cast,
                "learner",
                lambda uow: services.submit(uow, rule_id, version_id, {slot: cet}, (), f"form {number}"),
            )
        except Conflict:
            return "conflict"
        return "done"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(submit, range(12)))
    assert outcomes.count("done") == 1
    assert (
        db.session.scalar(
            select(func.count()).select_from(ConsumptionHold).where(ConsumptionHold.achievement_id == cet)
        )
        == 1
    )


def test_the_same_form_twenty_times_is_one_application_with_one_receipt(cast: Cast, demo: Flask) -> None:
    cet = _cet(cast)
    rule = db.session.scalars(select(Rule).where(Rule.name == LAW)).one()
    version = rule.current_version
    assert version is not None
    slot, rule_id, version_id = version.sources[0].id, rule.id, version.id
    cast.by("learner")
    db.session.remove()

    def submit(_number: int) -> int:
        return in_thread(
            demo,
            cast,
            "learner",
            lambda uow: services.submit(uow, rule_id, version_id, {slot: cet}, (), "one form").id,
        )

    with ThreadPoolExecutor(8) as pool:
        receipts = set(pool.map(submit, range(20)))
    assert len(receipts) == 1


def test_the_database_refuses_a_second_hold_by_itself(cast: Cast) -> None:
    """The mutant control: with the services' checks out of the way, the unique key still holds."""
    cet = _cet(cast)
    case = cast.convert("learner", cet, LAW)
    hold = db.session.scalars(select(ConsumptionHold).where(ConsumptionHold.application_id == case)).one()
    values = {
        "holder_seal": hold.holder_seal,
        "source": hold.source,
        "purpose": hold.purpose,
        "achievement_id": cet,
        "created_at": now(),
    }
    table = ConsumptionHold.__table__
    with pytest.raises(Exception, match=r"(?i)unique"), db.engine.begin() as connection:
        connection.execute(table.insert().values(**values, application_id=case + 1 if case > 1 else case))


@pytest.mark.parametrize("reviewers", [2, 6])
def test_of_final_reviewers_at_the_same_moment_exactly_one_wins(
    cast: Cast, demo: Flask, reviewers: int
) -> None:
    cet = _cet(cast)
    case = cast.convert("learner", cet, LAW)
    cast.decide(case, "initial", "agree", "point")
    version = _version(case)
    cast.by("committee"), cast.by("committee2")
    db.session.remove()

    def decide(who: str) -> str:
        try:
            in_thread(
                demo,
                cast,
                who,
                lambda uow: services.decide(uow, case, "final", "agree", f"同意 {who}", version),
            )
        except Conflict:
            return "conflict"
        return "won"

    with ThreadPoolExecutor(reviewers) as pool:
        outcomes = list(pool.map(decide, (["committee", "committee2"] * 3)[:reviewers]))
    assert sorted(outcomes) == ["conflict"] * (reviewers - 1) + ["won"]
    assert (
        db.session.scalar(
            select(func.count()).select_from(CreditEntry).where(CreditEntry.conversion_id == case)
        )
        == 1
    )


def test_a_person_acts_at_one_stage_only_whichever_account_they_use(cast: Cast) -> None:
    from app.security.models import Account

    cet = _cet(cast)
    case = cast.convert("learner", cet, LAW)
    cast.decide(case, "initial", "agree", "point")

    def same_person(_uow: object) -> None:
        person = db.session.get_one(Account, cast.account("point")).person_id
        db.session.get_one(Account, cast.account("committee")).person_id = person

    cast.act("", same_person)
    cast._actors.clear()
    with pytest.raises(Forbidden):
        cast.decide(case, "final", "agree", "committee")
    assert _state(case) == "final_review"


def test_the_rule_version_credits_and_ratio_are_frozen_at_submission(cast: Cast) -> None:
    ncre = cast.add(
        "learner", "vocational", {"certificate_number": "1100440555555", "obtained_on": "2019-11-26"}, NCRE1
    )
    name = "全国计算机等级考试一级证书转2018春法学专业计算机应用基础"
    case = cast.convert("learner", ncre, name)
    target = db.session.scalars(select(ConversionTarget).where(ConversionTarget.application_id == case)).one()
    before = (target.item_credits, target.ratio)

    def change(uow: object) -> None:
        rule = db.session.scalars(select(Rule).where(Rule.name == name)).one()
        item = (
            db.session.scalars(select(ConversionTarget).where(ConversionTarget.application_id == case))
            .one()
            .catalogue_item
        )
        item.credits = 900
        new = rules.draft(
            uow,
            rule,
            [rules.Slot(item_id=rule.current_version.sources[0].catalogue_item_id)],
            [(item.id, 5000)],
        )  # type: ignore[arg-type, union-attr]
        new.created_by_id = None
        db.session.flush()
        rules.publish(uow, rule, new)  # type: ignore[arg-type]

    cast.act("", change)
    cast.decide(case, "initial", "agree", "point")
    cast.decide(case, "final", "agree", "committee")
    after = db.session.scalars(select(ConversionTarget).where(ConversionTarget.application_id == case)).one()
    assert (after.item_credits, after.ratio, after.granted_credits) == (*before, 400)
    assert decision.replay(db.session(), case) == []


def test_a_published_version_never_changes(cast: Cast) -> None:
    def change(_uow: object) -> None:
        db.session.scalars(
            select(RuleVersion).where(RuleVersion.published_at.is_not(None)).limit(1)
        ).one().name = "别的名字"

    with pytest.raises(Forbidden):
        cast.act("", change)


def test_unknown_credits_block_the_final_approval_until_staff_fill_them_in(cast: Cast) -> None:
    from app.catalogue.models import CatalogueItem

    item = db.session.scalars(
        select(CatalogueItem)
        .where(CatalogueItem.name == "计算机应用基础", CatalogueItem.credits.is_(None))
        .limit(1)
    ).one()
    rule = (
        db.session.scalars(
            select(Rule).where(Rule.programme_id == item.programme_id, Rule.name.contains("一级证书"))
        )
        .one()
        .name
    )
    ncre = cast.add(
        "learner", "vocational", {"certificate_number": "1100440666666", "obtained_on": "2019-11-26"}, NCRE1
    )
    case = cast.convert("learner", ncre, rule)
    cast.decide(case, "initial", "agree", "point")
    with pytest.raises(Invalid, match="not known"):
        cast.decide(case, "final", "agree", "committee")

    def fill(_uow: object) -> None:
        db.session.get_one(CatalogueItem, item.id).credits = 400

    cast.act("", fill)
    cast.decide(case, "final", "agree", "committee")
    assert _state(case) == "approved"


def test_a_return_stops_the_clock_and_goes_back_to_its_stage(cast: Cast) -> None:
    case = cast.convert("learner", _cet(cast), LAW)
    cast.decide(case, "initial", "agree", "point")
    cast.decide(case, "final", "return", "committee", "审核人：外国语学院 区颖琳 请补成绩单", "missing")
    row = db.session.get_one(ConversionApplication, case)
    db.session.refresh(row)
    assert (row.state, row.returned_from, row.due_at) == ("returned", "final_review", None)
    assert row.learner_due_at is not None
    cast.act("learner", lambda uow: services.resubmit(uow, case, _row_version(uow, case)))
    assert _state(case) == "final_review"


def _row_version(uow: object, case: int) -> int:
    return int(
        uow.session.scalar(select(ConversionApplication.version).where(ConversionApplication.id == case))
    )  # type: ignore[attr-defined]


def test_an_overdue_correction_lapses_and_frees_its_sources(cast: Cast) -> None:
    cet = _cet(cast)
    case = cast.convert("learner", cet, LAW)
    cast.decide(case, "initial", "return", "point", "缺页", "missing")

    def overdue(_uow: object) -> None:
        db.session.get_one(ConversionApplication, case).learner_due_at = now() - timedelta(minutes=1)

    cast.act("", overdue)
    with pytest.raises(Conflict, match="deadline"):
        cast.act("learner", lambda uow: services.resubmit(uow, case, _row_version(uow, case)))
    assert cast.act("", services.lapse_overdue) == 1
    assert _state(case) == "lapsed"
    cast.convert("learner", cet, LAW)


def test_routing_takes_the_most_specific_committee_and_leaves_ties_to_the_centre(
    cast: Cast, demo: Flask
) -> None:
    from app.catalogue.models import Category
    from app.organisations.models import Committee, CommitteeScope

    category = db.session.scalars(select(Category.id).where(Category.code == "vocational")).one()

    def rival(uow: object) -> int:
        committee = Committee(name="另一职业证书委员会", scopes=[CommitteeScope(category_id=category)])
        db.session.add(committee)
        db.session.flush()
        return committee.id

    rival_id = cast.act("", rival)
    case = cast.convert("learner", _cet(cast, "3001"), LAW)
    cast.decide(case, "initial", "agree", "point")
    assert (
        db.session.scalar(select(ConversionApplication.committee_id).where(ConversionApplication.id == case))
        != rival_id
    )

    def tie(_uow: object) -> None:
        university = db.session.scalars(
            select(CommitteeScope.organisation_id).where(CommitteeScope.organisation_id.is_not(None)).limit(1)
        ).one()
        db.session.add(
            CommitteeScope(committee_id=rival_id, category_id=category, organisation_id=university)
        )

    cast.act("", tie)
    second = cast.convert("learner2", _cet(cast, "3002", "learner2"), LAW)
    cast.decide(second, "initial", "agree", "point")
    assert (
        db.session.scalar(
            select(ConversionApplication.committee_id).where(ConversionApplication.id == second)
        )
        is None
    )
    centre = log_in(demo, "center")
    assert "ZH-" in centre.get("/console/unassigned/").text
    answer = post(
        centre, f"/console/unassigned/{second}/assign", {"committee": rival_id, "version": _version(second)}
    )
    assert answer.status_code == 302
    db.session.rollback()  # look anew
    committee = select(ConversionApplication.committee_id).where(ConversionApplication.id == second)
    assert db.session.scalar(committee) == rival_id


def test_a_committee_sees_only_what_came_to_it(cast: Cast, demo: Flask) -> None:
    case = cast.convert("learner", _cet(cast), LAW)
    cast.decide(case, "initial", "agree", "point")
    other = log_in(demo, "committee3")
    assert other.get(f"/console/conversion/final/{case}").status_code == 404
    answer = post(
        other,
        f"/console/conversion/final/{case}/decide",
        {"decision": "agree", "opinion": "x", "version": _version(case)},
    )
    assert answer.status_code == 404
    assert _state(case) == "final_review"


def test_an_assessor_sees_the_evidence_without_the_name_and_decides_nothing(cast: Cast, demo: Flask) -> None:
    assessor = log_in(demo, "assessor")
    open_one = db.session.scalars(select(Assessment).where(Assessment.state == "asked")).one()
    page = assessor.get(f"/console/assessments/{open_one.id}")
    assert page.status_code == 200
    assert "李怀宇" not in page.text
    assert "电子商务工作满3年" in page.text
    before = _state(open_one.application_id)
    answer = post(
        assessor,
        f"/console/assessments/{open_one.id}",
        {"advice": "doubts", "grounds": "证明不足", "version": open_one.version},
    )
    assert answer.status_code == 302
    assert _state(open_one.application_id) == before == "performance_review"


def test_a_refusal_is_appealed_once_and_upheld_by_others_with_its_effects(cast: Cast) -> None:
    case = cast.convert("learner", _cet(cast), LAW)
    cast.decide(case, "initial", "agree", "point")
    cast.decide(case, "final", "refuse", "committee", "不符合")
    appeal = cast.act("learner", lambda uow: appeals.file_conversion(uow, case, "材料齐全").id)
    with pytest.raises(Conflict):
        cast.act("learner", lambda uow: appeals.file_conversion(uow, case, "再申诉"))
    with pytest.raises(Forbidden):
        cast.act("committee", lambda uow: appeals.decide(uow, appeal, "uphold", "成立", 1))
    cast.act("committee2", lambda uow: appeals.decide(uow, appeal, "uphold", "申诉成立", 1))
    assert _state(case) == "approved"
    assert db.session.scalar(select(Appeal.state).where(Appeal.id == appeal)) == "upheld"
    assert (
        db.session.scalar(
            select(func.count()).select_from(CreditEntry).where(CreditEntry.conversion_id == case)
        )
        == 1
    )
    stages = db.session.scalars(
        select(Review.stage).where(Review.conversion_id == case).order_by(Review.id)
    ).all()
    assert stages == ["initial", "final", "appeal"]


def test_a_reversal_takes_two_people_and_counters_every_posting(cast: Cast) -> None:
    ncre = cast.add(
        "learner", "vocational", {"certificate_number": "1100440777777", "obtained_on": "2019-11-26"}, NCRE1
    )
    case = cast.convert("learner", ncre, "全国计算机等级考试一级证书转2018春法学专业计算机应用基础")
    cast.decide(case, "initial", "agree", "point")
    cast.decide(case, "final", "agree", "committee")
    before = accounts.totals(accounts.balances(db.session(), cast.learner("learner")))["conversion"]
    proposal = cast.act("center", lambda uow: appeals.propose_reversal(uow, case, "证书系伪造").id)
    with pytest.raises(Forbidden):
        cast.act("center", lambda uow: appeals.decide_reversal(uow, proposal, "confirm", "", 1))
    cast.act("center2", lambda uow: appeals.decide_reversal(uow, proposal, "confirm", "属实", 1))
    assert _state(case) == "reversed"
    assert db.session.scalar(select(Reversal.state).where(Reversal.id == proposal)) == "confirmed"
    after = accounts.totals(accounts.balances(db.session(), cast.learner("learner")))["conversion"]
    assert before - after == 400
    made = db.session.scalars(select(Achievement).where(Achievement.granted_by_id == case)).one()
    assert made.state == "revoked"
    assert (
        db.session.scalar(
            select(func.count()).select_from(ConsumptionHold).where(ConsumptionHold.application_id == case)
        )
        == 0
    )


def test_bulk_review_decides_the_complete_and_names_the_others(cast: Cast, demo: Flask) -> None:
    ready = cast.convert("learner", _cet(cast, "4001"), LAW)
    bare = cast.convert("learner2", _cet(cast, "4002", "learner2"), LAW)
    cast.act("point", lambda uow: services.attest(uow, ready, cast._seen(uow, ConversionApplication, ready)))
    client = log_in(demo, "point")
    preview = post(client, "/console/conversion/initial/bulk", {"rowid": [ready, bare]})
    assert "曾炫云" in preview.text
    assert "李怀宇" in preview.text
    data = {"rowid": [ready, bare], "confirmed": 1, "decision": "agree", "opinion": "同意", "key": "bulk1"}
    data |= {f"version-{ready}": _version(ready), f"version-{bare}": _version(bare)}
    many = post(client, "/console/conversion/initial/bulk", {"rowid": [ready, *range(5000, 5300)]})
    assert "只列出所选 301 件中的前 200 件" in many.text
    report = post(client, "/console/conversion/initial/bulk", data)
    assert "已审核 1 件，跳过 1 件" in report.text
    assert "尚未核验原件" in report.text
    assert (_state(ready), _state(bare)) == ("final_review", "initial_review")


def test_balance_is_the_sum_of_postings_for_everyone(cast: Cast) -> None:
    for learner in (cast.learner(word) for word in ("learner", "learner2", "learner3")):
        found = accounts.totals(accounts.balances(db.session(), learner))
        for kind in ("accumulation", "conversion"):
            posted = select(func.coalesce(func.sum(CreditEntry.credits), 0)).where(
                CreditEntry.learner_id == learner, CreditEntry.kind == kind
            )
            assert found[kind] == db.session.scalar(posted)
