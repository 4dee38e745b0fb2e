"""The shipped templates: whole, in both languages, N0 to N2 in the words of the spec."""

from __future__ import annotations

from string import Formatter

import pytest
from sqlalchemy import func, select

from app.kernel.unit_of_work import UnitOfWork
from app.notices import reference
from app.notices.models import NoticeTemplate

BY_CODE = {row["code"]: row for row in reference.shipped()}


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("code", BY_CODE)
def test_whole_in_both_languages(code: str) -> None:
    row = BY_CODE[code]
    variables = set(row["variables"].split(", "))
    for language in ("zh", "en"):
        assert places(row[f"subject_{language}"]) | places(row[f"body_{language}"]) == variables
    # Subjects of mails say nothing about a person; an announcement is about nobody.
    assert code == "announcement" or not places(row["subject_zh"]) | places(row["subject_en"])
    assert row["body_zh"].startswith("【广东学银】") or not row.get("by_sms", True)


def test_words_of_the_spec() -> None:
    assert BY_CODE["staff_account"]["body_zh"] == (
        "【广东学银】恭喜您，{name}！您已经成功创建工作人员账户！您的账号是 {username}，"
        "请在 24 小时内通过 {link} 设置密码。"
    )
    assert BY_CODE["initial_passed"]["body_zh"] == (
        "【广东学银】您申请的 {source} 学习成果转换 {target} 学习成果已经初审通过，进入终审阶段。"
    )
    assert BY_CODE["final_passed"]["body_zh"] == (
        "【广东学银】您申请的 {source} 学习成果转换 {organisation} {target} 学习成果已经审核通过，"
        "{organisation} {target} 学习成果已自动添加到您个人学习账户下，"
        "可登录广东终身教育学分银行信息管理平台查看。"
    )


def test_installing_again_keeps_the_words_of_staff(system: UnitOfWork) -> None:
    total = system.session.scalar(select(func.count()).select_from(NoticeTemplate))
    assert total == len(BY_CODE)
    template = system.session.scalars(select(NoticeTemplate).where(NoticeTemplate.code == "lapsed")).one()
    template.body_zh, template.variables = "我们自己的话：{source}", "source, forgotten"
    system.flush()
    assert reference.install(system) == 0
    assert template.body_zh == "我们自己的话：{source}"
    assert template.variables == "source", "what the code gives, the code decides"
    system.session.delete(template)
    system.flush()
    assert reference.install(system) == 1
