"""Taking in files: the type is decided by content, images are drawn anew, and nothing active gets through."""

from __future__ import annotations

import io
import re
import unicodedata
import warnings

from PIL import Image, ImageOps, UnidentifiedImageError

from app.evidence.models import EvidenceFile
from app.evidence.store import store
from app.kernel.errors import N_, Invalid, TooLarge
from app.kernel.settings import settings
from app.kernel.unit_of_work import UnitOfWork

IMAGES = frozenset({"image/jpeg", "image/png", "image/gif"})
PDF = frozenset({"application/pdf"})
#: Longest side of a thumbnail, in pixels.
THUMBNAIL = 480
_ACTIVE = re.compile(
    rb"/(JavaScript|JS|Launch|EmbeddedFile|OpenAction|AA|RichMedia|XFA|SubmitForm|ImportData)\b"
)


def keep(
    uow: UnitOfWork, learner_id: int, name: str, content: bytes, allow: frozenset[str] = IMAGES
) -> EvidenceFile:
    """Check ``content`` and keep it as evidence of this learner's case.

    Raises TooLarge, Invalid (not one of ``allow``, broken, active content) or NoSpace.
    """
    if not content:
        raise Invalid("file_empty", N_("The file is empty."))
    if len(content) > settings().upload_limit:
        raise TooLarge(
            "file_too_large",
            N_("The file is larger than %(limit)s MB."),
            limit=settings().upload_limit // 2**20,
        )
    media_type = sniff(content)
    if media_type not in allow:
        wanted = (
            N_("Please upload a PDF file.")
            if allow == PDF
            else N_("Please upload a jpg, png or gif picture.")
        )
        raise Invalid("file_type", wanted)
    clean = _clean_pdf(content) if media_type in PDF else _redraw(content, media_type)
    row = EvidenceFile(
        learner_id=learner_id,
        digest=store().put(clean),
        size=len(clean),
        media_type=media_type,
        name=safe_name(name),
        created_by_id=uow.actor.user_id,
    )
    uow.session.add(row)
    uow.flush()
    return row


def sniff(content: bytes) -> str:
    """The media type that the first bytes tell; empty for anything that we don't take."""
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content[:6] in (b"GIF87a", b"GIF89a"):
        return "image/gif"
    return "application/pdf" if content.startswith(b"%PDF-") else ""


def read(row: EvidenceFile) -> bytes:
    """The stored bytes. Raises NotFound when the store has lost them."""
    with store().open(row.digest) as file:
        return file.read()


def thumbnail(row: EvidenceFile) -> bytes:
    """A small JPEG of an image."""
    with Image.open(io.BytesIO(read(row))) as picture:
        picture.thumbnail((THUMBNAIL, THUMBNAIL))
        out = io.BytesIO()
        picture.convert("RGB").save(out, "JPEG", quality=80)
        return out.getvalue()


def opened(uow: UnitOfWork, row: EvidenceFile) -> None:
    """Remember that somebody looked at a file: opening evidence is an audited read (spec 1.2)."""
    uow.record("evidence.opened", row, digest=row.digest)


def safe_name(name: str) -> str:
    """A file's name for people: no folders, no control or direction signs, at most 120 signs."""
    base = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(sign for sign in base if unicodedata.category(sign) not in ("Cc", "Cf", "Cs", "Co", "Cn"))
    return kept.strip()[-120:] or "file"


def _redraw(content: bytes, media_type: str) -> bytes:
    """The picture drawn anew: right side up, without metadata or anything hidden behind it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=["JPEG", "PNG", "GIF"]) as picture:
                if picture.width * picture.height > settings().pixel_limit:
                    raise Invalid("file_pixels", N_("The picture has too many pixels."))
                upright = ImageOps.exif_transpose(picture)
                out = io.BytesIO()
                if media_type == "image/jpeg":
                    upright.convert("RGB").save(out, "JPEG", quality=90)
                elif media_type == "image/png":
                    upright.convert(
                        "RGBA" if "A" in upright.getbands() or "transparency" in upright.info else "RGB"
                    ).save(out, "PNG")
                else:
                    upright.convert("RGB").quantize(256).save(out, "GIF")
                return out.getvalue()
    except (
        UnidentifiedImageError,
        OSError,
        SyntaxError,
        ValueError,
        Image.DecompressionBombWarning,
        Image.DecompressionBombError,
    ) as error:
        raise Invalid(
            "file_broken", N_("This picture can't be read. Please take or scan it again.")
        ) from error


def _clean_pdf(content: bytes) -> bytes:
    if b"%%EOF" not in content[-2048:]:
        raise Invalid("file_broken_pdf", N_("This PDF is not complete. Please scan it again."))
    if _ACTIVE.search(content):
        raise Invalid(
            "file_active",
            N_("This PDF contains scripts, actions or attachments. Please scan the paper and upload that."),
        )
    return content
