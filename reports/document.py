"""A PDF under way: made to PDF/A-2b's rules, each page put away as soon as it is full.

reportlab keeps a document in memory until it is saved. Here a finished page goes compressed into a spool file and the
whole is written out object by object, so that a register of a thousand pages takes little more room than one
of ten.
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import IO, Any
from xml.sax.saxutils import escape

from PIL import ImageCms
from reportlab import rl_config
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfdoc
from reportlab.pdfgen.canvas import Canvas

from reports.fonts import REGULAR, register

PRODUCER = "Credit Bank"
_CHINA = timedelta(hours=8)
#: Where a page keeps the words "of y": drawn once, when the number of pages is known.
_TOTAL = "pages-in-all"


class Document:
    """Pages of one size. ``identifier`` is the address under which anyone verifies the paper; it stands uncompressed
    in the metadata, so that a copy can be told from its bytes.

    ``created`` is aware. Equal input makes equal bytes.
    """

    def __init__(
        self,
        title: str,
        *,
        author: str,
        subject: str,
        identifier: str,
        language: str,
        created: datetime,
        node_modules: Path,
        size: tuple[float, float] = A4,
    ) -> None:
        register(node_modules)
        rl_config.invariant = 1
        self.width, self.height = size
        self.pages = 0
        self._spool = tempfile.SpooledTemporaryFile(max_size=4 * 1024 * 1024)  # noqa: SIM115 - lives as long as we do
        self.canvas = Canvas(
            None,
            pagesize=size,
            pageCompression=1,
            invariant=1,
            initialFontName=REGULAR,  # or the standard font, which isn't embedded, would be named on every page
            pdfVersion=(1, 7),
            lang="en" if language == "en" else "zh-CN",
        )
        self.canvas.setPageCallBack(self._put_away)
        _describe(self.canvas, title, author, subject, identifier, created)

    def new_page(self) -> None:
        """Close the page; what is drawn next is on the one after."""
        self.canvas.showPage()

    def total(self, x: float, y: float, width: float) -> None:
        """Keep a place, ``width`` by 12 points, for the words about the number of pages."""
        self.canvas.saveState()
        self.canvas.translate(x, y)
        self.canvas.doForm(_TOTAL)
        self.canvas.restoreState()
        self._total_width = width

    def save(self, out: IO[bytes], draw_total: Callable[[Canvas, int], None]) -> None:
        """Close the last page and write the file. ``draw_total`` draws the number of pages at (0, 0)."""
        self.canvas.showPage()
        self.canvas.beginForm(_TOTAL, 0, -3, self._total_width, 12)
        draw_total(self.canvas, self.pages)
        self.canvas.endForm()
        _write(self.canvas, out)
        self._spool.close()

    def _put_away(self, _number: int) -> None:
        page = self.canvas._doc.Pages.pages[-1]
        packed = zlib.compress(page.stream.encode("latin-1"))
        page.Contents = _Spooled(self._spool, self._spool.tell(), len(packed))
        page.stream = None
        self._spool.write(packed)
        self.pages += 1


class _Spooled(pdfdoc.PDFObject):
    """A page's content, read back from the spool when the file is written."""

    __RefOnly__ = 1

    def __init__(self, spool: IO[bytes], offset: int, length: int) -> None:
        self._spool, self._offset, self._length = spool, offset, length

    def format(self, _document: Any) -> bytes:
        self._spool.seek(self._offset)
        content = self._spool.read(self._length)
        return b"<< /Filter /FlateDecode /Length %d >>\nstream\n" % self._length + content + b"\nendstream\n"


def _write(canvas: Canvas, out: IO[bytes]) -> None:
    """The file, object by object; reportlab's own way joins it in memory first."""
    document = canvas._doc
    for font in document.delayedFonts:
        font.addObjects(document)
    document.info.invariant = True
    document.info.digest(document.signature)
    root, info = document.Reference(document.Catalog), document.Reference(document.info)
    document.Outlines.prepare(document, canvas)
    if document.Outlines.ready < 0:
        document.Catalog.Outlines = None
    start = out.tell()
    out.write(b"%%PDF-%d.%d\n%%\xe5\xad\xa6\xe5\x88\x86\n" % document._pdfVersion)
    written = []
    for number in count(1):  # writing one object may ask for others
        name = document.numberToId.get(number)
        if name is None:
            break
        document.idToOffset[name] = out.tell() - start
        out.write(pdfdoc.PDFIndirectObject(name, document.idToObject[name]).format(document))
        written.append(name)
    table = pdfdoc.PDFCrossReferenceTable()
    table.addsection(0, written)
    place = out.tell() - start
    out.write(table.format(document))
    trailer = pdfdoc.PDFTrailer(
        startxref=place, Size=len(written) + 1, Root=root, Info=info, ID=document.ID()
    )
    out.write(trailer.format(document))


def _describe(
    canvas: Canvas, title: str, author: str, subject: str, identifier: str, created: datetime
) -> None:
    document = canvas._doc
    local = created.astimezone(UTC) + _CHINA
    stamp = document._timeStamp
    stamp.t, stamp.YMDhms = created.timestamp(), local.timetuple()[:6]
    stamp.dhh, stamp.dmm = 8, 0
    for put, words in (
        (canvas.setTitle, title),
        (canvas.setAuthor, author),
        (canvas.setSubject, subject),
        (canvas.setCreator, PRODUCER),
        (canvas.setProducer, PRODUCER),
        (canvas.setKeywords, identifier),
    ):
        put(words)
    document.updateSignature(identifier)
    moment = f"{local:%Y-%m-%dT%H:%M:%S}+08:00"
    packet = _XMP.format(
        title=escape(title),
        author=escape(author),
        subject=escape(subject),
        identifier=escape(identifier),
        moment=moment,
        producer=PRODUCER,
    )
    catalogue = document.Catalog
    catalogue.Metadata = pdfdoc.XMP(creator=lambda _document: packet.encode())
    profile = pdfdoc.PDFStream(content=_srgb(), filters=[pdfdoc.PDFZCompress])
    profile.dictionary["N"] = 3
    catalogue.OutputIntents = pdfdoc.PDFArray(
        [
            pdfdoc.PDFDictionary(
                {
                    "Type": pdfdoc.PDFName("OutputIntent"),
                    "S": pdfdoc.PDFName("GTS_PDFA1"),
                    "OutputConditionIdentifier": pdfdoc.PDFString("sRGB"),
                    "Info": pdfdoc.PDFString("sRGB"),
                    "DestOutputProfile": document.Reference(profile),
                }
            )
        ]
    )
    catalogue.__NoDefault__ = [*catalogue.__NoDefault__, "OutputIntents"]


@lru_cache(maxsize=1)
def _srgb() -> bytes:
    """The colour profile of the screen, its date of making taken out (ICC.1, 7.2.8)."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = bytes.fromhex("07d000010001000000000000")
    profile[84:100] = bytes(16)
    return bytes(profile)


_XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:pdf="http://ns.adobe.com/pdf/1.3/"
 xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/">
<pdfaid:part>2</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance>
<dc:format>application/pdf</dc:format>
<dc:identifier>{identifier}</dc:identifier>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title>
<dc:creator><rdf:Seq><rdf:li>{author}</rdf:li></rdf:Seq></dc:creator>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{subject}</rdf:li></rdf:Alt></dc:description>
<pdf:Producer>{producer}</pdf:Producer><pdf:Keywords>{identifier}</pdf:Keywords>
<xmp:CreatorTool>{producer}</xmp:CreatorTool>
<xmp:CreateDate>{moment}</xmp:CreateDate><xmp:ModifyDate>{moment}</xmp:ModifyDate>
</rdf:Description>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""
