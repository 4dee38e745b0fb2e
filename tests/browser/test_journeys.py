"""One journey in Chinese for each role: what they come for, with their own hands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from tests.browser.conftest import Opens
from tests.support.site import PHONE


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """A paper as a phone's camera takes it."""
    file = tmp_path / "证明材料.jpg"
    with Image.new("RGB", (900, 1200), (240, 236, 225)) as paper:
        paper.save(file)
    return file


def test_a_visitor_reads_rules_and_levels_and_checks_a_paper(opens: Opens) -> None:
    visitor = opens(width=PHONE)
    page = visitor.page
    page.goto("/")
    visitor.see("认定", "积累", "转换")
    assert visitor.overflow() == 0
    visitor.picture("visitor-1-portal")
    page.goto("/rules/")
    page.get_by_role("searchbox").fill("2018秋 法学 学位外语")
    page.get_by_role("button", name="查询").click()
    page.get_by_role("link", name="CET 4 及以上证书转2018秋法学专业学位外语").click()
    visitor.see("外语等级证书转学位外语", "学位外语")
    page.goto("/framework/")
    visitor.see("知识", "技能", "能力")
    assert visitor.overflow() == 0
    page.goto("/verify/")
    visitor.accepts.add(404)
    page.get_by_label("验证码").fill("ABCD-EFGH")
    page.get_by_role("button", name="验证").click()
    visitor.see("没有与此验证码对应的文件")
    visitor.picture("visitor-2-verify")


def test_a_learner_adds_submits_and_asks(opens: Opens, scan: Path) -> None:
    learner = opens("learner", width=PHONE)
    page = learner.page
    page.goto("/me/")
    page.get_by_role("link", name="成果添加").and_(page.locator(".btn")).first.click()
    page.get_by_role("link", name="业绩类-社会服务").click()
    page.get_by_label("业绩名称").fill("图书馆志愿服务")
    page.get_by_label("业绩完成单位").fill("越秀区图书馆")
    page.get_by_label("业绩完成时间").fill("2024-03-01")
    page.locator("input[type=file]").first.set_input_files(scan)
    assert learner.overflow() == 0
    learner.picture("learner-1-form")
    page.get_by_role("button", name="提交", exact=True).click()
    learner.see("图书馆志愿服务", "未申请")
    page.goto("/me/recognition/")
    page.get_by_label("选择 图书馆志愿服务").check()
    page.get_by_role("button", name="提交认定").click()
    box = page.get_by_role("dialog").bounding_box()
    assert box
    assert box["height"] < 300, "the question is as high as its words"
    page.get_by_role("dialog").get_by_role("button", name="确认").click()
    learner.see("已申请认定")
    learner.picture("learner-2-submitted")
    page.goto("/me/questions/")
    page.get_by_label("您的问题").fill("志愿服务可以转换成哪门课程？")
    page.get_by_role("button", name="提问").click()
    learner.see("志愿服务可以转换成哪门课程？")


def test_a_teaching_point_attests_and_recognises(opens: Opens) -> None:
    point = opens("point")
    page = point.page
    page.goto("/console/")
    point.picture("point-1-work")
    page.locator("main").get_by_role("link", name=re.compile("认定审核")).first.click()
    page.get_by_role("row", name=re.compile("金融行业工作3年")).get_by_role("link", name="审核").click()
    point.see("金融行业工作3年", "南方信贷服务公司")
    page.get_by_role("button", name="确认已核验原件").click()
    point.see("原件核验已登记")
    if page.locator("#decision [name=credits]").count():
        page.locator("#decision [name=credits]").fill("2")
    point.picture("point-2-desk")
    page.locator("#decision [value=agree]").click()
    point.see("认定成功")


def test_a_committee_sends_a_case_back(opens: Opens) -> None:
    member = opens("committee3")
    page = member.page
    page.goto("/console/conversion/performance/")
    member.picture("committee-1-queue")
    page.get_by_role("link", name="审核", exact=True).first.click()
    page.locator("#opinion").fill("审核人：经济管理学院 仇若谷 请补充工作证明的盖章页。")
    page.locator("#fault").select_option("missing")
    member.picture("committee-2-desk")
    page.locator("#decision [value=return]").click()
    member.see("审核成功")


def test_the_centre_publishes_an_announcement_and_looks_for_a_learner(opens: Opens) -> None:
    center = opens("center")
    page = center.page
    page.goto("/console/records/announcement/add")
    page.get_by_label("标题").fill("关于开展成果认定的通知")
    page.get_by_label("文本").fill("各教学点请于本月底前完成初审。")
    center.picture("center-1-announcement")
    page.get_by_role("button", name="保存", exact=True).click()
    center.see("已添加")
    page.goto("/console/records/learner/")
    page.get_by_role("link", name="李怀宇").first.click()
    center.see("李怀宇")
    assert "440103" not in page.locator("main").inner_text(), "identity numbers are masked"
    center.picture("center-2-learner")


def test_an_institution_adds_a_programme(opens: Opens) -> None:
    institution = opens("institution")
    page = institution.page
    page.goto("/console/records/programme/add")
    page.locator("#organisation-ts-control").fill("广东开放大学")
    page.locator(".ts-dropdown .option", has_text=re.compile("^广东开放大学$")).click()
    page.get_by_label("名称", exact=True).fill("数字经济")
    page.get_by_label("入学学期").fill("2026秋")
    institution.picture("institution-1-programme")
    page.get_by_role("button", name="保存", exact=True).click()
    institution.see("已添加")
    page.goto("/console/records/programme/")
    institution.see("数字经济")


def test_an_assessor_advises_without_knowing_whom(opens: Opens) -> None:
    assessor = opens("assessor")
    page = assessor.page
    page.goto("/console/assessments/")
    page.get_by_role("row", name=re.compile("待评审")).get_by_role("link").first.click()
    assert not re.search("李怀宇|曾炫云|王𬭎喆", page.locator("main").inner_text()), (
        "the learner's name is hidden"
    )
    assessor.picture("assessor-1-case")
    page.get_by_role("radio", name="支持", exact=True).check()
    page.get_by_label("理由").fill("材料真实，工作年限符合。")
    page.locator("main").get_by_role("button", name="提交", exact=True).click()
    assessor.see("已评审")


def test_an_auditor_reads_a_decision_and_its_trail(opens: Opens) -> None:
    auditor = opens("auditor")
    page = auditor.page
    page.goto("/console/records/review/")
    page.locator("tbody tr").first.get_by_role("link").first.click()
    auditor.picture("auditor-1-decision")
    page.goto("/console/audit/")
    assert page.locator("tbody tr").count() >= 10
    auditor.picture("auditor-2-trail")
    assert page.get_by_role("link", name="添加").count() == 0, "an auditor changes nothing here"


def test_an_administrator_looks_after_accounts_and_reads_no_case(opens: Opens) -> None:
    admin = opens("admin")
    page = admin.page
    page.goto("/console/records/account/")
    admin.see("林碧莹")
    admin.picture("admin-1-accounts")
    admin.accepts.add(403)
    page.goto("/console/conversion/initial/")
    admin.see("403")
    admin.picture("admin-2-no-cases")
