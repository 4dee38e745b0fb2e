"""Reviewers are told what is due: the right people, once on a working day, by day."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask_appbuilder.security.sqla.models import Role as RoleRow
from sqlalchemy import select

from app.achievements.models import Achievement
from app.catalogue.models import Category
from app.conversion.models import ConversionApplication
from app.kernel.actor import SYSTEM
from app.kernel.clock import CIVIL, now
from app.kernel.database import db
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner
from app.notices.models import Notice
from app.organisations import services as organisations
from app.organisations.models import Committee, CommitteeMember, Organisation
from app.recognition.models import RecognitionApplication
from app.reminders import remind_reviewers
from app.security import personal
from app.security.models import Account, Person

#: A Friday on which people work, at ten.
FRIDAY = datetime(2026, 11, 6, 10, tzinfo=CIVIL)


class Staff:
    """A centre, two points and a committee with their people, and cases for them."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow
        self.number = 0
        self.centre = organisations.centre(uow.session)
        school = organisations.add(uow, code="S", name="某大学", kind="institution", parent=self.centre)
        self.point, self.other = (
            organisations.add(uow, code=code, name=f"教学点{code}", kind="teaching_point", parent=school)
            for code in ("P1", "P2")
        )
        self.committee = self.add(Committee(name="某委员会"))
        self.at_point = self.account("TeachingPoint", self.point)
        self.at_other = self.account("TeachingPoint", self.other)
        self.at_centre = self.account("Center", self.centre)
        self.member = self.account("Committee", self.centre)
        self.former = self.account("Committee", self.centre)
        seat = {"committee_id": self.committee.id, "user_id": self.member.id}
        self.add(CommitteeMember(**seat, since=date(2026, 1, 1)))
        left = {"committee_id": self.committee.id, "user_id": self.former.id}
        self.add(CommitteeMember(**left, since=date(2025, 1, 1), until=date(2025, 12, 31)))
        self.learner = self.add(
            Learner(number="L1", person_id=self.person("学生").id, home_point_id=self.point.id)
        )

    def add(self, row: Any) -> Any:
        self.uow.session.add(row)
        self.uow.flush()
        return row

    def person(self, name: str) -> Person:
        row: Person = self.add(personal.new_person(name))
        return row

    def account(self, role: str, organisation: Organisation) -> Account:
        self.number += 1
        word = f"{role}{self.number}"
        row = self.uow.session.scalars(select(RoleRow).where(RoleRow.name == role)).one()
        account: Account = self.add(
            Account(
                username=word,
                email=word,
                first_name=word,
                last_name="",
                active=True,
                person_id=self.person(word).id,
                organisation_id=organisation.id,
                roles=[row],
            )
        )
        return account

    def recognition(self, due: timedelta, state: str = "submitted") -> None:
        category = self.uow.session.scalars(select(Category).limit(1)).one()
        achievement = self.add(Achievement(learner_id=self.learner.id, category_id=category.id, name="业绩"))
        decided = {} if state == "submitted" else {"decided_at": now(), "decided_by_id": self.at_point.id}
        self.add(
            RecognitionApplication(
                achievement_id=achievement.id,
                home_point_id=self.point.id,
                submitted_at=now(),
                due_at=now() + due,
                state=state,
                **decided,
            )
        )

    def performance(self, due: timedelta, committee: Committee | None) -> None:
        self.add(
            ConversionApplication(
                kind="performance",
                state="performance_review",
                learner_id=self.learner.id,
                home_point_id=self.point.id,
                committee_id=committee.id if committee else None,
                submitted_at=now(),
                stage_entered_at=now(),
                due_at=now() + due,
            )
        )


@pytest.fixture
def staff(app: Flask) -> Staff:
    with time_machine.travel(FRIDAY), UnitOfWork(db.session, SYSTEM) as uow:
        staff = Staff(uow)
        staff.recognition(timedelta(days=-3))
        staff.recognition(timedelta(days=4))  # Tuesday, the second working day from now
        staff.recognition(timedelta(days=5))
        staff.recognition(timedelta(days=1), state="recognised")
        staff.performance(timedelta(days=1), staff.committee)
        staff.performance(timedelta(days=1), None)
    return staff


def remind(at: datetime) -> int:
    with time_machine.travel(at), UnitOfWork(db.session, SYSTEM) as uow:
        return remind_reviewers(uow)


def told() -> dict[int, str]:
    """Body of the notice in the platform by person."""
    rows = db.session.scalars(select(Notice).where(Notice.channel == "in_app"))
    return {row.person_id: row.body for row in rows}


def test_the_right_people_with_the_right_number(staff: Staff) -> None:
    assert remind(FRIDAY) > 0
    bodies = told()
    assert set(bodies) == {staff.at_point.person_id, staff.member.person_id, staff.at_centre.person_id}
    assert "有 2 件申请" in bodies[staff.at_point.person_id or 0]
    assert "有 1 件申请" in bodies[staff.member.person_id or 0]
    assert "未分派" in bodies[staff.at_centre.person_id or 0]
    links = db.session.scalars(select(Notice.link).where(Notice.person_id == staff.at_point.person_id))
    assert set(links) == {"/console/recognition/"}


def test_once_a_day(staff: Staff) -> None:
    first = remind(FRIDAY)
    with time_machine.travel(FRIDAY), UnitOfWork(db.session, SYSTEM) as uow:
        staff.uow = uow
        staff.recognition(timedelta(hours=1))
    assert remind(FRIDAY + timedelta(hours=2)) == 0
    assert remind(FRIDAY + timedelta(days=3)) == first


@pytest.mark.parametrize(
    "moment", [FRIDAY.replace(hour=8), FRIDAY + timedelta(days=1), datetime(2026, 10, 5, 10, tzinfo=CIVIL)]
)
def test_not_by_night_nor_on_holidays(staff: Staff, moment: datetime) -> None:
    assert remind(moment) == 0
