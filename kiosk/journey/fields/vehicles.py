"""Number plates (GA 36, as data in ``plates.toml``) and vehicle identification numbers (GB 16735)."""

from __future__ import annotations

import re
from datetime import date
from functools import cache
from importlib import resources

import msgspec

from kiosk import shapes
from kiosk.journey.fields.kinds import FormField, Kind, Wrong
from kiosk.text import Text, same, text

_LETTER = "[A-HJ-NP-Z]"
_VIN = re.compile("[A-HJ-NPR-Z0-9]{17}")
_VALUES = {
    **{str(n): n for n in range(10)},
    **dict(zip("ABCDEFGH", range(1, 9), strict=True)),
    **dict(zip("JKLMN", range(1, 6), strict=True)),
    "P": 7,
    "R": 9,
    **dict(zip("STUVWXYZ", range(2, 10), strict=True)),
}
_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


class PlateKind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of plate, by the expression that its number matches."""

    key: str
    pattern: str


class Plates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``plates.toml``: ``heads`` and ``tails`` are the signs that a keyboard needs besides digits and letters."""

    provinces: str
    heads: str
    tails: str
    kinds: tuple[PlateKind, ...]
    believed: tuple[str, ...] = ()

    def kind_of(self, number: str) -> str:
        """The first kind that the number is of; "" for none."""
        for kind in self.kinds:
            pattern = kind.pattern.replace("{province}", f"[{self.provinces}]").replace("{letter}", _LETTER)
            if re.fullmatch(pattern, number, re.ASCII):
                return kind.key
        return ""


@cache
def plates() -> Plates:
    """The kinds of plates that there are."""
    raw = (resources.files("kiosk.journey.fields") / "plates.toml").read_bytes()
    return shapes.from_toml(raw, Plates)


def _plate(field: FormField, value: str, _today: date | None) -> str:
    """A number of a kind of plate that there is, and that is meant here."""
    known = plates()
    number = value.replace("·", "")
    if number[:1] not in known.provinces + known.heads or not number:
        raise Wrong(text("field.plate_head"))
    if found := sorted(set(re.findall("[IO]", number))):
        raise Wrong(text("field.plate_letters", letters=" ".join(found)))
    kind = known.kind_of(number)
    if not kind:
        raise Wrong(text("field.plate_unknown", n=len(number)))
    if field.plates and kind not in field.plates:
        raise Wrong(text("field.plate_other", kind=text(f"plate.{kind}")))
    return number


def _vin(_field: FormField, value: str, _today: date | None) -> str:
    """17 characters without I, O, Q. A wrong check digit is only pointed out: not every maker's home has one."""
    if found := sorted(set(re.findall("[IOQ]", value))):
        raise Wrong(text("field.vin_letters", letters=" ".join(found)))
    if len(value) != 17:
        raise Wrong(text("field.vin_length", n=len(value)))
    if not _VIN.fullmatch(value):
        raise Wrong(text("field.vin_wrong"))
    if value[8] != vin_check(value):
        raise Wrong(text("field.vin_check"), may_be=True)
    return value


def vin_check(number: str) -> str:
    """The check digit that belongs at the ninth place (GB 16735-2019 annex A)."""
    rest = sum(_VALUES[sign] * weight for sign, weight in zip(number, _WEIGHTS, strict=True)) % 11
    return "X" if rest == 10 else str(rest)


def _plate_shown(number: str) -> Text:
    return same(f"{number[:2]}·{number[2:]}")


PLATE = Kind(keys="plate", longest=8, judge=_plate, shown=_plate_shown, hint="field.plate_hint", shortest=7)
VIN = Kind(keys="receipt", longest=17, judge=_vin, hint="field.vin_hint", shortest=17)
