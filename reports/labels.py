"""The words of our papers, Chinese and English. Reports know no Flask, so the table is their own."""

from __future__ import annotations

LABELS: dict[str, tuple[str, str]] = {
    "bank": ("广东终身教育学分银行", "Guangdong Credit Bank for Lifelong Learning"),
    "recognition_title": ("学习成果认定审核表", "Audit Sheet: Recognition of an Achievement"),
    "conversion_title": ("学习成果转换审核表", "Audit Sheet: Conversion of Achievements"),
    "performance_title": ("业绩类学习成果转换审核表", "Audit Sheet: Conversion of a Performance Achievement"),
    "number": ("文件编号", "Document"),
    "case": ("业务编号", "Case"),
    "state": ("当前状态", "State"),
    "issued": ("出具时间", "Issued"),
    "issued_by": ("出具人", "Issued by"),
    "parties": ("当事各方", "Parties"),
    "learner": ("学习者", "Learner"),
    "identity": ("证件号码", "Identity number"),
    "home_point": ("所属教学点", "Home teaching point"),
    "authorised": ("授权机构", "Authorised institution"),
    "recognising": ("认定机构", "Recognising institution"),
    "committee": ("专业认定委员会", "Committee"),
    "submitted": ("提交时间", "Submitted"),
    "round": ("认定轮次", "Round"),
    "achievement": ("学习成果", "Achievement"),
    "category": ("成果类型", "Category"),
    "achievement_state": ("成果状态", "State"),
    "credits": ("学分", "Credits"),
    "level": ("资历等级", "Qualification level"),
    "rule": ("转换规则与目标成果", "Rule and target"),
    "target": ("目标成果", "Target"),
    "agreement": ("转换协议", "Agreement"),
    "rule_name": ("规则名称", "Rule"),
    "description": ("规则描述", "Description"),
    "version": ("规则版本", "Version"),
    "digest": ("版本摘要", "Version digest"),
    "target_name": ("目标成果", "Target"),
    "target_org": ("目标机构", "Institution"),
    "ratio": ("转换比例(%)", "Ratio (%)"),
    "granted": ("授予学分", "Granted"),
    "arithmetic": ("学分计算", "Arithmetic"),
    "half_up": ("（四舍五入到百分位）", " (half up, to hundredths)"),
    "evidence": ("证明材料", "Evidence"),
    "file": ("文件", "File"),
    "type": ("类型", "Type"),
    "size": ("大小(字节)", "Bytes"),
    "uploaded": ("上传时间", "Uploaded"),
    "attestation": ("原件核验", "Attestation of originals"),
    "original": ("原件", "Original"),
    "witness": ("核验人", "Seen by"),
    "place": ("地点", "Where"),
    "seen_on": ("日期", "When"),
    "pages": ("页数", "Pages"),
    "copy": ("复印件存放", "Copy kept at"),
    "until": ("保存至", "Until"),
    "reviews": ("审核意见", "Reviews"),
    "stage": ("环节", "Stage"),
    "decision": ("结论", "Decision"),
    "reviewer": ("审核人", "Reviewer"),
    "role": ("角色", "Role"),
    "organisation": ("机构", "Organisation"),
    "department": ("部门", "Department"),
    "time": ("时间", "Time"),
    "opinion": ("审核意见", "Opinion"),
    "assessments": ("第三方评审", "Third-party assessments"),
    "question": ("评审要求", "Asked"),
    "advice": ("评审意见", "Advice"),
    "assessor": ("评审机构", "Assessor"),
    "recusals": ("回避", "Recusals"),
    "reason": ("原因", "Reason"),
    "blocked": ("已阻止", "blocked"),
    "warned": ("提示", "warned"),
    "appeals": ("申诉与撤销", "Appeals and reversals"),
    "grounds": ("理由", "Grounds"),
    "timeline": ("办理过程", "Timeline"),
    "what": ("事项", "What"),
    "who": ("办理人", "Who"),
    "clocks": ("办理时限", "Clocks"),
    "none": ("无", "None"),
    "verify": ("扫码或凭验证码核验真伪", "Scan or type the code to verify"),
    "code": ("验证码", "Code"),
    "last_event": ("审计链末端", "End of audit trail"),
    "checkpoint": ("签名检查点", "Signed checkpoint"),
    "as_of": (
        "成果与证明材料为作出决定时（{at}）的内容。",
        "Achievement and evidence as they were when decided ({at}).",
    ),
    "seal": ("电子签章", "Electronic seal"),
    "demo_seal": ("演示专用章", "Demo only"),
    "sealed": (
        "本文件经数字签名，任何改动均可被发现。",
        "This file is digitally signed: any change to it shows.",
    ),
    "page": ("第 {page} 页 共 {pages} 页", "Page {page} of {pages}"),
    "continued": ("（续）", " (continued)"),
    "missing": ("字体未收录的字符以〓表示：", "Signs that the font lacks are shown as 〓: "),
}


_CHINESE = "一二三四五六七八九十"


def section(number: int, title: str, language: str) -> str:
    """A section's head with its number, as each language writes it."""
    return f"{number}  {title}" if language == "en" else f"{_CHINESE[number - 1]}、{title}"


def words(language: str) -> dict[str, str]:
    """The table in one language (``zh`` or ``en``)."""
    place = 1 if language == "en" else 0
    return {key: pair[place] for key, pair in LABELS.items()}
