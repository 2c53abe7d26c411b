"""ESC/POS bytes of a print job. Pure: no I/O, keeps nothing.

Vocabulary sent (Epson ESC/POS reference): ``ESC @``, ``FS &``, ``ESC a``, ``ESC E``, ``GS !``, ``LF``, ``ESC d``,
``GS v 0`` (pictures, QR), ``GS h``/``GS w``/``GS H``/``GS k 73`` (Code 128), ``GS V`` (cut), and around a job
``GS r 1`` (barrier) and ``DLE EOT`` (status). Printers execute ``DLE EOT``, ``DLE ENQ`` and ``DLE DC4`` even inside
picture data, so no job contains these bytes: ``without_real_time`` thickens one stroke by one dot instead.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass

from PIL import Image as Pictures
from PIL import ImageOps

from devices.receipt_printer import glyphs
from devices.receipt_printer.job import (
    Align,
    Code128,
    Columns,
    Cut,
    Element,
    Feed,
    Image,
    Line,
    PrintJob,
    Qr,
    Rule,
    Size,
)
from devices.receipt_printer.library import Dummy, EscposImage
from devices.receipt_printer.text import Encoding, FontSet, columns_of, encode, printable, wrap

INIT = b"\x1b@"
CHINESE_ON = b"\x1c&"
BARRIER = b"\x1dr\x01"
AUTO_STATUS_ON = b"\x1da\xff"

SLICE_ROWS = 64
"""Rows per ``GS v 0``: small enough for cheap printers' buffers and for ``flush_bytes``."""
_PICTURE_HEAD_BYTES = 8

_SIZES: dict[Size, tuple[int, int]] = {"normal": (1, 1), "tall": (1, 2), "wide": (2, 1), "double": (2, 2)}
_ALIGNS: dict[Align, int] = {"left": 0, "center": 1, "right": 2}
_REAL_TIME = re.compile(rb"\x10(?=[\x04\x05\x14])")
_CODE128_ESCAPES = re.compile(rb"\{.")
_BLACK_OR_WHITE = [0] * 97 + [255] * 159  # low enough that thin strokes of a 24-dot character stay closed


def status_request(n: int) -> bytes:
    """``DLE EOT n``: 1 printer, 2 offline cause, 3 error cause, 4 paper."""
    return bytes((0x10, 0x04, n))


def without_real_time(data: bytes) -> bytes:
    """Picture bytes without DLE EOT, DLE ENQ and DLE DC4: the lone dot of 0x10 becomes two dots, 0x18."""
    return _REAL_TIME.sub(b"\x18", data)


def code128_data(data: str) -> bytes:
    """Code 128 data with its code set selectors (``GS k 73``): pairs of digits in set C, all else in set B.

    A pair that would complete a real-time command with the byte before it is written in set B. ValueError for
    characters that Code 128 set B does not have.
    """
    if not data or not all(" " <= c <= "~" for c in data):
        raise ValueError("Code 128 needs printable ASCII")
    out, code_set, at = bytearray(), "", 0
    while at < len(data):
        pair = data[at : at + 2]
        risky = out[-1:] == b"\x10" and code_set == "C" and pair in ("04", "05", "20")
        wanted = "C" if len(pair) == 2 and pair.isdecimal() and not risky else "B"
        if wanted != code_set:
            out += b"{" + wanted.encode()
            code_set = wanted
        if wanted == "C":
            out.append(int(pair))
            at += 2
        else:
            for character in pair if risky else pair[0]:
                out += b"{{" if character == "{" else character.encode()
            at += 2 if risky else 1
    return bytes(out)


@dataclass(frozen=True, slots=True)
class Paper:
    """The printer's abilities that decide the bytes."""

    columns: int = 48
    dots: int = 576
    encoding: Encoding = "gb18030"
    font_set: FontSet = "gbk"
    cut: str = "full"
    auto_status: bool = False
    """Whether it tells its state by itself (GS a)."""

    @property
    def start_bytes(self) -> bytes:
        """``ESC @``, and anew what it undoes: Chinese mode and the automatic status."""
        chinese = b"" if self.encoding == "utf8" else CHINESE_ON
        return INIT + chinese + (AUTO_STATUS_ON if self.auto_status else b"")

    @property
    def cell(self) -> int:
        """Width of one column in dots."""
        return self.dots // self.columns

    @property
    def flush_bytes(self) -> bytes:
        """What ends a picture that was broken off, whatever of it is missing, and starts afresh: blank dots.

        As many as the largest picture that is ever sent has; every other command is shorter. NUL prints nothing.
        """
        return bytes(_PICTURE_HEAD_BYTES + SLICE_ROWS * ((self.dots + 7) // 8)) + self.start_bytes

    def compose(self, job: PrintJob) -> bytes:
        """The whole job without its barriers."""
        return b"".join(self.parted(job))

    def parted(self, job: PrintJob) -> tuple[bytes, bytes]:
        """The same in two: all that stands on the slip, and the cut behind it, ``b""`` when the job ends without."""
        composer, cut_at = _Composer(self), None
        for element in job.elements:
            cut_at = len(composer.out) if isinstance(element, Cut) else None
            composer.add(element)
        return bytes(composer.out[:cut_at]), b"" if cut_at is None else bytes(composer.out[cut_at:])


class _Composer:
    """One job's bytes in the making; remembers the modes that are set, to send each change once."""

    def __init__(self, paper: Paper) -> None:
        self.paper = paper
        self.out = bytearray(paper.start_bytes)
        self._align, self._bold, self._size = 0, False, 0

    def add(self, element: Element) -> None:
        match element:
            case Line():
                self._line(element)
            case Columns():
                self._columns(element)
            case Rule():
                self._text(element.character * self.paper.columns)
            case Qr():
                self._qr(element)
            case Code128():
                self._code128(element)
            case Image():
                self._image(element)
            case Feed():
                self.out += bytes((0x1B, 0x64, element.lines))
            case Cut():
                self._cut()

    def _line(self, line: Line) -> None:
        wide, _ = _SIZES[line.size]
        for part in wrap(self._printable(line.text), self.paper.columns // wide, line.indent):
            self._text(part, line.size, bold=line.bold, align=line.align)

    def _columns(self, pair: Columns) -> None:
        left, right = self._printable(pair.left), self._printable(pair.right)
        if pair.at is None:
            gap = self.paper.columns - columns_of(left) - columns_of(right)
            lines = [left + " " * gap + right] if gap > 0 else [*wrap(left, self.paper.columns), right]
        else:
            room = wrap(right, self.paper.columns - pair.at)
            lines = [" " * pair.at + part for part in room]
            if columns_of(left) < pair.at:
                lines[0] = left + " " * (pair.at - columns_of(left)) + room[0]
            else:
                lines.insert(0, left)
        for line in lines:
            self._text(line, bold=pair.bold)

    def _text(self, line: str, size: Size = "normal", *, bold: bool = False, align: Align = "left") -> None:
        encoded = encode(line, self.paper.encoding, self.paper.font_set)
        if encoded is None:
            self._text_as_picture(line, size, bold=bold, align=align)
            return
        wide, high = _SIZES[size]
        self._modes(_ALIGNS[align], bold, (wide - 1) << 4 | (high - 1))
        self.out += encoded + b"\n"

    def _text_as_picture(self, line: str, size: Size, *, bold: bool, align: Align) -> None:
        wide, high = _SIZES[size]
        drawn = glyphs.line_image(line, cell=self.paper.cell, wide=wide, high=high, bold=bold)
        spacing = self.paper.cell // 2  # the printer's own lines are 30 dots apart with characters of 24
        page = Pictures.new("L", (drawn.width, drawn.height + spacing), 255)
        page.paste(0, (0, 0), drawn.point(_BLACK_OR_WHITE))
        self._picture(page, align)

    def _printable(self, text: str) -> str:
        return printable(text, self.paper.font_set, glyphs.has_glyph)

    def _qr(self, qr: Qr) -> None:
        self._picture(ImageOps.invert(glyphs.qr_image(qr.data, qr.size, widest=self.paper.dots)), "center")

    def _code128(self, code: Code128) -> None:
        data = code128_data(code.data)
        symbols = len(_CODE128_ESCAPES.sub(b".", data)) + 1  # start and data, and the check symbol
        modules = 11 * symbols + 13 + 2 * 10  # stop, two quiet zones
        width = 3 if modules * 3 <= self.paper.dots else 2
        self._modes(1, False, 0)
        self.out += bytes((0x1D, 0x68, code.height, 0x1D, 0x77, width, 0x1D, 0x48, 0))
        self.out += bytes((0x1D, 0x6B, 73, len(data))) + data

    def _image(self, image: Image) -> None:
        picture = Pictures.open(io.BytesIO(image.data))
        if picture.width > self.paper.dots:
            picture = picture.resize((self.paper.dots, picture.height * self.paper.dots // picture.width))
        self._picture(picture, image.align)

    def _picture(self, picture: Pictures.Image, align: Align) -> None:
        self._modes(0, False, 0)
        rest = self.paper.dots - picture.width
        left = {"left": 0, "center": rest // 2, "right": rest}[align]
        page = Pictures.new("L", (left + picture.width, picture.height), 255)
        page.paste(picture, (left, 0))
        for top in range(0, page.height, SLICE_ROWS):
            part = EscposImage(page.crop((0, top, page.width, min(top + SLICE_ROWS, page.height))))
            head = b"\x1dv0\x00" + part.width_bytes.to_bytes(2, "little") + part.height.to_bytes(2, "little")
            self.out += head + without_real_time(part.to_raster_format())

    def _cut(self) -> None:
        self._modes(0, False, 0)
        if self.paper.cut == "none":
            self.out += b"\x1bd\x06"
            return
        printer = Dummy()
        printer.cut(mode="PART" if self.paper.cut == "partial" else "FULL")
        self.out += printer.output

    def _modes(self, align: int, bold: bool, size: int) -> None:
        if align != self._align:
            self.out += bytes((0x1B, 0x61, align))
        if bold != self._bold:
            self.out += bytes((0x1B, 0x45, bold))
        if size != self._size:
            self.out += bytes((0x1D, 0x21, size))
        self._align, self._bold, self._size = align, bold, size
