"""Shipped qualification levels with their descriptors, and a few examples of industry standards. Wording of our own.

Levels follow the seven steps of schooling (spec 1.3: 层次 from 小学 to 博士); each descriptor says what the level before does not ask yet.
"""

from __future__ import annotations

from sqlalchemy import select

from app.framework.models import FrameworkLevel, IndustryStandard, LevelDescriptor
from app.kernel.unit_of_work import UnitOfWork

#: number, zh, en, typical zh, typical en, {dimension: (zh, en)}
LEVELS = (
    (1, "一级", "Level 1", "小学毕业及相当的学习成果", "Primary school and the like", {
        "knowledge": (
            "具备日常生活离不开的识字、计数等常识，知道身边环境中的简单事实。",
            "Reads, counts and knows the simple facts that everyday life can't do without.",
        ),
        "skills": (
            "照着示范或逐步的指引，完成内容固定、步骤很少的任务，读懂简短的说明。",
            "Follows a demonstration or step-by-step directions in tasks of few, fixed steps, and understands short instructions.",
        ),
        "competence": (
            "有人在旁指导时学习和劳动，遵守规则，按时完成交给自己的部分。",
            "Learns and works with somebody at hand, keeps to the rules, and finishes the part that was handed over in time.",
        ),
    }),
    (2, "二级", "Level 2", "初中毕业及相当的学习成果", "Junior secondary school and the like", {
        "knowledge": (
            "熟悉一个学习或劳动领域里常用的名称、事实和做法，知道它们用在哪里。",
            "Is familiar with the usual names, facts and ways of one field of study or work, and with where they serve.",
        ),
        "skills": (
            "从几种熟悉的方法中挑出合适的一种，用常见工具和资料处理反复出现的问题。",
            "Picks the fitting one of several familiar methods and deals with recurring problems by ordinary tools and material.",
        ),
        "competence": (
            "在有人定期检查的情况下完成任务，对自己那一份的质量负责，并与同伴配合。",
            "Carries tasks through while somebody checks at intervals, vouches for the quality of the own share, and fits in with others.",
        ),
    }),
    (3, "三级", "Level 3", "高中、中等职业教育、中级技工及相当的学习成果", "Senior secondary and vocational schools, intermediate workers and the like", {
        "knowledge": (
            "理解一个领域的主要道理和工作流程，明白步骤之间为什么这样安排。",
            "Understands why things are done in a field: its main ideas, its procedures, and the reasons for their order.",
        ),
        "skills": (
            "自己安排步骤完成多种常规任务，会查找资料、选择工具，并检查结果是否合格。",
            "Plans the steps of various routine tasks, looks up what is needed, selects tools, and checks whether the result will do.",
        ),
        "competence": (
            "在给定目标下独立完成日常工作，情况有变时调整做法，说得出理由，知道何时求助。",
            "Does daily work alone once the aim is set, changes course when matters change, can say why, and knows when to ask.",
        ),
    }),
    (4, "四级", "Level 4", "专科教育、高级技工及相当的学习成果", "Diploma programmes, senior workers and the like", {
        "knowledge": (
            "掌握一个专业较宽的理论基础和实务，了解行业规范以及相邻专业的基本内容。",
            "Commands the groundwork and the practice of a profession, the norms of its trade, and the outline of its neighbours.",
        ),
        "skills": (
            "分析具体的专业问题，比较几种方案后选定并实施，用数据或文字交代结果。",
            "Takes a concrete professional problem apart, weighs several solutions, carries one out, and accounts for it in figures or words.",
        ),
        "competence": (
            "在大体可以预期的环境中安排自己和少数同伴的工作，带教新手，对成果承担责任。",
            "Organises own work and that of a few colleagues where surprises are rare, instructs beginners, and answers for what comes of it.",
        ),
    }),
    (5, "五级", "Level 5", "本科教育、学士学位、技师及相当的学习成果", "Bachelor programmes, technicians and the like", {
        "knowledge": (
            "掌握成体系的专业理论与方法，知道结论从何而来、适用到哪里为止。",
            "Holds the theory and methods of a profession as a system, knowing where its conclusions come from and where they end.",
        ),
        "skills": (
            "处理信息不全、因素交织的专业问题，综合多种方法提出可行办法，向内行和外行都讲得清楚。",
            "Handles problems with tangled causes and gaps in the data, joins methods into a workable answer, and explains it to experts and laymen.",
        ),
        "competence": (
            "在情况多变时独立作出专业判断，管理项目或小组，规划自己和他人的学习。",
            "Judges for oneself as a professional while conditions shift, runs projects or small teams, and plans learning, own and others'.",
        ),
    }),
    (6, "六级", "Level 6", "硕士学位、高级技师及相当的学习成果", "Master's degrees, senior technicians and the like", {
        "knowledge": (
            "在某一方向上知识深入而专门，跟得上最新进展，能评判不同学说和做法的得失。",
            "Goes deep in one direction, keeps up with what is new there, and can tell the merits of rival schools and practices.",
        ),
        "skills": (
            "为没有现成答案的问题设计研究或技术方案，把几个领域的知识结合成新的方法。",
            "Designs inquiries or technical solutions for questions without a ready answer, making new methods out of several fields.",
        ),
        "competence": (
            "主持复杂的、多方协作的工作，决定方向和策略，对团队成效与职业伦理负责。",
            "Leads intricate work of many parties, sets its direction, and stands for the team's results and for professional ethics.",
        ),
    }),
    (7, "七级", "Level 7", "博士学位及相当的学习成果", "Doctorates and the like", {
        "knowledge": (
            "对一个领域的根基、空白以及与其他领域的交汇处，有系统而原创的认识。",
            "Sees a field whole: its foundations, what nobody knows yet, and where it touches others; part of that insight is one's own.",
        ),
        "skills": (
            "提出并解决对学科或行业有全局意义的问题，创造新的理论、技术或规范，经得起同行检验。",
            "Raises and settles questions that matter to a whole discipline or industry, with theories, techniques or norms that peers can test.",
        ),
        "competence": (
            "以学识和诚信引领研究或行业的发展，独立承担长期而结果未知的任务，并培养后来者。",
            "Gives research or an industry its lead by learning and integrity, bears long tasks of unknown outcome, and raises successors.",
        ),
    }),
)  # fmt: skip

ISSUER = "学分银行管理中心"
#: code, title, industry, level, summary. Examples, and said to be so: staff replace them by the standards that have been issued.
STANDARDS = (
    ("SL-EC-04", "电子商务运营能力标准（示例）", "电子商务", 4, "店铺运营、数据分析与客户服务的能力单元，对应资历等级四级。"),
    ("SL-IS-05", "信息安全管理能力标准（示例）", "信息技术", 5, "风险评估、密码应用与应急响应的能力单元，对应资历等级五级。"),
    ("SL-SW-04", "社区社会工作能力标准（示例）", "社会工作", 4, "个案、小组与社区工作方法的能力单元，对应资历等级四级。"),
    ("SL-EL-03", "养老护理能力标准（示例）", "健康养老", 3, "生活照料、基础护理与心理支持的能力单元，对应资历等级三级。"),
    ("SL-MA-04", "智能制造装调能力标准（示例）", "装备制造", 4, "设备装配、调试与维护的能力单元，对应资历等级四级。"),
    ("SL-EM-03", "广绣制作能力标准（示例）", "文化传承", 3, "针法、配色与成品制作的能力单元，对应资历等级三级。"),
)  # fmt: skip


def install(uow: UnitOfWork) -> int:
    """Add what is missing; what staff have changed stays as it is. Returns the number of rows added."""
    return _levels(uow) + _standards(uow)


def _levels(uow: UnitOfWork) -> int:
    present = set(uow.session.scalars(select(FrameworkLevel.number)))
    missing = [row for row in LEVELS if row[0] not in present]
    for number, zh, en, typical_zh, typical_en, descriptors in missing:
        rows = [LevelDescriptor(dimension=name, text_zh=a, text_en=b) for name, (a, b) in descriptors.items()]
        names = {"name_zh": zh, "name_en": en, "summary_zh": typical_zh, "summary_en": typical_en}
        uow.session.add(FrameworkLevel(number=number, descriptors=rows, **names))
    uow.flush()
    return len(missing)


def _standards(uow: UnitOfWork) -> int:
    """The examples, where there is no standard at all yet."""
    if uow.session.scalar(select(IndustryStandard.id).limit(1)) is not None:
        return 0
    levels = {row.number: row.id for row in uow.session.scalars(select(FrameworkLevel))}
    uow.session.add_all(
        IndustryStandard(code=code, title=title, industry=industry, level_id=levels[level], issued_by=ISSUER, summary=summary)
        for code, title, industry, level, summary in STANDARDS
    )
    return len(STANDARDS)
