"""规则查询 for everyone: what applies today, by words, source, institution and term; addresses that can be sent on."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from app.framework.models import IndustryStandard
from app.kernel.clock import today
from app.kernel.database import db
from app.organisations.models import Organisation
from app.rules import queries
from app.rules.models import Agreement, Rule, RuleVersion

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
LAW = "CET 4 及以上证书转2018秋法学专业学位外语"


def _law() -> Rule:
    return db.session.scalars(select(Rule).where(Rule.name == LAW)).one()


@SQLITE
def test_search_by_words_source_institution_and_term(demo: Flask) -> None:
    visitor = demo.test_client()
    open_university = (
        db.session.scalars(select(Organisation).where(Organisation.name == "广东开放大学")).one().id
    )
    found = visitor.get(f"/rules/?q=法学 学位外语&term=2018秋&institution={open_university}&source=CET").text
    assert LAW in found
    assert "2018春法学" not in found
    for nothing in ("q=法学&source=密码学", f"institution={open_university + 1000}", "term=1999秋", "q=%25"):
        assert "未找到规则" in visitor.get(f"/rules/?{nothing}").text, nothing
    assert visitor.get("/rules/?institution=²&page=x&size=9").status_code == 200


@SQLITE
def test_what_is_typed_changes_the_list_alone_and_history_gets_whole_pages(demo: Flask) -> None:
    visitor = demo.test_client()
    page = visitor.get("/rules/?q=法学")
    assert 'hx-push-url="true"' in page.text
    assert "HX-Request" in page.headers["Vary"]
    part = visitor.get("/rules/?q=法学", headers={"HX-Request": "true"}).text
    assert "法学" in part
    assert "<html" not in part
    again = {"HX-Request": "true", "HX-History-Restore-Request": "true"}
    assert "<html" in visitor.get("/rules/?q=法学", headers=again).text


@SQLITE
@pytest.mark.parametrize("end", ["version", "agreement", "not yet", "target"])
def test_a_rule_out_of_force_is_not_found_and_its_page_says_so(demo: Flask, end: str) -> None:
    rule, gone = _law(), today() - timedelta(days=1)
    version, agreement = rule.current_version, rule.agreement_id
    assert version is not None
    key, item = rule.id, version.targets[0].catalogue_item
    change = {
        "version": update(RuleVersion).where(RuleVersion.id == version.id).values(valid_until=gone),
        "agreement": update(Agreement).where(Agreement.id == agreement).values(valid_until=gone),
        "not yet": update(RuleVersion)
        .where(RuleVersion.id == version.id)
        .values(valid_from=date(2999, 1, 1), valid_until=None),
        "target": update(type(item)).where(type(item).id == item.id).values(standing="retired"),
    }[end]
    db.session.remove()
    with db.engine.begin() as connection:
        connection.execute(change)
    visitor = demo.test_client()
    assert f"/rules/{key}" not in visitor.get("/rules/?q=2018秋 法学 学位外语").text
    assert "alert-warning" in visitor.get(f"/rules/{key}").text
    # on a day on which it was in force it is found
    if end in ("version", "agreement"):
        before = queries.public(words="2018秋 法学 学位外语", day=gone)
        assert key in [row.id for row in queries.load(db.session(), before)]


@SQLITE
def test_a_rule_says_its_conditions_and_a_standard_has_a_page(demo: Flask) -> None:
    visitor = demo.test_client()
    shown = visitor.get(f"/rules/{_law().id}").text
    assert "alert-warning" not in shown
    assert "大学英语等级考试(CET)四级及以上证书" in shown
    standard = db.session.scalars(
        select(IndustryStandard).where(IndustryStandard.level_id.is_not(None))
    ).first()
    assert standard is not None
    assert standard.level is not None
    page = visitor.get(f"/standards/{standard.id}").text
    assert standard.title in page
    assert f"/framework/#level-{standard.level.number}" in page
    assert f'id="level-{standard.level.number}"' in visitor.get("/framework/").text
    for unknown in (999_999, 2**63):
        assert visitor.get(f"/standards/{unknown}").status_code == 404
