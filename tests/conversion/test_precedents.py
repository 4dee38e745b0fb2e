"""Precedents at the performance review: the likest first, nobody named, nothing that another committee decided."""

from __future__ import annotations

from flask import Flask

from app.conversion import precedents
from app.conversion.models import ConversionApplication
from app.kernel.database import db
from tests.support.story import Cast, log_in

TARGET = ("公司概况", "电子商务(2019秋)(本)")
PRACTICE = ("专业实习", "电子商务(2019春)(本)")


def _case(cast: Cast, name: str, target: tuple[str, str] = TARGET) -> int:
    values = {"name": name, "issuer": "悦享餐饮合作社", "obtained_on": "2021-03-01"}
    achievement = cast.add("learner", "performance_venture", values)
    cast.recognise("learner", achievement, "agree", credits=400)
    return cast._grant("learner", achievement, *target)


def test_pairs_of_signs_leave_out_what_stands_between() -> None:
    assert precedents.pairs("5G 通信，应用") == ["5g", "通信", "应用"]
    assert precedents.pairs("好好好") == ["好好"]
    assert precedents.pairs("") == []


def test_the_desk_shows_the_likest_decision_with_reasons_and_without_the_name(
    cast: Cast, demo: Flask
) -> None:
    case = _case(cast, "社区餐饮李怀宇连锁项目")
    page = log_in(demo, "committee3").get(f"/console/conversion/performance/{case}").text
    shown = page.split("类似的以往决定")[1].split("第三方评审")[0]
    assert "社区餐饮创业项目" in shown
    assert "业绩与目标课程内容不符，不同意。" in shown
    assert "审核不通过" in shown
    assert "目标成果相同" in shown
    assert "李怀宇" not in shown

    row = db.session.get_one(ConversionApplication, case)
    found = precedents.of(db.session(), row, cast.by("committee3"))
    assert found[0].source == "社区餐饮创业项目"
    assert found[0].reasons == ("item", "organisation", "kind", "words")
    assert all(one.state in ("approved", "refused", "reversed") for one in found)

    # Control: with the words of an unlike name only what else is the same is said.
    other = db.session.get_one(ConversionApplication, _case(cast, "广绣传承", PRACTICE))
    like = next(
        one
        for one in precedents.of(db.session(), other, cast.by("committee3"))
        if one.source == "社区餐饮创业项目"
    )
    assert "words" not in like.reasons


def test_what_another_committee_decided_stays_with_it(cast: Cast) -> None:
    row = db.session.get_one(ConversionApplication, _case(cast, "社区餐饮连锁项目"))
    assert precedents.of(db.session(), row, cast.by("committee3"))
    assert precedents.of(db.session(), row, cast.by("committee")) == []
    assert precedents.of(db.session(), row, cast.by("center"))


def test_a_past_learners_name_is_masked_in_opinions(cast: Cast) -> None:
    first = _case(cast, "社区餐饮连锁项目")
    name = db.session.get_one(ConversionApplication, first).learner.name
    cast.decide(first, "performance", "agree", "committee3", f"{name}的材料齐全，同意。")
    achievement = cast.add(
        "learner2",
        "performance_venture",
        {"name": f"{name}的项目", "issuer": "甲", "obtained_on": "2021-03-01"},
    )
    cast.recognise("learner2", achievement, "agree", credits=400)
    later = db.session.get_one(ConversionApplication, cast._grant("learner2", achievement, *TARGET))
    told = precedents.of(db.session(), later, cast.by("committee3"))
    past = next(one for one in told if one.source == "社区餐饮连锁项目")
    assert past.opinion == "＊＊的材料齐全，同意。"
