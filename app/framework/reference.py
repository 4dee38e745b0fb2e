"""Shipped qualification levels with their descriptors, and a first set of industry standards. Wording of our own."""

from __future__ import annotations

from sqlalchemy import select

from app.framework.models import FrameworkLevel, IndustryStandard, LevelDescriptor
from app.kernel.unit_of_work import UnitOfWork

#: number, zh, en, typical zh, typical en, {dimension: (zh, en)}
LEVELS = (
    (1, "一级", "Level 1", "初中毕业及相当的学习成果", "Lower secondary education and the like", {
        "knowledge": ("具有日常生活和简单工作所需的基础常识。", "Has the basic general knowledge that daily life and simple work need."),
        "skills": ("能按明确的指引完成简单、重复的任务。", "Carries out simple, repeated tasks by clear directions."),
        "competence": ("在直接指导下学习和工作，对自己的行为负责。", "Learns and works under direct guidance and answers for own conduct."),
    }),
    (2, "二级", "Level 2", "高中毕业及相当的学习成果", "Upper secondary education and the like", {
        "knowledge": ("了解某一学习或工作领域的基本事实和概念。", "Knows the basic facts and concepts of a field of study or work."),
        "skills": ("能运用基本方法和常用工具解决常见问题。", "Solves common problems with basic methods and usual tools."),
        "competence": ("在一般指导下完成任务，并能与他人配合。", "Completes tasks under general guidance and works along with others."),
    }),
    (3, "三级", "Level 3", "中等职业教育、中级技工及相当的学习成果", "Secondary vocational education, intermediate workers and the like", {
        "knowledge": ("掌握某一领域的事实、原理、流程和一般概念。", "Commands facts, principles, processes and general concepts of a field."),
        "skills": ("能选择并运用方法、工具和资料完成多种任务。", "Chooses and applies methods, tools and information for a range of tasks."),
        "competence": ("对工作或学习任务承担责任，能随情况调整做法。", "Takes responsibility for tasks and adapts own ways to circumstances."),
    }),
    (4, "四级", "Level 4", "专科教育、高级技工及相当的学习成果", "Diploma education, senior workers and the like", {
        "knowledge": ("具有某一领域较宽的事实性和理论性知识。", "Has broad factual and theoretical knowledge of a field."),
        "skills": ("能针对本领域的具体问题提出并实施解决办法。", "Finds and carries out solutions to specific problems of the field."),
        "competence": ("在可预见变化的环境中自我管理，指导他人的日常工作。", "Manages own work where changes can be foreseen and guides the routine work of others."),
    }),
    (5, "五级", "Level 5", "本科教育、学士学位、技师及相当的学习成果", "Bachelor's degrees, technicians and the like", {
        "knowledge": ("系统掌握某一学科或职业领域的理论，了解其前沿与边界。", "Commands the theory of a discipline or occupation and knows where its limits are."),
        "skills": ("能综合运用专业方法分析并解决复杂问题。", "Analyses and solves complex problems by combining professional methods."),
        "competence": ("在不可预见变化的环境中独立承担并管理专业工作。", "Takes on and manages professional work where changes can't be foreseen."),
    }),
    (6, "六级", "Level 6", "硕士学位、高级技师及相当的学习成果", "Master's degrees, senior technicians and the like", {
        "knowledge": ("具有高度专门的知识，其中部分处于本领域前沿，并能批判地看待。", "Has highly specialised knowledge, some of it at the forefront, and a critical view of it."),
        "skills": ("能为研究或创新提出新的方法，并整合不同领域的知识。", "Develops new methods for research or innovation and brings together knowledge of several fields."),
        "competence": ("管理并改变复杂的工作环境，对团队的表现和发展负责。", "Manages and changes complex settings and answers for the performance and growth of teams."),
    }),
    (7, "七级", "Level 7", "博士学位及相当的学习成果", "Doctorates and the like", {
        "knowledge": ("具有本领域最前沿的知识，并通晓领域之间的联系。", "Has knowledge at the very front of a field and where it meets others."),
        "skills": ("能以最先进的方法解决关键问题，拓展并重新界定已有知识或实践。", "Solves critical problems with the most advanced methods, extending and redefining knowledge or practice."),
        "competence": ("在研究和实践的前沿体现权威、创新和学术或职业操守。", "Shows authority, originality and integrity at the forefront of research and practice."),
    }),
)  # fmt: skip

#: code, title, industry, level, issued by, summary
STANDARDS = (
    ("GD-EC-2026-03", "电子商务运营能力标准", "电子商务", 4, "广东终身教育学分银行管理中心", "店铺运营、数据分析与客户服务的能力单元，对应资历框架四级。"),
    ("GD-IS-2026-05", "信息安全管理能力标准", "信息技术", 5, "广东终身教育学分银行管理中心", "风险评估、密码应用与应急响应的能力单元，对应资历框架五级。"),
    ("GD-SW-2026-04", "社区社会工作能力标准", "社会工作", 4, "广东终身教育学分银行管理中心", "个案、小组与社区工作方法的能力单元，对应资历框架四级。"),
    ("GD-EL-2026-03", "养老护理能力标准", "健康养老", 3, "广东终身教育学分银行管理中心", "生活照料、基础护理与心理支持的能力单元，对应资历框架三级。"),
    ("GD-MA-2026-04", "智能制造装调能力标准", "装备制造", 4, "广东终身教育学分银行管理中心", "设备装配、调试与维护的能力单元，对应资历框架四级。"),
    ("GD-EM-2026-03", "广绣制作能力标准", "文化传承", 3, "广东终身教育学分银行管理中心", "针法、配色与成品制作的能力单元，对应资历框架三级。"),
)  # fmt: skip


def install(uow: UnitOfWork) -> int:
    """Add what is missing; what staff have changed stays as it is. Returns the number of rows added."""
    added = 0
    present = {row.number: row for row in uow.session.scalars(select(FrameworkLevel))}
    for number, zh, en, typical_zh, typical_en, descriptors in LEVELS:
        if number not in present:
            rows = [LevelDescriptor(dimension=name, text_zh=a, text_en=b) for name, (a, b) in descriptors.items()]
            present[number] = FrameworkLevel(
                number=number, name_zh=zh, name_en=en, summary_zh=typical_zh, summary_en=typical_en, descriptors=rows
            )
            uow.session.add(present[number])
            added += 1
    uow.flush()
    codes = set(uow.session.scalars(select(IndustryStandard.code)))
    for code, title, industry, level, issued_by, summary in STANDARDS:
        if code not in codes:
            uow.session.add(
                IndustryStandard(
                    code=code, title=title, industry=industry, level_id=present[level].id, issued_by=issued_by, summary=summary
                )
            )
            added += 1
    return added
