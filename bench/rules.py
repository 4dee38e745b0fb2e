"""Rules at scale: counts, search as you type, the linter and the planner with 20,000 rules beside the demo's."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from bench.world import HOME, ratio

RULES, PROGRAMMES, ITEMS = 20_000, 400, 2_000


def main(rules: int = RULES) -> None:
    with tempfile.TemporaryDirectory(prefix="creditbank-bench-") as folder:
        os.environ["CREDITBANK_DATA_DIR"] = folder
        sys.path.insert(0, str(HOME))
        from app import create_app

        app = create_app()
        with app.app_context():
            _load(Path(folder), rules)
            _measure(rules)


def _load(folder: Path, rules: int) -> None:
    """The demo, and ``rules`` more of another agreement: each of an own source item or one of ten, for a programme."""
    from app.demo import services
    from app.deployment import deploy_all
    from app.kernel.actor import SYSTEM
    from app.kernel.database import db
    from app.kernel.unit_of_work import UnitOfWork

    list(deploy_all())
    services.load()
    with UnitOfWork(db.session, SYSTEM) as uow:
        _rules(uow.session, rules)
    with db.engine.begin() as connection:
        connection.exec_driver_sql("ANALYZE")


def _rules(session: Any, count: int) -> None:
    from sqlalchemy import func, insert, select

    from app.catalogue.models import CatalogueItem, Programme
    from app.rules.models import Agreement, Rule, RuleCandidate, RuleSource, RuleTarget, RuleVersion

    like = session.scalars(select(Agreement).where(Agreement.number == "XY-2018-001")).one()
    item = session.scalars(select(CatalogueItem).where(CatalogueItem.name == "大学英语(B)").limit(1)).one()

    def fresh(model: Any) -> int:
        return int(session.scalar(select(func.max(model.id))) or 0) + 1

    since, until = date(2018, 1, 1), date(9999, 12, 31)
    agreement, programme, source = fresh(Agreement), fresh(Programme), fresh(CatalogueItem)
    target, rule, version = source + ITEMS, fresh(Rule), fresh(RuleVersion)
    same = {"version": 1}
    columns = {
        "category_id": item.category_id,
        "organisation_id": item.organisation_id,
        "level_id": item.level_id,
    }
    session.execute(
        insert(Agreement),
        [{"id": agreement, "number": "XY-BENCH", "name": "大协议", "organisation_id": like.organisation_id,
          "valid_from": since, **same}],
    )  # fmt: skip
    session.execute(
        insert(Programme),
        [{"id": programme + n, "organisation_id": item.organisation_id, "name": f"专业{n // 10:03d}",
          "term": f"{2016 + n % 10}秋", "grade": "本", **same} for n in range(PROGRAMMES)],
    )  # fmt: skip
    session.execute(
        insert(CatalogueItem),
        [{"id": source + n, "code": f"S{n:06d}", "name": f"来源成果{n}", "credits": 100, "values": {}, **columns, **same}
         for n in range(ITEMS)],
    )  # fmt: skip
    session.execute(
        insert(CatalogueItem),
        [{"id": target + n, "programme_id": programme + n % PROGRAMMES, "code": f"T{n:06d}", "name": f"目标课程{n}",
          "credits": 300, "values": {}, **columns, **same} for n in range(count)],
    )  # fmt: skip
    named = [
        f"来源成果{n % ITEMS}转{2016 + n % 10}秋专业{n % PROGRAMMES // 10:03d}目标课程{n}"
        for n in range(count)
    ]
    session.execute(
        insert(Rule),
        [{"id": rule + n, "agreement_id": agreement, "programme_id": programme + n % PROGRAMMES, "name": named[n],
          "state": "draft", **same} for n in range(count)],
    )  # fmt: skip
    session.execute(
        insert(RuleVersion),
        [{"id": version + n, "rule_id": rule + n, "number": 1, "name": named[n], "mode": "all", "valid_from": since,
          **same} for n in range(count)],
    )  # fmt: skip
    session.execute(
        insert(RuleSource),
        [{"rule_version_id": version + n, "position": 1, "catalogue_item_id": source + n % ITEMS, **same}
         for n in range(count)],
    )  # fmt: skip
    session.execute(
        insert(RuleTarget),
        [{"rule_version_id": version + n, "position": 1, "catalogue_item_id": target + n, "ratio": 10000, **same}
         for n in range(count)],
    )  # fmt: skip
    table = Rule.__table__
    published = table.update().where(table.c.id >= rule)
    session.execute(published.values(state="published", current_version_id=table.c.id + (version - rule)))
    session.execute(
        insert(RuleCandidate),
        [{"catalogue_item_id": source + n % ITEMS, "rule_id": rule + n, "valid_from": since, "valid_until": until}
         for n in range(count)],
    )  # fmt: skip


def _measure(rules: int) -> None:
    from sqlalchemy import func, select

    from app.achievements.models import Achievement
    from app.catalogue.models import CatalogueItem, Programme
    from app.console.pages import capped_count
    from app.conversion import planner
    from app.conversion.queries import convertible, rule_counts
    from app.kernel.database import db
    from app.learners.models import Learner
    from app.rules import queries
    from app.rules.lint import lint
    from app.rules.matching import Holding
    from app.rules.models import RuleCandidate

    session = db.session()
    learner = session.scalars(
        select(Achievement.learner_id).where(Achievement.origin == "self_added").limit(1)
    ).one()
    page = list(session.scalars(convertible(learner).limit(6)).unique())
    # The floor is the look-up of the page's item that most rules take.
    items = [row.catalogue_item_id for row in page if row.catalogue_item_id is not None]
    most = select(RuleCandidate.catalogue_item_id).where(RuleCandidate.catalogue_item_id.in_(items))
    item = session.scalars(
        most.group_by(RuleCandidate.catalogue_item_id).order_by(func.count().desc()).limit(1)
    ).one()
    one = select(RuleCandidate.rule_id).where(RuleCandidate.catalogue_item_id == item)
    look_up = _median(lambda: session.execute(one).all())
    ratio(
        "可转换规则数 for a page of achievements, ms",
        _median(lambda: rule_counts(session, page)) * 1000,
        look_up * 1000,
        "≤ 2",
    )
    few = list(
        session.scalars(select(CatalogueItem.id).where(CatalogueItem.name.startswith("来源成果")).limit(6))
    )
    held = [Holding(n, key, 0, "") for n, key in enumerate(few)]
    ratio(
        "rules that six other items can enter, ms",
        _median(lambda: queries.counts(session, held, {})) * 1000,
        look_up * 1000,
        "≤ 2",
    )
    able = queries.rules_of(session, [Holding(1, item, 0, "")])[1]
    typed = queries.among(able, words="法学 2018秋", own_programme_id=1, own_name="法学").limit(10)
    whole = queries.among(able, own_programme_id=1, own_name="法学").limit(10)
    ratio(
        "search as you type among 302 rules, ms",
        _median(lambda: session.scalars(typed).unique().all()) * 1000,
        _median(lambda: session.scalars(whole).unique().all()) * 1000,
        "-",
    )
    words = queries.public(words="专业007 2018秋")
    first = queries.public()
    ratio(
        f"public search among {rules + 637:,} rules, ms",
        _median(lambda: (capped_count(session, words), queries.load(session, words.limit(10)))) * 1000,
        _median(lambda: (capped_count(session, first), queries.load(session, first.limit(10)))) * 1000,
        "-",
    )
    begin = time.perf_counter()
    found = len(lint(session))
    whole_lint = time.perf_counter() - begin
    ratio(f"linter, all rules ({found:,} findings), s", whole_lint, 10.0, "≤ 1")
    programme = session.scalars(
        select(Programme).where(Programme.name == "法学", Programme.term == "2018秋")
    ).one()
    who = session.get_one(Learner, learner)
    ratio(
        "plan for one learner and programme, ms",
        _median(lambda: planner.plan(session, who, programme)) * 1000,
        1000.0,
        "≤ 1",
    )


def _median(call: Callable[[], object], times: int = 15) -> float:
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken)


if __name__ == "__main__":
    main()
