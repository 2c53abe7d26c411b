"""Text for a Chinese ESC/POS printer: which characters its font has, how wide they are, where a line breaks.

python-escpos sends signs outside U+4E00..9FA5 as ``?`` and four-byte GB 18030 that printers cannot draw, so text is
encoded here: a line is sent as text when the configured font set has every character of it, and as a picture else.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Literal

from devices.private_use import published

Encoding = Literal["gb18030", "gbk", "utf8"]
FontSet = Literal["gb2312", "gbk", "gb18030_2byte"]

NOT_AT_LINE_START = frozenset("，。、；：？！）》」』】〕”’％…·,.;:?!)]}%")
_INVISIBLE = frozenset(("Mn", "Me", "Cf"))
_NO_FONT = frozenset(("Cc", "Cs", "Co", "Cn"))


def char_columns(character: str) -> int:
    """Columns that one character takes: 1 for ASCII, 2 for what GB prints full width, 0 for combining marks."""
    if character < "\x7f":
        return 1
    if unicodedata.category(character) in _INVISIBLE:
        return 0
    if _two_bytes(character) or unicodedata.east_asian_width(character) in "WFA":
        return 2
    return 1


def columns_of(text: str) -> int:
    """Columns that ``text`` takes at normal width."""
    return sum(char_columns(c) for c in text)


def in_font(character: str, font_set: FontSet) -> bool:
    """Whether a printer with ``font_set`` can draw ``character`` by itself.

    GB/T 2312 is judged by the code that GBK gives the character: Python maps A1A4 and A1AA to other Unicode dots and
    dashes than Chinese keyboards type. Private-use characters have a code but no picture.
    """
    if " " <= character < "\x7f":
        return True
    if unicodedata.category(character) in _NO_FONT:
        return False
    if font_set == "gb18030_2byte":
        return _two_bytes(character)
    try:
        code = character.encode("gbk")
        return font_set == "gbk" or bool(code.decode("gb2312"))
    except UnicodeError:
        return False


def encode(line: str, encoding: Encoding, font_set: FontSet) -> bytes | None:
    """``line`` as the printer's bytes, or None when it must be a picture."""
    if not all(in_font(c, font_set) for c in line):
        return None
    try:
        return line.encode(encoding)
    except UnicodeEncodeError:
        return None


def printable(text: str, font_set: FontSet, has_glyph: Callable[[str], bool]) -> str:
    """``text`` without control characters (no command can hide in it), line feeds kept.

    A character that neither the printer nor any font of this machine can draw is named, never dropped or replaced by
    a question mark: ``[〓U+2EBF0]``.
    """
    if any("\u0300" <= c <= "\u036f" for c in text):
        text = unicodedata.normalize("NFC", text)  # only then: it would also exchange compatibility ideographs
    return "".join(_printable(c, font_set, has_glyph) for c in published(text))


def wrap(text: str, columns: int, indent: int = 0) -> list[str]:
    """``text`` in lines of at most ``columns``; all but the first begin with ``indent`` spaces.

    Latin words stay whole where they fit; no line begins with a closing sign.
    """
    lines: list[str] = []
    for paragraph in text.split("\n"):
        current = " " * indent if lines else ""
        for piece in _pieces(paragraph):
            if columns_of(current + piece) > columns:
                if not piece.strip():
                    continue
                if current.strip():
                    kept, carried = _without_hanging_sign(current, piece)
                    lines.append(kept.rstrip())
                    current = " " * indent + carried
                *full, current = _broken(current + piece, columns, indent)
                lines += full
            else:
                current += piece
        lines.append(current.rstrip())
    return lines


def _without_hanging_sign(current: str, piece: str) -> tuple[str, str]:
    if piece[0] in NOT_AT_LINE_START and len(current) > 1 and ord(current[-1]) > 0x7F:
        return current[:-1], current[-1]
    return current, ""


def _broken(text: str, columns: int, indent: int) -> list[str]:
    lines, current = [], ""
    for character in text:
        if columns_of(current + character) > columns:
            lines.append(current)
            current = " " * indent
        current += character
    return [*lines, current]


def _pieces(text: str) -> list[str]:
    pieces: list[str] = []
    for character in text:
        joins = character != " " and ord(character) < 0x7F and pieces and ord(pieces[-1][-1]) < 0x7F
        if joins and pieces[-1] != " ":
            pieces[-1] += character
        else:
            pieces.append(character)
    return pieces


def _printable(character: str, font_set: FontSet, has_glyph: Callable[[str], bool]) -> str:
    if character == "\n" or in_font(character, font_set):
        return character
    if unicodedata.category(character) == "Cc":
        return " "
    if unicodedata.category(character) in _INVISIBLE:
        return ""
    if unicodedata.category(character) not in ("Co", "Cs") and has_glyph(character):
        return character
    return f"[〓U+{ord(character):04X}]"


def _two_bytes(character: str) -> bool:
    try:
        return len(character.encode("gb18030")) == 2 and unicodedata.category(character) != "Co"
    except UnicodeEncodeError:
        return False
