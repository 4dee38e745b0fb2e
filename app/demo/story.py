"""What happens in the demo: every state of every workflow, told through the services that real people's
clicks call.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, TypeVar

from sqlalchemy import select

from app.achievements import services as achievements
from app.appeals import services as appeals
from app.appeals.models import Appeal, Reversal
from app.catalogue.models import CatalogueItem, Category
from app.conversion import services as conversions
from app.conversion.models import Assessment, ConversionApplication
from app.demo import papers
from app.demo.people import REVIEWERS
from app.demo.world import CET, NCRE1, NCRE2, PILOT
from app.kernel.actor import SYSTEM, Actor
from app.kernel.clock import now, today
from app.kernel.database import db
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner
from app.organisations.models import Organisation
from app.portal import services as portal
from app.portal.models import Question
from app.recognition import services as recognition
from app.recognition.models import RecognitionApplication
from app.review.services import Seen
from app.rules.models import Rule
from app.security.current import actor_of

Result = TypeVar("Result")
AGREE_POINT = "教学点：{point} 审核人：{name} 意见：同意"


class Story:
    """Tells the demo's cases; ``accounts`` maps a demo word to its account id, ``learners`` to the learner's
    id.
    """

    def __init__(self, accounts: dict[str, int], learners: dict[str, int]) -> None:
        self._accounts, self._learners = accounts, learners
        self._actors: dict[str, Actor] = {}

    # --- small steps

    def by(self, word: str) -> Actor:
        """The actor behind a demo word."""
        if word not in self._actors:
            self._actors[word] = actor_of(db.session(), self._accounts[word])
        return self._actors[word]

    def act(self, word: str, step: Callable[[UnitOfWork], Result]) -> Result:
        """One step of one person, in a transaction of its own."""
        with UnitOfWork(db.session, self.by(word) if word else SYSTEM) as uow:
            return step(uow)

    def add(
        self, word: str, category: str, values: dict[str, Any], item: str = "", programme: str = ""
    ) -> int:
        """An achievement with a drawn paper as evidence; returns its id."""

        def step(uow: UnitOfWork) -> int:
            learner = uow.session.get_one(Learner, self._learners[word])
            kind = uow.session.scalars(select(Category).where(Category.code == category)).one()
            found = self._item(uow, item, programme) if item else None
            title = found.name if found else values["name"]
            issuer = found.organisation.name if found else values.get("issuer", "")
            picture = papers.certificate(
                title,
                learner.name,
                values.get("certificate_number", "-"),
                issuer,
                values.get("obtained_on", ""),
            )
            needed = [row for row in kind.requirements if row.required][:1]
            uploads = [achievements.Upload(f"{title[:30]}.jpg", picture, row.id) for row in needed]
            return achievements.add(uow, learner, kind, found, values, uploads).id

        return self.act(word, step)

    def _item(self, uow: UnitOfWork, name: str, programme: str) -> CatalogueItem:
        query = select(CatalogueItem).where(CatalogueItem.name == name)
        rows = [row for row in uow.session.scalars(query) if not programme or str(row.programme) == programme]
        return rows[0]

    def recognise(
        self, word: str, achievement: int, decision: str, opinion: str = "", by: str = "point", **more: Any
    ) -> int:
        """Submit and decide a round; returns its id."""
        case = self.act(word, lambda uow: recognition.submit(uow, [achievement])[0].id)
        if decision:
            if decision == "agree":
                self.act(
                    by,
                    lambda uow: recognition.attest(uow, case, self._seen(uow, RecognitionApplication, case)),
                )
            words = opinion or self._agree(by)
            self.act(by, lambda uow: recognition.decide(uow, case, decision, words, None, **more))
        return case

    def convert(self, word: str, achievement: int, rule: str) -> int:
        """Apply by the rule of this name; returns the application's id."""

        def step(uow: UnitOfWork) -> int:
            row = uow.session.scalars(select(Rule).where(Rule.name == rule)).one()
            version = row.current_version
            if version is None:
                raise LookupError(rule)
            return conversions.submit(uow, row.id, version.id, {version.sources[0].id: achievement}).id

        return self.act(word, step)

    def decide(
        self, case: int, stage: str, decision: str, by: str, opinion: str = "", fault: str | None = None
    ) -> None:
        """One decision; an initial agreement attests the original first."""
        if stage == "initial" and decision == "agree":
            self.act(
                by, lambda uow: conversions.attest(uow, case, self._seen(uow, ConversionApplication, case))
            )
        me = self.by(by)
        words = opinion or (
            self._agree(by) if stage == "initial" else f"审核人：{me.department} {me.name} 符合规则，同意。"
        )
        self.act(by, lambda uow: conversions.decide(uow, case, stage, decision, words, None, fault=fault))

    def _agree(self, by: str) -> str:
        return AGREE_POINT.format(point=self.by(by).organisation_name, name=self.by(by).name)

    @staticmethod
    def _seen(uow: UnitOfWork, model: type[Any], case: int) -> Seen:
        row = uow.session.get_one(model, case)
        names = "、".join(achievement.name for achievement in row.achievements)
        return Seen(
            f"{names} 原件",
            row.home_point.name,
            today(),
            1,
            f"{row.home_point.name} 档案柜 A-12",
            date(today().year + 5, 12, 31),
        )

    # --- the cases

    def tell(self) -> None:
        """Everything, in an order that makes sense."""
        self._languages()
        self._courses()
        self._performance()
        self._recognitions()
        self._questions()

    def _languages(self) -> None:
        cet = self.add(
            "learner",
            "vocational",
            {"certificate_number": "190048362200001", "obtained_on": "2020-05-22"},
            CET,
        )
        first = self.convert("learner", cet, "CET 4 及以上证书转2018秋法学专业学位外语")
        self.decide(first, "initial", "agree", "point")
        self.decide(first, "final", "agree", "committee")
        second = self.convert("learner", cet, "CET 4 及以上证书转2018秋法学专业大学英语(B)")
        self.decide(second, "initial", "agree", "point")  # awaits the committee
        computer = self.add(
            "learner",
            "vocational",
            {"certificate_number": "1100440112233", "obtained_on": "2019-11-26"},
            NCRE1,
        )
        third = self.convert("learner", computer, "全国计算机等级考试一级证书转2018秋法学专业计算机应用基础")
        self.decide(
            third,
            "initial",
            "return",
            "point",
            "教学点：广东开放大学直属学院教学点 审核人：林碧莹 意见：扫描件缺角，请补传。",
            "illegible",
        )
        other = self.add(
            "learner2",
            "vocational",
            {"certificate_number": "1100440119999", "obtained_on": "2019-10-17"},
            NCRE2,
        )
        waiting = self.convert(
            "learner2", other, "全国计算机等级考试二级及以上证书转2019春电子商务专业计算机应用基础"
        )
        self.act(
            "learner2",
            lambda uow: conversions.withdraw(
                uow, waiting, uow.session.get_one(ConversionApplication, waiting).version
            ),
        )
        self.convert(
            "learner2", other, "全国计算机等级考试二级及以上证书转2019春电子商务专业计算机应用基础"
        )  # awaits initial review
        cet2 = self.add(
            "learner2",
            "vocational",
            {"certificate_number": "190048362200002", "obtained_on": "2019-06-15"},
            CET,
        )
        refused = self.convert("learner2", cet2, "CET 4 及以上证书转2019春电子商务专业学位外语")
        self.decide(
            refused,
            "initial",
            "refuse",
            "point",
            "教学点：广东开放大学直属学院教学点 审核人：林碧莹 意见：不同意，证书编号与原件不一致。",
        )
        self.act(
            "learner2",
            lambda uow: appeals.file_conversion(uow, refused, "编号末位录入有误，原件可再次核验。"),
        )
        again = self.convert("learner2", cet2, "CET 4 及以上证书转2019春电子商务专业大学英语(B)")
        self.decide(again, "initial", "agree", "point")
        self.decide(
            again,
            "final",
            "refuse",
            "committee2",
            "审核人：信息工程学院 单文博 成绩单与证书日期不符，不同意。",
        )
        appeal = self.act(
            "learner2", lambda uow: appeals.file_conversion(uow, again, "日期为补发日期，原件可证明。").id
        )
        version = self.act("", lambda uow: uow.session.get_one(Appeal, appeal).version)
        self.act(
            "committee",
            lambda uow: appeals.decide(
                uow, appeal, "dismiss", "审核人：外国语学院 区颖琳 原结论正确，维持。", version
            ),
        )
        self._lapse("learner3")

    def _lapse(self, word: str) -> None:
        ncre = self.add(
            word, "vocational", {"certificate_number": "1100440117777", "obtained_on": "2018-12-01"}, NCRE1
        )
        case = self.convert(word, ncre, "全国计算机等级考试一级证书转2018秋信息安全专业计算机应用基础")
        self.decide(
            case,
            "initial",
            "return",
            "point2",
            "教学点：广东理工职业学院人工智能学院教学点 审核人：何承远 意见：缺成绩单。",
            "missing",
        )

        def overdue(uow: UnitOfWork) -> None:
            uow.session.get_one(ConversionApplication, case).learner_due_at = now() - timedelta(days=1)
            uow.flush()

        self.act("", overdue)
        self.act("", conversions.lapse_overdue)

    def _courses(self) -> None:
        crypto = self.add("learner3", "course", {"obtained_on": "2019-11-01", "score": "86"}, "密码学")
        granted = self.convert("learner3", crypto, "密码学转2018秋信息安全专业信息安全与密码学")
        self.decide(
            granted, "initial", "agree", "point2", "与原件一致"
        )  # no committee covers courses: 未分派
        self.add(
            "learner2",
            "course",
            {"obtained_on": "2020-07-06", "score": "91"},
            "公司概况",
            "电子商务(2019春)(本)",
        )
        self.add(
            "learner2",
            "training",
            {"certificate_number": "XXQG-2020-0001", "obtained_on": "2020-06-29"},
            "2020年学习强国学时认证",
        )
        voice = self.add("learner3", "course", {"obtained_on": "2018-07-01", "score": "78"}, "英语语音")
        self.convert("learner3", voice, "英语语音课程或相近名称转2016秋应用英语专业英语语音")
        cet = self.add(
            "learner3",
            "vocational",
            {"certificate_number": "190048362200003", "obtained_on": "2018-12-15"},
            CET,
        )
        reversed_ = self.convert("learner3", cet, "CET 4 及以上证书转2018秋信息安全专业学位外语")
        self.decide(reversed_, "initial", "agree", "point2")
        self.decide(reversed_, "final", "agree", "committee2")
        proposal = self.act(
            "center", lambda uow: appeals.propose_reversal(uow, reversed_, "发证机构通报该证书系伪造。").id
        )
        version = self.act("", lambda uow: uow.session.get_one(Reversal, proposal).version)
        self.act(
            "center2", lambda uow: appeals.decide_reversal(uow, proposal, "confirm", "核实无误。", version)
        )

    def _performance(self) -> None:
        kinds = (
            ("work", "电子商务工作满3年", "广州云商科技有限公司"),
            ("award", "全省职业技能竞赛二等奖", "广东省总工会"),
            ("research", "5G 通信应用研究", "华南通信研究院"),
            ("venture", "社区餐饮创业项目", "悦享餐饮合作社"),
            ("service", "家居养老志愿服务", "越秀区社会工作站"),
            ("heritage", "广绣作品《木棉》", "广绣传习所"),
            ("title", "工程师职称证书", "广东省人力资源和社会保障厅"),
        )
        made = {}
        for code, name, issuer in kinds:
            made[code] = self.add(
                "learner2",
                f"performance_{code}",
                {"name": name, "issuer": issuer, "obtained_on": "2020-06-05", "rank": "province"},
            )
        for code in ("work", "service", "venture"):
            self.recognise("learner2", made[code], "agree", credits=600 if code == "work" else 400)
        self.recognise(
            "learner2",
            made["award"],
            "return",
            "教学点：广东开放大学直属学院教学点 审核人：林碧莹 意见：获奖证书照片不完整。",
            fault="illegible",
        )
        refused = self.recognise(
            "learner2",
            made["research"],
            "refuse",
            "教学点：广东开放大学直属学院教学点 审核人：林碧莹 意见：不同意，非本人成果。",
        )
        self.act("learner2", lambda uow: appeals.file_recognition(uow, refused, "项目结题书列有本人姓名。"))
        self.recognise("learner2", made["heritage"], "")  # awaits recognition
        practice = self._grant("learner2", made["work"], "专业实习", "电子商务(2019春)(本)")
        self._ask(practice)
        service = self._grant("learner2", made["service"], "社会工作实务", "社会工作(2020春)(本)")
        self.decide(service, "performance", "agree", "committee3")
        venture = self._grant("learner2", made["venture"], "公司概况", "电子商务(2019秋)(本)")
        self.decide(
            venture,
            "performance",
            "refuse",
            "committee3",
            "审核人：经济管理学院 仇若谷 业绩与目标课程内容不符，不同意。",
        )

    def _grant(self, word: str, achievement: int, target: str, programme: str) -> int:
        def step(uow: UnitOfWork) -> int:
            return conversions.submit_performance(uow, achievement, self._item(uow, target, programme).id).id

        return self.act(word, step)

    def _ask(self, case: int) -> None:
        def ask(uow: UnitOfWork) -> int:
            organisation = uow.session.scalars(
                select(Organisation).where(Organisation.name == REVIEWERS)
            ).one()
            return conversions.ask_assessment(
                uow, case, organisation.id, "三年工作经历的内容是否覆盖专业实习的要求？"
            ).id

        first = self.act("committee3", ask)
        version = self.act("", lambda uow: uow.session.get_one(Assessment, first).version)
        words = "岗位职责与专业实习大纲的五个单元相符，建议认可。"
        self.act("assessor", lambda uow: conversions.give_assessment(uow, first, "supports", words, version))
        self.act("committee3", ask)

    def _recognitions(self) -> None:
        for word, point in (("learner", "point"), ("learner3", "point2")):
            work = self.add(
                word,
                "performance_work",
                {"name": "金融行业工作3年", "issuer": "南方信贷服务公司", "obtained_on": "2019-11-27"},
            )
            self.recognise(word, work, "", by=point)
        typed = self.add(
            "learner",
            "training",
            {
                "name": "社区防灾培训",
                "issuer": PILOT,
                "certificate_number": "FZ-2021-09",
                "obtained_on": "2021-09-30",
            },
        )
        self.recognise("learner", typed, "agree", credits=50)
        self.add(
            "learner",
            "performance_heritage",
            {"name": "粤剧脸谱绘制", "issuer": "荔湾区文化馆", "obtained_on": "2022-02-05"},
        )

    def _questions(self) -> None:
        self.act(
            "learner", lambda uow: portal.ask(uow, "CET-4 证书遗失，补办的成绩证明可以用来转换吗？", True)
        )
        answered = self.act("learner2", lambda uow: portal.ask(uow, "转换来的学分可以再转换吗？", True).id)

        def answer(uow: UnitOfWork) -> None:
            row = uow.session.get_one(Question, answered)
            row.topic, row.answer = "转换", "不可以，转换获得的成果不能再作为来源，规则另有说明的除外。"
            portal.stamp_answer(row, uow.actor.user_id)
            row.published = True
            uow.flush()

        self.act("center", answer)
