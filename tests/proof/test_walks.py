"""Random walks through the workflows: after every step the balance is the sum of the postings, and nobody spends twice."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import func, select

from app.accounts import queries as accounts
from app.accounts import services as posting
from app.accounts.models import CreditEntry
from app.achievements.models import Achievement
from app.appeals import services as appeals
from app.conversion import services as conversions
from app.conversion.models import ConsumptionHold, ConversionApplication
from app.demo.world import CET, NCRE1
from app.kernel.database import db
from app.kernel.errors import DomainError
from app.recognition import services as recognition
from app.recognition.models import RecognitionApplication
from tests.support.proof import amount, measured
from tests.support.story import Cast

RULES = {
    CET: ("CET 4 及以上证书转2018春法学专业学位外语", "CET 4 及以上证书转2018春法学专业大学英语(B)"),
    NCRE1: ("全国计算机等级考试一级证书转2018春法学专业计算机应用基础",),
}
LEARNERS = ("learner", "learner2")
pick = st.integers(0, 10**6)


class Walk(RuleBasedStateMachine):
    """People who do anything that the services offer, in any order; refusals are part of it."""

    cast: Cast
    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.serial = 0
        self.cast._actors.clear()

    def _try(self, step: Any, *arguments: Any, **options: Any) -> None:
        type(self).steps += 1
        with contextlib.suppress(DomainError):
            step(*arguments, **options)

    def _one(self, model: type[Any], number: int, *conditions: Any) -> Any:
        db.session.rollback()
        rows = db.session.scalars(select(model.id).where(*conditions).order_by(model.id)).all()
        return rows[number % len(rows)] if rows else None

    @rule(who=st.sampled_from(LEARNERS), item=st.sampled_from(list(RULES)))
    def add(self, who: str, item: str) -> None:
        self.serial += 1
        number = f"W{type(self).steps}-{self.serial}"
        self._try(
            self.cast.add,
            who,
            "vocational",
            {"certificate_number": number, "obtained_on": "2020-06-01"},
            item,
        )

    @rule(who=st.sampled_from(LEARNERS), item=st.sampled_from(list(RULES)), number=pick)
    def apply(self, who: str, item: str, number: int) -> None:
        mine = self._one(
            Achievement, number, Achievement.learner_id == self.cast.learner(who), Achievement.name == item
        )
        if mine is not None:
            self._try(self.cast.convert, who, mine, RULES[item][number % len(RULES[item])])

    @rule(number=pick, decision=st.sampled_from(["agree", "agree", "refuse", "return"]))
    def initial(self, number: int, decision: str) -> None:
        case = self._one(ConversionApplication, number, ConversionApplication.state == "initial_review")
        if case is not None:
            self._try(
                self.cast.decide,
                case,
                "initial",
                decision,
                "point",
                "意见",
                "missing" if decision == "return" else None,
            )

    @rule(number=pick, decision=st.sampled_from(["agree", "agree", "refuse", "return"]))
    def final(self, number: int, decision: str) -> None:
        case = self._one(ConversionApplication, number, ConversionApplication.state == "final_review")
        if case is not None:
            self._try(
                self.cast.decide,
                case,
                "final",
                decision,
                "committee",
                "意见",
                "missing" if decision == "return" else None,
            )

    @rule(number=pick, back=st.booleans())
    def learner_answers(self, number: int, back: bool) -> None:
        states = ("returned",) if back else ("initial_review", "final_review", "returned")
        case = self._one(ConversionApplication, number, ConversionApplication.state.in_(states))
        if case is None:
            return
        row = db.session.get_one(ConversionApplication, case)
        who = next(
            (word for word in (*LEARNERS, "learner3") if self.cast.learner(word) == row.learner_id), "learner"
        )
        step = conversions.resubmit if back else conversions.withdraw
        self._try(self.cast.act, who, lambda uow: step(uow, case, row.version))

    @rule(number=pick)
    def appeal(self, number: int) -> None:
        case = self._one(
            ConversionApplication, number, ConversionApplication.state.in_(("initial_refused", "refused"))
        )
        if case is None:
            return
        learner = db.session.get_one(ConversionApplication, case).learner_id
        who = next(
            (word for word in (*LEARNERS, "learner3") if self.cast.learner(word) == learner), "learner"
        )
        body = (
            "center2"
            if db.session.get_one(ConversionApplication, case).state == "initial_refused"
            else "committee2"
        )

        def both() -> None:
            key = self.cast.act(who, lambda uow: appeals.file_conversion(uow, case, "理由").id)
            self.cast.act(
                body, lambda uow: appeals.decide(uow, key, ("uphold", "dismiss")[number % 2], "意见", 1)
            )

        self._try(both)

    @rule(number=pick)
    def reverse(self, number: int) -> None:
        case = self._one(ConversionApplication, number, ConversionApplication.state == "approved")
        if case is None:
            return

        def both() -> None:
            key = self.cast.act("center", lambda uow: appeals.propose_reversal(uow, case, "理由").id)
            self.cast.act("center2", lambda uow: appeals.decide_reversal(uow, key, "confirm", "属实", 1))

        self._try(both)

    @rule(number=pick, decision=st.sampled_from(["agree", "refuse", "return"]))
    def recognise(self, number: int, decision: str) -> None:
        case = self._one(RecognitionApplication, number, RecognitionApplication.state == "submitted")
        if case is not None and decision == "agree":
            self._try(self.cast.act, "point", lambda uow: self._attest(uow, case))
        if case is not None:
            self._try(
                self.cast.act, "point",
                lambda uow: recognition.decide(
                    uow, case, decision, "意见", None, fault="missing" if decision == "return" else None, credits=number % 500
                ),
            )  # fmt: skip

    def _attest(self, uow: Any, case: int) -> None:
        recognition.attest(uow, case, self.cast._seen(uow, RecognitionApplication, case))

    @invariant()
    def balance_is_the_sum_of_postings(self) -> None:
        check_books()


def check_books() -> None:
    """Whatever happened: balances add up, every approval stands posted once, every hold has an open or approved case."""
    db.session.rollback()
    for learner in db.session.scalars(select(CreditEntry.learner_id).distinct()):
        found = accounts.totals(accounts.balances(db.session(), learner))
        for kind in ("accumulation", "conversion"):
            posted = select(func.coalesce(func.sum(CreditEntry.credits), 0)).where(
                CreditEntry.learner_id == learner, CreditEntry.kind == kind
            )
            assert found[kind] == db.session.scalar(posted)
            # Independently of the ledger: what stands accepted now, by its own credits.
            origin = (
                Achievement.origin == "converted"
                if kind == "conversion"
                else Achievement.origin != "converted"
            )
            held = select(func.coalesce(func.sum(Achievement.credits), 0)).where(
                Achievement.learner_id == learner, origin, Achievement.state.in_(("recognised", "catalogued"))
            )
            assert found[kind] == db.session.scalar(held)
    open_states = ("initial_review", "final_review", "performance_review", "returned", "approved")
    loose = (
        select(func.count())
        .select_from(ConsumptionHold)
        .join(ConversionApplication, ConversionApplication.id == ConsumptionHold.application_id)
        .where(ConversionApplication.state.not_in(open_states))
    )
    assert db.session.scalar(loose) == 0


def _walk(cast: Cast, examples: int, steps: int) -> None:
    Walk.cast, Walk.steps = cast, 0
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Walk,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, database=None, derandomize=True,
            phases=[Phase.generate], suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_balances_hold_after_every_step(demo: Flask, cast: Cast) -> None:
    _walk(cast, amount(2, 100), amount(15, 40))
    assert Walk.steps > 10
    measured("walks", f"{Walk.steps:,} steps: balance = sum of postings = accepted achievements, after each")


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_reversal_without_counter_entries_would_be_seen_mutant(
    demo: Flask, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_books()
    monkeypatch.setattr(posting, "reverse", lambda uow, achievement_id: None)
    ncre = cast.add(
        "learner", "vocational", {"certificate_number": "1100440777777", "obtained_on": "2019-11-26"}, NCRE1
    )
    case = cast.convert("learner", ncre, RULES[NCRE1][0])
    cast.decide(case, "initial", "agree", "point")
    cast.decide(case, "final", "agree", "committee")
    key = cast.act("center", lambda uow: appeals.propose_reversal(uow, case, "伪造").id)
    cast.act("center2", lambda uow: appeals.decide_reversal(uow, key, "confirm", "属实", 1))
    with pytest.raises(AssertionError):
        check_books()
