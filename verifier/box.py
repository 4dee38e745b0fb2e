"""The sealed pack's box: a ZIP file that any program opens, written in one way only, so that no byte of it is free.

Stored, not compressed; names in UTF-8; no times, comments or extra fields. Reading writes it again and compares.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

_UTF8 = 0x0800
_DATE = 0x21  # 1980-01-01, the first day that ZIP knows


class Damaged(ValueError):
    """A box that is not as it was written; says from which file on."""


def pack(files: Mapping[str, bytes]) -> bytes:
    """The box of these files, in the order of their names."""
    body, directory = bytearray(), bytearray()
    for name in sorted(files):
        content, encoded = files[name], name.encode()
        common = struct.pack(
            "<HHHHHIIIHH",
            20,
            _UTF8,
            0,
            0,
            _DATE,
            zlib.crc32(content),
            len(content),
            len(content),
            len(encoded),
            0,
        )
        directory += b"PK\x01\x02" + struct.pack("<H", 20) + common
        directory += struct.pack("<HHHII", 0, 0, 0, 0, len(body)) + encoded
        body += b"PK\x03\x04" + common + encoded + content
    end = struct.pack("<HHHHIIH", 0, 0, len(files), len(files), len(directory), len(body), 0)
    return bytes(body + directory + b"PK\x05\x06" + end)


def unpack(box: bytes) -> dict[str, bytes]:
    """The files of a box. Raises Damaged when a single byte is not as :func:`pack` writes it."""
    files: dict[str, bytes] = {}
    at, name = 0, ""
    while box[at : at + 4] == b"PK\x03\x04":
        try:
            *_, crc, size, _same, length, _extra = struct.unpack("<HHHHHIIIHH", box[at + 4 : at + 30])
            name = box[at + 30 : at + 30 + length].decode()
        except (struct.error, UnicodeDecodeError) as error:
            raise Damaged(f"the entry after {name or 'the beginning'}") from error
        start = at + 30 + length
        content = box[start : start + size]
        if zlib.crc32(content) != crc or len(content) != size or name in files:
            raise Damaged(name)
        files[name] = content
        at = start + size
    if pack(files) != box:
        raise Damaged("the directory of the box")
    return files
