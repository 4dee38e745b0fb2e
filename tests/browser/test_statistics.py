"""The dashboard's charts: drawn from the tables, under the content-security policy, and a way to the cases."""

from __future__ import annotations

from tests.browser.conftest import Opens


def test_charts_are_drawn_and_lead_to_the_cases(opens: Opens) -> None:
    visitor = opens("center")
    page = visitor.page
    page.goto("/console/statistics/")
    page.locator("#figure-outcomes").scroll_into_view_if_needed()
    chart = page.locator("section:has(#figure-outcomes) canvas")
    chart.wait_for()
    box = chart.bounding_box()
    assert box
    assert box["height"] > 150
    # somewhere in the first bar, at the bottom of the chart
    for part in (0.17, 0.2, 0.23, 0.26):
        page.mouse.click(box["x"] + box["width"] * part, box["y"] + box["height"] * 0.84)
        page.wait_for_timeout(100)
        if "/cases" in page.url:
            break
    assert "/console/statistics/cases" in page.url
    assert not visitor.complaints
