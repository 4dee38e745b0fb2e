"""The linter finds what is planted; templates show their difference before it applies; impact reads only."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.catalogue.models import CatalogueItem, Category
from app.conversion import impact
from app.demo.world import CET, NCRE1, NCRE2
from app.kernel.clock import today
from app.kernel.database import db
from app.kernel.errors import Conflict, Forbidden, Invalid
from app.kernel.unit_of_work import UnitOfWork
from app.rules import expansion, queries, services
from app.rules.lint import lint
from app.rules.matching import Holding
from app.rules.models import Agreement, CreditCap, Rule, RuleCandidate, RuleTemplate, RuleVersion
from app.rules.services import Slot
from tests.support.story import Cast, log_in, post

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
LAW = "CET 4 及以上证书转2018春法学专业学位外语"


def _item(name: str, programme: str = "") -> CatalogueItem:
    rows = db.session.scalars(select(CatalogueItem).where(CatalogueItem.name == name)).all()
    return next(row for row in rows if not programme or str(row.programme) == programme)


def _agreement(uow: UnitOfWork) -> Agreement:
    return uow.session.scalars(select(Agreement).where(Agreement.number == "XY-2018-002")).one()


def _rule(
    uow: UnitOfWork, name: str, slots: list[Slot], targets: list[tuple[int, int]], **words: Any
) -> Rule:
    agreement = words.pop("agreement", None) or _agreement(uow)
    rule = Rule(agreement_id=agreement.id, agreement=agreement, name=name, description=name)
    words.setdefault("valid_from", date(2018, 1, 1))
    services.publish(uow, rule, services.draft(uow, rule, slots, targets, **words))
    return rule


# --- the linter


def test_the_linter_finds_every_planted_fault_and_nothing_grave_in_the_demo(cast: Cast) -> None:
    assert [finding for finding in lint(db.session()) if finding.severity == "error"] == []
    course = _item("大学英语(B)", "法学(2018春)(本)")
    other = _item("学位外语", "法学(2018春)(本)")
    fresh = _item("公司概况", "电子商务(2019春)(本)")
    practice = _item("专业实习", "电子商务(2019春)(本)")
    cet, ncre1, ncre2 = (
        Slot(item_id=_item(CET).id),
        Slot(item_id=_item(NCRE1).id),
        Slot(item_id=_item(NCRE2).id),
    )

    def plant(uow: UnitOfWork) -> dict[str, int]:
        day = today()
        old = Agreement(
            number="XY-OLD", name="到期协议", organisation_id=_agreement(uow).organisation_id, valid_from=date(2018, 1, 1),
        )  # fmt: skip
        uow.session.add(old)
        uow.flush()
        made = {
            "contradiction": _rule(uow, "矛盾", [cet], [(course.id, 5000)]),
            "overlap": _rule(uow, "重复", [cet], [(other.id, 10000)]),
            "shadowed": _rule(uow, "多余", [cet, ncre2], [(other.id, 10000)], mode="all"),
            "retired_target": _rule(uow, "停用目标", [ncre2], [(fresh.id, 10000)]),
            "expired_agreement": _rule(uow, "协议到期", [ncre1], [(practice.id, 10000)], agreement=old),
            "expired_rule": _rule(
                uow, "规则到期", [cet], [(practice.id, 10000)], valid_until=day - timedelta(days=1)
            ),
            "unreachable": _rule(
                uow, "等级过高", [Slot(item_id=_item(NCRE1).id, minimum_level_id=7)], [(practice.id, 10000)]
            ),
            "self_conversion": _rule(uow, "自转", [Slot(item_id=practice.id)], [(practice.id, 10000)]),
            "cap_too_small": _rule(uow, "上限过低", [ncre2], [(practice.id, 10000)]),
            "high_ratio": _rule(uow, "比例过高", [ncre2, cet], [(practice.id, 12000)]),
        }
        cap = CreditCap(
            name="低", organisation_id=practice.organisation_id, rule_id=made["cap_too_small"].id, credits=100
        )
        uow.session.add(cap)
        fresh_row = uow.session.get_one(CatalogueItem, fresh.id)
        fresh_row.standing = "retired"
        old.valid_until = day - timedelta(days=2)
        uow.flush()
        return {kind: rule.id for kind, rule in made.items()}

    planted = cast.act("", plant)
    found = {(finding.kind, finding.rule) for finding in lint(db.session())}
    assert {(kind, rule) for kind, rule in planted.items()} - found == set()
    alone = db.session.get_one(Rule, planted["contradiction"])
    assert "contradiction" in {finding.kind for finding in lint(db.session(), alone)}
    kinds = {finding.kind for finding in lint(db.session())}
    assert {"level_jump", "blank_credits", "zero_credits"} <= kinds


# --- templates


def test_a_template_shows_its_difference_and_a_second_person_applies_what_was_shown(cast: Cast) -> None:
    template = db.session.scalars(select(RuleTemplate).where(RuleTemplate.target_name.contains("|"))).one()
    assert len(db.session.scalars(select(Rule.id).where(Rule.template_id == template.id)).all()) == 302
    assert expansion.difference(db.session(), template).empty

    def change(uow: UnitOfWork) -> None:
        row = uow.session.get_one(RuleTemplate, template.id)
        row.terms, row.ratio, row.edited_by_id = "2018春, 2018秋", 8000, uow.actor.user_id
        uow.flush()

    cast.act("center", change)
    found = expansion.difference(db.session(), db.session.get_one(RuleTemplate, template.id))
    assert (len(found.new), len(found.changed), len(found.gone), found.same) == (0, 68, 234, 0)
    assert found.changed[0].differences == {"ratio": (10000, 8000)}

    def apply(uow: UnitOfWork, digest: str) -> None:
        expansion.expand(uow, uow.session.get_one(RuleTemplate, template.id), digest)

    with pytest.raises(Forbidden):
        cast.act("center", lambda uow: apply(uow, found.digest))
    with pytest.raises(Conflict):
        cast.act("center2", lambda uow: apply(uow, "another difference"))
    cast.act("center2", lambda uow: apply(uow, found.digest))
    counted = select(Rule.state, func.count()).where(Rule.template_id == template.id).group_by(Rule.state)
    states = dict(db.session.execute(counted).tuples().all())
    assert states == {"published": 68, "retired": 234}
    held = Holding(1, _item(CET).id, 0, CET)
    assert len(queries.rules_of(db.session(), [held])[1]) == 68
    assert expansion.difference(db.session(), db.session.get_one(RuleTemplate, template.id)).empty


# --- impact


def test_impact_counts_cases_and_people_and_changes_nothing(cast: Cast) -> None:
    rule = db.session.scalars(
        select(Rule).where(Rule.name == "CET 4 及以上证书转2018秋法学专业大学英语(B)")
    ).one()
    item = rule.current_version.targets[0].catalogue_item  # type: ignore[union-attr]

    def draft(uow: UnitOfWork) -> int:
        row = uow.session.get_one(Rule, rule.id)
        return services.draft(uow, row, [Slot(item_id=_item(CET).id)], [(item.id, 5000)]).id

    version = db.session.get_one(RuleVersion, cast.act("center", draft))
    events = _events()
    half = impact.preview(db.session(), rule, version)
    assert [(case.before.credits, case.after.credits) for case in half.open_cases] == [(300, 150)]
    assert {person.learner.name for person in half.lose} == {"李怀宇", "王铉喆"} or len(
        half.lose
    ) == half.holders - 1
    assert half.gain == []
    gone = impact.preview(db.session(), rule, None)
    assert [(case.before.credits, case.after.credits) for case in gone.open_cases] == [(300, None)]
    fresh = db.session.scalars(select(Rule).where(Rule.state == "draft")).one()
    opened = impact.preview(db.session(), fresh, fresh.versions[0])
    assert (opened.lose, opened.applications) == ([], 0)
    assert _events() == events


def _events() -> int:
    from app.audit.models import AuditEvent

    db.session.rollback()
    return int(db.session.scalar(select(func.count()).select_from(AuditEvent)) or 0)


# --- services


def test_a_new_item_enters_a_category_slot_at_once_and_dates_are_kept(cast: Cast) -> None:
    course = db.session.scalars(select(Category).where(Category.code == "course")).one()
    held = Holding(1, 10**9, course.id, "英语语音（新）")
    assert len(queries.rules_of(db.session(), [held])[1]) == 1
    cet = Holding(2, _item(CET).id, 0, CET)
    assert len(queries.rules_of(db.session(), [cet])[2]) == 302
    assert queries.rules_of(db.session(), [cet], date(2017, 12, 31))[2] == set()

    def end(uow: UnitOfWork) -> None:
        agreement = uow.session.scalars(select(Agreement).where(Agreement.number == "XY-2018-001")).one()
        agreement.valid_until = today()
        services.refresh_agreement(uow, agreement)

    cast.act("", end)
    assert len(queries.rules_of(db.session(), [cet])[2]) == 302
    assert queries.rules_of(db.session(), [cet], today() + timedelta(days=1))[2] == set()


@pytest.mark.parametrize(
    "wrong",
    [
        {"mode": "any", "needed": 3},
        {"mode": "any"},
        {"needed": 1},
        {"targets_needed": 2},
        {"groups": {1: 5}, "group": 1},
        {"valid_until": date(2000, 1, 1)},
        {"ratio": 200000},
    ],
)
def test_a_senseless_version_is_refused(cast: Cast, wrong: dict[str, Any]) -> None:
    words = dict(wrong)
    slot = Slot(item_id=_item(CET).id, group=words.pop("group", None))
    ratio = words.pop("ratio", 10000)
    with pytest.raises(Invalid):
        cast.act("", lambda uow: _rule(uow, "错", [slot], [(_item("公司概况").id, ratio)], **words))


# --- pages


def test_a_rule_is_written_on_one_page_published_by_another_person_and_previewed(
    demo: Flask, cast: Cast
) -> None:
    center, second = log_in(demo, "center"), log_in(demo, "center2")
    agreement = db.session.scalars(select(Agreement.id).where(Agreement.number == "XY-2018-002")).one()
    target, cet, ncre = _item("公司概况", "电子商务(2019春)(本)").id, _item(CET).id, _item(NCRE2).id
    made = post(center, "/console/records/rule/add", {"agreement": agreement, "name": "两证之一转公司概况"})
    assert made.status_code == 302, made.text[-3000:]
    page = made.headers["Location"]
    db.session.rollback()
    rule = db.session.scalars(select(Rule).where(Rule.name == "两证之一转公司概况")).one()
    assert page.endswith(f"/console/records/rule/{rule.id}/versions/1")
    form = {
        "version": 1, "name": "两证之一转公司概况", "valid_from": "2018-01-01", "needed": "1",
        "source-0-item": cet, "source-1-item": ncre, "source-1-score": "", "target-0-item": target, "target-0-ratio": "50",
    }  # fmt: skip
    more = post(center, page, {**form, "more": "source"})
    assert more.text.count("<legend") == 4
    stale = post(center, page, {**form, "version": 99})
    assert stale.status_code == 409
    bad = post(center, page, {**form, "target-0-ratio": "一半"})
    assert bad.status_code == 422
    assert "一半" in bad.text
    db.session.rollback()
    version = db.session.scalars(select(RuleVersion).where(RuleVersion.rule_id == rule.id)).one()
    assert post(center, page, {**form, "version": version.version}).status_code == 302
    shown = center.get(f"/console/records/rule/{rule.id}")
    assert "任选 1 项" in shown.text
    assert "50 %" in shown.text
    assert center.get(f"/console/records/rule/{rule.id}/impact?version=1").status_code == 200
    listed = center.get(f"/console/records/rule/{rule.id}/impact.csv?version=1")
    assert "受益" in listed.text
    publish = f"/console/records/rule/{rule.id}/versions/1/publish"
    post(center, publish, {})
    assert _state(rule.id) == "draft"
    post(second, publish, {})
    assert _state(rule.id) == "published"
    assert "两证之一转公司概况" in demo.test_client().get("/rules/?q=两证之一").text
    again = post(center, f"/console/records/rule/{rule.id}/draft", {})
    assert again.headers["Location"].endswith("/versions/2")
    post(center, f"/console/records/rule/{rule.id}/propose-retirement", {"reason": "合并"})
    post(center, f"/console/records/rule/{rule.id}/retire", {})
    assert _state(rule.id) == "published"
    post(second, f"/console/records/rule/{rule.id}/retire", {})
    assert _state(rule.id) == "retired"


def _state(rule: int) -> str:
    db.session.rollback()
    return str(db.session.scalar(select(Rule.state).where(Rule.id == rule)))


def test_an_institution_drafts_its_own_rules_and_publishes_none(demo: Flask, cast: Cast) -> None:
    institution = log_in(demo, "institution")
    own = db.session.scalars(select(Rule).where(Rule.name == LAW)).one()
    assert post(institution, f"/console/records/rule/{own.id}/draft", {}).status_code == 302
    assert institution.get(f"/console/records/rule/{own.id}/versions/2").status_code == 200
    assert post(institution, f"/console/records/rule/{own.id}/versions/2/publish", {}).status_code in (
        403,
        404,
    )
    assert institution.get(f"/console/records/rule/{own.id}/impact?version=2").status_code == 200


@pytest.mark.parametrize(
    ("who", "path", "words"),
    [
        ("center", "/console/rules/lint/", "规则检查"),
        ("center", "/console/rules/lint/?kind=level_jump", "等级跨越"),
        ("center", "/console/plan/?q=李", "李怀宇"),
        ("learner", "/me/plan/", "转换规划"),
        ("learner", "/me/plan/?q=法学 2018秋", "法学(2018秋)(本)"),
        ("center", "/console/records/credit-cap/", "50%"),
    ],
)
def test_pages_open(demo: Flask, who: str, path: str, words: str) -> None:
    answer = log_in(demo, who).get(path)
    assert answer.status_code == 200
    assert words in answer.text


def test_a_point_plans_for_its_own_learners_only(demo: Flask, cast: Cast) -> None:
    point = log_in(demo, "point")
    assert point.get(f"/console/plan/{cast.learner('learner')}").status_code == 200
    assert point.get(f"/console/plan/{cast.learner('learner3')}").status_code == 404


def test_commands(demo: Flask) -> None:
    run = demo.test_cli_runner().invoke
    linted = run(args=["rules", "lint"])
    assert linted.exit_code == 0
    assert "level_jump" in linted.output
    rule = db.session.scalars(select(Rule.id).where(Rule.name == LAW)).one()
    assert "learners who lose" in run(args=["rules", "impact", str(rule)]).output
    assert "302 as they are" in run(args=["rules", "expand", "--dry-run"]).output
    assert "come out the same" in run(args=["decision", "replay", "--all"]).output


def test_counting_agrees_with_looking_at_every_rule(cast: Cast) -> None:
    """By item, granted by a conversion, into slots of a category, in use: the counted and the listed are the same."""
    session = db.session()
    course = session.scalars(select(Category).where(Category.code == "course")).one()
    taken = session.scalars(select(RuleCandidate.catalogue_item_id).distinct()).all()
    held = [
        Holding(n, item, course.id, "英语语音", issuer="某学院", converted=converted, performance=performance)
        for n, (item, converted, performance) in enumerate(
            [(item, converted, False) for item in (*taken, None) for converted in (False, True)]
            + [(taken[0], False, True), (taken[0], False, False)]
        )
    ]
    slots = [Slot(category_id=course.id), Slot(item_id=taken[0])]
    target = _item("学位外语", "法学(2018春)(本)").id
    cast.act("", lambda uow: _rule(uow, "课程转课程", slots, [(target, 5000)]).id)
    for categories in (course.id, course.id + 10_000):
        mine = [replace(one, category=categories) for one in held]
        listed = queries.rules_of(session, mine)
        in_use: dict[int, set[int]] = {one.key: set(sorted(listed[one.key])[:2]) | {-1} for one in mine}
        wanted = {key: len(found - in_use[key]) for key, found in listed.items()}
        assert queries.counts(session, mine, in_use) == wanted
        assert max(wanted.values()) > 100
