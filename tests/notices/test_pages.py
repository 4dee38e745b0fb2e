"""The bell and its pages, as a learner and a staff member see them."""

from __future__ import annotations

import pytest
from flask import Flask

from app.kernel.actor import SYSTEM
from app.kernel.database import db
from app.kernel.unit_of_work import UnitOfWork
from app.notices import services
from app.notices.models import Notice
from tests.notices.conftest import MakePerson, Reader

PAGES = {"Learner": "/me/notices/", "Center": "/console/notices/mine/"}


def post(person_id: int, source: str = "密码学", link: str = "/me/recognition/") -> int:
    with UnitOfWork(db.session, SYSTEM) as uow:
        notice = services.post(uow, "recognised", person_id, variables={"source": source}, link=link)[0].id
    db.session.remove()
    return notice


@pytest.mark.parametrize("role", PAGES)
def test_bell_read_one_read_all(app: Flask, make_person: MakePerson, role: str) -> None:
    person, page = make_person(), PAGES[role]
    reader = Reader(app, person, role)
    assert "还没有通知" in reader.get(page)
    first, _second = (post(person.id, source) for source in ("密码学", "法学概论"))
    text = reader.get(page)
    assert text.index("法学概论") < text.index("密码学"), "newest first"
    assert 'cb-bubble ms-1">2<' in text
    answer = reader.post(page, f"{page}{first}/read")
    assert answer.location == "/me/recognition/"
    assert 'cb-bubble ms-1">1<' in reader.get(page)
    reader.post(page, f"{page}read")
    assert "cb-bubble" not in reader.get(page)


def test_others_notices_are_out_of_reach(app: Flask, make_person: MakePerson) -> None:
    mine, other = make_person(), make_person()
    reader = Reader(app, mine, "Learner")
    post(mine.id)
    foreign = post(other.id, "别人的成果")
    assert "别人的成果" not in reader.get("/me/notices/")
    for key in (foreign, 999, 2**63, 10**30):
        reader.post("/me/notices/", f"/me/notices/{key}/read", status=404)
    found = db.session.get(Notice, foreign)
    assert found is not None
    assert found.read_at is None


def test_nothing_changes_by_get_or_without_token(app: Flask, make_person: MakePerson) -> None:
    person = make_person()
    reader = Reader(app, person, "Learner")
    notice = post(person.id)
    reader.get(f"/me/notices/{notice}/read", status=405)
    assert reader.send("POST", f"/me/notices/{notice}/read").status_code == 400
    assert 'cb-bubble ms-1">1<' in reader.get("/me/notices/")


def test_pages_and_nonsense(app: Flask, make_person: MakePerson) -> None:
    person = make_person()
    reader = Reader(app, person, "Learner")
    for number in range(25):
        post(person.id, f"成果{number:02d}号")
    text = reader.get("/me/notices/")
    assert "成果24号" in text
    assert "成果04号" not in text
    older = text.split('rel="next" href="')[1].split('"')[0]
    assert "成果04号" in reader.get(older)
    for nonsense in ("abc", "-1", "9" * 40, "²"):
        reader.get(f"/me/notices/?before={nonsense}")


def test_markup_in_a_notice_is_shown_as_it_is(app: Flask, make_person: MakePerson) -> None:
    person = make_person()
    reader = Reader(app, person, "Learner")
    post(person.id, "<script>alert(1)</script>")
    assert "<script>alert" not in reader.get("/me/notices/")


def test_staff_page_is_for_staff(app: Flask, make_person: MakePerson) -> None:
    reader = Reader(app, make_person(), "Learner")
    reader.get("/console/notices/mine/", status=403)
    assert app.test_client().get("/me/notices/").status_code == 302
