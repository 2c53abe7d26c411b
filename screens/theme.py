"""Colours, and sizes in millimetres turned into pixels of the screen at hand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import hypot
from typing import NamedTuple

Colour = tuple[float, float, float, float]

WIDTH, HEIGHT = 1080, 1920
MARGIN, GUTTER = 44, 26
CONTENT = WIDTH - 2 * MARGIN
KEY_SIDE, KEY_GAP = 14, 14  # beside and between the keys of the keyboard
KEY_PX = (WIDTH - 2 * KEY_SIDE - 9 * KEY_GAP) / 10
CAP = 0.73  # cap height of Noto Sans CJK in em
ELDER = 1.35

# Cap height in mm (floor), and the design size in px on a 27-inch portrait screen.
_TYPE = {
    "display": (11.8, 54),
    "title": (9.9, 46),
    "large": (8.2, 37),
    "medium": (7.4, 33),
    "body": (6.8, 30),
    "caption": (5.9, 26),
}
TOUCH_MM, PRIMARY_MM = 20.0, 25.0


def rgb(value: str, alpha: float = 1.0) -> Colour:
    """``"#10203A"`` as Kivy's four floats."""
    return (int(value[1:3], 16) / 255, int(value[3:5], 16) / 255, int(value[5:7], 16) / 255, alpha)


INK = rgb("#10203A")
SECOND = rgb("#51607A")
DISABLED = rgb("#59667B")
PAGE = rgb("#EEF2F8")
WHITE = rgb("#FFFFFF")
RULE = rgb("#DCE3EE")
NAVY = rgb("#0A2A66")
BLUE = rgb("#1447B8")
BLUE_TINT = rgb("#E8EFFD")
GREEN = rgb("#0C7A4D")
GREEN_TINT = rgb("#E0F3EA")
RED = rgb("#B3261E")
RED_TINT = rgb("#FCE8E6")
AMBER = rgb("#8F4700")
AMBER_TINT = rgb("#FDF0DD")
GOLD = rgb("#FFD98A")
GREY_TINT = rgb("#E4E9F1")
KEYBOARD = rgb("#DCE3EE")
KEY_DARK = rgb("#C5CFDF")
ON_NAVY_SECOND = rgb("#DEE8FC")

LEVELS = {"info": (BLUE, BLUE_TINT), "ok": (GREEN, GREEN_TINT), "warn": (AMBER, AMBER_TINT), "error": (RED, RED_TINT)}
LEVEL_ICONS = {"info": "info", "ok": "check-circle", "warn": "warning", "error": "warning-circle"}
OFF = ("#465167", "#566278")  # the header of a line that is not offered
_OWN = "#1447B8"


class Shades(NamedTuple):
    """A police line's colour, its tint, and the dark and light end of its header."""

    colour: Colour
    tint: Colour
    dark: str
    light: str


@cache
def shades(colour: str) -> Shades:
    """What is drawn in a line's colour (``#rrggbb``); "" is the machine's own blue."""
    own = colour or _OWN
    return Shades(rgb(own), rgb(_mixed(own, 0.1, 255)), _mixed(own, 0.58, 0), own)


def _mixed(colour: str, share: float, other: int) -> str:
    """``share`` of a colour, the rest ``other`` in each part: 0 darkens, 255 pales."""
    parts = (round(int(colour[at : at + 2], 16) * share + other * (1 - share)) for at in (1, 3, 5))
    return "#" + "".join(f"{part:02X}" for part in parts)


@dataclass(frozen=True)
class Metrics:
    """The page on the screen at hand: its diagonal and place in mm, and how large this person wants the type."""

    diagonal_in: float = 27.0
    bottom_height_mm: float = 700.0
    elder: bool = False
    roomy: float = 1.0  # type of sparse pages grows into the room they have
    airy: float = 1.0  # so do their distances; those of crowded pages shrink

    @property
    def pitch(self) -> float:
        """Millimetres per logical pixel."""
        return self.diagonal_in * 25.4 / hypot(WIDTH, HEIGHT)

    def px(self, mm: float) -> int:
        """``mm`` in logical pixels, rounded up."""
        return int(-(-mm // self.pitch))

    def type(self, name: str) -> int:
        """The font size in px of ``display``, ``title``, ``large``, ``medium``, ``body`` or ``caption``."""
        mm, design = _TYPE[name]
        size = max(mm / CAP / self.pitch, design) * self.roomy
        return round(size * (ELDER if self.elder else 1.0))

    @property
    def touch(self) -> int:
        """The least side of anything that can be touched, in px."""
        return self.px(TOUCH_MM)

    @property
    def button(self) -> int:
        """The height of a button, in px."""
        return max(self.px(PRIMARY_MM), 112, round(self.type("medium") * 2.6))

    @property
    def reach_top(self) -> int:
        """How far from the top edge touch must begin for a seated person (1200 mm above the floor), in px."""
        return max(0, HEIGHT - int((1200 - self.bottom_height_mm) / self.pitch))
