"""The demo's institutions, programmes, catalogue and rules: the manual's examples, with the manual's numbers
of rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from sqlalchemy import select

from app.catalogue.models import CatalogueItem, Category, Programme
from app.framework.models import FrameworkLevel
from app.kernel.unit_of_work import UnitOfWork
from app.organisations import services as organisations
from app.organisations.models import Committee, CommitteeScope, Organisation
from app.rules import expansion
from app.rules import services as rule_services
from app.rules.models import Agreement, AgreementParty, CreditCap, Rule, RuleTemplate

OPEN_UNIVERSITY = "广东开放大学"
EXAM_BOARD = "教育部考试中心"
PILOT = "成果试点机构"
CONVERSION_PILOT = "广开转换试点机构"

ORGANISATIONS = (
    # code, name, kind, parent's name, address, contact
    (
        "51315",
        OPEN_UNIVERSITY,
        "institution",
        "学分银行管理中心",
        "广州市越秀区下塘西路1号",
        "020-83500000 工作日 9:00-17:00",
    ),
    (
        "51315-01",
        "广东开放大学直属学院教学点",
        "teaching_point",
        OPEN_UNIVERSITY,
        "广州市越秀区下塘西路1号3楼301室",
        "020-83500001 工作日 9:00-17:00",
    ),
    (
        "51315-02",
        "广东理工职业学院人工智能学院教学点",
        "teaching_point",
        OPEN_UNIVERSITY,
        "中山市博爱七路1号",
        "0760-88600000 工作日 8:30-17:00",
    ),
    (
        "51315-03",
        "惠州开放大学教学点",
        "teaching_point",
        OPEN_UNIVERSITY,
        "惠州市惠城区下角南路8号",
        "0752-2800000 工作日 8:30-17:30",
    ),
    ("90001", PILOT, "institution", "学分银行管理中心", "广州市天河区科韵路16号", "020-38000000"),
    (
        "90002",
        CONVERSION_PILOT,
        "institution",
        "学分银行管理中心",
        "佛山市禅城区江湾一路18号",
        "0757-82900000",
    ),
    ("00001", EXAM_BOARD, "issuer", "学分银行管理中心", "北京市海淀区清华科技园", "010-62790000"),
    (
        "90003",
        "华南职业能力评价中心",
        "reviewer",
        "学分银行管理中心",
        "广州市黄埔区科学大道48号",
        "020-32000000",
    ),
)

#: Majors at bachelor's level, and the terms in which they take people in.
MAJORS = (
    "法学",
    "电子商务",
    "标准化工程",
    "文化产业管理",
    "信息安全",
    "计算机科学与技术",
    "工商管理",
    "行政管理",
    "会计学",
    "应用英语",
    "汉语言文学",
    "土木工程",
    "机械设计制造及其自动化",
    "学前教育",
    "社会工作",
    "市场营销",
    "物流管理",
)
TERMS = ("2016秋", "2017春", "2017秋", "2018春", "2018秋", "2019春", "2019秋", "2020春", "2020秋")
#: Two that were not offered: so that 151 programmes × 2 targets make the manual's 302 rules for CET-4.
NOT_OFFERED = frozenset({("物流管理", "2016秋"), ("市场营销", "2016秋")})
#: Diploma programmes, with 计算机应用基础 only: 151 + 14 make the manual's 165 rules for the first computer grade.
DIPLOMAS = (
    "计算机网络技术",
    "软件技术",
    "旅游管理",
    "酒店管理",
    "建筑工程技术",
    "工程造价",
    "数控技术",
    "模具设计与制造",
    "汽车检测与维修技术",
    "商务英语",
    "法律事务",
    "药学",
    "护理",
    "服装设计",
)

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
                self._uow,
                code=code,
                name=name,
                kind=kind,
                parent=self.organisations[parent],
                address=address,
                contact=contact,
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
                    yield Programme(
                        organisation_id=university.id,
                        name=major,
                        term=term,
                        grade="本",
                        graduation_credits=7600,
                    )
        for major in DIPLOMAS:
            yield Programme(
                organisation_id=university.id, name=major, term="2019春", grade="专", graduation_credits=7600
            )

    def _courses(self) -> Iterator[CatalogueItem]:
        for number, (title, programme) in enumerate(self.programmes.items()):
            bachelor = programme.grade == "本"
            yield self._course(
                programme, "计算机应用基础", f"{20000 + number}", None if number % 40 == 39 else 400
            )
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

    def _certificates(self) -> Iterator[CatalogueItem]:
        nation = self.organisations[EXAM_BOARD]
        vocational = self.categories["vocational"].id
        below = ["senior", "vocational", "technical"]
        for name, project, grade, work, schooling, level in (
            (CET, "全国外语等级考试", "3", "教育", ["bachelor"], 5),
            ("高等学校英语能力考试A,B级", "高等学校英语能力考试", "2", "教育", ["diploma"], 4),
            (NCRE1, "全国计算机等级考试", "1", "计算机", below, 3),
            (NCRE2, "全国计算机等级考试", "2", "计算机", ["diploma"], 4),
        ):
            values = {"certificate_grade": grade, "occupation": work, "schooling": schooling}
            yield CatalogueItem(
                category_id=vocational,
                organisation_id=nation.id,
                project=project,
                name=name,
                credits=0,
                level_id=self.levels[level].id,
                values=values,
            )
        pilot, partner = self.organisations[PILOT], self.organisations[CONVERSION_PILOT]
        training, course = self.categories["training"].id, self.categories["course"].id
        yield CatalogueItem(
            category_id=training,
            organisation_id=pilot.id,
            project="学习强国",
            code="90001",
            name="2020年学习强国学时认证",
            credits=100,
        )
        yield CatalogueItem(
            category_id=course,
            organisation_id=partner.id,
            project="信息安全",
            code="C2201",
            name="密码学",
            credits=300,
            values={"major": "信息安全", "grade": "bachelor"},
        )
        yield CatalogueItem(
            category_id=course,
            organisation_id=pilot.id,
            project="应用英语",
            code="E1101",
            name="英语语音",
            credits=200,
            values={"major": "应用英语", "grade": "diploma"},
        )
        university = self.organisations[OPEN_UNIVERSITY]
        yield CatalogueItem(
            category_id=self.categories["degree"].id,
            organisation_id=university.id,
            project="法学学士",
            name="法学学士学位证书",
            credits=0,
            level_id=self.levels[5].id,
            values={"major": "法学", "grade": "bachelor", "type": "open", "class": "pass"},
        )
        yield CatalogueItem(
            category_id=self.categories["technician"].id,
            organisation_id=pilot.id,
            project="数控加工",
            name="数控加工高级技工证书",
            credits=600,
            level_id=self.levels[4].id,
            values={"major": "数控加工", "technician_grade": "senior"},
        )

    def _committees(self) -> None:
        university = self.organisations[OPEN_UNIVERSITY].id
        for name, scopes in (
            (
                "外国语言与计算机专业认定委员会",
                [CommitteeScope(category_id=self.categories["vocational"].id, organisation_id=university)],
            ),
            (
                "工商与社会工作专业认定委员会",
                [
                    CommitteeScope(category_id=self.categories[code].id, organisation_id=university)
                    for code in ("performance_work", "performance_service", "performance_venture", "training")
                ],
            ),
        ):
            committee = Committee(name=name, scopes=scopes)
            self.committees[name] = committee
            self._uow.session.add(committee)
        self._uow.flush()

    def rules(self) -> None:
        """Agreements, templates and their rules, and three rules of their own."""
        university, board, course = (
            self.organisations[OPEN_UNIVERSITY],
            self.organisations[EXAM_BOARD],
            self.categories["course"].id,
        )
        languages = self._agreement("XY-2018-001", "外语等级证书转学位外语", university, board)
        computing = self._agreement(
            "XY-2018-002", "全国计算机等级证书转计算机应用基础(本科)", university, board
        )
        for agreement, name, pattern, source, target, group in (
            (
                languages,
                "CET 4 及以上证书转学位外语、大学英语",
                "CET 4 及以上证书转{term}{programme}专业{target}",
                CET,
                "学位外语|大学英语(B)",
                "{target}",
            ),
            (
                computing,
                "一级证书转计算机应用基础",
                "全国计算机等级考试一级证书转{term}{programme}专业计算机应用基础",
                NCRE1,
                "计算机应用基础",
                "",
            ),
            (
                computing,
                "二级证书转计算机应用基础",
                "全国计算机等级考试二级及以上证书转{term}{programme}专业计算机应用基础",
                NCRE2,
                "计算机应用基础",
                "",
            ),
        ):
            template = RuleTemplate(
                agreement_id=agreement.id,
                agreement=agreement,
                name=name,
                rule_name=pattern,
                source_item_id=self.items[source].id,
                target_name=target,
                target_category_id=course,
                ratio=10000,
                reuse_group=group,
            )
            self._uow.session.add(template)
            self._uow.flush()
            expansion.expand(self._uow, template)
        pilot, partner = self.organisations[PILOT], self.organisations[CONVERSION_PILOT]
        self._single(
            "XY-2018-003",
            "广开转换试点机构课程转信息安全专业课程",
            partner,
            "密码学转2018秋信息安全专业信息安全与密码学",
            rule_services.Slot(item_id=self.items["密码学"].id),
            "信息安全(2018秋)(本)",
            "信息安全与密码学",
        )
        self._single(
            "XY-2016-004",
            "成果试点机构课程转应用英语专业课程",
            pilot,
            "英语语音课程或相近名称转2016秋应用英语专业英语语音",
            rule_services.Slot(category_id=course, name_pattern="英语语音", similar=True),
            "应用英语(2016秋)(本)",
            "英语语音",
        )
        self._single(
            "XY-2020-005",
            "学习强国学时转社会工作课程",
            pilot,
            "学习强国学时认证转2020春社会工作专业社会工作实务",
            rule_services.Slot(item_id=self.items["2020年学习强国学时认证"].id),
            "社会工作(2020春)(本)",
            "社会工作实务",
        )

        self._limits(university)
        self._draft(computing)

    def _limits(self, university: Organisation) -> None:
        """The common policy of spec 1.5.1: at most half of the credits for graduation, a quarter from training."""
        training = self.categories["training"].id
        for name, share, category in (
            ("转换学分不超过毕业学分的 50%", 5000, None),
            ("培训类转换学分不超过毕业学分的 25%", 2500, training),
        ):
            self._uow.session.add(
                CreditCap(name=name, organisation_id=university.id, category_id=category, share=share)
            )
        self._uow.flush()

    def _draft(self, agreement: Agreement) -> None:
        """A rule that waits for its second person: a certificate, and one of two achievements besides."""
        programme = self.programmes["信息安全(2018秋)(本)"]
        name = "计算机二级证书加相关学习成果转2018秋信息安全专业信息安全与密码学"
        rule = Rule(agreement_id=agreement.id, agreement=agreement, programme_id=programme.id, name=name)
        rule.programme, rule.description = (
            programme,
            "须持有计算机二级及以上证书，并有密码学课程或信息安全培训之一。",
        )
        slots = [
            rule_services.Slot(item_id=self.items[NCRE2].id),
            rule_services.Slot(item_id=self.items["密码学"].id, minimum_score=60, group=1),
            rule_services.Slot(
                category_id=self.categories["training"].id, name_pattern="信息安全", months_valid=60, group=1
            ),
        ]
        item = self.target("信息安全(2018秋)(本)", "信息安全与密码学")
        rule_services.draft(self._uow, rule, slots, [(item.id, 10000)], groups={1: 1})

    def _agreement(self, number: str, name: str, grants: Organisation, *others: Organisation) -> Agreement:
        day = date(2018, 1, 1)
        row = Agreement(
            number=number, name=name, organisation_id=grants.id, organisation=grants, valid_from=day
        )
        row.parties = [AgreementParty(organisation_id=one.id, signed_on=day) for one in (grants, *others)]
        self._uow.session.add(row)
        self._uow.flush()
        return row

    def _single(
        self,
        number: str,
        agreement: str,
        other: Organisation,
        name: str,
        slot: rule_services.Slot,
        programme: str,
        target: str,
    ) -> None:
        row = self._agreement(number, agreement, self.organisations[OPEN_UNIVERSITY], other)
        chosen = self.programmes[programme]
        item = self.target(programme, target)
        rule = Rule(
            agreement_id=row.id,
            agreement=row,
            programme_id=chosen.id,
            programme=chosen,
            name=name,
            description=name,
        )
        version = rule_services.draft(
            self._uow, rule, [slot], [(item.id, 10000)], valid_from=row.valid_from, by_template=True
        )
        rule_services.publish(self._uow, rule, version)

    def target(self, programme: str, name: str) -> CatalogueItem:
        """A course of a programme."""
        query = select(CatalogueItem).where(
            CatalogueItem.programme_id == self.programmes[programme].id, CatalogueItem.name == name
        )
        return self._uow.session.scalars(query).one()
