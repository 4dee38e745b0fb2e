"""What a file really is: told by its bytes, never by its name. Images are drawn anew, PDFs with active content refused."""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image, ImageOps, UnidentifiedImageError

from app.kernel.errors import N_, Invalid
from app.kernel.settings import settings

IMAGES = frozenset({"image/jpeg", "image/png", "image/gif"})
PDF = frozenset({"application/pdf"})
#: Longest side of a thumbnail, in pixels.
THUMBNAIL = 480
#: Longest side and wanted size of a picture on the review desk.
SCREEN, SCREEN_BYTES = 1600, 150 * 1024
#: What a name must end with, so that a saved file opens as what it is.
SUFFIXES = {
    "image/jpeg": (".jpg", ".jpeg"),
    "image/png": (".png",),
    "image/gif": (".gif",),
    "application/pdf": (".pdf",),
}


@dataclass(frozen=True)
class Clean:
    """A file that may be kept; ``thumbnail`` is a small JPEG, empty for a PDF."""

    media_type: str
    content: bytes
    thumbnail: bytes


def sniff(content: bytes) -> str:
    """The media type that the first bytes tell; empty for anything that we don't take."""
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content[:6] in (b"GIF87a", b"GIF89a"):
        return "image/gif"
    return "application/pdf" if content.startswith(b"%PDF-") else ""


def clean(content: bytes, allow: frozenset[str]) -> Clean:
    """``content`` as it may be kept. Raises Invalid: not one of ``allow``, broken, too many pixels, active content."""
    media_type = sniff(content)
    if media_type not in allow:
        wanted = (
            N_("Please upload a PDF file.")
            if allow == PDF
            else N_("Please upload a jpg, png or gif picture.")
        )
        raise Invalid("file_type", wanted)
    if media_type in PDF:
        _check_pdf(content)
        return Clean(media_type, content, b"")
    return _redraw(content, media_type)


def thumbnail(content: bytes) -> bytes:
    """A JPEG of at most :data:`THUMBNAIL` pixels a side, of an image that was cleaned before."""
    with Image.open(io.BytesIO(content)) as picture:
        return _small(picture)


def screen(content: bytes) -> bytes:
    """A JPEG of at most :data:`SCREEN` pixels a side and, where that still reads, :data:`SCREEN_BYTES`: what a desk
    shows first; the file itself is one click away.
    """
    with Image.open(io.BytesIO(content)) as picture:
        if picture.format == "JPEG" and len(content) <= SCREEN_BYTES and max(picture.size) <= SCREEN:
            return content
        found = _small(picture, SCREEN, 82)
        for quality in (70, 58, 45):
            if len(found) <= SCREEN_BYTES:
                break
            found = _small(picture, SCREEN, quality)
        return found


def _redraw(content: bytes, media_type: str) -> Clean:
    """The picture drawn anew: right side up, its first frame, without metadata or anything hidden behind it."""
    kind = media_type.removeprefix("image/").upper()
    try:
        with Image.open(io.BytesIO(content), formats=[kind]) as picture:
            if picture.width * picture.height > settings().pixel_limit:
                raise Invalid("file_pixels", N_("The picture has too many pixels."))
            upright = ImageOps.exif_transpose(picture)
            drawn = upright.convert(_mode(upright, kind))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Invalid("file_pixels", N_("The picture has too many pixels.")) from error
    # Pillow's readers answer a crafted file with any of these.
    except (
        UnidentifiedImageError,
        OSError,
        SyntaxError,
        ValueError,
        TypeError,
        OverflowError,
        LookupError,
        struct.error,
    ) as error:
        raise Invalid(
            "file_broken", N_("This picture can't be read. Please take or scan it again.")
        ) from error
    out = io.BytesIO()
    plain = Image.new(drawn.mode, drawn.size)  # has no metadata that a writer could pass on
    plain.paste(drawn)
    (plain.quantize(256) if kind == "GIF" else plain).save(
        out, kind, **({"quality": 90} if kind == "JPEG" else {})
    )
    return Clean(media_type, out.getvalue(), _small(plain))


def _mode(picture: Image.Image, kind: str) -> str:
    if kind != "PNG":
        return "RGB"
    if picture.mode in ("1", "L", "I;16"):
        return "L"
    return "RGBA" if "A" in picture.getbands() or "transparency" in picture.info else "RGB"


def _small(picture: Image.Image, side: int = THUMBNAIL, quality: int = 80) -> bytes:
    small = picture.copy()
    small.thumbnail((side, side))
    if small.mode == "RGBA":
        paper = Image.new("RGB", small.size, "white")
        paper.paste(small, mask=small.getchannel("A"))
        small = paper
    out = io.BytesIO()
    small.convert("RGB").save(out, "JPEG", quality=quality)
    return out.getvalue()


_ACTIVE = re.compile(
    rb"/(JavaScript|Launch|EmbeddedFiles?|OpenAction|RichMedia|Rendition|XFA|SubmitForm|ImportData|GoToE|GoToR)\b"
)
_ESCAPED = re.compile(rb"#([0-9A-Fa-f]{2})")
_STREAM = re.compile(rb"stream\r?\n")
#: As much as is looked at of each packed stream (objects hide there; pictures need not be seen whole), and how many streams.
_UNPACKED, _STREAMS = 2**20, 2000


def _check_pdf(content: bytes) -> None:
    """Refuse what could act: scripts, launches, attachments, forms that send; also when packed into object streams.

    A scan has none of it. Names are looked for in the raw bytes, so that nothing hides behind a comment.
    """
    if b"%%EOF" not in content[-2048:]:
        raise Invalid("file_broken_pdf", N_("This PDF is not complete. Please scan it again."))
    if re.search(rb"/Encrypt\b", content):
        raise Invalid("file_locked", N_("This PDF is protected by a password. Please upload it without one."))
    if any(_ACTIVE.search(_ESCAPED.sub(_unescape, part)) for part in (content, *_unpacked(content))):
        raise Invalid(
            "file_active",
            N_("This PDF contains scripts, actions or attachments. Please scan the paper and upload that."),
        )


def _unescape(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[1], 16)])


def _unpacked(content: bytes) -> Iterator[bytes]:
    for number, start in enumerate(_STREAM.finditer(content)):
        if number == _STREAMS:
            raise Invalid(
                "file_too_complex", N_("This PDF has too many parts. Please scan the paper and upload that.")
            )
        try:
            yield zlib.decompressobj().decompress(content[start.end() : start.end() + _UNPACKED], _UNPACKED)
        except zlib.error:
            continue  # not packed this way: its bytes were looked at as they are
