"""The shipped levels: seven, each with three descriptors in both languages, none said twice."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from app.framework.models import DIMENSIONS, FrameworkLevel, IndustryStandard
from app.kernel.database import db


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_seven_levels_with_three_descriptors_each(app: Flask) -> None:
    levels = list(db.session.scalars(select(FrameworkLevel).order_by(FrameworkLevel.number)))
    assert [level.name_zh for level in levels] == ["一级", "二级", "三级", "四级", "五级", "六级", "七级"]
    said = []
    for level in levels:
        assert {row.dimension for row in level.descriptors} == set(DIMENSIONS.codes)
        said += [text for row in level.descriptors for text in (row.text_zh, row.text_en)]
    assert all(len(text) > 20 for text in said)
    assert len(set(said)) == len(said) == 42


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_shipped_standards_say_that_they_are_examples(app: Flask) -> None:
    standards = list(db.session.scalars(select(IndustryStandard)))
    assert standards
    for row in standards:
        assert row.title.endswith("（示例）")
        assert row.level is not None
        assert row.code.endswith(f"-0{row.level.number}")
