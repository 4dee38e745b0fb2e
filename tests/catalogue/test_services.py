"""What staff may and may not do to categories, their fields, code lists and the catalogue."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from app.catalogue import services
from app.catalogue.fields import checked
from app.catalogue.models import CatalogueItem, Category, CategoryField, CodeList, CodeValue, Programme
from app.kernel.errors import Invalid
from app.kernel.unit_of_work import UnitOfWork
from app.organisations import services as organisations
from app.organisations.models import Organisation


def _category(uow: UnitOfWork, code: str) -> Category:
    return uow.session.scalars(select(Category).where(Category.code == code)).one()


def _new_small(uow: UnitOfWork, **more: Any) -> Category:
    parent = _category(uow, "other")
    row = Category(code="micro", name_zh="微证书", name_en="Micro-credential", parent_id=parent.id, **more)
    services.check_category(uow.session, row)
    uow.session.add(row)
    uow.flush()
    services.begin_form(uow, row)
    return row


def _refused(error: pytest.ExceptionInfo[Invalid], field: str, code: str) -> None:
    assert error.value.code == code
    assert list(error.value.fields) == [field]


def test_a_new_small_category_can_be_used_at_once(system: UnitOfWork) -> None:
    row = _new_small(system, recognition="review")
    system.session.refresh(row)
    assert [(f.label_zh, f.meaning, f.source) for f in row.fields] == [
        ("成果名称", "name", "learner"),
        ("获取时间", "obtained_on", "learner"),
    ]
    services.begin_form(system, row)
    system.session.refresh(row)
    assert len(row.fields) == 2


def test_categories_have_two_floors(system: UnitOfWork) -> None:
    course = _category(system, "course")
    third = Category(code="third", name_zh="三", name_en="third", parent_id=course.id, recognition="review")
    with pytest.raises(Invalid) as caught:
        services.check_category(system.session, third)
    _refused(caught, "parent", "not_large")
    large = _category(system, "academic")
    large.parent_id = _category(system, "other").id
    with pytest.raises(Invalid) as caught:
        services.check_category(system.session, large)
    _refused(caught, "parent", "has_small")
    course.parent_id = None
    with pytest.raises(Invalid) as caught:
        services.check_category(system.session, course)
    _refused(caught, "parent", "large_has_form")
    system.session.expire_all()


@pytest.mark.parametrize("code", ["", "Micro", "1micro", "mi cro", "微证书", "a" * 33, "micro\n"])
def test_codes_are_keys(system: UnitOfWork, code: str) -> None:
    row = Category(code=code, name_zh="微", name_en="micro", recognition="review")
    with pytest.raises(Invalid) as caught:
        services.check_category(system.session, row)
    _refused(caught, "code", "code")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"kind": "choice"}, "code_list"),
        ({"kind": "text", "code_list_id": 1}, "code_list"),
        ({"kind": "file", "source": "catalogue"}, "source"),
        ({"kind": "date", "meaning": "score"}, "meaning"),
        ({"kind": "text", "meaning": "obtained_on"}, "meaning"),
        ({"kind": "text", "maximum": 0}, "maximum"),
        ({"kind": "text", "code": "Größe"}, "code"),
    ],
)
def test_fields_that_make_no_sense(system: UnitOfWork, values: dict[str, Any], field: str) -> None:
    category = _category(system, "course")
    made = {"code": "new", "label_zh": "新", "label_en": "new", "source": "learner", **values}
    with pytest.raises(Invalid) as caught:
        services.check_field(system.session, CategoryField(category_id=category.id, **made))
    assert list(caught.value.fields) == [field]


def test_performance_categories_and_large_ones(system: UnitOfWork) -> None:
    row = CategoryField(code="new", label_zh="新", label_en="new", kind="text", source="catalogue")
    row.category_id = _category(system, "performance_work").id
    with pytest.raises(Invalid) as caught:
        services.check_field(system.session, row)
    _refused(caught, "source", "no_catalogue")
    row.category_id = _category(system, "academic").id
    with pytest.raises(Invalid) as caught:
        services.check_field(system.session, row)
    _refused(caught, "category", "large")


def test_what_achievements_are_kept_under_stays(system: UnitOfWork) -> None:
    row = _category(system, "course").fields[0]
    before = {"code": row.code, "category_id": row.category_id, "kind": row.kind, "meaning": row.meaning}
    services.check_field(system.session, row, before)
    for change, code in (
        ({"code": "title"}, "code_fixed"),
        ({"active": False}, "name_needed"),
        ({"meaning": None}, "name_needed"),
    ):
        for name, value in change.items():
            setattr(row, name, value)
        with pytest.raises(Invalid) as caught:
            services.check_field(system.session, row, before)
        assert caught.value.code == code
        system.session.expire(row)
    value = system.session.scalars(select(CodeValue).where(CodeValue.code == "bachelor")).first()
    assert value is not None
    was = {"code": value.code, "code_list_id": value.code_list_id}
    value.code = "ba"
    with pytest.raises(Invalid) as caught:
        services.check_code_value(system.session, value, was)
    _refused(caught, "code", "code_fixed")
    system.session.expire(value)


@pytest.mark.parametrize(
    ("field", "raw", "value"),
    [
        ({"kind": "text"}, "  喆\u0000 ", "喆"),
        ({"kind": "text"}, "   ", None),
        ({"kind": "number"}, "１２．５", "12.5"),
        ({"kind": "number", "meaning": "credits"}, "3", 300),
        ({"kind": "number", "meaning": "credits"}, "0.05", 5),
        ({"kind": "date"}, "2020-02-29", "2020-02-29"),
        ({"kind": "text", "meaning": "score"}, "x" * 20, "x" * 20),
    ],
)
def test_what_people_type(field: dict[str, Any], raw: str, value: Any) -> None:
    assert checked(CategoryField(**field), raw, required=False) == value


@pytest.mark.parametrize(
    ("field", "raw", "code"),
    [
        ({"kind": "text", "maximum": 3}, "四个字了", "too_long"),
        ({"kind": "text", "meaning": "score"}, "x" * 21, "too_long"),
        ({"kind": "text", "meaning": "score", "maximum": 90}, "x" * 21, "too_long"),
        ({"kind": "number"}, "1e9", "not_a_number"),
        ({"kind": "number"}, "-1", "not_a_number"),
        ({"kind": "number", "maximum": 100}, "100.01", "too_large"),
        ({"kind": "date"}, "2021-02-29", "not_a_date"),
        ({"kind": "date"}, "2999-01-01", "impossible_date"),
        ({"kind": "choice"}, "x", "unknown_choice"),
        ({"kind": "text"}, "", "required"),
    ],
)
def test_what_is_refused(field: dict[str, Any], raw: str, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        checked(CategoryField(**field), raw, required=True)
    assert caught.value.code == code


def _item(uow: UnitOfWork, category: Category, **more: Any) -> CatalogueItem:
    centre = organisations.centre(uow.session)
    return CatalogueItem(
        category_id=category.id,
        category=category,
        organisation_id=centre.id,
        name="数控车工",
        values={},
        **more,
    )


def test_a_value_sets_the_level_it_is_mapped_to(system: UnitOfWork) -> None:
    category = _category(system, "technician")
    item = _item(system, category)
    values = services.values_of(category, {"technician_grade": "senior", "major": " 数控 ", "unknown": "x"})
    assert values == {"technician_grade": "senior", "major": "数控"}
    services.set_values(item, category, values)
    level = next(
        v.level
        for c in system.session.scalars(select(CodeList))
        for v in c.values
        if v.code == "senior" and c.code == "technician_grade"
    )
    assert level is not None
    assert item.level_id == level.id
    chosen = _item(system, category, level_id=1)
    services.set_values(chosen, category, {"technician_grade": "technician"})
    assert chosen.level_id == 1


def test_bad_values_name_their_fields(system: UnitOfWork) -> None:
    category = _category(system, "vocational")
    with pytest.raises(Invalid) as caught:
        services.values_of(category, {"certificate_grade": "9", "schooling": ["bachelor", "x"]})
    assert set(caught.value.fields) == {"certificate_grade", "schooling"}


def test_an_item_needs_a_catalogue_and_its_own_institutions_programme(system: UnitOfWork) -> None:
    with pytest.raises(Invalid) as caught:
        services.check_item(system.session, _item(system, _category(system, "performance_work")))
    _refused(caught, "category", "no_catalogue")
    other: Organisation = organisations.add(system, code="o", name="other", kind="institution")
    programme = Programme(organisation_id=other.id, name="法学")
    system.session.add(programme)
    system.flush()
    with pytest.raises(Invalid) as caught:
        services.check_item(
            system.session, _item(system, _category(system, "course"), programme_id=programme.id)
        )
    _refused(caught, "programme", "other_programme")


def test_a_proposed_item_is_approved_once(system: UnitOfWork) -> None:
    item = _item(system, _category(system, "course"), standing="proposed")
    system.session.add(item)
    system.flush()
    services.approve(system, item)
    assert item.standing == "active"
    with pytest.raises(Invalid):
        services.approve(system, item)
    services.retire(system, item)
    services.approve(system, item)
