"""A crowd for load work: learners with achievements and conversions in every queue, by bulk inserts.

Deterministic: the same seed makes the same crowd. Nobody in it has an account to log in with; personal data
is sealed as everybody's is. The bulk goes past the session's listeners, so one event per table and chunk says what
was written.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from sqlalchemy import func, insert, select

from app.achievements.models import Achievement
from app.audit.services import record_chunk
from app.calendar import services as calendar
from app.catalogue.models import CatalogueItem
from app.conversion.models import (
    ConsumptionEntry,
    ConsumptionHold,
    ConversionApplication,
    ConversionSource,
    ConversionTarget,
)
from app.demo.people import POINT, POINT2, identity_number
from app.demo.world import CET
from app.kernel.actor import SYSTEM
from app.kernel.clock import now
from app.kernel.database import db
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner
from app.organisations.models import Organisation
from app.rules.models import Rule, RuleVersion
from app.security import personal
from app.security.models import Person, PersonKey

SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾"
    "丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤"
    "尹黎易常武乔贺赖龚文"
)
GIVEN = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉萍红建文辉力鹏宇浩凯健俊帆雪琳晶欣慧莹倩"
    "婷玲颖露瑶怡佳嘉琪雅芝琴兰凤洁梅素云莲真环荣爱妹香月莺媛瑞凡炫星理达蕊明"
)
CHUNK = 2000


def load(learners: int, seed: int, progress: Callable[[int], None]) -> None:
    """``learners`` people, each with a CET certificate and every second with a conversion that waits for
    initial review.
    """
    dice = random.Random(seed)
    for start in range(0, learners, CHUNK):
        count = min(CHUNK, learners - start)
        with UnitOfWork(db.session, SYSTEM) as uow:
            _chunk(uow, dice, start, count)
        progress(count)


def _chunk(uow: UnitOfWork, dice: random.Random, start: int, count: int) -> None:
    session = uow.session
    points = {
        row.name: row.id
        for row in session.scalars(select(Organisation).where(Organisation.name.in_((POINT, POINT2))))
    }
    item = session.scalars(select(CatalogueItem).where(CatalogueItem.name == CET)).one()
    versions = session.scalars(
        select(RuleVersion)
        .join(Rule, Rule.current_version_id == RuleVersion.id)
        .where(Rule.state == "published", Rule.name.contains("学位外语"))
    ).all()
    first = {
        model: (session.scalar(select(func.max(model.id))) or 0) + 1
        for model in (
            *(Person, Learner, Achievement, ConversionApplication, ConversionSource, ConversionTarget),
            *(ConsumptionHold, ConsumptionEntry),
        )
    }
    moment = now()
    due = calendar.deadline(session, moment, 10)
    rows: dict[type[Any], list[dict[str, Any]]] = {model: [] for model in (*first, PersonKey)}
    for number in range(count):
        person, learner = first[Person] + number, first[Learner] + number
        achievement, nth = first[Achievement] + number, number // 2
        case = first[ConversionApplication] + nth
        home = points[dice.choice((POINT, POINT2))]
        version = dice.choice(versions)
        made = _person(dice, start + number)
        rows[PersonKey].append({"person_id": person, "wrapped": made.pop("wrapped_key")})
        rows[Person].append({"id": person, **made})
        rows[Learner].append(
            {
                "id": learner,
                "number": f"C{person:09d}",
                "person_id": person,
                "home_point_id": home,
                "programme_id": version.rule.programme_id,
                "standing": "imported",
            }
        )
        obtained = date(2015, 1, 1) + timedelta(days=dice.randrange(2000))
        certificate = f"9{person:014d}"
        rows[Achievement].append(
            {
                "id": achievement,
                "learner_id": learner,
                "category_id": item.category_id,
                "catalogue_item_id": item.id,
                "state": "catalogued",
                "origin": "imported",
                "name": item.name,
                "issuer": "教育部考试中心",
                "certificate_number": certificate,
                "identity_key": certificate,
                "obtained_on": obtained,
                "credits": 0,
                "values": {"certificate_number": certificate, "obtained_on": obtained.isoformat()},
            }
        )
        if number % 2 == 0:
            at = moment - timedelta(minutes=dice.randrange(60 * 24 * 5))
            target = version.targets[0]
            rows[ConversionApplication].append(
                {
                    "id": case,
                    "number": f"ZH-{at.year}-{case:06d}",
                    "kind": "rule",
                    "state": "initial_review",
                    "learner_id": learner,
                    "rule_version_id": version.id,
                    "programme_id": version.rule.programme_id,
                    "home_point_id": home,
                    "submitted_at": at,
                    "stage_entered_at": at,
                    "due_at": due,
                }
            )
            rows[ConversionSource].append(
                {
                    "id": first[ConversionSource] + nth,
                    "application_id": case,
                    "achievement_id": achievement,
                    "slot_id": version.sources[0].id,
                }
            )
            rows[ConversionTarget].append(
                {
                    "id": first[ConversionTarget] + nth,
                    "application_id": case,
                    "learner_id": learner,
                    "holder_seal": made["holder_seal"],
                    "catalogue_item_id": target.catalogue_item_id,
                    "item_credits": 0,
                    "ratio": target.ratio,
                    "live": True,
                }
            )
            held = {
                "achievement_id": achievement,
                "application_id": case,
                "purpose": f"programme {version.rule.programme_id}/{version.reuse_group}",
            }
            # Holds are deleted when released: an id above all entries was never a hold's before.
            rows[ConsumptionHold].append(
                {
                    "id": first[ConsumptionEntry] + nth,
                    **held,
                    "holder_seal": made["holder_seal"],
                    "source": f"item {item.id} {certificate}",
                }
            )
            rows[ConsumptionEntry].append({"id": first[ConsumptionEntry] + nth, **held, "kind": "reserve"})
    for model, values in rows.items():
        if values:
            session.execute(insert(model), values)
            if getattr(model, "__audited__", True):
                record_chunk(uow, model, values, why="demo crowd")
    _advance_sequences(uow, list(first))


def _person(dice: random.Random, number: int) -> dict[str, Any]:
    name = dice.choice(SURNAMES) + "".join(dice.choice(GIVEN) for _ in range(dice.choice((1, 2, 2))))
    birth = date(1970, 1, 1) + timedelta(days=dice.randrange(12000))
    person = personal.new_person(
        name,
        identity_type="resident",
        identity=identity_number(birth, number % 1000, f"44{number // 1000 + 100:04d}"),
    )
    columns = (
        "uid",
        "name",
        "name_search",
        "wrapped_key",
        "identity_type",
        "identity_sealed",
        "identity_index",
        "holder_seal",
    )
    return {column: getattr(person, column) for column in columns} | {"nationality": "CN"}


def _advance_sequences(uow: UnitOfWork, models: list[type[Any]]) -> None:
    """Ids were given by us: PostgreSQL's counters go on after them."""
    if uow.session.get_bind().dialect.name == "postgresql":
        for model in models:
            table = model.__table__
            uow.session.execute(
                select(
                    func.setval(
                        func.pg_get_serial_sequence(table.name, "id"),
                        select(func.max(table.c.id)).scalar_subquery(),
                    )
                )
            )
