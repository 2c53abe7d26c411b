"""Names and numbers as they may stand on paper and screens: enough to know oneself by, no more."""

from __future__ import annotations

import unicodedata
from importlib import resources

MASK = "*"

COMPOUND_SURNAMES = frozenset((resources.files("kiosk.slips") / "compound_surnames.txt").read_text("utf-8").split())


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
