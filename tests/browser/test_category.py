"""Low code: staff make a small category with fields of every type, and a learner uses it at once (spec 1.3)."""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from tests.browser.conftest import Opens
from tests.support.site import PHONE

#: code, label, kind as it reads on screen; a choice draws from the list 级别.
FIELDS = (
    ("course_text", "研修主题", "文本"),
    ("hours", "学时数", "数字"),
    ("finished", "结业日期", "日期"),
    ("grade", "研修级别", "选项"),
    ("report", "研修报告", "文件"),
)


def test_staff_make_a_category_that_a_learner_uses_at_once(opens: Opens, tmp_path: Path) -> None:
    center = opens("center")
    page = center.page
    page.goto("/console/records/category/add")
    page.locator("[name=code]").fill("workshop")
    page.locator("[name=name_zh]").fill("研修项目")
    page.locator("[name=name_en]").fill("Workshop")
    _choose(page, "parent", "其他类_培训业绩等")
    page.locator("[name=recognition]").select_option("review")
    page.locator("[name=performance]").check()
    page.get_by_role("button", name="保存", exact=True).click()
    center.see("研修项目")
    category = page.url.rstrip("/").rsplit("/", 1)[1]
    for position, (code, label, kind) in enumerate(FIELDS, start=10):
        page.goto(f"/console/records/category-field/add?category={category}")
        page.locator("[name=code]").fill(code)
        page.locator("[name=label_zh]").fill(label)
        page.locator("[name=label_en]").fill(code)
        page.locator("[name=kind]").select_option(label=kind)
        if code == "grade":
            _choose(page, "code_list", "级别")
        page.locator("[name=position]").fill(str(position))
        page.get_by_role("button", name="保存", exact=True).click()
        center.see(label)
    page.goto(f"/console/records/category/{category}")
    center.see(*(label for _code, label, _kind in FIELDS))
    center.picture("category-1-fields")

    learner = opens("learner", width=PHONE)
    page = learner.page
    page.goto("/me/achievements/add")
    page.get_by_role("link", name="研修项目").click()
    scan = tmp_path / "报告.png"
    with Image.new("RGB", (400, 600), "white") as paper:
        paper.save(scan)
    page.locator("[name=name]").fill("人工智能教学研修")
    page.get_by_label("获取时间").fill("2025-07-21")
    page.get_by_label("研修主题").fill("大模型与课堂")
    page.get_by_label("学时数").fill("48")
    page.get_by_label("结业日期").fill("2025-07-20")
    page.get_by_label("研修级别").select_option(label="省级")
    page.get_by_label("研修报告").set_input_files(scan)
    assert learner.overflow() == 0
    learner.picture("category-2-form")
    page.get_by_role("button", name="提交", exact=True).click()
    learner.see("人工智能教学研修", "大模型与课堂", "48", "2025-07-20", "省级")


def _choose(page: Page, name: str, text: str) -> None:
    """Pick a record in a select that searches as one types."""
    page.locator(f"#{name}-ts-control").fill(text)
    page.locator(".ts-dropdown:visible .option").filter(has_text=text).first.click()
    page.keyboard.press("Escape")  # the list of choices must not cover what comes next
