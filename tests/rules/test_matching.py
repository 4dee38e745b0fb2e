"""The matching engine: conditions, groups, assignment, similar names."""

from __future__ import annotations

from datetime import date

import pytest

from app.rules.matching import Holding, Slot, Terms, fill, named, obstacles, resemblance, satisfied

DAY = date(2026, 1, 31)


def _held(key: int, **words: object) -> Holding:
    return Holding(**{"key": key, "item": 1, "category": 1, "name": "英语语音", **words})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("slot", "holding", "codes"),
    [
        (Slot(1, item=1), _held(1), []),
        (Slot(1, item=2), _held(1), ["other_item"]),
        (Slot(1, item=1), _held(1, converted=True), ["converted"]),
        (Slot(1, item=1), _held(1, performance=True), ["performance"]),
        (Slot(1, item=1), _held(1, accepted=False), ["not_accepted"]),
        (Slot(1, item=1, minimum_score=60), _held(1, score="60"), []),
        (Slot(1, item=1, minimum_score=60), _held(1, score="59.5"), ["score"]),
        (Slot(1, item=1, minimum_score=60), _held(1, score="优秀"), ["score"]),
        (Slot(1, item=1, minimum_level=5), _held(1, level=5), []),
        (Slot(1, item=1, minimum_level=5), _held(1, level=4), ["level"]),
        (Slot(1, item=1, minimum_level=5), _held(1), ["level"]),
        (Slot(1, item=1, months=12), _held(1, obtained_on=date(2025, 1, 31)), []),
        (Slot(1, item=1, months=12), _held(1, obtained_on=date(2025, 1, 30)), ["too_old"]),
        (Slot(1, item=1, months=12), _held(1, obtained_on=date(2026, 2, 1)), ["too_old"]),
        (Slot(1, item=1, months=12), _held(1), ["too_old"]),
        (Slot(1, category=1, words="语音"), _held(1), []),
        (Slot(1, category=1, words="听力，语音"), _held(1), []),
        (Slot(1, category=1, words="英语发音"), _held(1), ["other_item"]),
        (Slot(1, category=1, words="英语发音", similar=True), _held(1), []),
        (Slot(1, category=1, words="高等数学", similar=True), _held(1), ["other_item"]),
        (Slot(1, category=2), _held(1), ["other_item"]),
        (Slot(1, category=1, issuer_id=7, issuer="某校"), _held(1, issuer_id=7), []),
        (Slot(1, category=1, issuer_id=7, issuer="某校"), _held(1, issuer_id=8), ["other_item"]),
        (Slot(1, category=1, issuer_id=7, issuer="某校"), _held(1, issuer="某校", item=None), []),
    ],
)
def test_what_fills_a_slot(slot: Slot, holding: Holding, codes: list[str]) -> None:
    terms = Terms((slot,), ((9, 10000),))
    assert [reason.code for reason in obstacles(terms, slot, holding, DAY)] == codes


def test_names_resemble_by_their_letters() -> None:
    assert resemblance("英语语音", "英语发音") == 85
    assert named("CET", "cet-4 certificate")
    assert not named("", "anything")


def test_an_assignment_is_found_where_a_greedy_one_fails() -> None:
    """The first holding fits both slots, the second only the first one."""
    terms = Terms((Slot(1, category=1), Slot(2, item=1)), ((9, 10000),))
    assert fill(terms, [_held(10), _held(11, item=2)], DAY) == {1: 11, 2: 10}
    assert fill(terms, [_held(10)], DAY) is None


def test_members_are_groups_and_single_slots() -> None:
    slots = (Slot(1, item=1), Slot(2, item=2, group=1), Slot(3, item=3, group=1), Slot(4, item=4, group=1))
    terms = Terms(slots, ((9, 10000),), groups=((1, 2),))
    assert satisfied(terms, [1, 2, 4])
    assert not satisfied(terms, [1, 2])
    assert not satisfied(terms, [2, 3, 4])
    either = Terms(slots, ((9, 10000),), needed=1, groups=((1, 2),))
    assert satisfied(either, [1])
    assert satisfied(either, [3, 4])
    assert not satisfied(either, [3])


def test_terms_survive_being_written_down() -> None:
    slots = (Slot(1, item=1, minimum_score=60), Slot(2, category=3, words="x", similar=True, group=4))
    terms = Terms(slots, ((9, 10000), (8, 5000)), 1, ((4, None),), 1, True)
    assert Terms.read(terms.plain()) == terms
