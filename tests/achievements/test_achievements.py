"""Adding, correcting and deleting achievements (spec 1.3, 2.2): automatic, typed in, never twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import select

from app.accounts.models import CreditEntry
from app.achievements import services
from app.achievements.models import Achievement
from app.achievements.services import Upload
from app.audit.models import AuditEvent
from app.catalogue.models import Category
from app.demo import papers
from app.demo.world import CET, NCRE1
from app.kernel.database import db
from app.kernel.errors import Conflict, Forbidden, Invalid
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner
from tests.support.story import Cast, in_thread

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
NUMBERS = {"certificate_number": "1904 8877 0001", "obtained_on": "2020-05-22"}


def _row(key: int) -> Achievement:
    db.session.expire_all()
    return db.session.get_one(Achievement, key)


def test_what_the_catalogue_knows_is_recognised_at_once_and_posted_once(cast: Cast) -> None:
    key = cast.add("learner", "vocational", NUMBERS, CET)
    row = _row(key)
    assert (row.state, row.issuer, row.origin) == ("catalogued", "教育部考试中心", "self_added")
    entries = db.session.scalars(select(CreditEntry).where(CreditEntry.achievement_id == key)).all()
    assert [(entry.kind, entry.credits) for entry in entries] == [("accumulation", row.credits)]


def test_no_achievement_twice_however_the_number_is_written(cast: Cast) -> None:
    cast.add("learner", "vocational", NUMBERS, CET)
    for same in ("190488770001", "1904-8877-0001", "１９０４８８７７０００１"):
        with pytest.raises(Conflict, match="already"):
            cast.add("learner", "vocational", {**NUMBERS, "certificate_number": same}, CET)
    cast.add("learner", "vocational", {**NUMBERS, "certificate_number": "190488770002"}, CET)
    cast.add("learner2", "vocational", NUMBERS, CET)  # another's certificate is a signal, not a bar


@SQLITE
def test_what_is_typed_in_waits_for_review_and_counts_as_the_item_once_linked(cast: Cast) -> None:
    typed = {**NUMBERS, "name": "计算机一级", "issuer": "教育部考试中心"}
    key = cast.add("learner", "vocational", typed)
    assert _row(key).state == "draft"
    item = cast.act("", lambda uow: cast._item(uow, NCRE1, "")).id
    cast.recognise("learner", key, "agree", item_id=item)
    assert (_row(key).state, _row(key).catalogue_item_id) == ("recognised", item)
    with pytest.raises(Conflict, match="already"):
        cast.add("learner", "vocational", NUMBERS, NCRE1)


@SQLITE
def test_a_form_says_everything_that_is_wrong_with_it_at_once(cast: Cast) -> None:
    with pytest.raises(Invalid) as refused:
        cast.add("learner", "vocational", {"certificate_number": "", "obtained_on": "2020-02-30"}, CET)
    assert {"certificate_number", "obtained_on"} <= set(refused.value.fields)


@SQLITE
def test_required_evidence_is_asked_for_and_a_disguised_file_is_refused(cast: Cast) -> None:
    def step(uow: UnitOfWork, content: bytes | None) -> None:
        learner = uow.session.get_one(Learner, cast.learner("learner"))
        kind = uow.session.scalars(select(Category).where(Category.code == "vocational")).one()
        line = next(row for row in kind.requirements if row.required)
        files = [Upload("证书.jpg", content, line.id)] if content is not None else []
        services.add(uow, learner, kind, cast._item(uow, CET, ""), NUMBERS, files)

    for content in (None, b"%PDF-1.4 not a picture", b"<svg onload='alert(1)'/>", b""):
        with pytest.raises(Invalid):
            cast.act("learner", lambda uow, content=content: step(uow, content))
    count = select(Achievement.id).where(Achievement.identity_key == "190488770001")
    assert db.session.scalars(count).all() == []


@SQLITE
def test_a_wrong_entry_is_corrected_until_the_first_application_and_the_trail_says_so(cast: Cast) -> None:
    key = cast.add("learner", "vocational", NUMBERS, CET)
    right = {"certificate_number": "190488770009", "obtained_on": "2020-05-23"}
    cast.act("learner", lambda uow: services.edit(uow, uow.session.get_one(Achievement, key), 1, right, []))
    assert _row(key).certificate_number == "190488770009"
    events = db.session.scalars(
        select(AuditEvent.canonical).where(
            AuditEvent.subject_table == "achievement", AuditEvent.subject_id == key
        )
    ).all()
    assert any("190488770009" in event.decode() for event in events)
    cast.convert("learner", key, "CET 4 及以上证书转2018春法学专业学位外语")
    version = _row(key).version
    with pytest.raises(Forbidden):
        cast.act(
            "learner",
            lambda uow: services.edit(uow, uow.session.get_one(Achievement, key), version, NUMBERS, []),
        )


@SQLITE
def test_only_what_nobody_relies_on_can_be_deleted(cast: Cast) -> None:
    draft = cast.add(
        "learner", "performance_work", {"name": "社区志愿服务", "issuer": "社区", "obtained_on": "2021-01-01"}
    )
    cast.act("learner", lambda uow: services.delete(uow, uow.session.get_one(Achievement, draft), 1))
    assert db.session.get(Achievement, draft) is None
    known = cast.add("learner", "vocational", NUMBERS, CET)
    with pytest.raises(Forbidden):
        cast.act("learner", lambda uow: services.delete(uow, uow.session.get_one(Achievement, known), 1))
    with pytest.raises(Conflict):
        cast.act(
            "learner", lambda uow: services.edit(uow, uow.session.get_one(Achievement, known), 7, NUMBERS, [])
        )


def test_the_control_of_disguised_files_is_a_real_picture() -> None:
    """What the refusals above are measured against: the same call with a drawn paper is taken."""
    assert papers.certificate("证书", "曾炫云", "1", "甲", "2020-01-01")[:3] == b"\xff\xd8\xff"


def test_the_same_form_sent_twice_at_once_is_one_achievement(cast: Cast, demo: Flask) -> None:
    """Typed in, so that no catalogue item stands in the way; another form with the same words is another."""

    def send(key: str) -> int:
        def step(uow: UnitOfWork) -> int:
            learner = uow.session.get_one(Learner, cast.learner("learner"))
            kind = uow.session.scalars(select(Category).where(Category.code == "performance_work")).one()
            line = next(row for row in kind.requirements if row.required)
            paper = papers.certificate("社区服务", learner.name, "-", "社区", "2021-01-01")
            words = {"name": "社区服务三年", "issuer": "荔湾区", "obtained_on": "2021-01-01"}
            files = [Upload("证明.jpg", paper, line.id)]
            return services.add(uow, learner, kind, None, words, files, key).id

        return in_thread(demo, cast, "learner", step)

    cast.by("learner")
    db.session.remove()
    with ThreadPoolExecutor(4) as pool:
        receipts = set(pool.map(send, ["form-1"] * 8))
    assert len(receipts) == 1
    assert send("form-2") not in receipts
