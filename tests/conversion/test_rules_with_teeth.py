"""Rules with several sources and targets, groups, names, caps; consumption across programmes and accounts; replay."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from app.achievements.models import Achievement
from app.appeals import services as appeals
from app.audit.models import Finding
from app.catalogue.models import CatalogueItem, Category, Programme
from app.conversion import consumption, decision, planner, services
from app.conversion.models import ConsumptionHold, ConversionApplication, ConversionSource
from app.conversion.queries import rule_counts
from app.demo.world import CET, NCRE1, NCRE2
from app.kernel.database import db
from app.kernel.errors import Conflict, Forbidden, Invalid
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner
from app.rules import services as rules
from app.rules.models import CreditCap, Rule
from app.rules.services import Slot
from tests.support.story import Cast, in_thread

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
LAW = "CET 4 及以上证书转2018春法学专业学位外语"


def _item(name: str, programme: str = "") -> CatalogueItem:
    rows = db.session.scalars(select(CatalogueItem).where(CatalogueItem.name == name)).all()
    return next(row for row in rows if not programme or str(row.programme) == programme)


def _rule(
    cast: Cast, name: str, slots: list[Slot], targets: list[CatalogueItem | tuple[int, int]], **words: Any
) -> int:
    """A published rule of the second agreement."""

    def make(uow: UnitOfWork) -> int:
        like = uow.session.scalars(select(Rule).where(Rule.name == LAW)).one()
        rule = Rule(agreement_id=like.agreement_id, agreement=like.agreement, name=name, description=name)
        pairs = [(t.id, 10000) if isinstance(t, CatalogueItem) else t for t in targets]
        rules.publish(uow, rule, rules.draft(uow, rule, slots, pairs, valid_from=date(2018, 1, 1), **words))
        return rule.id

    return cast.act("", make)


def _apply(
    cast: Cast, who: str, rule_id: int, held: dict[int, int], targets: set[int] | None = None
) -> ConversionApplication:
    """``held``: position of the slot → achievement."""
    rule = db.session.get_one(Rule, rule_id)
    version = rule.current_version
    assert version is not None
    chosen = {source.id: held[source.position] for source in version.sources if source.position in held}
    case: ConversionApplication = cast.act(
        who, lambda uow: services.submit(uow, rule_id, version.id, chosen, targets=targets)
    )
    return case


def _certificate(
    cast: Cast, number: str, item: str, who: str = "learner", obtained: str = "2020-06-01"
) -> int:
    return cast.add(who, "vocational", {"certificate_number": number, "obtained_on": obtained}, item)


# --- several sources and targets


@SQLITE
def test_a_group_any_of_and_several_targets(cast: Cast) -> None:
    """CET-4 and one of two computer certificates, for two targets at once."""
    programme = "法学(2018春)(本)"
    english, computing = _item("大学英语(B)", programme), _item("计算机应用基础", programme)
    slots = [
        Slot(item_id=_item(CET).id),
        Slot(item_id=_item(NCRE1).id, group=1),
        Slot(item_id=_item(NCRE2).id, group=1),
    ]
    rule = _rule(cast, "两证转两课", slots, [english, (computing.id, 5000)], groups={1: 1})
    cet, ncre = _certificate(cast, "5001", CET), _certificate(cast, "5002", NCRE2)
    with pytest.raises(Invalid, match="each slot"):
        _apply(cast, "learner", rule, {1: cet})
    other = _certificate(cast, "5003", NCRE1)
    with pytest.raises(Invalid, match="only as many"):
        _apply(cast, "learner", rule, {1: cet, 2: other, 3: ncre})
    case = _apply(cast, "learner", rule, {1: cet, 3: ncre})
    cast.decide(case.id, "initial", "agree", "point")
    cast.decide(case.id, "final", "agree", "committee")
    row = db.session.get_one(ConversionApplication, case.id)
    db.session.refresh(row)
    assert {t.catalogue_item.name: t.granted_credits for t in row.targets} == {
        "大学英语(B)": 300,
        "计算机应用基础": 200,
    }
    assert decision.replay(db.session(), case.id) == []


@SQLITE
def test_the_learner_chooses_among_targets(cast: Cast) -> None:
    programme = "法学(2018春)(本)"
    english, computing = _item("大学英语(B)", programme), _item("计算机应用基础", programme)
    rule = _rule(cast, "任选一课", [Slot(item_id=_item(CET).id)], [english, computing], targets_needed=1)
    cet = _certificate(cast, "5101", CET)
    with pytest.raises(Invalid, match="choose 1"):
        _apply(cast, "learner", rule, {1: cet})
    case = _apply(cast, "learner", rule, {1: cet}, {computing.id})
    assert [t.catalogue_item_id for t in case.targets] == [computing.id]


@SQLITE
def test_a_name_by_pattern_is_confirmed_by_the_reviewer(cast: Cast) -> None:
    """“英语语音课程或相近名称”: a typed-in course of a similar name counts as candidate, and waits for a reviewer's word."""
    course = db.session.scalars(select(Category).where(Category.code == "course")).one()

    def make(uow: UnitOfWork) -> int:
        row = Achievement(
            learner_id=cast.learner("learner3"), category_id=course.id, state="recognised", name="英语发音", issuer="某学院",
            score="80", credits=200, obtained_on=date(2018, 7, 1), identity_key="2018-07-01", values={},
        )  # fmt: skip
        uow.session.add(row)
        uow.flush()
        return row.id

    typed = cast.act("", make)
    achievement = db.session.get_one(Achievement, typed)
    assert rule_counts(db.session(), [achievement])[typed] == (1, 0)
    cast.act("learner3", lambda uow: services.withdraw(uow, _open_voice(), _version(_open_voice())))
    case = cast.convert("learner3", typed, "英语语音课程或相近名称转2016秋应用英语专业英语语音")
    with pytest.raises(Invalid, match="confirm"):
        cast.decide(case, "initial", "agree", "point2")
    source = db.session.scalars(
        select(ConversionSource.id).where(ConversionSource.application_id == case)
    ).one()
    cast.act(
        "point2",
        lambda uow: services.decide(
            uow, case, "initial", "agree", "名称相符，同意", None, confirmed=[source]
        ),
    )
    assert (
        db.session.scalar(select(ConversionSource.confirmed_by_id).where(ConversionSource.id == source))
        is not None
    )


def _open_voice() -> int:
    db.session.rollback()
    return db.session.scalars(
        select(ConversionApplication.id)
        .join(ConversionSource, ConversionSource.application_id == ConversionApplication.id)
        .join(Achievement, Achievement.id == ConversionSource.achievement_id)
        .where(Achievement.name == "英语语音", ConversionApplication.state == "initial_review")
    ).one()


def _version(case: int) -> int:
    db.session.rollback()
    return int(
        db.session.scalar(select(ConversionApplication.version).where(ConversionApplication.id == case)) or 0
    )


# --- caps


@SQLITE
def test_caps_per_programme_rule_year_and_kind_of_source_bind_and_say_why(cast: Cast) -> None:
    """Seven credits of this year are in use by the demo, four more here; each limit leaves no room for three more."""
    programme = "法学(2018春)(本)"
    ncre, cet = _certificate(cast, "5201", NCRE1), _certificate(cast, "5202", CET)
    target = _item("大学英语(B)", programme)
    second = _rule(cast, "英语", [Slot(item_id=_item(CET).id)], [target])
    vocational = db.session.scalars(select(Category).where(Category.code == "vocational")).one()
    first = cast.convert("learner", ncre, "全国计算机等级考试一级证书转2018春法学专业计算机应用基础")
    for words in (
        {"programme_id": target.programme_id, "credits": 600},
        {"rule_id": second, "credits": 200},
        {"period": "year", "basis": "learner", "credits": 1300},
        {"category_id": vocational.id, "credits": 600},
        {"category_id": vocational.parent_id, "credits": 600},
        {"share": 800},  # of 76 credits
    ):
        made = cast.act("", lambda uow, w=words: _cap(uow, target.organisation_id, w))
        with pytest.raises(Conflict, match="limit “上限”"):
            _apply(cast, "learner", second, {1: cet})
        cast.act("", lambda uow, key=made: uow.session.delete(uow.session.get_one(CreditCap, key)))
    cast.act(
        "",
        lambda uow: _cap(uow, target.organisation_id, {"programme_id": target.programme_id, "credits": 600}),
    )
    cast.act("learner", lambda uow: services.withdraw(uow, first, _version(first)))
    _apply(cast, "learner", second, {1: cet})  # released credits make room


def _cap(uow: UnitOfWork, organisation: int, words: dict[str, Any]) -> int:
    row = CreditCap(name="上限", organisation_id=organisation, **words)
    uow.session.add(row)
    uow.flush()
    return row.id


# --- consumption


def test_a_source_counts_once_in_each_programme_that_a_rule_grants_in(cast: Cast) -> None:
    law, trade = _item("大学英语(B)", "法学(2018春)(本)"), _item("大学英语(B)", "电子商务(2019春)(本)")
    both = _rule(cast, "一证两专业", [Slot(item_id=_item(CET).id)], [law, trade])
    cet = _certificate(cast, "5301", CET)
    case = _apply(cast, "learner", both, {1: cet})
    db.session.rollback()
    held = db.session.scalars(
        select(ConsumptionHold.purpose).where(ConsumptionHold.application_id == case.id)
    ).all()
    assert len(held) == 2
    with pytest.raises(Conflict, match=f"application {case.number}"):
        cast.convert("learner", cet, "CET 4 及以上证书转2019春电子商务专业学位外语")


@SQLITE
def test_a_rule_without_a_reuse_group_shares_with_none(cast: Cast) -> None:
    computing = _item("计算机应用基础", "法学(2018春)(本)")
    alone = _rule(cast, "独用", [Slot(item_id=_item(CET).id)], [computing])
    cet = _certificate(cast, "5401", CET)
    cast.convert("learner", cet, LAW)
    with pytest.raises(Conflict, match="used for that programme"):
        _apply(cast, "learner", alone, {1: cet})


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "mutant"])
def test_twenty_parallel_submissions_spend_one_achievement_once(
    cast: Cast, demo: Flask, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """By the database alone: the look-up that says what was spent is switched off. The mutant has no unique keys, and
    spends it more than once.
    """
    cet = _certificate(cast, "5501", CET)
    rule = db.session.scalars(select(Rule).where(Rule.name == LAW)).one()
    version = rule.current_version
    assert version is not None
    slot, rule_id, version_id = version.sources[0].id, rule.id, version.id
    cast.by("learner")
    db.session.remove()
    monkeypatch.setattr(consumption, "_refuse_spent", lambda *_: None)
    if not guarded:
        _without_keys()

    def submit(number: int) -> bool:
        try:
            in_thread(
                demo,
                cast,
                "learner",
                lambda uow: services.submit(uow, rule_id, version_id, {slot: cet}, (), f"f{number}"),
            )
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = sum(pool.map(submit, range(20)))
    held = db.session.scalar(
        select(func.count()).select_from(ConsumptionHold).where(ConsumptionHold.achievement_id == cet)
    )
    assert (won, held) == (1, 1) if guarded else won > 1


def _without_keys() -> None:
    with db.engine.begin() as connection:
        connection.execute(text("DROP INDEX uq_conversion_target_live"))
        if connection.dialect.name == "postgresql":
            for name in ("holder_seal_source_purpose", "achievement_id_purpose"):
                statement = f"ALTER TABLE consumption_hold DROP CONSTRAINT uq_consumption_hold_{name}"
                connection.execute(text(statement))
            return
        columns = (
            "id INTEGER PRIMARY KEY, holder_seal BLOB, source, purpose, achievement_id INTEGER, application_id INTEGER, "
            "created_at, created_by_id"
        )
        connection.execute(text("DROP TABLE consumption_hold"))
        connection.execute(text(f"CREATE TABLE consumption_hold ({columns})"))


def test_an_account_opened_again_cannot_spend_again(cast: Cast) -> None:
    """Another account of the same person (the same seal): neither the certificate nor the target a second time."""
    cet = _certificate(cast, "5601", CET)
    cast.convert("learner", cet, LAW)
    again = _certificate(cast, "5601", CET, "learner2")
    fresh = _certificate(cast, "5602", CET, "learner2")

    def same_person(uow: UnitOfWork) -> None:
        old, new = (uow.session.get_one(Learner, cast.learner(who)).person for who in ("learner", "learner2"))
        new.holder_seal = old.holder_seal

    cast.act("", same_person)
    with pytest.raises(Conflict, match="used for that programme"):
        cast.convert("learner2", again, LAW)
    with pytest.raises(Conflict, match="granted or applied for"):
        cast.convert("learner2", fresh, LAW)


@SQLITE
def test_an_upheld_appeal_says_what_was_spent_meanwhile_and_then_reserves_again(cast: Cast) -> None:
    cet = _certificate(cast, "5701", CET)
    refused = cast.convert("learner", cet, LAW)
    cast.decide(refused, "initial", "refuse", "point", "材料不符")
    appeal = cast.act("learner", lambda uow: appeals.file_conversion(uow, refused, "原件无误").id)
    second = cast.convert("learner", cet, LAW)
    number = db.session.get_one(ConversionApplication, second).number
    with pytest.raises(Conflict, match=str(number)):
        cast.act("center", lambda uow: appeals.decide(uow, appeal, "uphold", "申诉成立", 1))
    cast.act("learner", lambda uow: services.withdraw(uow, second, _version(second)))
    cast.act("center", lambda uow: appeals.decide(uow, appeal, "uphold", "申诉成立", 1))
    db.session.rollback()
    assert db.session.get_one(ConversionApplication, refused).state == "final_review"
    # nobody attested before the refusal: the home point still can, and whoever upheld can't
    with pytest.raises(Forbidden):
        cast.act(
            "center",
            lambda uow: services.attest(uow, refused, cast._seen(uow, ConversionApplication, refused)),
        )
    cast.act(
        "point", lambda uow: services.attest(uow, refused, cast._seen(uow, ConversionApplication, refused))
    )
    cast.decide(refused, "final", "agree", "committee")


@SQLITE
def test_a_retired_rule_in_use_is_not_subtracted_from_what_is_left(cast: Cast) -> None:
    cet = _certificate(cast, "5801", CET)
    cast.convert("learner", cet, LAW)

    def retire(uow: UnitOfWork) -> None:
        rules.retire(uow, uow.session.scalars(select(Rule).where(Rule.name == LAW)).one())

    cast.act("", retire)
    assert rule_counts(db.session(), [db.session.get_one(Achievement, cet)])[cet] == (301, 1)


# --- the second person


@SQLITE
def test_whoever_touched_a_draft_cannot_publish_it_nor_propose_and_retire_alone(cast: Cast) -> None:
    rule = db.session.scalars(select(Rule).where(Rule.name == LAW)).one()
    slot, item = Slot(item_id=_item(CET).id), _item("学位外语", "法学(2018春)(本)")

    def draft(uow: UnitOfWork) -> int:
        return rules.draft(uow, uow.session.get_one(Rule, rule.id), [slot], [(item.id, 9000)]).id

    version = cast.act("center", draft)

    def edit(uow: UnitOfWork) -> None:
        row = uow.session.get_one(rules.RuleVersion, version)
        words = {
            "name": LAW,
            "description": "",
            "valid_from": date(2018, 1, 1),
            "valid_until": None,
            "mode": "all",
        }
        rules.revise(uow, row, [slot], [(item.id, 8000)], {}, row.version, **words)

    def publish(uow: UnitOfWork) -> None:
        rules.publish(
            uow, uow.session.get_one(Rule, rule.id), uow.session.get_one(rules.RuleVersion, version)
        )

    with pytest.raises(Forbidden):
        cast.act("center", publish)
    cast.act("center2", edit)
    for who in ("center", "center2"):
        with pytest.raises(Forbidden):
            cast.act(who, publish)
    retire: Callable[[UnitOfWork], None] = lambda uow: rules.retire(uow, uow.session.get_one(Rule, rule.id))  # noqa: E731
    with pytest.raises(Conflict):
        cast.act("center", retire)
    cast.act(
        "center", lambda uow: rules.propose_retirement(uow, uow.session.get_one(Rule, rule.id), "并入新规则")
    )
    with pytest.raises(Forbidden):
        cast.act("center", retire)
    cast.act("center2", retire)
    assert db.session.scalar(select(Rule.state).where(Rule.id == rule.id)) == "retired"


# --- replay


@SQLITE
def test_a_decision_replays_after_everything_has_changed_and_a_difference_is_a_finding(cast: Cast) -> None:
    cet = _certificate(cast, "5901", CET)
    case = cast.convert("learner", cet, LAW)
    cast.decide(case, "initial", "agree", "point")
    cast.decide(case, "final", "agree", "committee")

    def change(uow: UnitOfWork) -> None:
        rule = uow.session.scalars(select(Rule).where(Rule.name == LAW)).one()
        item = rule.current_version.targets[0].catalogue_item  # type: ignore[union-attr]
        item.credits, item.standing = 900, "active"
        slot = Slot(item_id=_item(CET).id, minimum_score=999)
        rules.publish(uow, rule, rules.draft(uow, rule, [slot], [(item.id, 100)]))
        uow.session.get_one(Achievement, cet).score = "1"

    cast.act("", change)
    assert cast.act("", lambda uow: decision.examine(uow, case)) == []

    def forge(uow: UnitOfWork) -> None:
        row = uow.session.get_one(ConversionApplication, case)
        row.reasoning = {**row.reasoning, "targets": [{**row.reasoning["targets"][0], "credits": 500}]}

    cast.act("", forge)
    for _ in range(2):
        assert cast.act("", lambda uow: decision.examine(uow, case))
    found = db.session.scalars(select(Finding).where(Finding.conversion_id == case)).all()
    assert [finding.severity for finding in found] == ["grave"]


# --- the planner over the real tables


@SQLITE
def test_the_plan_applies_as_it_says(cast: Cast) -> None:
    """Every step of a plan is accepted by the bank, and earns what was promised; then nothing is left to do."""
    _certificate(cast, "6001", CET)
    _certificate(cast, "6002", NCRE1)
    _certificate(cast, "6003", NCRE2)
    programme = db.session.scalars(
        select(Programme).where(Programme.name == "法学", Programme.term == "2018春")
    ).one()
    learner = db.session.get_one(Learner, cast.learner("learner"))
    plan = planner.plan(db.session(), learner, programme)
    assert plan.credits == 700
    assert {t.catalogue_item.name for step in plan.steps for t, _c in step.granted} == {
        "计算机应用基础", "大学英语(B)", "学位外语",
    }  # fmt: skip
    for step in plan.steps:
        chosen = {source.id: achievement.id for source, achievement in step.brought}
        rule, version = step.rule.id, step.rule.current_version_id
        cast.act("learner", lambda uow, r=rule, v=version, c=chosen: services.submit(uow, r, v or 0, c))
    db.session.rollback()
    after = planner.plan(db.session(), db.session.get_one(Learner, learner.id), programme)
    assert (after.steps, len(after.already)) == ([], 3)


@SQLITE
def test_a_plan_says_what_is_missing(cast: Cast) -> None:
    slot = Slot(item_id=_item(CET).id, months_valid=6)
    item = _item("大学英语(B)", "法学(2018春)(本)")
    programme = db.session.get_one(Programme, item.programme_id)

    def only_recent(uow: UnitOfWork) -> None:
        rule = uow.session.scalars(
            select(Rule).where(Rule.name == "CET 4 及以上证书转2018春法学专业大学英语(B)")
        ).one()
        rules.publish(uow, rule, rules.draft(uow, rule, [slot], [(item.id, 10000)]))

    cast.act("", only_recent)
    _certificate(cast, "6101", CET)
    plan = planner.plan(db.session(), db.session.get_one(Learner, cast.learner("learner")), programme)
    by_target = {one.target.catalogue_item_id: one for one in plan.further}
    lacking = by_target[item.id].lacking
    assert [(str(one.source), one.why.code if one.why else "") for one in lacking] == [(CET, "too_old")]
