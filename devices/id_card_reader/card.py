"""The four layouts of the chip's 256-byte text block, and whether what was read can be true.

Sources: GA/T 490 (resident card), the residence permit for Hong Kong, Macao and Taiwan residents ('J'), the permanent
residence card for foreigners of 2017 ('I') and of 2023 ('Y'). Text is UTF-16LE, padded with spaces, on some cards
with NUL. The type letter is always at offset 248; a blank means a resident card.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

from stdnum.iso7064 import mod_11_2

from devices.id_card_reader.photo import Portrait
from devices.private_use import published

TEXT_BYTES = 256
TYPE_OFFSET = 248
LONG_TERM = "\u957f\u671f"
"""长期: stands on the chip instead of the last day of validity."""

OTHER_NATION = "97"
_PADDING = " \0\u3000"
"""By the standard spaces; some cards have NUL or full-width spaces."""

_NOT_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffd-\uffff]")
"""Controls, halves of surrogate pairs, noncharacters."""

Layout = dict[str, tuple[int, ...]]
"""Field name to offset and width in bytes; a field that goes on elsewhere has a second pair."""

_PERSON: Layout = {"name": (0, 30), "sex": (30, 2)}
_RESIDENT: Layout = {
    **_PERSON,
    "nation_code": (32, 4),
    "birth": (36, 16),
    "address": (52, 70),
    "number": (122, 36),
    "authority": (158, 30),
    "valid_from": (188, 16),
    "valid_to": (204, 16),
}

LAYOUTS: dict[str, tuple[str, Layout]] = {
    "": ("resident", _RESIDENT),
    "J": (
        "hk_macao_taiwan",
        {
            **{key: place for key, place in _RESIDENT.items() if key != "nation_code"},
            "pass_number": (220, 18),
            "times_issued": (238, 4),
        },
    ),
    "I": (
        "foreigner_2017",
        {
            "english_name": (0, 120),
            "sex": (120, 2),
            "number": (122, 30),
            "nationality": (152, 6),
            "name": (158, 30),
            "valid_from": (188, 16),
            "valid_to": (204, 16),
            "birth": (220, 16),
            "version": (236, 4),
            "authority": (240, 8),
        },
    ),
    "Y": (
        "foreigner_2023",
        {
            **_PERSON,
            "times_issued": (32, 4),
            "birth": (36, 16),
            "english_name": (52, 70, 220, 22),
            "number": (122, 36),
            "valid_from": (188, 16),
            "valid_to": (204, 16),
            "nationality": (242, 6),
            "old_number_link": (250, 6),
        },
    ),
}
"""By type letter: the kind's name and where its fields are."""


class UnknownKind(ValueError):
    """A type letter that no published layout has."""


@dataclass(frozen=True, slots=True, repr=False)
class IdCard:
    """What was read from a card. Without ``repr``: a person's data must not reach a log.

    ``sex`` is the chip's GB/T 2261.1 code (``0`` unknown, ``1`` male, ``2`` female, ``9`` not stated), ``nation`` the
    GB/T 3304 name, ``nationality`` GB/T 2659 letters. ``valid_to`` None means long-term. A date that could not be
    read is ``date.min`` (birth) or None and is named in ``doubts``. ``photo`` is the raw block, ``portrait`` what a
    decoder made of it. Text has GB 18030's private-use characters at their true places; ``raw_name`` is the chip's
    name where that makes a difference, else empty.
    """

    kind: str
    name: str = ""
    raw_name: str = ""
    english_name: str = ""
    sex: str = ""
    nation_code: str = ""
    nation: str = ""
    birth: date = date.min
    address: str = ""
    number: str = ""
    authority: str = ""
    valid_from: date | None = None
    valid_to: date | None = None
    pass_number: str = ""
    times_issued: str = ""
    nationality: str = ""
    old_number_link: str = ""
    version: str = ""
    photo: bytes = b""
    fingerprint: bytes = b""
    portrait: Portrait | None = None
    chip: str = ""
    """Digest of the chip's own number (hex), where the module tells it: it stands on no card, and on no paper."""
    doubts: tuple[str, ...] = field(default=())
    """Reasons why the content cannot be true, in plain English without values; empty for a good read."""

    @property
    def shown_name(self) -> str:
        """The Chinese name, of a foreigner without one the Latin name."""
        return self.name or self.english_name


def parse_card(text_block: bytes, photo_block: bytes = b"", finger: bytes = b"") -> IdCard:
    """The card behind the blocks of a read. Never fails on content (see ``doubts``); ``UnknownKind`` on a new kind.

    ``text_block`` is 256 bytes.
    """
    doubts: list[str] = []
    if len(text_block) != TEXT_BYTES:
        raise ValueError(f"a text block has {TEXT_BYTES} bytes")
    letter = _text(text_block[TYPE_OFFSET : TYPE_OFFSET + 2], [])
    if letter not in LAYOUTS:
        raise UnknownKind("unknown type letter")
    kind, layout = LAYOUTS[letter]
    raw = {key: _text(_field(text_block, place), doubts, key) for key, place in layout.items()}
    fields: dict[str, Any] = {key: published(text) for key, text in raw.items()}
    dates = {key: _date(fields.pop(key), key, doubts) for key in ("birth", "valid_from", "valid_to")}
    fields["number"] = fields["number"].upper()  # whoever wrote the chip: its x is the X that stands on the card
    nation_code = fields.pop("nation_code", "")
    doubts += _contradictions(kind, fields, dates)
    return IdCard(
        kind=kind,
        raw_name=raw["name"] if raw["name"] != fields["name"] else "",
        nation_code=nation_code,
        nation=nation_name(nation_code),
        photo=photo_block,
        fingerprint=finger,
        doubts=tuple(doubts),
        birth=dates["birth"] or date.min,
        valid_from=dates["valid_from"],
        valid_to=dates["valid_to"],
        **fields,
    )


def nation_name(code: str) -> str:
    """The name of a GB/T 3304 code; an unknown one is shown as other, with its code."""
    if not code:
        return ""
    names = _nations()
    return names.get(code) or f"{names[OTHER_NATION]}({code})"


@cache
def _nations() -> dict[str, str]:
    return tomllib.loads((files("devices.id_card_reader") / "nations.toml").read_text(encoding="utf-8"))


def added_addresses(appended: bytes) -> tuple[str, ...] | None:
    """The texts of the appended-address read, 70 bytes each, empty ones left out; None where one of them is no text."""
    width, doubts = 70, []
    texts = [published(_text(appended[at : at + width], doubts)) for at in range(0, len(appended), width)]
    return None if doubts else tuple(text for text in texts if text)


def _field(block: bytes, place: tuple[int, ...]) -> bytes:
    """A field's bytes. Parts are joined before anything is trimmed: a blank at the joint is part of the text."""
    return b"".join(block[at : at + width] for at, width in zip(place[::2], place[1::2], strict=True))


def _text(raw: bytes, doubts: list[str], key: str = "") -> str:
    """A field's text without padding. A pair cut in two by the field's end is the chip's doing, not a fault."""
    text = raw[: len(raw) // 2 * 2].decode("utf-16-le", "surrogatepass")
    if "\ud800" <= text[-1:] <= "\udbff":
        text = text[:-1]
    text = text.strip(_PADDING)
    if key == "english_name":
        text = re.sub("[ \0]+", " ", text)  # an early part that was filled up: the word ended there
    if _NOT_TEXT.search(text):
        doubts.append(f"{key}: not text")
        text = _NOT_TEXT.sub("?", text)
    return text


def _date(text: str, key: str, doubts: list[str]) -> date | None:
    if key == "valid_to" and text == LONG_TERM:
        return None
    try:
        if re.fullmatch(r"[0-9]{8}", text):
            return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        pass
    doubts.append(f"{key}: not a date")
    return None


def _contradictions(kind: str, fields: dict[str, str], dates: dict[str, date | None]) -> list[str]:
    """What every true card keeps to: number and birth date agree, check digit right, dates in order, sex known."""
    reasons = []
    birth, valid_from, valid_to = dates["birth"], dates["valid_from"], dates["valid_to"]
    if not (fields["name"] or fields.get("english_name")):
        reasons.append("name: empty")
    if fields["sex"] not in ("0", "1", "2", "9"):
        reasons.append("sex: unknown code")
    if valid_from and valid_to and valid_to <= valid_from:
        reasons.append("validity: ends before it begins")
    if birth and valid_from and valid_from < birth:
        reasons.append("validity: begins before birth")
    return reasons + _number_faults(kind, fields["number"], birth)


def _number_faults(kind: str, number: str, birth: date | None) -> list[str]:
    if kind == "foreigner_2017":
        return [] if re.fullmatch(r"[A-Z]{3}[0-9]{12}", number) else ["number: form"]
    if not re.fullmatch(r"[0-9]{17}[0-9X]", number):
        return ["number: form"]
    faults = [] if mod_11_2.is_valid(number) else ["number: check digit"]
    if birth and number[6:14] != f"{birth:%Y%m%d}":
        faults.append("number: another birth date")
    return faults
