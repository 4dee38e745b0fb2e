"""The demo's institutions, programmes, catalogue and rules: the manual's examples, with the manual's numbers of rules."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from sqlalchemy import select

from app.catalogue.models import CatalogueItem, Category, Programme
from app.framework.models import FrameworkLevel
from app.kernel.unit_of_work import UnitOfWork
from app.organisations import services as organisations
from app.organisations.models import Committee, CommitteeScope, Organisation
from app.rules.models import Agreement, AgreementParty, Rule, RuleSource, RuleTarget, RuleTemplate, RuleVersion

OPEN_UNIVERSITY = "广东开放大学"
EXAM_BOARD = "教育部考试中心"
PILOT = "成果试点机构"
CONVERSION_PILOT = "广开转换试点机构"

ORGANISATIONS = (
    # code, name, kind, parent's name, address, contact
    ("51315", OPEN_UNIVERSITY, "institution", "学分银行管理中心", "广州市越秀区下塘西路1号", "020-83500000 工作日 9:00-17:00"),
    ("51315-01", "广东开放大学直属学院教学点", "teaching_point", OPEN_UNIVERSITY, "广州市越秀区下塘西路1号3楼301室", "020-83500001 工作日 9:00-17:00"),
    ("51315-02", "广东理工职业学院人工智能学院教学点", "teaching_point", OPEN_UNIVERSITY, "中山市博爱七路1号", "0760-88600000 工作日 8:30-17:00"),
    ("51315-03", "惠州开放大学教学点", "teaching_point", OPEN_UNIVERSITY, "惠州市惠城区下角南路8号", "0752-2800000 工作日 8:30-17:30"),
    ("90001", PILOT, "institution", "学分银行管理中心", "广州市天河区科韵路16号", "020-38000000"),
    ("90002", CONVERSION_PILOT, "institution", "学分银行管理中心", "佛山市禅城区江湾一路18号", "0757-82900000"),
    ("00001", EXAM_BOARD, "issuer", "学分银行管理中心", "北京市海淀区清华科技园", "010-62790000"),
    ("90003", "华南职业能力评价中心", "reviewer", "学分银行管理中心", "广州市黄埔区科学大道48号", "020-32000000"),
)  # fmt: skip

#: Majors at bachelor's level, and the terms in which they take people in.
MAJORS = (
    "法学", "电子商务", "标准化工程", "文化产业管理", "信息安全", "计算机科学与技术", "工商管理", "行政管理", "会计学",
    "应用英语", "汉语言文学", "土木工程", "机械设计制造及其自动化", "学前教育", "社会工作", "市场营销", "物流管理",
)  # fmt: skip
TERMS = ("2016秋", "2017春", "2017秋", "2018春", "2018秋", "2019春", "2019秋", "2020春", "2020秋")
#: Two that were not offered: so that 151 programmes × 2 targets make the manual's 302 rules for CET-4.
NOT_OFFERED = frozenset({("物流管理", "2016秋"), ("市场营销", "2016秋")})
#: Diploma programmes, with 计算机应用基础 only: 151 + 14 make the manual's 165 rules for the first computer grade.
DIPLOMAS = (
    "计算机网络技术", "软件技术", "旅游管理", "酒店管理", "建筑工程技术", "工程造价", "数控技术", "模具设计与制造", "汽车检测与维修技术",
    "商务英语", "法律事务", "药学", "护理", "服装设计",
)  # fmt: skip

CET = "大学英语等级考试(CET)四级及以上证书"
NCRE1 = "全国计算机等级考试一级证书"
NCRE2 = "全国计算机等级考试二级及以上证书"


class World:
    """Rows of the demo by name, as they are made."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow
        self.categories = {row.code: row for row in uow.session.scalars(select(Category))}
        self.levels = {row.number: row for row in uow.session.scalars(select(FrameworkLevel))}
        self.organisations = {row.name: row for row in uow.session.scalars(select(Organisation))}
        self.programmes: dict[str, Programme] = {}
        self.items: dict[str, CatalogueItem] = {}
        self.committees: dict[str, Committee] = {}

    def build(self) -> None:
        """Make everything, in an order in which each finds what it refers to."""
        for code, name, kind, parent, address, contact in ORGANISATIONS:
            self.organisations[name] = organisations.add(
                self._uow, code=code, name=name, kind=kind, parent=self.organisations[parent], address=address, contact=contact
            )
        self._add(*self._programmes())
        self._add(*self._courses(), *self._certificates())
        self._committees()

    def _add(self, *rows: Programme | CatalogueItem) -> None:
        for row in rows:
            if isinstance(row, Programme):
                self.programmes[str(row)] = row
            else:
                self.items.setdefault(row.name, row)
            self._uow.session.add(row)
        self._uow.flush()

    def _programmes(self) -> Iterator[Programme]:
        university = self.organisations[OPEN_UNIVERSITY]
        for term in TERMS:
            for major in MAJORS:
                if (major, term) not in NOT_OFFERED:
                    yield Programme(organisation_id=university.id, name=major, term=term, grade="本", graduation_credits=7600)
        for major in DIPLOMAS:
            yield Programme(organisation_id=university.id, name=major, term="2019春", grade="专", graduation_credits=7600)

    def _courses(self) -> Iterator[CatalogueItem]:
        for number, (title, programme) in enumerate(self.programmes.items()):
            bachelor = programme.grade == "本"
            yield self._course(programme, "计算机应用基础", f"{20000 + number}", None if number % 40 == 39 else 400)
            if bachelor:
                yield self._course(programme, "学位外语", f"{30000 + number}", 0)
                yield self._course(programme, "大学英语(B)", f"{40000 + number}", 300)
            if title.startswith("电子商务"):
                yield self._course(programme, "公司概况", "10771", 300)
                yield self._course(programme, "专业实习", "10790", 600)
            if title.startswith("信息安全"):
                yield self._course(programme, "信息安全与密码学", "10655", 300)
            if title.startswith("应用英语"):
                yield self._course(programme, "英语语音", "10432", 200)
            if title.startswith("社会工作"):
                yield self._course(programme, "社会工作实务", "10519", 400)

    def _course(self, programme: Programme, name: str, code: str, credits: int | None) -> CatalogueItem:
        return CatalogueItem(
            category_id=self.categories["course"].id,
            organisation_id=programme.organisation_id,
            programme_id=programme.id,
            code=code,
            name=name,
            credits=credits,
            level_id=self.levels[5 if programme.grade == "本" else 4].id,
        )
