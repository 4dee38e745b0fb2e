"""Portable credentials: a recognised achievement as a signed Open Badge 3.0 (W3C Verifiable Credential, VC-JWT), with
status lists by which anyone sees that it was revoked or is under review.

The signature and the lists are checked by other people's software; nobody has to ask us.
"""

from __future__ import annotations

import base64
import gzip
import secrets
import warnings
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import OKPKey
from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from app.achievements.models import Achievement
from app.achievements.services import accepted
from app.documents.models import Credential
from app.documents.signing import make_once
from app.kernel.clock import now
from app.kernel.errors import N_, Conflict, NotFound
from app.kernel.settings import settings
from app.kernel.unit_of_work import UnitOfWork
from reports.labels import words

# RFC 9864 calls it "Ed25519"; the checkers that people have know the older name.
warnings.filterwarnings("ignore", message="EdDSA is deprecated", category=SecurityWarning)

#: Places in one status list: the least that the recommendation allows, so that a list tells nothing about one person.
PLACES = 131_072
#: What each list says, and which standing sets its bits.
PURPOSES = {"revocation": "revoked", "suspension": "under_review"}
#: How long a status list may be kept before it is asked for again.
FRESH = timedelta(minutes=5)
CONTEXTS = (
    "https://www.w3.org/ns/credentials/v2",
    "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
)
#: Open Badges' kinds of achievement by our large categories.
_TYPES = {"course": "Course", "diploma": "Diploma", "degree": "Degree", "vocational": "Certification"}


def issue(uow: UnitOfWork, achievement: Achievement) -> Credential:
    """The achievement's credential, signed; the one that stands where there is one. Raises Conflict where the bank does
    not accept the achievement (any more).
    """
    if not accepted(achievement) or achievement.suspect:
        raise Conflict(
            "not_accepted", N_("Only a recognised achievement can be taken along as a credential.")
        )
    found = uow.session.scalar(
        select(Credential).where(
            Credential.achievement_id == achievement.id, Credential.standing != "revoked"
        )
    )
    if found is not None:
        return found
    uid = str(uuid4())
    place = _free_place(uow.session)
    body = _body(achievement, uid, place, now())
    row = Credential(
        uid=uid,
        learner_id=achievement.learner_id,
        achievement_id=achievement.id,
        status_index=place,
        body=body,
        token=_signed(body),
        created_by_id=uow.actor.user_id,
    )
    uow.session.add(row)
    uow.flush()
    uow.record("credential.issued", row, uid=uid)
    return row


def of_learner(session: Session, learner_id: int) -> list[tuple[Achievement, Credential | None]]:
    """What a learner may take along, and the credential that stands for it; newest first. Revoked ones follow last."""
    held = session.scalars(
        select(Achievement)
        .where(Achievement.learner_id == learner_id, Achievement.state.in_(("recognised", "catalogued")))
        .order_by(Achievement.id.desc())
        .options(joinedload(Achievement.category))
    ).all()
    issued = session.scalars(
        select(Credential)
        .where(Credential.learner_id == learner_id)
        .order_by(Credential.id)
        .options(joinedload(Credential.achievement).joinedload(Achievement.category))
    ).all()
    standing = {one.achievement_id: one for one in issued if one.standing != "revoked"}
    gone = [(one.achievement, one) for one in issued if one.standing == "revoked"]
    return [*((one, standing.get(one.id)) for one in held), *gone]


def find(session: Session, uid: str) -> Credential:
    """The credential with this id. Raises NotFound."""
    row = session.scalar(select(Credential).where(Credential.uid == uid[:64]))
    if row is None:
        raise NotFound
    return row


def status_list(session: Session, purpose: str, number: int) -> str:
    """The signed status list ``number`` for one purpose. Raises NotFound."""
    if purpose not in PURPOSES or not 0 <= number < 10_000:
        raise NotFound
    first = number * PLACES
    places = session.scalars(
        select(Credential.status_index).where(
            Credential.standing == PURPOSES[purpose],
            Credential.status_index >= first,
            Credential.status_index < first + PLACES,
        )
    )
    bits = bytearray(PLACES // 8)
    for place in places:
        bits[(place - first) // 8] |= 0x80 >> (place - first) % 8
    packed = base64.urlsafe_b64encode(gzip.compress(bytes(bits), mtime=0)).rstrip(b"=").decode()
    moment, address = now().replace(microsecond=0), _list_address(purpose, number)
    return _signed(
        {
            "@context": [CONTEXTS[0]],
            "id": address,
            "type": ["VerifiableCredential", "BitstringStatusListCredential"],
            "issuer": did(),
            "validFrom": _iso(moment),
            "validUntil": _iso(moment + timedelta(days=1)),
            "credentialSubject": {
                "id": f"{address}#list",
                "type": "BitstringStatusList",
                "statusPurpose": purpose,
                "encodedList": f"u{packed}",
                "ttl": int(FRESH.total_seconds() * 1000),
            },
        }
    )


def did() -> str:
    """The issuer's identifier, ``did:web`` of the bank's address."""
    return f"did:web:{quote(urlsplit(settings().base_url).netloc, safe='')}"


def did_document() -> dict[str, Any]:
    """What the identifier resolves to: the key that signs credentials."""
    key = _key(_key_file())
    method = f"{did()}#{key.thumbprint()}"
    return {
        "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/suites/jws-2020/v1"],
        "id": did(),
        "verificationMethod": [
            {"id": method, "type": "JsonWebKey2020", "controller": did(), "publicKeyJwk": _public(key)}
        ],
        "assertionMethod": [method],
        "service": [
            {
                "id": f"{did()}#verify",
                "type": "LinkedDomains",
                "serviceEndpoint": settings().base_url,
            }
        ],
    }


def key_set() -> dict[str, Any]:
    """The public keys, as JWKS."""
    key = _key(_key_file())
    return {"keys": [{**_public(key), "kid": f"{did()}#{key.thumbprint()}", "alg": "EdDSA", "use": "sig"}]}


def profile() -> dict[str, Any]:
    """Who issues, as Open Badges describes it."""
    return {
        "id": did(),
        "type": ["Profile"],
        "name": words("zh")["bank"],
        "url": settings().base_url,
    }


def _body(achievement: Achievement, uid: str, place: int, moment: datetime) -> dict[str, Any]:
    base = settings().base_url
    address = f"{base}/credentials/{uid}"
    category = achievement.category
    subject: dict[str, Any] = {
        "id": f"urn:uuid:{uuid4()}",  # of this credential only: two of one person's can't be told to be so
        "type": ["AchievementSubject"],
        "identifier": [
            {
                "type": "IdentityObject",
                "hashed": False,
                "identityHash": achievement.learner.name,
                "identityType": "name",
            }
        ],
        "achievement": {
            "id": f"{address}#achievement",
            "type": ["Achievement"],
            "achievementType": _TYPES.get(category.code, "Achievement"),
            "name": achievement.name,
            "description": f"{category.name_zh} ({category.name_en}): {achievement.name}, {achievement.issuer}",
            "criteria": {"narrative": _CRITERIA},
            **_alignment(achievement),
        },
    }
    if achievement.credits is not None:
        subject["creditsEarned"] = achievement.credits / 100
    if achievement.obtained_on:
        subject["activityEndDate"] = f"{achievement.obtained_on.isoformat()}T00:00:00+08:00"
    number, index = divmod(place, PLACES)
    return {
        "@context": list(CONTEXTS),
        "id": address,
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "name": achievement.name,
        "issuer": profile(),
        "validFrom": _iso(moment),
        "credentialSubject": subject,
        "credentialStatus": [
            {
                "id": f"{_list_address(purpose, number)}#{index}",
                "type": "BitstringStatusListEntry",
                "statusPurpose": purpose,
                "statusListIndex": str(index),
                "statusListCredential": _list_address(purpose, number),
            }
            for purpose in PURPOSES
        ],
    }


_CRITERIA = (
    "The achievement was recognised by the credit bank: from its catalogue, by review of originals and evidence, or as "
    "the target of an approved conversion."
)


def _alignment(achievement: Achievement) -> dict[str, Any]:
    level = achievement.level
    if level is None:
        return {}
    return {
        "alignment": [
            {
                "type": ["Alignment"],
                "targetName": level.name_en,
                "targetUrl": f"{settings().base_url}/framework/",
                "targetCode": str(level.number),
                "targetFramework": "Guangdong qualifications framework for lifelong learning",
            }
        ]
    }


def _signed(body: dict[str, Any]) -> str:
    """The credential as VC-JWT: its members are the claims, beside the registered ones (Open Badges 3.0, 8.2)."""
    key = _key(_key_file())
    issuer = body["issuer"]
    claims = {
        **body,
        "iss": issuer["id"] if isinstance(issuer, dict) else issuer,
        "jti": body["id"],
        "sub": body["credentialSubject"]["id"],
        "nbf": int(datetime.fromisoformat(body["validFrom"]).timestamp()),
    }
    if "validUntil" in body:
        claims["exp"] = int(datetime.fromisoformat(body["validUntil"]).timestamp())
    header = {"alg": "EdDSA", "typ": "JWT", "kid": f"{did()}#{key.thumbprint()}"}
    return jwt.encode(header, claims, key, algorithms=["EdDSA"])


def _free_place(session: Session) -> int:
    """A place that nobody has, drawn by lot, so that neighbours in the list were not issued one after the other."""
    count = session.scalar(select(func.count()).select_from(Credential)) or 0
    first = count * 2 // PLACES * PLACES  # a list is left half full: a lot drawn finds a free place soon
    while True:
        place = first + secrets.randbelow(PLACES)
        if session.scalar(select(Credential.id).where(Credential.status_index == place)) is None:
            return place


def _list_address(purpose: str, number: int) -> str:
    return f"{settings().base_url}/credentials/status/{purpose}/{number}"


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")


def _public(key: OKPKey) -> dict[str, Any]:
    return {name: value for name, value in key.as_dict(private=False).items() if name in ("kty", "crv", "x")}


def _key_file() -> Path:
    house = settings()
    path = Path(house.credential_key) if house.credential_key else house.data_dir / "signing/credentials.pem"
    if not path.exists() and not house.credential_key:
        key = Ed25519PrivateKey.generate()
        make_once(
            path,
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
        )
    return path


@lru_cache(maxsize=4)
def _key(path: Path) -> OKPKey:
    return OKPKey.import_key(path.read_bytes())
