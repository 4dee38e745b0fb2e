"""Nationalities (ISO 3166-1) and ethnic groups (GB/T 3304), by code and name."""

from __future__ import annotations

from functools import cache

from babel import Locale

#: GB/T 3304-1991, in the order of its numbers 01 to 56; 97 and 98 for those outside the list.
_GROUPS = (
    "汉族 蒙古族 回族 藏族 维吾尔族 苗族 彝族 壮族 布依族 朝鲜族 满族 侗族 瑶族 白族 "
    "土家族 哈尼族 哈萨克族 傣族 黎族 傈僳族 佤族 畲族 高山族 拉祜族 水族 东乡族 纳西族 景颇族 "
    "柯尔克孜族 土族 达斡尔族 仫佬族 羌族 布朗族 撒拉族 毛南族 仡佬族 锡伯族 阿昌族 普米族 塔吉克族 怒族 "
    "乌孜别克族 俄罗斯族 鄂温克族 德昂族 保安族 裕固族 京族 塔塔尔族 独龙族 鄂伦春族 赫哲族 门巴族 珞巴族 基诺族"
)
ETHNICITIES: dict[str, str] = {f"{number:02d}": name for number, name in enumerate(_GROUPS.split(), 1)}
ETHNICITIES |= {"97": "其他", "98": "外国血统中国籍人士"}

#: Babel's names of these would not do here.
_OWN = {
    "zh": {"CN": "中国", "TW": "中国台湾", "HK": "中国香港", "MO": "中国澳门"},
    "en": {"CN": "China", "TW": "Taiwan, China", "HK": "Hong Kong, China", "MO": "Macao, China"},
}
#: Territories that are no nationality.
_NO_STATE = "AC CP CQ DG EA EU EZ IC TA UN XA XB XK QO ZZ AQ BV HM TF GS UM IO"
_NONE = frozenset(_NO_STATE.split())


@cache
def nationalities(language: str) -> dict[str, str]:
    """Countries by ISO code, China first, then by name; ``language`` is ``zh`` or ``en``."""
    own = _OWN.get(language, _OWN["en"])
    names = {
        code: own.get(code, name)
        for code, name in Locale.parse(language).territories.items()
        if len(code) == 2 and code.isalpha() and code not in _NONE
    }
    rest = sorted((name, code) for code, name in names.items() if code not in own)
    return {code: own[code] for code in ("CN", "HK", "MO", "TW")} | {code: name for name, code in rest}
