"""Imports: what is new is loaded once, what is wrong is told cell by cell, what was loaded can be taken back."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from flask import Flask
from openpyxl import load_workbook
from sqlalchemy import func, select

from app.accounts.models import CreditEntry
from app.achievements.models import Achievement
from app.audit import verification
from app.audit.models import AuditEvent
from app.catalogue.models import CatalogueItem, Programme
from app.demo.world import CET
from app.exchange import imports, loading, undoing, workbooks
from app.exchange.models import ImportChunk, ImportRowError
from app.jobs import runner
from app.jobs.models import Job
from app.kernel.actor import SYSTEM
from app.kernel.database import db
from app.kernel.errors import Conflict, Forbidden
from app.kernel.storage import store
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner
from app.organisations.models import Organisation
from app.rules.models import Rule
from app.security import personal
from app.security.models import Person
from tests.exchange.support import LEARNER_HEADS, asked, job, learners, loaded, person, workbook
from tests.support.story import Cast, log_in, post

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
HELD_HEADS = ("证件号码*", "成果类型*", "成果名称*", "颁发机构", "证书编号", "取得时间")


def count(model: type) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def errors(key: int) -> list[tuple[int, str]]:
    found = (
        select(ImportRowError)
        .where(ImportRowError.job_id == key)
        .order_by(ImportRowError.row, ImportRowError.id)
    )
    return [(one.row, one.column) for one in db.session.scalars(found)]


def assert_whole() -> None:
    """The trail is whole, and the records are as it says."""
    assert verification.verify(db.session(), None).flaw is None
    assert verification.verify_records(db.session()).flaw is None


def test_learners_are_loaded_once(demo: Flask) -> None:
    before = count(Learner)
    rows = learners(30)
    done = loaded(demo, "learners", workbook(LEARNER_HEADS, rows))
    assert (done.state, done.done, done.bad, done.place["new"]) == ("done", 30, 0, 30)
    assert count(Learner) == before + 30
    found = db.session.scalars(
        select(Person).where(Person.identity_index == personal.identity_index("resident", person(4)))
    ).one()
    assert (found.name, found.gender) == ("张小五", "female" if int(person(4)[16]) % 2 == 0 else "male")
    assert personal.reveal(found, "identity") == person(4)
    assert personal.reveal(found, "mobile") == "+8613810000004"
    assert "zhangxiaowu" in found.name_search
    again = loaded(demo, "learners", workbook(LEARNER_HEADS, rows))
    assert (again.place["new"], again.place["known"]) == (0, 30)
    assert count(Learner) == before + 30


def test_a_chunk_is_one_event_with_the_root_of_its_rows(demo: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "CHUNK", 10)
    done = loaded(demo, "learners", workbook(LEARNER_HEADS, learners(25)))
    chunks = db.session.scalars(select(ImportChunk).where(ImportChunk.job_id == done.id)).all()
    told = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "import.chunk")).all()
    assert [len(one.rows) for one in chunks] == [10, 10, 5]
    assert [json.loads(one.canonical)["body"]["root"] for one in told] == [one.root for one in chunks]
    beside = (
        select(AuditEvent.action).where(AuditEvent.subject_table == "learner").order_by(AuditEvent.sequence)
    )
    assert list(db.session.scalars(beside))[-3:] == ["record.bulk"] * 3
    assert_whole()


@SQLITE
def test_what_is_wrong_is_told_cell_by_cell_and_can_be_corrected(demo: Flask) -> None:
    rows = learners(8)
    rows[1][1] = rows[1][1][:-1] + ("1" if rows[1][1][-1] != "1" else "2")
    rows[2][3] = "没有的教学点"
    rows[3][2] = "12345"
    rows[4][0] = ""
    rows[5][1] = float(rows[5][1][:17] + "0")
    rows[6][1] = rows[0][1]
    rows[7][0] = "=HYPERLINK(1)"
    before = count(Learner)
    checked = loaded(demo, "learners", workbook(LEARNER_HEADS, rows), dry_run=True)
    assert (checked.bad, checked.place["new"], count(Learner)) == (7, 1, before)
    assert errors(checked.id) == [
        (3, "identity"), (4, "home_point"), (5, "mobile"), (6, "name"), (7, "identity"), (8, "name"), (9, "name"),
    ]  # fmt: skip
    with store().open(checked.file_digest or "") as file:
        book = load_workbook(io.BytesIO(file.read()))
    sheet = book.worksheets[0]
    assert sheet.max_row == 8
    assert "身份证件号码有误" in sheet["A2"].value or "证件号码" in sheet["A2"].value
    assert sheet["B8"].value == "=HYPERLINK(1)"
    assert sheet["B8"].data_type == "s"
    good = {row[0].row: learners(8)[at] for at, row in enumerate(sheet.iter_rows(min_row=2), 1)}
    for number, values in good.items():
        for at, value in enumerate(values, 2):
            sheet.cell(number, at).value = value
    out = io.BytesIO()
    book.save(out)
    done = loaded(demo, "learners", out.getvalue())
    assert (done.bad, done.place["new"]) == (0, 7)


@SQLITE
def test_loading_goes_on_where_it_was_left(demo: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "CHUNK", 10)
    before = count(Learner)
    key = asked("learners", workbook(LEARNER_HEADS, learners(35)))
    for expected in (10, 20):
        claimed = runner.claim(db.session())
        assert claimed
        runner.run(*claimed, lambda: True)  # the worker is told to end after a chunk
        assert count(Learner) == before + expected
    runner.carry_out(demo)
    assert (job(key).state, job(key).done, count(Learner)) == ("done", 35, before + 35)


@SQLITE
def test_what_was_checked_is_loaded_once(demo: Flask) -> None:
    checked = loaded(demo, "learners", workbook(LEARNER_HEADS, learners(3)), dry_run=True)
    with UnitOfWork(db.session, SYSTEM) as uow:
        first = imports.load_checked(uow, uow.session.get_one(Job, checked.id)).id
    with UnitOfWork(db.session, SYSTEM) as uow:
        assert imports.load_checked(uow, uow.session.get_one(Job, checked.id)).id == first
    runner.carry_out(demo)
    assert job(first).place["new"] == 3
    with pytest.raises(Conflict), UnitOfWork(db.session, SYSTEM) as uow:
        imports.load_checked(uow, uow.session.get_one(Job, first))


def test_undoing_takes_all_back_or_nothing(demo: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "CHUNK", 4)
    before = count(Learner), count(Person)
    done = loaded(demo, "learners", workbook(LEARNER_HEADS, learners(10)))
    held = [[person(2), "职业资格证书", CET, "教育部考试中心", "A1", "2018-06-20"]]
    used = loaded(demo, "achievements", workbook(HELD_HEADS, held))
    refused = undo(demo, done.id)
    assert refused.state == "failed"
    assert refused.error_parameters == {"number": 1}
    assert errors(refused.id)[0][0] == 4  # the row of the learner who holds something by now
    assert count(Learner) == before[0] + 10
    assert undo(demo, used.id).state == "done"
    # The certificate was posted: it is revoked, and still stands in the learner's account.
    assert undo(demo, done.id).state == "failed"
    assert job(done.id).state == "done"
    free = loaded(demo, "learners", workbook(LEARNER_HEADS, learners(9, start=20)))
    assert undo(demo, free.id).state == "done"
    assert job(free.id).state == "undone"
    assert (count(Learner), count(Person)) == (before[0] + 10, before[1] + 10)
    assert_whole()


def undo(app: Flask, key: int) -> Job:
    with UnitOfWork(db.session, SYSTEM) as uow:
        asked_for = undoing.ask(uow, uow.session.get_one(Job, key)).id
    runner.carry_out(app)
    return job(asked_for)


def test_achievements_meet_the_catalogue(demo: Flask) -> None:
    loaded(demo, "learners", workbook(LEARNER_HEADS, learners(3)))
    rows = [
        [person(0), "职业资格证书", CET, "教育部考试中心", "44010119900101", "2018-06-20"],
        [person(1), "职业资格证书", "自编证书", "某某协会", "X-1", "2018/6/2"],
        [person(2), "业绩类-竞赛奖励", "省级技能竞赛一等奖", "某某学院", "", "2019年5月1日"],
        [person(99), "职业资格证书", CET, "教育部考试中心", "1", "2018-06-20"],
        [person(0), "没有的类", "x", "", "", ""],
    ]
    entries = count(CreditEntry)
    done = loaded(demo, "achievements", workbook(HELD_HEADS, rows))
    assert (done.place["new"], done.bad, errors(done.id)) == (3, 2, [(5, "identity"), (6, "category")])
    made = {
        row.name: (row.state, row.origin, row.certificate_number)
        for row in db.session.scalars(select(Achievement).where(Achievement.origin == "imported"))
    }
    assert made[CET] == ("catalogued", "imported", "44010119900101")
    assert made["自编证书"] == ("draft", "imported", "X-1")
    assert made["省级技能竞赛一等奖"][0] == "draft"
    assert count(CreditEntry) == entries + 1
    again = loaded(demo, "achievements", workbook(HELD_HEADS, rows))
    assert (again.place["new"], again.place["known"]) == (0, 3)


@SQLITE
def test_structure_is_loaded_and_undone(demo: Flask) -> None:
    organisations = workbook(
        ("机构代码", "机构名称", "机构类型", "上级机构"),
        [
            ["70001", "新示例大学", "资历名册机构", ""],
            ["70001-1", "新示例大学教学点", "教学点", "新示例大学"],
            ["70002", "孤立教学点", "教学点", ""],
            ["51315", "另一个名字", "资历名册机构", ""],
        ],
    )
    first = loaded(demo, "organisations", organisations)
    assert (first.place["new"], errors(first.id)) == (2, [(4, "parent"), (5, "code")])
    point = db.session.scalars(select(Organisation).where(Organisation.code == "70001-1")).one()
    assert point.parent is not None
    assert point.path == f"{point.parent.path}{point.id}/"
    programmes = loaded(
        demo, "programmes",
        workbook(
            ("机构", "专业名称", "学期", "层次", "毕业学分"),
            [["70001", "护理", "2020春", "专", "76.5"], ["x", "y", "", "", "a"]],
        ),
    )  # fmt: skip
    assert errors(programmes.id) == [(3, "organisation"), (3, "graduation_credits")]
    made = select(Programme.graduation_credits).where(Programme.name == "护理", Programme.term == "2020春")
    assert db.session.scalars(made.where(Programme.organisation_id == point.parent_id)).one() == 7650
    catalogue = loaded(
        demo, "catalogue",
        workbook(
            ("机构", "成果小类", "项目名称", "课程号", "课程名称", "学分", "资历等级"),
            [["70001", "课程", "护理(2020春)(专)", "H1", "护理学基础", 4, 5], ["70001", "业绩类-竞赛奖励", "", "", "x", "", ""]],
        ),
    )  # fmt: skip
    assert errors(catalogue.id) == [(3, "category")]
    item = db.session.scalars(select(CatalogueItem).where(CatalogueItem.name == "护理学基础")).one()
    assert (item.credits, item.level.number if item.level else 0, item.project_name) == (
        400,
        5,
        "护理(2020春)(专)",
    )
    rules = loaded(
        demo, "rules",
        workbook(
            ("协议名称", "规则名称", "源成果机构", "源成果", "目标专业", "目标成果", "转换比例"),
            [["外语等级证书转学位外语", "新规则", "教育部考试中心", CET, "法学(2018秋)(本)", "学位外语", 100]],
        ),
    )  # fmt: skip
    rule = db.session.scalars(select(Rule).where(Rule.name == "新规则")).one()
    assert (rules.bad, rule.state, len(rule.versions)) == (0, "draft", 1)
    for one in (rules, catalogue, programmes, first):
        assert undo(demo, one.id).state == "done", one.kind
    assert db.session.scalar(select(Organisation.id).where(Organisation.code == "70001")) is None
    assert_whole()


@SQLITE
def test_only_ones_own(demo: Flask, cast: Cast) -> None:
    """A teaching point takes in its own learners only, and nothing else."""
    done = loaded(demo, "learners", workbook(LEARNER_HEADS, learners(2)), actor=cast.by("point2"))
    assert errors(done.id) == [(2, "home_point"), (3, "home_point")]
    assert loaded(demo, "learners", workbook(LEARNER_HEADS, learners(2)), actor=cast.by("point")).bad == 0
    held = workbook(HELD_HEADS, [[person(0), "职业资格证书", CET, "教育部考试中心", "1", "2018-06-20"]])
    assert loaded(demo, "achievements", held, actor=cast.by("point2")).bad == 1
    assert loaded(demo, "achievements", held, actor=cast.by("point")).bad == 0
    with pytest.raises(Forbidden):
        asked(
            "organisations",
            workbook(("机构代码", "机构名称", "机构类型"), [["1", "x", "教学点"]]),
            actor=cast.by("point"),
        )


@SQLITE
@pytest.mark.parametrize("code", list(imports.IMPORTS))
def test_templates_are_understood(demo: Flask, code: str) -> None:
    """Every column of a template is found by its head, in both languages; drop-downs hold what the rows allow."""
    from flask_babel import force_locale, gettext

    kind = imports.kind_of(code)
    fields = imports.fields_of(db.session(), kind)
    for language in ("zh", "en"):
        with force_locale(language):
            content = workbooks.template(db.session(), gettext(kind.label), fields)
            found = imports.preview(db.session(), kind, store().put(content), "t.xlsx")
        assert found.mapping == {field.code: at for at, field in enumerate(fields)}, language
    sheet = load_workbook(io.BytesIO(content)).worksheets[0]
    assert len(sheet.data_validations.dataValidation) == sum(1 for one in fields if one.options)


@SQLITE
def test_the_pages(demo: Flask, cast: Cast) -> None:
    """Upload, match, check, load, undo, as a person would."""
    client = log_in(demo, "point")
    home = "/console/records/import-job"
    assert "organisations" not in client.get(f"{home}/new").text
    content = workbook(LEARNER_HEADS, learners(3))
    page = post(
        client, f"{home}/new", {"kind": "learners", "workbook": (io.BytesIO(content), "九月新生.xlsx")}
    )
    assert page.status_code == 200
    token = re.search(r'name="file" value="([^"]+)"', page.text)
    assert token
    columns = {f"column-{code}": at for at, code in enumerate(("name", "identity", "mobile", "home_point"))}
    other = post(log_in(demo, "point2"), f"{home}/start", {"file": token[1], **columns})
    assert other.headers["Location"].endswith("/new")
    missing = post(client, f"{home}/start", {"file": token[1], "column-name": "0"})
    assert missing.status_code == 422
    check = post(client, f"{home}/start", {"file": token[1], **columns}).headers["Location"]
    runner.carry_out(demo)
    key = int(check.rsplit("/", 1)[1])
    assert (job(key).state, job(key).error, job(key).place.get("new")) == ("done", "", 3)
    assert "九月新生.xlsx" in client.get(check).text
    before = count(Learner)
    post(client, f"{home}/load", {"rowid": key, "confirmed": "1"})
    runner.carry_out(demo)
    assert count(Learner) == before + 3
    post(client, f"{home}/undo", {"rowid": key + 1, "confirmed": "1"})
    runner.carry_out(demo)
    assert count(Learner) == before
    assert job(key + 1).state == "undone"
    assert client.get(f"{home}/{key + 1}").status_code == 200
    assert log_in(demo, "point2").get(check).status_code == 404
    wrong = {"kind": "organisations", "workbook": (io.BytesIO(content), "x.xlsx")}
    assert post(client, f"{home}/new", wrong).status_code in (403, 404)
    assert client.get(f"{home}/template/learners").status_code == 200


@SQLITE
def test_the_command(demo: Flask, tmp_path: Path) -> None:
    file = tmp_path / "学习者.xlsx"
    rows = learners(4)
    file.write_bytes(workbook(LEARNER_HEADS, rows))
    run = demo.test_cli_runner().invoke
    before = count(Learner)
    answer = run(args=["import", "learners", str(file), "--dry-run"])
    assert (answer.exit_code, count(Learner)) == (0, before)
    assert "4 would be new" in answer.output
    assert run(args=["import", "learners", str(file)]).exit_code == 0
    rows[0][3] = "没有"
    file.write_bytes(workbook(LEARNER_HEADS, rows))
    answer = run(args=["import", "learners", str(file)])
    assert answer.exit_code == 1
    assert (tmp_path / "学习者.errors.xlsx").exists()
