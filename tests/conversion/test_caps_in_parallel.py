"""A cap that lets one more application through lets one through, however many arrive at the same time."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.catalogue.models import CatalogueItem
from app.conversion import caps, consumption, services
from app.conversion.models import ConversionTarget
from app.demo.world import CET
from app.kernel.database import db
from app.kernel.errors import Conflict
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner
from app.rules.models import CreditCap, Rule
from tests.support.story import Cast, in_thread

AT_ONCE = 6


@pytest.mark.parametrize("without", ["nothing", "the learner's lock", "the check"])
def test_parallel_submissions_pass_a_cap_once(
    cast: Cast, demo: Flask, backend: str, monkeypatch: pytest.MonkeyPatch, without: str
) -> None:
    """Six programmes' rules of three credits each under a limit that leaves three. The first mutant locks the learner
    neither at submission nor at reservation: on PostgreSQL more get through, SQLite has one writer at a time anyway. The
    second doesn't check: all get through.
    """
    details = {"certificate_number": "5990", "obtained_on": "2020-06-01"}
    cet = cast.add("learner3", "vocational", details, CET)
    english = Rule.name.like("CET 4 及以上证书转%法学专业大学英语(B)")
    rules = db.session.scalars(select(Rule).where(english).order_by(Rule.id).limit(AT_ONCE)).all()
    versions = [rule.current_version for rule in rules]
    asked = [(v.rule_id, v.id, v.sources[0].id) for v in versions if v is not None]
    assert len(asked) == AT_ONCE
    granting = rules[0].agreement.organisation_id
    seal = consumption.holder(db.session.get_one(Learner, cast.learner("learner3")))
    before = sum(use.credits for use in caps.used(db.session(), seal) if use.organisation == granting)
    cap = {"name": "再三学分", "organisation_id": granting, "basis": "learner", "credits": before + 300}
    cast.act("", lambda uow: uow.session.add(CreditCap(**cap)))
    cast.by("learner3")
    db.session.remove()
    check = caps.check
    refused: list[str] = []

    def slowly(*given: object) -> None:
        """Everybody who may pass has looked before anybody has written."""
        if without != "the check":
            check(*given)  # type: ignore[arg-type]
        if backend == "postgresql":
            time.sleep(0.4)

    monkeypatch.setattr(caps, "check", slowly)
    if without == "the learner's lock":
        monkeypatch.setattr(consumption, "_in_turn", lambda *_: None)
        own = cast.learner("learner3")
        monkeypatch.setattr(services, "_lock_learner", lambda uow: uow.session.get_one(Learner, own))

    def submit(wanted: tuple[int, int, int]) -> bool:
        rule, version, slot = wanted

        def step(uow: UnitOfWork) -> None:
            services.submit(uow, rule, version, {slot: cet})

        try:
            in_thread(demo, cast, "learner3", step)
        except Conflict as error:
            refused.append(error.code)
            return False
        return True

    with ThreadPoolExecutor(AT_ONCE) as pool:
        won = sum(pool.map(submit, asked))
    held = db.session.scalar(
        select(func.count())
        .select_from(ConversionTarget)
        .join(CatalogueItem, CatalogueItem.id == ConversionTarget.catalogue_item_id)
        .where(
            ConversionTarget.live,
            CatalogueItem.name == "大学英语(B)",
            ConversionTarget.application.has(learner_id=cast.learner("learner3")),
        )
    )
    assert held == won
    assert refused == ["cap"] * (AT_ONCE - won)
    if without == "the check":
        assert won == AT_ONCE
    elif without == "the learner's lock" and backend == "postgresql":
        assert won > 1
    else:
        assert won == 1
