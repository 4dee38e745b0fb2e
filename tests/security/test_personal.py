"""Personal data at rest: a key per person, values bound to their place, indexes that find by exact match only."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask

from app.kernel import settings as kernel_settings
from app.kernel.errors import Invalid
from app.security import personal
from app.security.models import Person, PersonKey
from app.security.personal import Unreadable

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
pytestmark = SQLITE
PARTS = {
    "identity": "440106199001011234", "mobile": "13912345678", "email": "Zhang.Wei@Example.com",
    "birth_date": "1990-01-01", "address": "天河区林和西路161号",
}  # fmt: skip


def _person(name: str = "张伟") -> Person:
    return personal.new_person(name, identity_type="resident", **PARTS)


def test_what_was_sealed_is_revealed(app: Flask) -> None:
    person = _person()
    assert personal.reveal(person, "identity") == PARTS["identity"]
    assert personal.reveal(person, "mobile") == "+8613912345678"
    assert personal.reveal(person, "address") == PARTS["address"]


def test_the_same_value_never_looks_the_same(app: Flask) -> None:
    one, other = _person(), _person()
    assert one.identity_sealed != other.identity_sealed
    assert one.wrapped_key != other.wrapped_key
    before = one.identity_sealed
    personal.seal(one, identity=PARTS["identity"])
    assert one.identity_sealed != before
    assert one.identity_index == other.identity_index, "control: it is found all the same"


@pytest.mark.parametrize("part", PARTS)
def test_a_value_opens_nowhere_else(app: Flask, part: str) -> None:
    """Neither in another row, nor in another column, nor altered by a bit, nor under another person's key."""
    one, other = _person(), _person("李四")
    sealed: bytes = getattr(one, f"{part}_sealed")
    setattr(other, f"{part}_sealed", sealed)
    with pytest.raises(Unreadable):
        personal.reveal(other, part)
    elsewhere = next(name for name in PARTS if name != part)
    setattr(one, f"{elsewhere}_sealed", sealed)
    with pytest.raises(Unreadable):
        personal.reveal(one, elsewhere)
    for at in (0, 12, len(sealed) - 1):
        setattr(one, f"{part}_sealed", sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :])
        with pytest.raises(Unreadable):
            personal.reveal(one, part)
    setattr(one, f"{part}_sealed", sealed)
    one.key = PersonKey(wrapped=other.wrapped_key)
    with pytest.raises(Unreadable):
        personal.reveal(one, part)


def test_a_destroyed_key_destroys_everything_but_the_bar_on_spending_twice(app: Flask) -> None:
    person = _person()
    seal = person.holder_seal
    person.key = None
    assert [personal.reveal(person, part) for part in PARTS] == [None] * len(PARTS)
    with pytest.raises(Unreadable):
        personal.seal(person, mobile="13912345678")
    assert person.holder_seal == seal == _person().holder_seal


def test_indexes_find_however_it_is_typed_and_tell_nothing(app: Flask) -> None:
    assert personal.identity_index("resident", "44010619900101123x") == personal.identity_index(
        "resident", " ４４０１０６１９９００１０１１２３Ｘ"
    )
    assert personal.identity_index("resident", "1") != personal.identity_index("passport", "1")
    assert (
        personal.mobile_index("+86 139 1234 5678")
        == personal.mobile_index("13912345678")
        == personal.mobile_index("１３９１２３４５６７８")
    )
    assert personal.email_index(" A@B.cn") == personal.email_index("a@b.CN")
    assert personal.login_index("Center") == personal.login_index("ｃｅｎｔｅｒ")
    assert (
        len({personal.login_index("1"), personal.email_index("1"), personal.identity_index("resident", "1")})
        == 3
    )


def test_indexes_depend_on_a_key_and_not_on_the_newest(app: Flask) -> None:
    present = kernel_settings.settings()
    before, person = personal.email_index("a@b.cn"), _person()
    try:
        kernel_settings.use(replace(present, data_keys=(*present.data_keys, bytes(range(32)))))
        assert personal.email_index("a@b.cn") == before, "a key more changes no index"
        assert personal.reveal(person, "identity") == PARTS["identity"], "what the old key sealed opens"
        assert personal.reveal(_person(), "identity") == PARTS["identity"]
        kernel_settings.use(replace(present, data_keys=(bytes(32),)))
        assert personal.email_index("a@b.cn") != before, "without the key nobody can compute it"
        with pytest.raises(Unreadable):
            personal.reveal(person, "identity")
    finally:
        kernel_settings.use(present)


def test_masks(app: Flask) -> None:
    person = _person()
    assert personal.masked(person, "identity") == "4401**********1234"
    assert personal.masked(person, "mobile") == "139****5678"
    assert personal.masked(person, "email") == "Z***@Example.com"
    assert personal.masked(person, "address") == "***"
    short = personal.new_person("王五", identity_type="passport", identity="E1")
    assert personal.masked(short, "identity") == "E*"
    assert personal.masked(short, "mobile") == "-"


@pytest.mark.parametrize(
    "number",
    ["", "1", "12345678901", "+1 202 555 0100", "020-87654321", "²", "\0", "1" * 500],
)
def test_what_is_no_mobile_is_refused(app: Flask, number: str) -> None:
    with pytest.raises(Invalid):
        personal.normal_mobile(number)
