"""What a learner's pages say about the next step: no button that is then refused, no state without a way on (spec 2.2, 2.3)."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from app.achievements.models import Achievement
from app.catalogue.models import CatalogueItem
from app.conversion.models import ConversionApplication
from app.conversion.queries import of_achievement
from app.kernel.database import db
from tests.support.story import Cast, log_in, post

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
PERFORMANCE = {"name": "物流行业工作5年", "issuer": "广州某公司", "obtained_on": "2024-03-01"}


def _main(text: str) -> str:
    return re.sub(r"<[^>]+>", " ", text[text.index("<main") :])


@SQLITE
def test_what_was_refused_or_returned_says_why_and_how_to_go_on(demo: Flask, cast: Cast) -> None:
    learner = log_in(demo, "learner")
    for decision, why in (("refuse", {}), ("return", {"fault": "missing"})):
        key = cast.add("learner", "performance_work", {**PERFORMANCE, "name": f"工作经历{decision}"})
        cast.recognise("learner", key, decision, **why)
        page = learner.get(f"/me/achievements/{key}").text
        assert f'href="/me/recognition/records/{key}"' in page, decision
        assert "查看审核意见" in _main(page)
        assert "添加时间" not in _main(page).split("成果信息")[0], "a step is not the name of a column"


@SQLITE
def test_what_an_application_was_built_on_offers_no_correction(demo: Flask, cast: Cast) -> None:
    case = db.session.query(ConversionApplication).filter_by(state="initial_review").first()
    assert case is not None
    used = case.achievements[0]
    word = next(one for one in ("learner", "learner2", "learner3") if cast.learner(one) == case.learner_id)
    key = used.id
    learner = log_in(demo, word)
    address = f"/me/achievements/{key}/edit"
    assert address not in learner.get(f"/me/achievements/{key}").text
    answer = learner.get(address)
    assert answer.status_code == 302, "no form that would be refused in the end"
    free = db.session.query(Achievement).filter_by(state="draft", learner_id=cast.learner(word)).first()
    if free is not None:
        assert learner.get(f"/me/achievements/{free.id}/edit").status_code == 200


@SQLITE
def test_a_target_held_already_is_told_before_anything_is_filled_in(demo: Flask, cast: Cast) -> None:
    case = db.session.query(ConversionApplication).filter_by(kind="rule", state="approved").first()
    assert case is not None
    assert case.rule_version is not None
    word = next(one for one in ("learner", "learner2", "learner3") if cast.learner(one) == case.learner_id)
    address = f"/me/conversion/apply/{case.achievements[0].id}/{case.rule_version.rule_id}"
    target = db.session.get_one(CatalogueItem, case.targets[0].catalogue_item_id).name
    number = case.number
    assert of_achievement(db.session(), case.achievements[0].id)
    text = _main(log_in(demo, word).get(address).text)
    assert f"目标成果 {target} 已在申请 {number} 中获得或正在申请" in text


@SQLITE
def test_lists_without_rows_say_so(demo: Flask, cast: Cast) -> None:
    learner = log_in(demo, "learner")
    draft = cast.add("learner", "performance_work", {**PERFORMANCE, "name": "尚未申请"})
    assert "暂无" in _main(learner.get(f"/me/recognition/records/{draft}").text)
    found = learner.get(f"/me/performance-conversion/target/{draft}", query_string={"name": "没有这样的课程"})
    assert "没有查到" in _main(found.text)


@SQLITE
def test_no_material_is_no_success(demo: Flask, cast: Cast) -> None:
    case = db.session.query(ConversionApplication).filter_by(state="initial_review").first()
    assert case is not None
    word = "point2" if case.home_point.name.startswith("广东理工") else "point"
    answer = post(log_in(demo, word), f"/console/conversion/initial/{case.id}/material", {})
    assert answer.status_code == 422
    assert "请上传PDF格式的文件" in answer.text
