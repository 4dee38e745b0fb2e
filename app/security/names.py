"""What a Chinese name is searched by: the name, its pinyin and its initials, with the readings that surnames
take.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from itertools import product
from typing import Any

from pypinyin import Style, pinyin

#: Surnames that read otherwise than the same character in running text. Both readings are searched.
SURNAMES = {
    "单": "shan",
    "仇": "qiu",
    "查": "zha",
    "解": "xie",
    "曾": "zeng",
    "区": "ou",
    "朴": "piao",
    "任": "ren",
    "盖": "ge",
    "华": "hua",
    "乐": "yue",
    "员": "yun",
    "纪": "ji",
    "尉迟": "yuchi",
    "万俟": "moqi",
    "长孙": "zhangsun",
    "澹台": "tantai",
    "缪": "miao",
    "翟": "zhai",
    "柏": "bai",
    "燕": "yan",
    "覃": "qin",
    "车": "che",
    "洗": "xian",
    "冼": "xian",
    "逄": "pang",
    "佘": "she",
    "召": "shao",
    "郇": "xun",
    "晁": "chao",
    "繁": "po",
    "黑": "he",
    "种": "chong",
    "秘": "bi",
    "折": "she",
    "隗": "wei",
    "阚": "kan",
    "令狐": "linghu",
    "宁": "ning",
    "干": "gan",
    "尹": "yin",
    "占": "zhan",
    "应": "ying",
}


def fold(text: str) -> str:
    """Compatible forms unified, case and outer spaces gone."""
    return unicodedata.normalize("NFKC", text).casefold().strip()


@lru_cache(maxsize=10_000)
def search_text(name: str) -> str:
    """Words, by space: the name, each reading in full and as initials. At most 600 signs."""
    words = [fold(name)]
    for syllables in _readings(name):
        words += ["".join(syllables), "".join(syllable[:1] for syllable in syllables)]
    return " ".join(dict.fromkeys(word for word in words if word))[:600]


def _as_it_is(rest: str) -> Any:
    return list(rest)


def _readings(name: str) -> list[list[str]]:
    plain = [fold(part[0]) for part in pinyin(name, style=Style.NORMAL, errors=_as_it_is)]
    for length in (2, 1):
        surname = name[:length]
        if surname in SURNAMES and len(name) > length:
            head = [SURNAMES[surname]]
            usual = ["".join(plain[:length])]
            return [list(start) + plain[length:] for start in product(dict.fromkeys((*head, *usual)))]
    return [plain]
