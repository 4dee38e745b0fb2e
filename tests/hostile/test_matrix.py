"""Role × endpoint × {own, below own, sibling, foreign, missing}, from the URL map: no leak, no change, no crash.

Whose a row is, is told by :mod:`tests.support.places`, not by the policy under test.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from app.catalogue.models import CatalogueItem, Programme
from app.conversion.models import ConversionApplication
from app.demo.people import POINT2
from app.kernel.actor import Actor
from app.kernel.database import db
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner
from app.organisations.models import Organisation
from app.recognition.models import RecognitionApplication
from app.security import rows
from app.security.gate import permission_of
from app.security.permissions import TABLE, Role, holds
from tests.support.places import OWNERS, Whose, below, fingerprint, moved, owners
from tests.support.proof import measured
from tests.support.story import Cast, log_in, token

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
WORDS = {
    Role.ADMIN: "admin", Role.CENTER: "center", Role.INSTITUTION: "institution", Role.POINT: "point",
    Role.COMMITTEE: "committee3", Role.ASSESSOR: "assessor", Role.AUDITOR: "auditor", Role.LEARNER: "learner",
}  # fmt: skip
#: They may read every row of the records that they may read at all (spec 1.2).
UNBOUND = (Role.CENTER, Role.AUDITOR, Role.ADMIN)
MISSING = 10**9
#: Arguments that name another record than their view's.
ARGUMENTS = {"achievement_id": "Achievement", "rule_id": "Rule"}
RECORDS = {
    ("MyAppealView", "recognition"): "RecognitionApplication",
    ("MyAppealView", "conversion"): "ConversionApplication",
    ("MyRecognitionView", "records"): "Achievement",
    ("ReversalView", "propose"): "ConversionApplication",
    ("ReversalView", "stand"): "ConversionApplication",
}
#: As much as any form asks for, so that no refusal is for a field left out.
BODY: dict[str, Any] = {
    "confirmed": "1", "decision": "agree", "opinion": "同意", "reason": "理由", "grounds": "理由", "advice": "supports",
    "version": "1", "key": "k", "fault": "missing", "committee": "1", "organisation": "1", "original": "原件",
    "place": "此处", "seen_on": "2026-01-05", "pages": "1", "copy_kept_at": "柜", "keep_until": "2036-01-05",
    "purpose": "核对", "name": "改", "title": "改",
}  # fmt: skip


@dataclass
class Person:
    """Somebody with a role, at a browser."""

    role: Role
    actor: Actor
    client: FlaskClient
    token: str
    below: frozenset[int] = field(default_factory=frozenset)

    def send(self, method: str, address: str, **more: Any) -> TestResponse:
        if method == "GET":
            return self.client.get(address)
        return self.client.post(address, data={**BODY, "csrf_token": self.token, **more})


def _spread(cast: Cast) -> None:
    """The demo's learners at three places: ``learner`` at the point, ``learner2`` at its sibling, ``learner3`` under another
    institution, which has a programme and a catalogue item of its own.
    """

    def step(uow: UnitOfWork) -> None:
        sibling = uow.session.scalars(select(Organisation).where(Organisation.name == POINT2)).one()
        other = Organisation(code="X1", name="另一大学", kind="institution")
        far = Organisation(code="X2", name="另一大学教学点", kind="teaching_point", parent=other)
        for row, parent in ((other, None), (far, other)):
            row.path = "/pending/"
            uow.session.add(row)
            uow.flush()
            row.path = f"{parent.path if parent else '/'}{row.id}/"
        for word, place in (("learner2", sibling), ("learner3", far)):
            learner = uow.session.get_one(Learner, cast.learner(word))
            learner.home_point = place
            for model in (RecognitionApplication, ConversionApplication):
                for case in uow.session.scalars(select(model)).unique():
                    if case.learner.id == learner.id:
                        case.home_point_id = place.id
        item = uow.session.scalars(
            select(CatalogueItem).where(CatalogueItem.programme_id.is_not(None)).limit(1)
        ).one()
        programme = Programme(organisation_id=other.id, name="别处的专业", term="2026秋", grade="本")
        uow.session.add(programme)
        uow.flush()
        uow.session.add(
            CatalogueItem(
                organisation_id=other.id, category_id=item.category_id, programme_id=programme.id, name="别处的课程",
                credits=100, values={}, standing="active",
            )
        )  # fmt: skip

    cast.act("", step)


@pytest.fixture
def people(demo: Flask, cast: Cast) -> list[Person]:
    _spread(cast)
    found = []
    for role, word in WORDS.items():
        client, me = log_in(demo, word), cast.by(word)
        found.append(Person(role, me, client, token(client, "/password/"), below(me)))
    return found


def _record(view: str, action: str) -> str:
    own = next((row.model_name for row in TABLE if row.view == view and action in row.actions), "")
    return RECORDS.get((view, action), own)


def _targets(app: Flask) -> list[tuple[Rule, str, str, str, str]]:
    """(rule, view, action, argument, record) of every address that names a private row."""
    found = []
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/api/"):
            continue  # takes no cookie; its own tests walk it with keys
        view, action = permission_of(app, rule.endpoint)
        for argument in sorted(rule.arguments & {"pk", *ARGUMENTS}):
            record = ARGUMENTS.get(argument) or _record(view, action)
            if record in OWNERS:
                found.append((rule, view, action, argument, record))
    return found


def _address(rule: Rule, argument: str, key: int) -> str:
    values: dict[str, Any] = dict.fromkeys(rule.arguments, 1) | {argument: key}
    address: str = rule.rule
    for name, value in values.items():
        for form in (f"<int:{name}>", f"<{name}>"):
            address = address.replace(form, str(value))
    return address


def _methods(rule: Rule) -> list[str]:
    return sorted((rule.methods or set()) & {"GET", "POST"})


def _foreign(person: Person, record: str, most: int = 2) -> list[Whose]:
    """Rows of siblings and strangers: nobody but the bound roles has any."""
    if person.role in UNBOUND:
        return []
    strange = [row for row in owners(record) if not row.belongs_to(person.actor, person.below)]
    if record == "EvidenceFile":
        seen = _of_cases(person)
        strange = [row for row in strange if row.key not in seen]
    return strange[:most]


def _of_cases(person: Person) -> set[int]:
    """Files that came with a case to the person's committee or were sent to them for an assessment."""
    committees = ",".join(map(str, person.actor.committee_ids)) or "0"
    cases = (
        f"SELECT id FROM conversion_application WHERE committee_id IN ({committees}) "
        f"UNION SELECT conversion_id FROM appeal WHERE committee_id IN ({committees}) "
        f"UNION SELECT application_id FROM assessment WHERE organisation_id = {person.actor.organisation_id or 0}"
    )
    files = (
        "SELECT e.file_id FROM achievement_evidence e JOIN conversion_source s ON s.achievement_id = e.achievement_id "
        f"WHERE s.application_id IN ({cases}) UNION SELECT file_id FROM conversion_file WHERE application_id IN ({cases})"
    )
    with db.engine.connect() as connection:
        return set(connection.scalars(text(files)))


def _attack(app: Flask, people: list[Person]) -> tuple[list[str], int]:
    """Ask every foreign row of every address that the role has at all; what answered, and how often was asked."""
    leaks, asked = [], 0
    for rule, view, action, argument, record in _targets(app):
        for person in people:
            if not holds(person.actor.roles, view, f"can_{action}"):
                continue
            for row in _foreign(person, record):
                for method in _methods(rule):
                    answer = person.send(method, _address(rule, argument, row.key), rowid=str(row.key))
                    asked += 1
                    if answer.status_code not in (403, 404, 405):
                        leaks.append(
                            f"{person.role} {method} {rule.rule} {record} {row.key}: {answer.status_code}"
                        )
    return leaks, asked


@SQLITE
def test_foreign_rows_neither_answer_nor_move(demo: Flask, people: list[Person]) -> None:
    before = fingerprint(demo)
    leaks, asked = _attack(demo, people)
    assert leaks == []
    assert asked > 100, "the attack found too little to attack"
    assert moved(before, fingerprint(demo)) == []
    measured("matrix", f"{asked} requests for rows of others: all refused, nothing moved")


@SQLITE
def test_without_the_row_policy_they_would_mutant(
    demo: Flask, people: list[Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the policy lets every row through, and the same attack sees them."""
    from sqlalchemy import true

    monkeypatch.setattr(rows, "condition", lambda model, actor, scope: true())
    leaks, _asked = _attack(demo, people)
    assert len(leaks) > 50


@SQLITE
def test_missing_rows_are_not_told_from_foreign_ones(demo: Flask, people: list[Person]) -> None:
    for rule, view, action, argument, record in _targets(demo):
        for person in people:
            if not holds(person.actor.roles, view, f"can_{action}"):
                continue
            foreign = _foreign(person, record, 1)
            for method in _methods(rule):
                answers = [
                    person.send(method, _address(rule, argument, key))
                    for key in (MISSING, *(row.key for row in foreign))
                ]
                where = f"{person.role} {method} {rule.rule}"
                assert answers[0].status_code in (403, 404, 405), where
                if foreign:
                    assert answers[0].status_code == answers[1].status_code, where
                    assert len(answers[0].data) == pytest.approx(len(answers[1].data), abs=40), where


@SQLITE
def test_own_rows_open_and_nothing_moves_by_looking(demo: Flask, people: list[Person]) -> None:
    """Every GET of every role on rows that are theirs: no crash, no change; and the matrix isn't empty of them."""
    before, opened = fingerprint(demo), 0
    for rule, view, action, argument, record in _targets(demo):
        if "GET" not in _methods(rule):
            continue
        for person in people:
            if not holds(person.actor.roles, view, f"can_{action}"):
                continue
            own = [
                row
                for row in owners(record)
                if person.role in UNBOUND or row.belongs_to(person.actor, person.below)
            ]
            for row in (*own[:1], *own[-1:]):
                answer = person.send("GET", _address(rule, argument, row.key))
                assert answer.status_code in (200, 302, 403, 404, 405, 409), (
                    f"{person.role} {rule.rule} {row.key}"
                )
                opened += answer.status_code == 200
    assert opened > 60
    assert moved(before, fingerprint(demo)) == []


@SQLITE
def test_lists_of_posted_ids_leave_foreign_rows_alone(demo: Flask, people: list[Person]) -> None:
    """Bulk decisions, actions on ticked rows, submissions: addresses without an id that take ids in their form."""
    before = fingerprint(demo)
    for rule in demo.url_map.iter_rules():
        view, action = permission_of(demo, rule.endpoint)
        record = _record(view, action)
        if rule.arguments or "POST" not in _methods(rule) or record not in OWNERS or action == "add":
            continue
        for person in people:
            if not holds(person.actor.roles, view, f"can_{action}"):
                continue
            ids = [str(row.key) for row in _foreign(person, record, 20)]
            if ids:
                more = {f"version-{key}": "1" for key in ids}
                answer = person.send("POST", rule.rule, rowid=[*ids, "²", str(MISSING), "9" * 30], **more)
                assert answer.status_code < 500, f"{person.role} {rule.rule}"
    assert moved(before, fingerprint(demo)) == []


@SQLITE
def test_staff_of_one_organisation_change_nothing_of_another(demo: Flask, people: list[Person]) -> None:
    """Records that all may read and only their own institution may write: programmes, catalogue, rules."""
    before = fingerprint(demo)
    refused = 0
    for person in (one for one in people if one.role in (Role.INSTITUTION, Role.POINT)):
        inside = ",".join(map(str, person.below))
        for view, table, actions in (
            ("programme", "programme", ("edit", "delete")),
            ("catalogue-item", "catalogue_item", ("edit", "delete", "approve", "retire")),
        ):
            with db.engine.connect() as connection:
                keys = list(
                    connection.scalars(
                        text(
                            f"SELECT id FROM {table} WHERE organisation_id NOT IN ({inside}) ORDER BY id LIMIT 2"
                        )
                    )
                )
            assert keys
            for key in keys:
                for action in actions:
                    single = f"/console/records/{view}/{key}/{action}"
                    address = single if action in ("edit", "delete") else f"/console/records/{view}/{action}"
                    answer = person.send("POST", address, rowid=str(key))
                    assert answer.status_code in (302, 403, 404), address
                    refused += 1
    assert refused >= 20
    assert moved(before, fingerprint(demo)) == []


@SQLITE
def test_visitors_are_sent_to_the_door(demo: Flask) -> None:
    before = fingerprint(demo)
    visitor = demo.test_client()
    form = {**BODY, "csrf_token": token(visitor)}
    for rule, view, action, argument, _record_name in _targets(demo):
        if holds(frozenset({"Public"}), view, f"can_{action}"):
            continue
        for method in _methods(rule):
            address = _address(rule, argument, 1)
            answer = visitor.get(address) if method == "GET" else visitor.post(address, data=form)
            assert answer.status_code == 302, address
            assert answer.location.startswith("/login/"), address
    assert moved(before, fingerprint(demo)) == []
