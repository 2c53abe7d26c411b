"""Names and numbers as they may stand on paper and screens, of machine and hub alike: enough to know oneself by."""

from __future__ import annotations

import unicodedata
from importlib import resources

from kiosk.messages.typed import visible

MASK = "*"
DOT = "·"
"""Stands in a masked name for whichever dot the register had."""

COMPOUND_SURNAMES = frozenset((resources.files("kiosk.messages") / "compound_surnames.txt").read_text("utf-8").split())

_BRACKETS = frozenset(("Ps", "Pe", "Pi", "Pf"))
_EXTENDS = frozenset(("Mn", "Me", "Mc"))
_OF_CHARACTERS = ("\u2e80", "\u2fff"), ("\u31c0", "\u31ef")
"""Radicals (CJK, Kangxi), descriptions and strokes."""
_DESCRIBES = "\u2ff0", "\u2fff"
"""Stand before the parts of a character that has no code: these are not several characters."""
_HAN_NAMES = ("CJK ", "IDEOGRAPHIC ", "KANGXI ")


def mask_name(name: str) -> str:
    """``name`` with its middle hidden: 李* · 张*三 · 欧阳* · 欧阳*华 · 买买提·吐* · S*** J***.

    Works on whole characters, so a rare one stays whole and a letter keeps its accents. A name of one character is
    hidden wholly. A name in an alphabet shows the first letter of each word, whatever joins the words' parts.
    """
    whole = _characters(" ".join(visible(name).split()))
    if not any(_is_han(c) for c in whole):
        return _masked_words(whole)
    parts = _parts("".join(c for c in whole if c != " "))
    if len(parts) > 1:
        return f"{parts[0]}{DOT}{_characters(parts[1])[0]}{MASK}"
    return _masked_han(parts[0])


def mask_number(number: str) -> str:
    """``number`` with first and last four characters: 1101…002X. Short ones are hidden wholly."""
    return f"{number[:4]}…{number[-4:]}" if len(number) > 10 else MASK * len(number)


def mask_document_number(number: str) -> str:
    """The first two and the last three characters of a permit's or passport's number: C9****158."""
    return number[:2] + MASK * max(0, len(number) - 5) + number[-3:] if len(number) > 5 else MASK * len(number)


def mask_phone(number: str) -> str:
    """A telephone number with its middle hidden: 139****0001."""
    return f"{number[:3]}{MASK * 4}{number[-4:]}" if len(number) > 7 else MASK * len(number)


def mask_address(address: str) -> str:
    """The first six characters, which tell city or district at most: 通办市试点区***."""
    return "".join(_characters(visible(address))[:6]) + MASK * 3


def _parts(name: str) -> list[str]:
    """What stands between the dots: registers have many, and hyphens and circles in their place."""
    return "".join(" " if _is_dot(sign) else sign for sign in name).split()


def _is_dot(sign: str) -> bool:
    """Unicode has radicals and the signs that describe a character as symbols: they are of the name."""
    if any(first <= sign <= last for first, last in _OF_CHARACTERS):
        return False
    category = unicodedata.category(sign)
    return category[0] in "PS" and category not in _BRACKETS


def _masked_han(name: str) -> str:
    given_at = 2 if name[:2] in COMPOUND_SURNAMES and len(name) > 2 else 1
    characters = _characters(name)
    family, given = "".join(characters[:given_at]), characters[given_at:]
    if not given:
        return MASK
    if any(_DESCRIBES[0] <= character[0] <= _DESCRIBES[1] for character in given):
        return family + MASK
    shown = given[-1] if len(given) > 1 and _is_han(given[-1]) else MASK
    return family + MASK * (len(given) - 1) + shown


def _masked_words(characters: list[str]) -> str:
    words = "".join(characters).split(" ")
    first_letters = (next((c for c in _characters(word) if _is_letter(c[0])), "") for word in words)
    return " ".join(letter + MASK * 3 for letter in first_letters if letter) or MASK * bool(characters)


def _characters(text: str) -> list[str]:
    """``text`` as people count it: marks and variation selectors belong to what they stand on, or are none."""
    found: list[str] = []
    for sign in text:
        if unicodedata.category(sign) not in _EXTENDS:
            found.append(sign)
        elif found:
            found[-1] += sign
    return found


def _is_letter(sign: str) -> bool:
    """Not what only stands before one, such as the Hawaiian ʻ."""
    return sign.isalpha() and unicodedata.category(sign) != "Lm"


def _is_han(character: str) -> bool:
    """Whether it is a Chinese character; what has no name yet, or none that is public, is a rare one."""
    name = unicodedata.name(character[0], "")
    return name.startswith(_HAN_NAMES) if name else unicodedata.category(character[0]) in ("Cn", "Co", "Cs")
