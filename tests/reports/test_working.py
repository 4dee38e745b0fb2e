"""The working paper of a sample."""

from __future__ import annotations

from reports.records import Cover, FindingLine, SampledCase, Stratum, WorkingPaper
from reports.working import working_paper
from tests.reports.samples import MARKUP, NOON
from tests.reports.test_sheets import pypdf_text

COVER = Cover(
    *("DG-2026-000001", "A" * 16, "https://bank.example/verify/" + "A" * 16, NOON, "解知微"),
    (("抽样编号", "CY-2026-000001"), ("置信水平", "95%"), ("可容忍误差率", "5%")),
    (42, "ab" * 32),
    (40, "cd" * 32),
)


def test_how_the_sample_was_drawn_and_what_was_found_stand_on_it() -> None:
    text = pypdf_text(
        working_paper(
            WorkingPaper(
                COVER,
                seed="2026-spring",
                formula="n = ln(1-0.95)/ln(1-0.05) = 59",
                source="发现抽样",
                strata=(Stratum("2026-03", 1204, 59),),
                cases=tuple(
                    SampledCase(
                        n, f"ZH-2026-{n:06d}", "转换", "2026-03", "教学点", "林碧莹", NOON, "审核通过", ""
                    )
                    for n in range(1, 60)
                ),
                findings=(FindingLine("ZH-2026-000007", "重大", "未关闭", MARKUP, "已补核", "解知微", NOON),),
                conclusion="样本内发现 1 件重大问题。",
            )
        )
    )
    for words in (
        *(
            "审计底稿",
            "2026-spring",
            "n=ln(1-0.95)/ln(1-0.05)=59",
            "1,204",
            "ZH-2026-000001",
            "ZH-2026-000059",
        ),
        *("file:///etc/passwd", "已补核", "样本内发现1件重大问题。", "签名检查点：40"),
    ):
        assert words in text, words


def test_a_sample_without_findings_says_so() -> None:
    paper = working_paper(WorkingPaper(COVER, "s", "n", "", (), (), (), "未发现问题。"))
    assert "三、审计发现无" in pypdf_text(paper)
