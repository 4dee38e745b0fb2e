"""Whose seal stands on our papers: the certificate that the settings name, or one of our own making.

The authority that we make ourselves signs one certificate, and its key is thrown away: nobody can make a second
seal under its name, us included.
"""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.kernel.errors import N_, Conflict
from app.kernel.settings import settings
from reports import seal as seals
from reports.labels import words
from reports.seal import Seal

_VALID = timedelta(days=3652)


def seal(language: str = "zh") -> Seal:
    """What signs papers. Raises Conflict where the certificate in the settings can't be used."""
    house = settings()
    return _seal(_file(), house.signing_passphrase, language, house.demo, house.node_modules)


def certificates() -> bytes:
    """The seal's certificate and those above it, PEM, for whoever wants to trust it."""
    held = seals.certificates(_file().read_bytes(), settings().signing_passphrase.encode() or None)
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in held)


@lru_cache(maxsize=8)
def _seal(path: Path, passphrase: str, language: str, demo: bool, node_modules: Path) -> Seal:
    try:
        signer = seals.load_signer(path.read_bytes(), passphrase.encode() or None)
    except (OSError, ValueError) as error:
        raise Conflict("no_seal", N_("The seal's certificate can't be read.")) from error
    w = words(language)
    return Seal(signer, words("zh")["bank"], w["demo_seal"] if demo else w["seal"], node_modules)


def _file() -> Path:
    house = settings()
    if house.signing_cert:
        return Path(house.signing_cert)
    path = house.data_dir / "signing" / "seal.pem"
    if not path.exists():
        make_once(path, _authority())
    return path


def make_once(path: Path, content: bytes) -> None:
    """A secret of our own, written whole or not at all, readable by its owner only; of two processes that start at
    once, one makes it and both use it.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_suffix(f".{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def _authority() -> bytes:
    above, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    bank = words("zh")["bank"]
    issuer = _name(bank, "Credit Bank self-made authority")
    root = (
        _certificate(issuer, issuer, above.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .sign(above, hashes.SHA256())
    )
    leaf = (
        _certificate(_name(bank, "Credit Bank electronic seal"), issuer, own.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above.public_key()), critical=False)
        .sign(above, hashes.SHA256())
    )
    key = own.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return key + leaf.public_bytes(serialization.Encoding.PEM) + root.public_bytes(serialization.Encoding.PEM)


def _name(bank: str, words_: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, bank),
            x509.NameAttribute(NameOID.COMMON_NAME, words_),
        ]
    )


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    moment = datetime.now(UTC).replace(microsecond=0)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - timedelta(hours=1))
        .not_valid_after(moment + _VALID)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs,
        content_commitment=signs,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=not signs,
        crl_sign=not signs,
        encipher_only=False,
        decipher_only=False,
    )
