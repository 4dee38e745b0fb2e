"""The paper itself, read by other people's readers: what stands on it, and what must never."""

from __future__ import annotations

import io
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from pypdf import PdfReader

from reports import conversion_sheet
from reports.fonts import MISSING
from tests.reports.samples import LONG, MARKUP, RARE, conversion, evidence


def pypdf_text(pdf: bytes) -> str:
    """All words without blanks, so that line breaks don't matter."""
    return re.sub(r"\s", "", "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages))


def poppler_text(pdf: bytes, tmp_path: Path) -> str:
    (tmp_path / "paper.pdf").write_bytes(pdf)
    done = subprocess.run(["pdftotext", tmp_path / "paper.pdf", "-"], capture_output=True, check=True)
    assert done.stderr == b""
    return re.sub(r"\s", "", done.stdout.decode())


def test_everything_can_be_copied_out_again_by_two_readers(tmp_path: Path) -> None:
    pdf = conversion_sheet(conversion(recusals=(), evidence=evidence(1)))
    for text in (pypdf_text(pdf), poppler_text(pdf, tmp_path)):
        for words in (
            *(RARE, "ZH-2026-000001", "4401**********1234", "一、当事各方", "九、办理过程"),
            *("学位外语3.33×50%=1.67", "ef" * 32, evidence(1)[0].sha256, "审计链末端：42", "签名检查点：40"),
            *("第1页共2页", "第2页共2页"),
        ):
            assert words in text, words


def test_sections_are_numbered_without_a_gap() -> None:
    names = pypdf_text(conversion_sheet(conversion()))
    heads = re.findall(
        r"[一二三四五六七八九十]、(?:当事各方|学习成果|转换规则|证明材料|原件核验|审核意见|回避|申诉|办理过程)",
        names,
    )
    assert [head[0] for head in heads] == list("一二三四五六七八九")


def test_data_is_never_parsed_as_markup() -> None:
    plain = conversion()
    sheet = replace(
        plain,
        learner=MARKUP,
        issued_by=MARKUP,
        reviews=(replace(plain.reviews[0], opinion=MARKUP),),
        achievements=(replace(plain.achievements[0], name=MARKUP),),
        evidence=(replace(plain.evidence[0], name=MARKUP),),
    )
    pdf = conversion_sheet(sheet)
    assert pypdf_text(pdf).count(re.sub(r"\s", "", MARKUP)) == 5
    reader = PdfReader(io.BytesIO(pdf))
    for page in reader.pages:
        assert "/Annots" not in page
        assert not page.images
    for forbidden in (b"/URI", b"/Launch", b"/JavaScript", b"/EmbeddedFile", b"root:x:"):
        assert forbidden not in pdf


def test_long_texts_and_many_files_go_on_over_the_pages() -> None:
    plain = conversion()
    sheet = replace(
        plain,
        evidence=evidence(30),
        reviews=(replace(plain.reviews[0], opinion=LONG), replace(plain.reviews[0], opinion="x" * 3000)),
        appeals=(),
    )
    pdf = conversion_sheet(sheet)
    pages = [re.sub(r"\s", "", page.extract_text()) for page in PdfReader(io.BytesIO(pdf)).pages]
    assert len(pages) >= 5
    for number, page in enumerate(pages, 1):
        assert f"第{number}页共{len(pages)}页" in page
        assert "ZHS-2026-000001" in page
    whole = "".join(pages)
    assert whole.count("审核意见") >= 800  # a word may be cut by the end of a line, no sign is lost
    assert sum(page.count("审") for page in pages) >= 900
    for file in sheet.evidence:
        assert file.sha256 in whole
    heads = [page for page in pages if "SHA-256" in page]
    assert len(heads) >= 2  # the table's head stands again


@pytest.mark.parametrize(
    ("words", "shown", "code"),
    [
        ("王\ue000", f"王{MISSING}", "U+E000"),
        ("王\x07明", f"王{MISSING}明", "U+0007"),
        ("王\u202e明", f"王{MISSING}明", "U+202E"),
    ],
)
def test_a_sign_that_can_not_be_printed_is_shown_and_named(words: str, shown: str, code: str) -> None:
    text = pypdf_text(conversion_sheet(replace(conversion(), learner=words)))
    assert shown in text
    assert code in text


def test_equal_input_makes_equal_bytes() -> None:
    assert conversion_sheet(conversion()) == conversion_sheet(conversion())


def test_bookmarks_lead_to_the_sections() -> None:
    reader = PdfReader(io.BytesIO(conversion_sheet(conversion())))
    titles = [entry.title for entry in reader.outline]  # type: ignore[union-attr]
    assert titles[0] == "一、当事各方"
    assert len(titles) == 9
    assert reader.get_destination_page_number(reader.outline[-1]) == len(reader.pages) - 1  # type: ignore[arg-type]


def test_made_to_the_rules_of_pdf_a_2b() -> None:
    """What of ISO 19005-2 can be checked without a validator; none is to be had here (docs say so)."""
    pdf = conversion_sheet(conversion())
    assert pdf.startswith(b"%PDF-1.7\n%")
    assert all(sign > 127 for sign in pdf.splitlines()[1][1:5])
    reader = PdfReader(io.BytesIO(pdf))
    root = reader.trailer["/Root"]
    assert "/ID" in reader.trailer
    assert "/Encrypt" not in reader.trailer
    for key in ("/AA", "/OpenAction", "/Names", "/AcroForm"):
        assert key not in root
    metadata = root["/Metadata"].get_object()
    assert "/Filter" not in metadata
    packet = metadata.get_data().decode()
    assert "<pdfaid:part>2</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance>" in packet
    assert "<dc:identifier>https://bank.example/verify/ABCDEFGHJKMNPQRS</dc:identifier>" in packet
    info = reader.metadata
    assert info is not None
    assert f">{info.title}<" in packet
    assert info.creation_date is not None
    assert info.creation_date.isoformat() in packet
    (intent,) = root["/OutputIntents"]
    assert intent["/S"] == "/GTS_PDFA1"
    profile = intent["/DestOutputProfile"].get_object().get_data()
    assert (profile[12:20], profile[36:40]) == (b"mntrRGB ", b"acsp")
    fonts = {
        reference.idnum: reference.get_object()
        for page in reader.pages
        for reference in page["/Resources"]["/Font"].values()
        if hasattr(reference, "idnum")
    } or dict(enumerate(page_font for page_font in reader.pages[0]["/Resources"]["/Font"].values()))
    assert fonts
    for font in fonts.values():
        font = font.get_object()
        assert font["/Subtype"] == "/TrueType"
        assert "/FontFile2" in font["/FontDescriptor"]
        assert "/Encoding" not in font  # symbolic: its own table alone says which glyph is meant
        assert font["/FontDescriptor"]["/Flags"] & 4
        assert "/ToUnicode" in font
    assert b"Helvetica" not in pdf
