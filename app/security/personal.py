"""Sealing personal data: a key per person, values bound to their row and column, blind indexes to find them
by.

AES-256-GCM. A person's data key is wrapped by a key-encryption key of the settings (its number stands in the
first byte, so that keys can be rotated); every value names the person and the column as associated data, so
it opens nowhere else. Destroying ``wrapped_key`` erases all.
"""

from __future__ import annotations

import hmac
import re
import secrets
import unicodedata
from functools import lru_cache
from hashlib import sha256

import phonenumbers
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.kernel.clock import now
from app.kernel.errors import N_, Invalid
from app.kernel.numbering import narrow
from app.kernel.settings import settings
from app.security.models import Person, PersonKey
from app.security.names import search_text

#: What stands for a commitment whose key is destroyed.
ERASED = "erased"

PARTS = ("identity", "mobile", "email", "birth_date", "address")


class Unreadable(Exception):
    """A sealed value that doesn't open: moved, altered, or its key is gone."""


def new_person(name: str, **parts: str | None) -> Person:
    """A person with a fresh data key; ``parts`` as in :func:`seal`, plus ``identity_type``. Not yet added to
    a session.
    """
    person = Person(uid=secrets.token_hex(16), name=name, name_search=search_text(name))
    person.key = PersonKey(wrapped=_wrap(person.uid, AESGCM.generate_key(256)))
    seal(person, **parts)
    return person


def rename(person: Person, name: str) -> None:
    """Give the person another name, and what it is searched by."""
    person.name, person.name_search = name, search_text(name)


def seal(
    person: Person,
    *,
    identity_type: str | None = None,
    identity: str | None = None,
    mobile: str | None = None,
    email: str | None = None,
    birth_date: str | None = None,
    address: str | None = None,
) -> None:
    """Seal the given parts (None leaves a part alone), with their blind indexes. Raises Invalid for a mobile
    that isn't one.
    """
    if identity is not None:
        kind = identity_type or person.identity_type or "resident"
        number = normal_identity(identity)
        person.identity_type = kind
        person.identity_sealed = _seal(person, "identity", number)
        person.identity_index = identity_index(kind, number)
        person.holder_seal = _blind("holder", f"{kind}\0{number}")
    if mobile is not None:
        person.mobile_sealed = _seal(person, "mobile", normal_mobile(mobile))
        person.mobile_index = mobile_index(mobile)
    if email is not None:
        person.email_sealed = _seal(person, "email", email.strip())
        person.email_index = email_index(email)
    if birth_date is not None:
        person.birth_date_sealed = _seal(person, "birth_date", birth_date)
    if address is not None:
        person.address_sealed = _seal(person, "address", address)


def reveal(person: Person, part: str) -> str | None:
    """The plain value of a part; None where there is none or the person was erased. Raises Unreadable."""
    sealed: bytes | None = getattr(person, f"{part}_sealed")
    if sealed is None or person.wrapped_key is None:
        return None
    return open_value(person, part, sealed)


def masked(person: Person, part: str) -> str:
    """A part as others see it: ``4401**********1234``, ``138****1234``, ``z***@example.com``; "-" where
    there is none.
    """
    value = reveal(person, part)
    if not value:
        return "-"
    if part == "identity":
        return (
            value[:4] + "*" * max(len(value) - 8, 3) + value[-4:]
            if len(value) > 8
            else value[0] + "*" * (len(value) - 1)
        )
    if part == "mobile":
        local = value.removeprefix("+86")
        return f"{local[:3]}****{local[-4:]}"
    if part == "email":
        name, _, domain = value.partition("@")
        return f"{name[0]}***@{domain}"
    return "***"


def commitment(person: Person, column: str, value: str) -> str:
    """What the audit trail says instead of a personal value: keyed by the person's data key, so that who holds the
    key can check it, and nobody can guess at it any more once the key is destroyed.
    """
    if person.wrapped_key is None:
        return ERASED
    key = _hkdf(_unwrap(person.uid, person.wrapped_key), "audit commitment")
    return "hmac:" + hmac.new(key, f"{column}\0{value}".encode(), sha256).hexdigest()


def seal_bytes(purpose: str, binding: str, content: bytes) -> bytes:
    """Seal something that belongs to no person (a code in the outbox) under a key of the house, bound to
    ``binding``.
    """
    nonce = secrets.token_bytes(12)
    return nonce + AESGCM(_derived(purpose)).encrypt(nonce, content, binding.encode())


def open_bytes(purpose: str, binding: str, sealed: bytes) -> bytes:
    """Open what :func:`seal_bytes` sealed. Raises Unreadable."""
    try:
        return AESGCM(_derived(purpose)).decrypt(sealed[:12], sealed[12:], binding.encode())
    except InvalidTag as error:
        raise Unreadable(purpose) from error


def keyed(purpose: str, value: str) -> bytes:
    """A keyed digest of something short (a code, an address): nobody without the key can try values out."""
    return _blind(purpose, value)


def rewrap(person: Person) -> bool:
    """Wrap the person's data key with the newest key of the settings; False where it is already. Raises Unreadable."""
    wrapped = person.wrapped_key
    if person.key is None or wrapped is None or wrapped[0] == len(settings().data_keys) - 1:
        return False
    person.key.wrapped = _wrap(person.uid, _unwrap(person.uid, wrapped))
    return True


def erase(person: Person, name: str) -> None:
    """Destroy the person's key, sealed parts and indexes; ``name`` stands where theirs did.

    ``holder_seal`` stays: it bars spending twice and tells nothing without the house's key.
    """
    person.key = None
    for part in PARTS:
        setattr(person, f"{part}_sealed", None)
    person.identity_index = person.mobile_index = person.email_index = None
    person.mobile_verified_at = person.email_verified_at = None
    person.gender = person.ethnicity = None
    person.nationality = "CN"
    person.name, person.name_search = name, ""
    person.erased_at = now()


def seal_value(person: Person, label: str, value: str) -> bytes:
    """Seal something else of a person's under their key, bound to ``label``. Raises Unreadable once erased."""
    return _seal(person, label, value)


def open_value(person: Person, label: str, sealed: bytes) -> str | None:
    """Open what :func:`seal_value` sealed; None once the person was erased. Raises Unreadable."""
    if person.wrapped_key is None or not sealed:
        return None
    try:
        key = AESGCM(_unwrap(person.uid, person.wrapped_key))
        return key.decrypt(sealed[:12], sealed[12:], _bound(person.uid, label)).decode()
    except InvalidTag as error:
        raise Unreadable(f"person {person.id}: {label}") from error


def find_by_identity(session: Session, kind: str, number: str) -> Person | None:
    """The person with this document."""
    return session.scalar(select(Person).where(Person.identity_index == identity_index(kind, number)))


def normal_identity(number: str) -> str:
    """Full-width signs folded, spaces gone, upper case."""
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", number)).upper()


def normal_mobile(number: str) -> str:
    """A Chinese mobile number in E.164; full-width digits, spaces and hyphens are taken. Raises Invalid."""
    plain = re.sub(r"[\s\-]", "", narrow(number))
    found = re.fullmatch(r"(?:\+86|0086|86)?(1\d{10})", plain, re.ASCII)
    if found is None or not _is_mobile(found[1][:7]):
        raise Invalid("mobile", N_("This is not a mobile number of mainland China."))
    return f"+86{found[1]}"


@lru_cache(maxsize=20_000)
def _is_mobile(prefix: str) -> bool:
    """Whether numbers beginning so are mobiles: the first seven digits tell, and bulk work meets them again and again."""
    parsed = phonenumbers.parse(f"{prefix}0000", "CN")
    kind = phonenumbers.number_type(parsed)
    return phonenumbers.is_valid_number(parsed) and kind == phonenumbers.PhoneNumberType.MOBILE


def identity_index(kind: str, number: str) -> bytes:
    return _blind("identity", f"{kind}\0{normal_identity(number)}")


def mobile_index(number: str) -> bytes:
    return _blind("mobile", normal_mobile(number))


def email_index(address: str) -> bytes:
    return _blind("email", address.strip().casefold())


def login_index(name: str) -> bytes:
    return _blind("login", unicodedata.normalize("NFKC", name).strip().casefold())


def _seal(person: Person, part: str, value: str) -> bytes:
    if person.wrapped_key is None:
        raise Unreadable(f"person {person.id} was erased")
    nonce = secrets.token_bytes(12)
    key = _unwrap(person.uid, person.wrapped_key)
    return nonce + AESGCM(key).encrypt(nonce, value.encode(), _bound(person.uid, part))


def _bound(uid: str, part: str) -> bytes:
    return f"person\0{uid}\0{part}".encode()


def _wrap(uid: str, key: bytes) -> bytes:
    number = len(settings().data_keys) - 1
    nonce = secrets.token_bytes(12)
    return (
        bytes([number])
        + nonce
        + AESGCM(settings().data_keys[number]).encrypt(nonce, key, f"key\0{uid}".encode())
    )


def _unwrap(uid: str, wrapped: bytes) -> bytes:
    try:
        outer = settings().data_keys[wrapped[0]]
        return AESGCM(outer).decrypt(wrapped[1:13], wrapped[13:], f"key\0{uid}".encode())
    except (InvalidTag, IndexError) as error:
        raise Unreadable("data key") from error


def _blind(purpose: str, value: str) -> bytes:
    return hmac.new(_derived(f"index {purpose}"), value.encode(), sha256).digest()


def _derived(purpose: str) -> bytes:
    # The first key, for good: indexes must not change when a key is added.
    return _hkdf(settings().data_keys[0], purpose)


@lru_cache(maxsize=64)
def _hkdf(key: bytes, purpose: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"credit bank {purpose}".encode()).derive(key)
