"""``deploy``: everything is there after the first run, nothing is touched by the next ones."""

from __future__ import annotations

import psycopg
import pytest
from flask import Flask
from flask_appbuilder.security.sqla.models import Role as FabRole
from sqlalchemy import func, select

from app import deployment
from app.catalogue.models import Category, CodeValue
from app.framework.models import FrameworkLevel, LevelDescriptor
from app.kernel.actor import SYSTEM
from app.kernel.database import Model, db
from app.kernel.unit_of_work import UnitOfWork
from app.organisations.models import Organisation
from app.security.permissions import Role
from tests.support.house import House


def _rows() -> dict[str, int]:
    tables = Model.metadata.sorted_tables
    return {table.name: db.session.scalar(select(func.count()).select_from(table)) or 0 for table in tables}


def test_a_fresh_database_has_roles_and_reference_data(app: Flask) -> None:
    assert set(db.session.scalars(select(FabRole.name))) == {role.value for role in Role}
    root = db.session.scalars(select(Organisation)).one()
    assert (root.name, root.kind, root.path) == ("学分银行管理中心", "center", f"/{root.id}/")
    assert db.session.scalar(select(func.count()).select_from(FrameworkLevel)) == 7
    assert db.session.scalar(select(func.count()).select_from(LevelDescriptor)) == 21
    filled = _rows()
    for table in (
        "category_field",
        "evidence_requirement",
        "industry_standard",
        "terms",
        "notice_template",
        "question",
        "announcement",
    ):
        assert filled[table] > 0, table


def test_deploying_again_adds_nothing(app: Flask) -> None:
    before = _rows()
    assert list(deployment.deploy_all()) == ["Tables are up to date."]
    assert _rows() == before


def test_what_staff_changed_stays(app: Flask) -> None:
    with UnitOfWork(db.session, SYSTEM) as uow:
        course = uow.session.scalars(select(Category).where(Category.code == "course")).one()
        course.name_zh = "单科课程"
        course.fields[0].label_zh = "课程成果"
        course.requirements[1].active = False
        value = uow.session.scalars(select(CodeValue).where(CodeValue.code == "bachelor")).first()
        assert value is not None
        value.active = False
        uow.session.scalars(select(Organisation)).one().name = "省学分银行"
    list(deployment.deploy_all())
    db.session.expire_all()
    course = db.session.scalars(select(Category).where(Category.code == "course")).one()
    assert (course.name_zh, course.fields[0].label_zh, course.requirements[1].active) == (
        "单科课程",
        "课程成果",
        False,
    )
    assert db.session.scalars(select(Organisation.name)).one() == "省学分银行"


def test_a_category_that_is_missing_comes_back_whole(app: Flask) -> None:
    with UnitOfWork(db.session, SYSTEM) as uow:
        training = uow.session.scalars(select(Category).where(Category.code == "training")).one()
        for part in (*training.fields, *training.requirements):
            uow.session.delete(part)
        uow.flush()
        uow.session.delete(training)
    assert "Reference data: 1 added in catalogue." in list(deployment.deploy_all())
    training = db.session.scalars(select(Category).where(Category.code == "training")).one()
    assert [field.label_zh for field in training.fields] == [
        "培训名称",
        "培训机构",
        "机构代码",
        "证书编号",
        "获取时间",
    ]


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_the_applications_own_role_can_only_add_to_the_audit_trail(app: Flask, house: House) -> None:
    assert house.server is not None
    owner = house.settings.database_url
    name = owner.rsplit("/", 1)[1]
    house.server.execute("DROP ROLE IF EXISTS clerk")
    house.server.execute("CREATE ROLE clerk LOGIN")
    try:
        assert list(deployment._grant(owner, owner.replace("creditbank@", "clerk@")))
        address = f"host=127.0.0.1 port={house.server.port} user=clerk dbname={name}"
        with psycopg.connect(address, autocommit=True) as clerk:
            clerk.execute("UPDATE organisation SET contact = 'x'")
            assert clerk.execute("SELECT count(*) FROM audit_event").fetchone() != (0,)
            for statement in (
                "UPDATE audit_event SET action = 'x'",
                "DELETE FROM audit_event",
                "TRUNCATE audit_event",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    clerk.execute(statement)
            clerk.execute(
                "INSERT INTO audit_event (sequence, at, role, action, subject_table, canonical, hash)"
                " VALUES (999999, now(), '', 'x', 'x', '', '')"
            )
    finally:
        with psycopg.connect(
            f"host=127.0.0.1 port={house.server.port} user=creditbank dbname={name}", autocommit=True
        ) as own:
            own.execute("DROP OWNED BY clerk")
        house.server.execute("DROP ROLE clerk")


def test_one_role_for_everything_needs_no_rights(app: Flask) -> None:
    url = "postgresql+psycopg://one@127.0.0.1/creditbank"
    assert list(deployment._grant(url, url)) == []
    assert list(deployment._grant("", url)) == []
