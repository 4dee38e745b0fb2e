"""The shipped categories are those of spec 1.3 and of the manual's tables 1 to 3."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from app.catalogue.models import Category, CodeList
from app.kernel.database import db

LARGE = {
    "学历教育": ["毕业证书", "学位证书", "课程"],
    "职业资格证书": ["职业资格证书"],
    "技师教育": ["技师教育"],
    "其他类_培训业绩等": [
        "培训类", "业绩类-竞赛奖励", "业绩类-科学研究", "业绩类-创新创业",
        "业绩类-社会服务", "业绩类-文化传承", "业绩类-工作经历", "业绩类-职称证书",
    ],
}  # fmt: skip
#: small category: from the catalogue, by the learner ("*": required)
FIELDS = {
    "课程": ("成果名称 学校名称 课程名称 课程号 专业 层次 课程学分", "获取时间* 成绩* 成果描述"),
    "毕业证书": ("成果名称 颁发机构 专业 层次 类型 等级", "电子注册号/证书编号* 获取时间*"),
    "学位证书": ("成果名称 颁发机构 专业 层次 类型 等级", "电子注册号/证书编号* 获取时间*"),
    "职业资格证书": ("证书名称 职业技能鉴定机构名称 证书等级 职业(工种) 文化程度", "证书编号* 发证日期*"),
    "技师教育": ("证书名称 发证机构 专业名称 技师教育等级", "证书编号* 发证时间* 学习时间*"),
    "培训类": ("培训名称 培训机构 机构代码", "证书编号* 获取时间*"),
    "业绩类-竞赛奖励": ("", "业绩名称* 业绩完成单位* 业绩完成时间* 级别 成果描述"),
    "业绩类-工作经历": ("", "业绩名称* 业绩完成单位* 业绩完成时间* 级别 成果描述"),
}
CODE_LISTS = {
    "层次": "小学 初中 高中 专科 本科 硕士 博士",
    "证书等级": "1级 2级 3级 4级 5级",
    "技师教育等级": "中级技工 高级技工 预备技师 技师 高级技师",
    "等级": "合格 良好 优秀",
    "级别": "国际级 国家级 省级 市级 县级 单位级",
    "文化程度": "初中 高中 中职 中技 专科 本科 研究生",
}


def _small(name: str) -> Category:
    return db.session.scalars(
        select(Category).where(Category.name_zh == name, Category.parent_id.is_not(None))
    ).one()


def _all_small() -> list[Category]:
    return list(db.session.scalars(select(Category).where(Category.parent_id.is_not(None))))


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_large_and_small_categories(app: Flask) -> None:
    large = db.session.scalars(
        select(Category).where(Category.parent_id.is_(None)).order_by(Category.position)
    )
    found = {}
    for row in large:
        query = select(Category.name_zh).where(Category.parent_id == row.id).order_by(Category.position)
        found[row.name_zh] = list(db.session.scalars(query))
    assert found == LARGE
    assert list(found) == list(LARGE)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_fields_of_each_category(app: Flask) -> None:
    for name, (catalogue, learner) in FIELDS.items():
        fields = _small(name).fields
        from_catalogue = " ".join(field.label_zh for field in fields if field.source == "catalogue")
        by_learner = " ".join(
            field.label_zh + "*" * field.required for field in fields if field.source == "learner"
        )
        assert (from_catalogue, by_learner) == (catalogue, learner), name


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_every_category_says_what_its_fields_mean(app: Flask) -> None:
    """Rules, search and "no achievement twice" work by meaning; some categories are told apart by date."""
    for category in _all_small():
        meanings = {field.meaning for field in category.fields}
        assert {"name", "issuer", "obtained_on"} <= meanings, category.name_zh
        assert category.dated != ("certificate_number" in meanings), category.name_zh
        assert (
            category.performance
            == (category.recognition == "review")
            == category.name_zh.startswith("业绩类")
        ), category.name_zh


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_evidence_lists(app: Flask) -> None:
    course = [(row.label_zh, row.required) for row in _small("课程").requirements]
    assert course == [("单科合格证书或成绩单", True), ("课程教材或教学大纲", False)]
    for name in ("毕业证书", "学位证书", "职业资格证书", "技师教育"):
        assert [(row.required, row.alternative) for row in _small(name).requirements] == [(True, "")], name
    for category in _all_small():
        if category.performance or category.code == "training":
            labels = [row.label_zh for row in category.requirements]
            assert labels == ["培训证明", "获奖证书", "工作证明", "其他证明"], category.name_zh
            assert {row.alternative for row in category.requirements} == {"proof"}


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_code_lists_and_their_levels(app: Flask) -> None:
    lists = {row.name_zh: row for row in db.session.scalars(select(CodeList))}
    for name, values in CODE_LISTS.items():
        assert " ".join(value.label_zh for value in lists[name].values) == values
    levels = [value.level.number for value in lists["层次"].values if value.level]
    assert levels == [1, 2, 3, 4, 5, 6, 7]
    assert all(value.level is None for value in lists["证书等级"].values)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_everything_has_both_languages(app: Flask) -> None:
    for category in _all_small():
        for row in (*category.fields, *category.requirements):
            assert row.label_zh.strip()
            assert row.label_en.strip()
            assert row.label_en.isascii()
