"""Names and numbers as they may stand on paper and screens: enough to know oneself by, no more."""

from __future__ import annotations

import unicodedata

MASK = "*"

COMPOUND_SURNAMES = frozenset(
    "欧阳 太史 端木 上官 司马 东方 独孤 南宫 万俟 闻人 夏侯 诸葛 尉迟 公羊 赫连 澹台 皇甫 宗政 濮阳 公冶 太叔 申屠 公孙 慕容 "
    "仲孙 钟离 长孙 宇文 司徒 鲜于 司空 闾丘 子车 亓官 司寇 巫马 公西 颛孙 壤驷 公良 漆雕 乐正 宰父 谷梁 拓跋 夹谷 轩辕 令狐 "
    "段干 百里 呼延 东郭 南门 羊舌 微生 公户 公玉 梁丘 左丘 东门 西门 第五".split()
)


def mask_name(name: str) -> str:
    """``name`` with its middle hidden: 李* · 张*三 · 欧阳* · 欧阳*华 · 买买提·吐* · S*** J***.

    Works on whole characters, so a rare one stays whole. A name of one character is hidden wholly.
    """
    name = " ".join(name.split())
    if not name:
        return ""
    if all(_is_latin(c) for c in name):
        return " ".join(word[0] + MASK * 3 for word in name.split(" "))
    for dot in "·•．.":
        if dot in name:
            first, _, rest = name.partition(dot)
            return f"{first}{dot}{rest[:1]}{MASK}"
    given_at = 2 if name[:2] in COMPOUND_SURNAMES and len(name) > 2 else 1
    family, given = name[:given_at], name[given_at:]
    if not given:
        return MASK
    return family + (MASK if len(given) == 1 else MASK * (len(given) - 1) + given[-1])


def mask_number(number: str) -> str:
    """``number`` with first and last four characters: 1101…002X. Short ones are hidden wholly."""
    return f"{number[:4]}…{number[-4:]}" if len(number) > 10 else MASK * len(number)


def _is_latin(character: str) -> bool:
    return character in " '-.,·" or unicodedata.name(character, "").startswith("LATIN")
