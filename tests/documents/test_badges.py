"""Portable credentials, as other people's software sees them (openbadgeslib), and what a reversal does to them."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from openbadgeslib.ob3.verifier import OB3VerificationError, OB3Verifier
from sqlalchemy import select

from app.achievements.models import Achievement
from app.conversion.models import ConversionApplication
from app.documents import badges
from app.documents.models import Credential
from app.kernel import settings as kernel_settings
from app.kernel.actor import SYSTEM
from app.kernel.database import db
from app.kernel.errors import Conflict, NotFound
from app.kernel.unit_of_work import UnitOfWork
from tests.documents.test_statements import _approved, _reverse
from tests.support.house import House
from tests.support.story import Cast, log_in, post

HOST = "https://bank.example"
pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@pytest.fixture
def bank(house: House, demo: Flask) -> Flask:
    """The demo, as it would be reached from outside: other people's checkers ask by https only."""
    kernel_settings.use(replace(house.settings, base_url=HOST))
    return demo


def _issue(achievement_id: int) -> Credential:
    with UnitOfWork(db.session, SYSTEM) as uow:
        return badges.issue(uow, uow.session.get_one(Achievement, achievement_id))


def _granted() -> Achievement:
    case: ConversionApplication = _approved()
    achievement = case.targets[0].achievement
    assert achievement is not None
    return achievement


def _web(bank: Flask) -> Callable[..., bytes]:
    """Downloads as a stranger's software makes them, from this bank."""

    def download(url: str, *_arguments: Any, **_options: Any) -> bytes:
        assert url.startswith(HOST), url
        answer = bank.test_client().get(url.removeprefix(HOST))
        assert answer.status_code == 200, url
        return answer.data

    return download


def _verifier(bank: Flask) -> OB3Verifier:
    return OB3Verifier.for_issuer_did("did:web:bank.example", download=_web(bank))


def test_an_independent_validator_accepts_it_by_the_issuer_s_published_key(bank: Flask) -> None:
    row = _issue(_granted().id)
    credential = _verifier(bank).verify(row.token, check_status=True, download=_web(bank))
    assert credential.id == f"{HOST}/credentials/{row.uid}"
    assert credential.issuer.id == "did:web:bank.example"
    assert credential.achievement.name == _granted().name


def test_it_refuses_one_that_was_altered_or_signed_by_another(bank: Flask) -> None:
    token = _issue(_granted().id).token
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    claims["credentialSubject"]["creditsEarned"] = 99
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    for changed in (f"{head}.{forged}.{signature}", f"{head}.{body}.{signature[:-4]}AAAA"):
        with pytest.raises(OB3VerificationError):
            _verifier(bank).verify(changed)


def test_a_reversal_revokes_it_and_the_validator_says_so(bank: Flask, cast: Cast) -> None:
    case, row = _approved(), _issue(_granted().id)
    _reverse(cast, case.id)
    db.session.rollback()
    again = db.session.get_one(Credential, row.id, populate_existing=True)
    assert (again.standing, again.revoked_at is not None) == ("revoked", True)
    with pytest.raises(OB3VerificationError, match="'revocation' is set"):
        _verifier(bank).verify(row.token, check_status=True, download=_web(bank))
    assert "已撤销" in bank.test_client().get(f"/credentials/{row.uid}").text
    with pytest.raises(Conflict):
        _issue(case.targets[0].achievement_id or 0)


def test_one_under_review_is_suspended_and_comes_back(bank: Flask) -> None:
    achievement = _granted()
    row = _issue(achievement.id)
    from app.documents import doubts

    for suspect, standing in ((True, "under_review"), (False, "valid")):
        with UnitOfWork(db.session, SYSTEM) as uow:
            uow.session.get_one(Achievement, achievement.id).suspect = suspect
            uow.flush()
            (doubts.doubt if suspect else doubts.settle)(uow, [achievement.id])
        assert db.session.get_one(Credential, row.id, populate_existing=True).standing == standing
        bits = _bits(badges.status_list(db.session(), "suspension", 0))
        assert bool(bits[row.status_index // 8] & 0x80 >> row.status_index % 8) == suspect
    _verifier(bank).verify(row.token, check_status=True, download=_web(bank))


def _bits(token: str) -> bytes:
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    packed = claims["credentialSubject"]["encodedList"]
    assert packed[0] == "u"
    return gzip.decompress(base64.urlsafe_b64decode(packed[1:] + "=="))


def test_a_status_list_tells_nothing_about_one_person(bank: Flask) -> None:
    _issue(_granted().id)
    bits = _bits(badges.status_list(db.session(), "revocation", 0))
    assert len(bits) * 8 == badges.PLACES
    assert not any(bits)
    for purpose, number in (("revocation", -1), ("other", 0), ("revocation", 10**9)):
        with pytest.raises(NotFound):
            badges.status_list(db.session(), purpose, number)


def test_a_learner_takes_their_own_along_and_nobody_else_s(bank: Flask, cast: Cast) -> None:
    achievement = _granted()
    word = next(w for w in ("learner", "learner2", "learner3") if cast.learner(w) == achievement.learner_id)
    other = next(w for w in ("learner", "learner2", "learner3") if w != word)
    mine, stranger = log_in(bank, word), log_in(bank, other)
    address = f"/me/documents/credentials/{achievement.id}"
    assert post(stranger, address, {}).status_code == 404
    assert post(mine, address, {}).status_code == 302
    assert post(mine, address, {}).status_code == 302  # the same again
    db.session.rollback()
    row = db.session.scalars(select(Credential)).one()
    answer = mine.get(f"/me/documents/credentials/{row.id}.jwt")
    assert (answer.text, answer.mimetype) == (row.token, "application/vc+jwt")
    assert stranger.get(f"/me/documents/credentials/{row.id}.jwt").status_code == 404
    assert row.uid in mine.get("/me/documents/").text
    page = bank.test_client().get(f"/credentials/{row.uid}").text
    assert "有效" in page
    assert achievement.name not in page
    assert achievement.learner.name not in page


def test_issuer_and_keys_are_there_for_people_and_for_software(bank: Flask) -> None:
    stranger = bank.test_client()
    document = stranger.get("/.well-known/did.json").json
    keys = stranger.get("/credentials/keys").json
    assert document
    assert keys
    (method,) = document["verificationMethod"]
    assert method["id"] == keys["keys"][0]["kid"]
    assert set(method["publicKeyJwk"]) == {"kty", "crv", "x"}  # never the private part
    assert stranger.get("/credentials/issuer").json == badges.profile()
    page = stranger.get("/credentials/").text
    assert method["id"] in page
    assert "did:web:bank.example" in page
    assert stranger.get("/credentials/00000000-0000-0000-0000-000000000000").status_code == 404
