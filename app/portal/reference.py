"""A welcome, and the questions that people ask most."""

from __future__ import annotations

from sqlalchemy import select

from app.kernel.clock import now
from app.kernel.unit_of_work import UnitOfWork
from app.portal.models import Announcement, Question

WELCOME = (
    "学分银行信息管理平台开通",
    "您可以在这里添加学习成果、申请认定、积累学分，并按已公布的规则申请学分转换。办理过程中的每一步都会在站内、短信或邮件中通知您。",
)
#: topic, question, answer
ANSWERS = (
    ("账号", "证件号码登录和用户名登录有什么区别？", "没有区别：同一账号可以用用户名、证件号码或已验证的手机号登录，密码相同。"),
    ("成果添加", "什么是名录成果？", "平台已收录的课程、证书等学习成果。从名录中选择并上传证明材料后，系统自动认定，状态直接显示为“名录成果”。"),
    ("成果添加", "名录里查不到我的成果怎么办？", "在选择成果的窗口中点击“请点击这里来输入成果”，自行填写后提交认定，由所属教学点审核。"),
    ("成果添加", "证明材料有什么要求？", "上传 jpg、png 或 gif 图片，文字清晰、四角完整。系统按文件内容判断格式，与文件名无关。"),
    ("认定", "业绩类成果如何认定？", "在“认定成果申请”中勾选成果并提交认定，然后带纸质原件到所属教学点现场核验。"),
    ("认定", "认定未通过或被退回，还能再申请吗？", "可以。按意见修改后重新提交即为新的一轮；对未通过的结果也可以在期限内申诉，两种办法选其一。"),
    ("转换", "转换申请要经过哪些审核？", "按规则转换的，先由教学点初审（核验原件），再由专业认定委员会终审；业绩类成果转换由委员会审核。"),
    ("转换", "同一成果可以转换几次？", "一项成果对同一目标专业只能使用一次，规则另有说明的除外。已提交的申请会占用成果，撤回或未通过后释放。"),
    ("转换", "规则显示学分为“-”是什么意思？", "目标课程的学分尚未录入。可以先申请，工作人员补录学分后才能终审通过。"),
    ("学分账户", "积累学分和转换学分可以相加吗？", "不可以。两类学分性质不同，账户中分别列示，不合并计算。"),
)  # fmt: skip


def install(uow: UnitOfWork) -> int:
    """Add both where there is nothing yet."""
    added = 0
    if uow.session.scalar(select(Announcement.id).limit(1)) is None:
        uow.session.add(Announcement(title=WELCOME[0], body=WELCOME[1], published_at=now(), pinned=True))
        added += 1
    if uow.session.scalar(select(Question.id).limit(1)) is None:
        moment = now()
        uow.session.add_all(
            Question(topic=topic, text=text, answer=answer, answered_at=moment, published=True) for topic, text, answer in ANSWERS
        )
        added += len(ANSWERS)
    return added
