"""Pictures of papers for the demo's evidence: drawn, fictional, the same for the same words."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from app.kernel.settings import settings


def certificate(title: str, holder: str, number: str, issuer: str, day: str) -> bytes:
    """A JPEG that looks like a scanned certificate."""
    picture = Image.new("RGB", (1000, 700), (250, 246, 235))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((24, 24, 976, 676), outline=(150, 110, 50), width=6)
    draw.rectangle((38, 38, 962, 662), outline=(190, 155, 95), width=2)
    draw.text((500, 120), "证  书", font=_font(64), fill=(140, 30, 25), anchor="mm")
    draw.text((500, 230), title[:24], font=_font(36), fill=(40, 40, 40), anchor="mm")
    for line, words in enumerate((f"持证人：{holder}", f"编号：{number}", f"日期：{day}")):
        draw.text((150, 320 + line * 60), words, font=_font(30), fill=(50, 50, 50))
    draw.text((620, 520), issuer[:14], font=_font(28), fill=(50, 50, 50))
    draw.ellipse((680, 430, 860, 610), outline=(190, 40, 35), width=5)
    draw.text((770, 520), "演示专用", font=_font(30), fill=(190, 40, 35), anchor="mm")
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=82)
    return out.getvalue()


@lru_cache(maxsize=8)
def _font(size: int) -> Any:
    file = settings().node_modules / "@expo-google-fonts/noto-sans-sc/400Regular/NotoSansSC_400Regular.ttf"
    return ImageFont.truetype(str(file), size)
