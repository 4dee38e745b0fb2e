"""Ed25519 signatures (RFC 8032), checked with the package ``cryptography`` where it is installed and by the plain
arithmetic below where it isn't: whoever checks needs nothing but Python.
"""

from __future__ import annotations

import base64
import re
from hashlib import sha256, sha512

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_I = pow(2, (_P - 1) // 4, _P)

#: A point in extended coordinates.
_Point = tuple[int, int, int, int]

#: What stands before the 32 bytes of an Ed25519 key in a DER public key (RFC 8410).
_DER = bytes.fromhex("302a300506032b6570032100")


def public_key(text: str) -> bytes:
    """The 32 bytes of a public key as people keep it: PEM, base64 or 64 hexadecimal digits. Raises ValueError."""
    inside = re.sub(r"-----[A-Z ]+-----|\s", "", text)
    raw = (
        bytes.fromhex(inside)
        if re.fullmatch(r"[0-9a-fA-F]{64}", inside)
        else base64.b64decode(inside, validate=True)
    )
    raw = raw.removeprefix(_DER)
    if len(raw) != 32:
        raise ValueError("this is not an Ed25519 public key")
    return raw


def key_name(public: bytes) -> str:
    """The short name of a key: the first 16 hexadecimal digits of its SHA-256."""
    return sha256(public).hexdigest()[:16]


def signed_by(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the holder of the private key has signed ``message``."""
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        return signed_by_plainly(public, signature, message)
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def signed_by_plainly(public: bytes, signature: bytes, message: bytes) -> bool:
    """The same, by the arithmetic of RFC 8032, section 5.1.7."""
    if len(signature) != 64 or len(public) != 32:
        return False
    key, point = _decoded(public), _decoded(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if key is None or point is None or scalar >= _L:
        return False
    challenge = int.from_bytes(sha512(signature[:32] + public + message).digest(), "little") % _L
    left, right = _times(scalar, _BASE), _sum(point, _times(challenge, key))
    return (left[0] * right[2] - right[0] * left[2]) % _P == 0 and (
        left[1] * right[2] - right[1] * left[2]
    ) % _P == 0


def _sum(one: _Point, other: _Point) -> _Point:
    a = (one[1] - one[0]) * (other[1] - other[0]) % _P
    b = (one[1] + one[0]) * (other[1] + other[0]) % _P
    c = 2 * one[3] * other[3] * _D % _P
    d = 2 * one[2] * other[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(scalar: int, point: _Point) -> _Point:
    total: _Point = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            total = _sum(total, point)
        point = _sum(point, point)
        scalar >>= 1
    return total


def _decoded(encoded: bytes) -> _Point | None:
    """The point that 32 bytes name; None when there is none."""
    y = int.from_bytes(encoded, "little")
    odd, y = y >> 255, y & (1 << 255) - 1
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _I % _P
    if (x * x - square) % _P or (x == 0 and odd):
        return None
    if x & 1 != odd:
        x = _P - x
    return x, y, 1, x * y % _P


_Y = 4 * pow(5, _P - 2, _P) % _P
_BASE = _decoded(_Y.to_bytes(32, "little")) or (0, 1, 1, 0)
