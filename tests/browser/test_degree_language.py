"""The first acceptance case (spec 2.6): a CET certificate becomes the degree's foreign language, from log-in to PDF."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from PIL import Image
from playwright.sync_api import Route

from tests.browser.conftest import Opens
from tests.support.site import PHONE

CET = "大学英语等级考试(CET)四级及以上证书"
RULE = "CET 4 及以上证书转2018秋信息安全专业学位外语"
NUMBER = "190048362209999"


def test_from_log_in_to_the_audit_sheet(opens: Opens, tmp_path: Path) -> None:
    scan = tmp_path / "扫描件.jpg"
    with Image.new("RGB", (1200, 800), (250, 246, 235)) as paper:
        paper.save(scan)
    case = _learner_applies(opens, scan)
    _point_agrees(opens)
    _committee_agrees(opens)
    _account_shows_it(opens)
    text = _auditor_prints(opens, tmp_path)
    for word in (case, RULE, CET, "学位外语", NUMBER, "王𬭎喆", "何承远", "区颖琳", "外国语学院", "原件"):
        assert word.replace(" ", "") in text, f"{word} is missing on the sheet"


def _learner_applies(opens: Opens, scan: Path) -> str:
    learner = opens("learner3", width=PHONE)
    page = learner.page
    page.goto("/me/achievements/add")
    page.get_by_role("link", name="职业资格证书", exact=True).click()
    page.get_by_label("成果名称").fill("CET")
    page.get_by_role("link", name=re.compile(re.escape(CET))).first.click()
    page.get_by_label("证书编号").fill(NUMBER)
    page.get_by_label("发证日期").fill("2020-05-22")
    page.locator("input[type=file]").first.set_input_files(scan)
    page.get_by_role("button", name="提交", exact=True).click()
    learner.see(CET, "名录成果", NUMBER)
    learner.picture("degree-1-achievement")
    # The right one of some 300 rules in at most three interactions: choose the achievement, type, choose the rule.
    page.goto("/me/conversion/")
    page.get_by_role("link", name=re.compile(f"申请转换.*{re.escape(CET)}")).first.click()
    page.get_by_role("searchbox").fill("信息安全 学位外语")
    page.get_by_role("link", name=re.compile(re.escape(RULE))).click()
    learner.see(RULE, "学位外语", "外语等级证书转学位外语")
    page.get_by_role("button", name="提交", exact=True).click()
    learner.see("待初审", "下一步")
    assert learner.overflow() == 0
    learner.picture("degree-2-applied")
    found = re.search(r"ZH-\d{4}-\d{6}", page.locator("main").inner_text())
    assert found
    return found[0]


def _point_agrees(opens: Opens) -> None:
    point = opens("point2")
    page = point.page
    page.goto("/console/conversion/initial/")
    page.get_by_role("textbox", name="规则名称").fill("信息安全专业学位外语")
    page.get_by_role("button", name="查询").click()
    page.get_by_role("row", name=re.compile("王𬭎喆")).get_by_role("link", name="审核").click()
    point.see(NUMBER, RULE)
    page.get_by_label("原件名称").fill(f"{CET}原件")
    page.get_by_role("button", name="确认已核验原件").click()
    point.see("原件核验已登记")
    assert "教学点：" in page.get_by_label("审核意见").input_value(), "the opinion is prefilled"
    point.picture("degree-3-initial-review")
    page.get_by_role("button", name="同意", exact=False).and_(page.locator("[value=agree]")).click()
    point.see("审核成功")


def _committee_agrees(opens: Opens) -> None:
    member = opens("committee")
    page = member.page
    page.goto("/console/conversion/final/")
    page.get_by_role("textbox", name="姓名").fill("王𬭎喆")
    page.get_by_role("button", name="查询").click()
    page.get_by_role("row", name=re.compile("信息安全专业学位外语")).get_by_role("link", name="审核").click()
    member.see("初审", "何承远")
    assert "外国语学院 区颖琳" in page.get_by_label("审核意见").input_value()
    member.picture("degree-4-final-review")
    page.locator("#decision [value=agree]").click()
    member.see("审核成功")


def _account_shows_it(opens: Opens) -> None:
    learner = opens("learner3", width=PHONE)
    learner.page.goto("/me/account/")
    learner.see("学位外语")
    learner.picture("degree-5-account")
    learner.page.goto("/me/notices/")
    learner.see("学位外语")


def _auditor_prints(opens: Opens, folder: Path) -> str:
    auditor = opens("auditor")
    page = auditor.page
    page.goto("/console/conversion/final/?state=approved")
    page.get_by_role("row", name=re.compile("王𬭎喆.*信息安全专业学位外语")).get_by_role(
        "link", name="查看详情"
    ).click()
    auditor.see("审核通过", "区颖琳")
    sheet = folder / "sheet.pdf"

    def keep(route: Route) -> None:
        """The browser's own request; its answer is kept instead of shown."""
        sheet.write_bytes(route.fetch().body())
        route.fulfill(status=204)

    page.route("**/console/documents/**", keep)
    with page.expect_response("**/console/documents/**"):
        page.get_by_role("button", name="审核表").click()
    said = subprocess.run(["pdftotext", "-raw", str(sheet), "-"], capture_output=True, check=True, text=True)
    return re.sub(r"\s", "", said.stdout)  # words wrap in narrow cells
