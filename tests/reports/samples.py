"""Records that no real case would hold all at once: the longest words, the rarest signs, the most files."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from hashlib import sha256

from reports import records

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
RARE = "喆堃龘𬭎"
MARKUP = '<b>粗</b> <img src="file:///etc/passwd"/> <a href="http://evil.example">链接</a> &amp; <para>'
LONG = "审核意见" * 900


def evidence(count: int) -> tuple[records.Evidence, ...]:
    """``count`` files with names as people give them."""
    return tuple(
        records.Evidence(
            f"大学英语四级证书扫描件（第{n}次补传，含封面与内页）最终版.jpg",
            "image/jpeg",
            71_000 + n,
            sha256(str(n).encode()).hexdigest(),
            NOON + timedelta(minutes=n),
            "证书原件扫描件或照片",
        )
        for n in range(1, count + 1)
    )


def conversion(**changes: object) -> records.ConversionSheet:
    """A whole conversion sheet."""
    review = records.Reviewed(
        "初审", "同意", "林碧莹", "教学点管理员", "广东开放大学直属学院教学点", "教务", NOON, "同意"
    )
    values: dict[str, object] = {
        "number": "ZHS-2026-000001",
        "code": "ABCDEFGHJKMNPQRS",
        "url": "https://bank.example/verify/ABCDEFGHJKMNPQRS",
        "issued_at": NOON,
        "issued_by": "审计员",
        "case_number": "ZH-2026-000001",
        "state": "审核通过",
        "learner": f"{RARE} (L0000001)",
        "identity": "4401**********1234",
        "home_point": "广东开放大学直属学院教学点",
        "authorised_institution": "广东开放大学",
        "recognising_institution": "广东开放大学",
        "submitted_at": NOON,
        "clocks": (("学分银行用时", "3 个工作日"), ("学习者补正用时", "0 个工作日")),
        "achievements": (
            records.Achievement(
                "大学英语四级证书", "职业资格证书", "名录成果", (("证书编号", "190048362200003"),)
            ),
        ),
        "evidence": evidence(2),
        "attestations": (
            records.Attested(
                "证书原件", "林碧莹", "教学点", "教务室", date(2026, 3, 1), 1, "档案柜", date(2031, 12, 31)
            ),
        ),
        "reviews": (review,),
        "recusals": (records.Recused("终审", "单文博", "审核人单位签发了证明材料", True, NOON, "本人申报"),),
        "timeline": (records.Moment(NOON, "提交转换申请", RARE),),
        "last_event": (42, "ab" * 32),
        "checkpoint": (40, "cd" * 32),
        "rule": records.Rule("外语等级证书转学位外语", "CET 4 转学位外语", "CET 4 及以上", 3, "ef" * 32),
        "committee": "外国语言专业认定委员会",
        "targets": (records.Target("学位外语", "课程", "广东开放大学", 333, 5000, 167),),
    }
    return records.ConversionSheet(**(values | changes))  # type: ignore[arg-type]
