"""Merkle trees, signatures and the box, against known values and each other."""

from __future__ import annotations

import io
import random
import zipfile
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from verifier import box, merkle
from verifier.signature import public_key, signed_by, signed_by_plainly

#: The test vectors of RFC 6962's reference implementation (certificate-transparency): eight entries, their roots.
ENTRIES = [bytes.fromhex(text) for text in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def test_roots_are_those_of_the_reference() -> None:
    tree = merkle.Frontier()
    assert tree.root() == sha256().digest()
    for size, (entry, expected) in enumerate(zip(ENTRIES, ROOTS, strict=True), 1):
        tree.append(entry)
        assert tree.root().hex() == expected
        assert merkle.Frontier.load(size, tree.dump()).root() == tree.root()


def test_every_entry_of_every_tree_is_proven_and_nothing_else() -> None:
    for size in range(1, 24):
        entries = [f"entry {number}".encode() for number in range(size)]
        expected = merkle.root(entries)
        proofs = merkle.Proofs(size, range(size))
        for entry in entries:
            proofs.append(entry)
        for index, entry in enumerate(entries):
            path = proofs.path(index)
            assert merkle.proven(entry, index, size, path, expected)
            assert not merkle.proven(entry + b"!", index, size, path, expected)
            assert not merkle.proven(entry, (index + 1) % size, size, path, expected) or size == 1
            for place in range(len(path)):
                wrong = [*path[:place], bytes(32), *path[place + 1 :]]
                assert not merkle.proven(entry, index, size, wrong, expected)


def test_both_ways_of_checking_a_signature_agree() -> None:
    # RFC 8032, section 7.1, test 2
    public = public_key("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
    signature = bytes.fromhex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    assert signed_by(public, signature, b"\x72")
    assert signed_by_plainly(public, signature, b"\x72")
    dice = random.Random(1)
    for _turn in range(12):
        key = Ed25519PrivateKey.from_private_bytes(dice.randbytes(32))
        held, message = key.public_key(), dice.randbytes(40)
        raw = held.public_bytes(Encoding.Raw, PublicFormat.Raw)
        made = key.sign(message)
        damaged = bytearray(made)
        damaged[dice.randrange(64)] ^= 1 << dice.randrange(8)
        for check in (signed_by, signed_by_plainly):
            assert check(raw, made, message)
            assert not check(raw, made, message + b".")
            assert not check(raw, bytes(damaged), message)
            assert not check(
                raw,
                made[:32] + (2**252 + 27742317777372353535851937790883648493).to_bytes(32, "little"),
                message,
            )
        pem = held.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        assert public_key(pem) == public_key(raw.hex()) == raw


def test_the_box_is_a_zip_file_without_a_free_byte() -> None:
    files = {"a.txt": b"one", "资料/b.pdf": bytes(range(256)), "empty": b""}
    packed = box.pack(files)
    assert box.unpack(packed) == files
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == files
    for place in range(len(packed)):
        damaged = bytearray(packed)
        damaged[place] ^= 1 << (place % 8)
        with pytest.raises(box.Damaged):
            box.unpack(bytes(damaged))
    with pytest.raises(box.Damaged):
        box.unpack(packed + b"\0")
