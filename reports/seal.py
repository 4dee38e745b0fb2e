"""The electronic seal 电子签章: a digital signature (PAdES) with a visible stamp, by pyHanko.

The signature certifies the file: readers say so when a single byte was changed or anything was added after it.
"""

from __future__ import annotations

import io
import math
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from asn1crypto import keys
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509 import Certificate, load_pem_x509_certificates
from pyhanko.pdf_utils.content import PdfContent
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.layout import BoxConstraints
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import fields, signers
from pyhanko.stamp import StaticStampStyle
from pyhanko_certvalidator.registry import SimpleCertificateStore
from reportlab.pdfgen.canvas import Canvas

from reports.fonts import BOLD, REGULAR, register, width

#: The seal's side in points; 30 mm, as offices' round seals are about.
SIDE = 86.0
_RED = (0.8, 0.11, 0.12)


class Seal:
    """What signs our papers. ``ring`` are the words around the seal's star (the bank), ``words`` those below it."""

    def __init__(self, signer: signers.SimpleSigner, ring: str, words: str, node_modules: Path) -> None:
        self._signer = signer
        self._drawn = _drawn(ring, words, node_modules)

    def sign(
        self, paper: IO[bytes], out: IO[bytes], page: int, box: tuple[float, float, float, float]
    ) -> None:
        """Write ``paper`` (readable, seekable) with the signature to ``out``; the stamp stands in ``box`` on ``page``
        (counted from 0).
        """
        paper.seek(0)
        writer = IncrementalPdfFileWriter(paper)
        pdf_signer = signers.PdfSigner(
            signers.PdfSignatureMetadata(
                field_name="Seal",
                md_algorithm="sha256",
                subfilter=fields.SigSeedSubFilter.PADES,
                certify=True,
                docmdp_permissions=fields.MDPPerm.NO_CHANGES,
            ),
            signer=self._signer,
            stamp_style=StaticStampStyle(
                background=_Appearance(self._drawn), border_width=0, background_opacity=1
            ),
            new_field_spec=fields.SigFieldSpec(
                sig_field_name="Seal", on_page=page, box=tuple(round(edge) for edge in box)
            ),
        )
        pdf_signer.sign_pdf(writer, output=out)


class _Appearance(PdfContent):
    """The stamp, as pyHanko wants its content."""

    def __init__(self, drawn: bytes) -> None:
        super().__init__(box=BoxConstraints(width=SIDE, height=SIDE))
        self._page = drawn

    def render(self) -> bytes:
        reader = PdfFileReader(io.BytesIO(self._page))
        self.resources.xobject["/Seal"] = self.writer.import_page_as_xobject(reader)
        return b"/Seal Do"


def load_signer(content: bytes, passphrase: bytes | None = None) -> signers.SimpleSigner:
    """What signs, from a PKCS#12 file's content, or from PEM: key, its certificate, then its authorities'. Raises
    ValueError where it holds none.
    """
    own, *above = certificates(content, passphrase)
    key: Any
    if _is_pem(content):
        key = serialization.load_pem_private_key(content, passphrase)
    else:
        key = pkcs12.load_pkcs12(content, passphrase).key
    if key is None:
        raise ValueError("no key with the certificate")
    plain = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    register_ = SimpleCertificateStore()
    register_.register_multiple(_asn1(one) for one in above)
    return signers.SimpleSigner(
        signing_cert=_asn1(own), signing_key=keys.PrivateKeyInfo.load(plain), cert_registry=register_
    )


def certificates(content: bytes, passphrase: bytes | None = None) -> list[Certificate]:
    """The seal's certificate and those above it, from the same file."""
    if _is_pem(content):
        return load_pem_x509_certificates(content)
    held = pkcs12.load_pkcs12(content, passphrase)
    return [one.certificate for one in (held.cert, *held.additional_certs) if one is not None]


def _is_pem(content: bytes) -> bool:
    return b"-----BEGIN" in content


def _asn1(certificate: Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))


@lru_cache(maxsize=4)
def _drawn(ring: str, words: str, node_modules: Path) -> bytes:
    """The stamp as a page of its own: a red ring, the bank's name along it, a star, and what it is."""
    register(node_modules)
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(SIDE, SIDE), invariant=1, initialFontName=REGULAR)
    middle = SIDE / 2
    canvas.translate(middle, middle)
    canvas.setStrokeColorRGB(*_RED)
    canvas.setFillColorRGB(*_RED)
    canvas.setLineWidth(2)
    canvas.circle(0, 0, middle - 2)
    size = 8.2
    step = math.radians(min(250 / max(len(ring) - 1, 1), 26))
    angle = math.pi / 2 + step * (len(ring) - 1) / 2
    canvas.setFont(BOLD, size)
    for sign in ring:
        canvas.saveState()
        canvas.rotate(math.degrees(angle) - 90)
        canvas.drawString(-width(sign, size, BOLD) / 2, middle - 14, sign)
        canvas.restoreState()
        angle -= step
    path = canvas.beginPath()
    for point in range(10):
        radius = 13.0 if point % 2 == 0 else 5.0
        turn = math.pi / 2 + point * math.pi / 5
        (path.moveTo if point == 0 else path.lineTo)(radius * math.cos(turn), radius * math.sin(turn) + 2)
    path.close()
    canvas.drawPath(path, stroke=0, fill=1)
    canvas.setFont(BOLD, 8)
    canvas.drawString(-width(words, 8, BOLD) / 2, -26, words)
    canvas.save()
    return out.getvalue()
