"""The demo's people (spec 3): fictional, their identity numbers valid in form only."""

from __future__ import annotations

from datetime import date

from flask_appbuilder.security.sqla.models import Role as FabRole
from sqlalchemy import select

from app.demo.world import OPEN_UNIVERSITY, World
from app.kernel.clock import now, today
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner
from app.organisations.models import CommitteeMember
from app.security import passwords, personal
from app.security.models import Account, Person

POINT, POINT2 = "广东开放大学直属学院教学点", "广东理工职业学院人工智能学院教学点"
CENTRE, REVIEWERS = "学分银行管理中心", "华南职业能力评价中心"
LANGUAGES, BUSINESS = "外国语言与计算机专业认定委员会", "工商与社会工作专业认定委员会"

#: word, name, role, organisation, department
STAFF = (
    ("admin", "秦朗", "Admin", CENTRE, "信息部"),
    ("center", "明耀星", "Center", CENTRE, "学分银行管理中心"),
    ("center2", "顾清澜", "Center", CENTRE, "业务部"),
    ("institution", "卢思齐", "Institution", OPEN_UNIVERSITY, "教务处"),
    ("point", "林碧莹", "TeachingPoint", POINT, "教务办公室"),
    ("point2", "何承远", "TeachingPoint", POINT2, "教务办公室"),
    ("committee", "区颖琳", "Committee", OPEN_UNIVERSITY, "外国语学院"),
    ("committee2", "单文博", "Committee", OPEN_UNIVERSITY, "信息工程学院"),
    ("committee3", "仇若谷", "Committee", OPEN_UNIVERSITY, "经济管理学院"),
    ("assessor", "尉迟蕴", "Assessor", REVIEWERS, "评价部"),
    ("auditor", "解知微", "Auditor", CENTRE, "审计室"),
)
SEATS = (("committee", LANGUAGES), ("committee2", LANGUAGES), ("committee3", BUSINESS))
#: word, name, home teaching point, programme
LEARNERS = (
    ("learner", "曾炫云", POINT, "法学(2018秋)(本)"),
    ("learner2", "李怀宇", POINT, "电子商务(2019春)(本)"),
    ("learner3", "王𬭎喆", POINT2, "信息安全(2018秋)(本)"),
)
IMPORTED = ("龚江琳", POINT, "电子商务(2019春)(本)")


def identity_number(birth: date, sequence: int, district: str = "440103") -> str:
    """A resident identity number that is right in form (GB 11643)."""
    head = f"{district}{birth:%Y%m%d}{sequence:03d}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return head + "10X98765432"[sum(int(d) * w for d, w in zip(head, weights, strict=True)) % 11]


class People:
    """Accounts and learners by word, as they are made."""

    def __init__(self, uow: UnitOfWork, world: World) -> None:
        self._uow, self._world = uow, world
        self._roles = {row.name: row for row in uow.session.scalars(select(FabRole))}
        self.accounts: dict[str, Account] = {}
        self.learners: dict[str, Learner] = {}
        self._count = 0

    def build(self) -> str:
        """Everybody; returns the identity number of the learner who was imported and has not activated yet."""
        for word, name, role, organisation, department in STAFF:
            self.account(word, name, role, organisation, department)
        self._uow.flush()
        for word, committee in SEATS:
            self._uow.session.add(
                CommitteeMember(
                    committee_id=self._world.committees[committee].id,
                    user_id=self.accounts[word].id,
                    since=date(today().year, 1, 1),
                )
            )
        for word, name, point, programme in LEARNERS:
            self.account(word, name, "Learner", None, "")
            self._uow.flush()
            self.learner(word, self.accounts[word], point, programme)
        name, point, programme = IMPORTED
        person, number = self._person(name)
        self._uow.session.add(person)
        self._uow.flush()
        self._uow.session.add(
            Learner(
                number="L0000000",
                person_id=person.id,
                home_point_id=self._world.organisations[point].id,
                programme_id=self._world.programmes[programme].id,
                standing="imported",
            )
        )
        self._uow.flush()
        return number

    def account(self, word: str, name: str, role: str, organisation: str | None, department: str) -> Account:
        """An account with the demo's password ``Demo-<word>-2026``."""
        person, _number = self._person(name)
        self._uow.session.add(person)
        self._uow.flush()
        account = Account(
            username=f"u-{person.uid}",
            email=f"{person.uid}@invalid",
            first_name="-",
            last_name="-",
            active=True,
            password=passwords.hashed(f"Demo-{word}-2026"),
            person_id=person.id,
            department=department,
            login_index=personal.login_index(word),
            organisation_id=self._world.organisations[organisation].id if organisation else None,
        )
        account.person = person
        account.roles = [self._roles[role]]
        self._uow.session.add(account)
        self.accounts[word] = account
        return account

    def learner(self, word: str, account: Account, point: str, programme: str) -> Learner:
        """A learner's account at the bank."""
        row = Learner(
            number=f"L{account.id:07d}",
            person_id=account.person_id,
            user_id=account.id,
            home_point_id=self._world.organisations[point].id,
            programme_id=self._world.programmes[programme].id,
        )
        self._uow.session.add(row)
        self._uow.flush()
        self.learners[word] = row
        return row

    def _person(self, name: str) -> tuple[Person, str]:
        self._count += 1
        birth = date(1985 + self._count % 15, 1 + self._count % 12, 1 + self._count % 28)
        number = identity_number(birth, 100 + self._count)
        person = personal.new_person(
            name,
            identity_type="resident",
            identity=number,
            mobile=f"1380013{8000 + self._count:04d}",
            email=f"demo{self._count}@example.com",
            birth_date=birth.isoformat(),
            address="广东省广州市越秀区",
        )
        person.gender = "male" if int(number[16]) % 2 else "female"
        person.ethnicity = "01"
        person.mobile_verified_at = person.email_verified_at = now()
        return person, number
