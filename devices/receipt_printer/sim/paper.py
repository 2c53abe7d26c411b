"""The emulated printer's paper: marks become a slip as PNG and as plain text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

from barcode.charsets import code128
from PIL import Image, ImageDraw

from devices.receipt_printer import glyphs

MARGIN_DOTS = 32
"""Blank paper beside the printed width: 80 mm paper, 72 mm print, 8 dots per mm."""

CUTTER_DOTS = 140
"""The knife is so far behind the print line: as much of the last feed stays on the roll."""

PAPER_COLOUR, INK_COLOUR = (253, 252, 248), (44, 42, 48)
TOOTH_DOTS = 8
GARBAGE = "▒"
_SWITCH_TO = {"A": 101, "B": 100, "C": 99}
_BAR_KINDS = {65: "UPC-A", 66: "UPC-E", 67: "EAN13", 68: "EAN8", 69: "CODE39", 70: "ITF", 71: "CODABAR", 72: "CODE93"}


@dataclass(slots=True)
class Style:
    """How the next characters look."""

    wide: int = 1
    high: int = 1
    bold: bool = False
    underline: bool = False
    reverse: bool = False


@dataclass(slots=True)
class Mark:
    """One character on the line that is being set."""

    character: str
    columns: int
    style: Style


class PaperRoll:
    """One roll of paper, slip after slip. ``on_slip(picture, text)`` is called at every cut."""

    def __init__(self, *, dots: int, columns: int, on_slip: Callable[[Image.Image, str], None]) -> None:
        self.dots, self.columns, self._on_slip = dots, columns, on_slip
        self.style, self.align, self.line_dots = Style(), 0, 30
        self.garbled = 0
        self._marks: list[Mark] = []
        self._strips: list[Image.Image] = []
        self._text: list[str] = []

    @property
    def cell(self) -> int:
        """Dots per column."""
        return self.dots // self.columns

    @property
    def begun(self) -> bool:
        """Whether there is anything on the paper since the last cut."""
        return bool(self._strips or self._marks)

    @property
    def pending(self) -> bool:
        """Whether characters wait for their line feed."""
        return bool(self._marks)

    def fits(self, columns: int) -> bool:
        """Whether a character of so many columns still fits on the line."""
        return self._used + columns * self.style.wide <= self.columns

    @property
    def line_height(self) -> int:
        """Dots that the line being set moves the paper."""
        gap = max(0, self.line_dots - 2 * self.cell)
        return max((m.style.high for m in self._marks), default=1) * 2 * self.cell + gap

    def put(self, character: str, columns: int) -> None:
        """Set one character."""
        self._marks.append(Mark(character, columns, replace(self.style)))

    def garbage(self) -> None:
        """What a printer makes of a code that its font lacks."""
        self.garbled += 1

    def tab(self) -> None:
        """To the next multiple of eight columns."""
        for _ in range(8 - self._used % 8):
            self.put(" ", 1)

    def move(self, dots: int, *, absolute: bool) -> None:
        """To a position on the line, in whole columns; never back over what is set."""
        wanted = round(dots / self.cell) + (0 if absolute else self._used)
        gap = min(wanted, self.columns) - self._used
        if gap > 0:
            self._marks.append(Mark(" " * gap, gap, Style()))

    def drop_line(self) -> None:
        """Forget the line that is being set."""
        self._marks = []

    def end_line(self) -> None:
        """Print the line that is being set."""
        height = self.line_height
        strip = Image.new("L", (self.dots, height), 0)
        used = self._used
        left = _offset(self.align, self.dots - used * self.cell)
        baseline_room = height - max(0, self.line_dots - 2 * self.cell)
        for run in _runs(self._marks):
            picture = self._run_picture(run)
            strip.paste(picture, (left, baseline_room - picture.height))
            left += picture.width
        words = "".join(m.character for m in self._marks).rstrip()
        self._text.append(" " * _offset(self.align, self.columns - used) + words if words else "")
        self._strips.append(strip)
        self._marks = []

    def feed(self, dots: int) -> None:
        """Blank paper."""
        self._strips.append(Image.new("L", (self.dots, dots), 0))
        self._text += [""] * (dots // self.line_dots)

    def picture(self, picture: Image.Image, *, first: bool, height: int) -> None:
        """A strip of a picture (white on black); the first one says how high the whole is."""
        strip = Image.new("L", (self.dots, picture.height), 0)
        strip.paste(picture, (_offset(self.align, self.dots - picture.width), 0))
        self._strips.append(strip)
        if first:
            self._text.append(f"[raster {picture.width}x{height}]")

    def qr(self, data: bytes, size: int, level: str) -> Image.Image:
        """A QR code that the printer itself makes."""
        self._text.append(f"[QR {data.decode('utf-8', 'replace')}]")
        return glyphs.qr_image(data, size, level, widest=self.dots)

    def barcode(self, kind: int, data: bytes, *, width: int, height: int, text: int) -> None:
        """A bar code; too wide for the paper, it is left out, as printers do."""
        if kind == 73:
            bars, words = code128_bars(data)
        else:
            bars, words = "", data.decode("ascii", "replace")
        self._text.append(f"[{_BAR_KINDS.get(kind, 'CODE128' if kind == 73 else f'barcode {kind}')} {words}]")
        strip = Image.new("L", (self.dots, height), 0)
        if bars and len(bars) * width <= self.dots:
            code = Image.new("L", (len(bars), 1))
            code.putdata([255 if bar == "1" else 0 for bar in bars])
            code = code.resize((len(bars) * width, height), Image.Resampling.NEAREST)
            strip.paste(code, (_offset(self.align, self.dots - code.width), 0))
        self._strips.append(strip)
        if text & 2:
            for character in words:
                self.put(character, 1)
            self.end_line()

    def cut(self) -> None:
        """Hand the slip out and begin the next."""
        if self._strips:
            self._on_slip(self._paper(), "\n".join(self._text).rstrip() + "\n")
        self._strips, self._text, self._marks = [], [], []

    @property
    def _used(self) -> int:
        return sum(m.columns * m.style.wide for m in self._marks)

    def _run_picture(self, run: list[Mark]) -> Image.Image:
        style, cell = run[0].style, self.cell
        width = sum(m.columns for m in run) * cell * style.wide
        picture = Image.new("L", (width, 2 * cell * style.high), 0)
        left = 0
        for mark in run:
            room = mark.columns * cell * style.wide
            if mark.character.strip():
                drawn = _drawn(mark.character, cell, style.wide, style.high, style.bold)
                picture.paste(drawn, (left + max(0, (room - drawn.width) // 2), 0))
            left += room
        if style.underline:
            ImageDraw.Draw(picture).line((0, picture.height - 2, width, picture.height - 2), fill=255, width=2)
        return picture.point(lambda v: 255 - v) if style.reverse else picture

    def _paper(self) -> Image.Image:
        """All strips on off-white paper with its margins and the teeth of the cutter."""
        blank = self._strips[-1].height if self._strips[-1].getbbox() is None else 0
        height = sum(s.height for s in self._strips) - min(blank, CUTTER_DOTS)
        size = (self.dots + 2 * MARGIN_DOTS, height + 2 * MARGIN_DOTS)
        ink, top = Image.new("L", size, 0), MARGIN_DOTS
        for strip in self._strips:
            ink.paste(strip, (MARGIN_DOTS, top))
            top += strip.height
        paper = Image.new("RGB", size, PAPER_COLOUR)
        paper.paste(INK_COLOUR, (0, 0), ink)
        paper.putalpha(_teeth(size))
        return paper


@lru_cache(maxsize=4096)
def _drawn(character: str, cell: int, wide: int, high: int, bold: bool) -> Image.Image:
    """A character as it is printed; every slip has much the same ones."""
    return glyphs.line_image(character, cell=cell, wide=wide, high=high, bold=bold)


def code128_bars(data: bytes) -> tuple[str, str]:
    """Bars ("1") and spaces of ``GS k 73`` data with its code set selectors, and what it reads as."""
    sets = {"A": code128.A, "B": code128.B, "C": code128.C}
    values, words, current, at = [], "", "", 0
    while at < len(data):
        if data[at : at + 1] == b"{" and chr(data[at + 1]) in sets:
            name = chr(data[at + 1])
            values.append(_SWITCH_TO[name] if values else code128.START_CODES[name])
            current, at = name, at + 2
        elif current == "C":
            values.append(data[at])
            words, at = words + f"{data[at]:02d}", at + 1
        else:
            at += data[at : at + 2] == b"{{"
            values.append(sets[current or "B"][chr(data[at])])
            words, at = words + chr(data[at]), at + 1
    check = (values[0] + sum(place * value for place, value in enumerate(values[1:], 1))) % 103
    return "".join(code128.CODES[v] for v in [*values, check]) + code128.STOP + "11", words


def _runs(marks: list[Mark]) -> list[list[Mark]]:
    runs: list[list[Mark]] = []
    for mark in marks:
        if runs and runs[-1][0].style == mark.style:
            runs[-1].append(mark)
        else:
            runs.append([mark])
    return runs


def _offset(align: int, rest: int) -> int:
    return max(0, (0, rest // 2, rest, 0)[align])


def _teeth(size: tuple[int, int]) -> Image.Image:
    width, height = size
    mask = Image.new("L", size, 255)
    draw = ImageDraw.Draw(mask)
    for left in range(0, width, 2 * TOOTH_DOTS):
        middle, right = left + TOOTH_DOTS, left + 2 * TOOTH_DOTS
        draw.polygon([(left, 0), (right, 0), (middle, TOOTH_DOTS)], fill=0)
        draw.polygon([(left, height), (right, height), (middle, height - TOOTH_DOTS)], fill=0)
    return mask


class NoPaper(PaperRoll):
    """Takes marks and keeps none: for following the structure of a stream only."""

    def __init__(self) -> None:
        super().__init__(dots=576, columns=48, on_slip=lambda _picture, _text: None)

    def put(self, character: str, columns: int) -> None: ...

    def end_line(self) -> None: ...

    def feed(self, dots: int) -> None: ...

    def move(self, dots: int, *, absolute: bool) -> None: ...

    def picture(self, picture: Image.Image, *, first: bool, height: int) -> None: ...

    def qr(self, data: bytes, size: int, level: str) -> Image.Image:
        del data, size, level
        return Image.new("L", (1, 1))

    def barcode(self, kind: int, data: bytes, *, width: int, height: int, text: int) -> None: ...
