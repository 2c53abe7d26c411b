"""An ESC/POS printer's reading of its bytes: the emulator's brain, written from the command reference.

Written apart from this project's own encoder. Understands what common hosts send; what it does not know is counted,
never fatal. Marks go to a ``PaperRoll``; whatever moves paper asks the ``Mechanism`` first, which blocks while it
stands.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Protocol

from PIL import Image

from devices.receipt_printer.sim.paper import GARBAGE, PaperRoll, Style

Bytes = Generator[None, int, bytes]
Step = Generator[None, int, None]

LF_DOTS = 30
KATAKANA = "shift_jis"
"""Page 1: half-width katakana, and at 0x95 the line that hosts draw rules with."""

CODE_PAGES = {0: "cp437", 1: KATAKANA, 2: "cp850", 3: "cp860", 16: "cp1252", 17: "cp866", 18: "cp852", 19: "cp858"}
ONE_ARGUMENT_ESC = b" %&=?GMRSTUVcert{-"
ONE_ARGUMENT_GS = b"BIabfr!hwH:^E/"


class Mechanism(Protocol):
    """What the interpreter needs of the printer around it."""

    def advance(self, dots: int) -> None:
        """Move the paper; blocks while paper, cover or an error forbid it."""

    def cut(self) -> None:
        """Cut; blocks while the cutter is stuck."""

    def paper_status(self) -> int:
        """The answer to GS r 1."""
        ...

    def auto_status(self, mask: int) -> None:
        """Switch GS a; 0 is off."""


class Interpreter:
    """One stream of bytes. ``feed`` takes one byte; ``in_data`` says whether the next belongs to binary data."""

    def __init__(
        self, page: PaperRoll, mechanism: Mechanism, reply: Callable[[bytes], None], *, encoding: str = "gb18030"
    ) -> None:
        self.page, self._mechanism, self._reply = page, mechanism, reply
        self._encoding = encoding
        self.in_data = False
        self.unknown: dict[str, int] = {}
        self._symbols: dict[int, bytes] = {}
        self._qr_size, self._qr_level = 3, "l"
        self._graphics: Image.Image | None = None
        self._reset()
        self._reader = self._read()
        next(self._reader)

    def feed(self, byte: int) -> None:
        """Take one byte; blocks while the mechanism does."""
        self._reader.send(byte)

    def _reset(self) -> None:
        """``ESC @``: all settings as after power-on, the automatic status and the line being set among them."""
        self._mechanism.auto_status(0)
        self.page.drop_line()
        self.page.style = Style()
        self.page.align = 0
        self.page.line_dots = LF_DOTS
        self._chinese, self._code_page = True, "cp437"
        self._bar_height, self._bar_width, self._bar_text = 162, 3, 0

    def _read(self) -> Step:
        while True:
            byte = yield
            if byte == 0x1B:
                yield from self._esc((yield))
            elif byte == 0x1D:
                yield from self._gs((yield))
            elif byte == 0x1C:
                yield from self._fs((yield))
            elif byte == 0x10:
                yield from self._dle((yield))
            elif byte == 0x0A:
                self._line_feed()
            elif byte >= 0x20:
                yield from self._character(byte)
            elif byte == 0x09:
                self.page.tab()
            # CR, FF, CAN, NUL and the rest of the control characters do nothing in standard mode.

    def _next_bytes(self, count: int) -> Bytes:
        """The next ``count`` bytes as binary data."""
        self.in_data = True
        taken = bytearray()
        while len(taken) < count:
            taken.append((yield))
        self.in_data = False
        return bytes(taken)

    def _count(self, command: bytes) -> None:
        name = command.hex(" ")
        self.unknown[name] = self.unknown.get(name, 0) + 1

    # -- text ----------------------------------------------------------------------------------------------------

    def _character(self, byte: int) -> Step:
        if byte < 0x80:
            self._put(chr(byte), 1)
        elif self._encoding == "utf8":
            more = 1 if byte < 0xE0 else 2 if byte < 0xF0 else 3
            raw = bytes((byte,)) + (yield from self._next_bytes(more))
            self._put(raw.decode("utf-8", "replace")[:1], 2)
        elif self._chinese:
            yield from self._chinese_character(byte)
        else:
            rule = self._code_page == KATAKANA and byte == 0x95
            self._put("─" if rule else bytes((byte,)).decode(self._code_page, "replace"), 1)

    def _put(self, character: str, columns: int) -> None:
        if not self.page.fits(columns):
            self._line_feed()
        self.page.put(character, columns)

    def _garbage(self) -> None:
        self.page.garbage()
        self._put(GARBAGE, 2)

    def _chinese_character(self, lead: int) -> Step:
        trail = yield
        if 0x30 <= trail <= 0x39:  # a four-byte code: fonts have two-byte areas only
            yield from self._next_bytes(2)
            self._garbage()
            return
        try:
            self._put(bytes((lead, trail)).decode(self._encoding), 2)
        except UnicodeDecodeError:
            self._garbage()

    def _line_feed(self) -> None:
        self._mechanism.advance(self.page.line_height)
        self.page.end_line()

    def _feed_dots(self, dots: int) -> None:
        if self.page.pending:
            self._line_feed()
        self._mechanism.advance(dots)
        self.page.feed(dots)

    # -- commands ------------------------------------------------------------------------------------------------

    def _dle(self, command: int) -> Step:
        """Real-time commands were executed when they came in; here they are only skipped."""
        if command in (0x04, 0x05):
            yield
        elif command == 0x14:
            yield from self._next_bytes(7 if (yield) == 8 else 2)
        else:
            self._count(bytes((0x10, command)))

    def _esc(self, command: int) -> Step:
        style = self.page.style
        match chr(command):
            case "@":
                self._reset()
            case "a":
                self.page.align = (yield) & 3
            case "E" | "G":
                style.bold = bool((yield) & 1)
            case "-":
                style.underline = (yield) & 3 != 0
            case "!":
                self._print_mode((yield))
            case "t":
                self._code_page = CODE_PAGES.get((yield), "cp437")
            case "d":
                self._feed_dots((yield) * self.page.line_dots)
            case "J":
                self._feed_dots((yield))
            case "2":
                self.page.line_dots = LF_DOTS
            case "3":
                self.page.line_dots = yield
            case "$":
                low, high = yield from self._next_bytes(2)
                self.page.move(low + 256 * high, absolute=True)
            case "\\":
                distance = int.from_bytes((yield from self._next_bytes(2)), "little", signed=True)
                self.page.move(distance, absolute=False)
            case "*":
                yield from self._bit_image()
            case "D":
                while (yield):
                    pass
            case "p":
                yield from self._next_bytes(3)
            case "c" | "B":
                yield from self._next_bytes(2)
            case "i" | "m":
                self._cut()
            case "<" | "L" | "\x0c":
                pass
            case other if other.encode("latin-1") in ONE_ARGUMENT_ESC:
                yield
            case _:
                self._count(bytes((0x1B, command)))

    def _print_mode(self, mode: int) -> None:
        style = self.page.style
        style.bold, style.underline = bool(mode & 0x08), bool(mode & 0x80)
        style.high, style.wide = (2 if mode & 0x10 else 1), (2 if mode & 0x20 else 1)

    def _fs(self, command: int) -> Step:
        match chr(command):
            case "&":
                self._chinese = True
            case ".":
                self._chinese = False
            case "!":
                mode = yield
                self.page.style.wide, self.page.style.high = (2 if mode & 4 else 1), (2 if mode & 8 else 1)
            case "-" | "W" | "C":
                yield
            case "S":
                yield from self._next_bytes(2)
            case "(":
                yield
                low, high = yield from self._next_bytes(2)
                yield from self._next_bytes(low + 256 * high)
            case _:
                self._count(bytes((0x1C, command)))

    def _gs(self, command: int) -> Step:
        match chr(command):
            case "!":
                size = yield
                self.page.style.wide, self.page.style.high = (size >> 4 & 7) + 1, (size & 7) + 1
            case "B":
                self.page.style.reverse = bool((yield) & 1)
            case "V":
                if (yield) >= 65:
                    self._feed_dots((yield))
                self._cut()
            case "v":
                yield from self._raster()
            case "k":
                yield from self._barcode((yield))
            case "h":
                self._bar_height = yield
            case "w":
                self._bar_width = yield
            case "H":
                self._bar_text = (yield) & 3
            case "a":
                self._mechanism.auto_status((yield))
            case "r":
                self._reply(bytes((self._mechanism.paper_status() if (yield) in (1, 49) else 0,)))
            case "I":
                self._identify((yield))
            case "(":
                yield from self._extended((yield), 2)
            case "8":
                yield from self._extended((yield), 4)
            case "L" | "W" | "P" | "\\" | "$":
                yield from self._next_bytes(2)
            case other if other.encode("latin-1") in ONE_ARGUMENT_GS:
                yield
            case _:
                self._count(bytes((0x1D, command)))

    def _identify(self, n: int) -> None:
        names = {65: "1.0", 66: "TONGBAN", 67: "TB-80", 68: "SIM0001", 69: "GB18030"}
        if n in names:
            self._reply(b"_" + names[n].encode() + b"\0")
        else:
            self._reply(bytes(({1: 0x20, 2: 0x02, 3: 0x01}.get(n & 0x0F, 0x00),)))

    def _cut(self) -> None:
        if self.page.pending:
            self._line_feed()
        self._mechanism.cut()
        self.page.cut()

    # -- pictures and codes --------------------------------------------------------------------------------------

    def _raster(self) -> Step:
        kind, mode = (yield), (yield)
        if kind != 0x30:
            self._count(b"\x1dv" + bytes((kind,)))
            return
        xl, xh, yl, yh = yield from self._next_bytes(4)
        width, height = xl + 256 * xh, yl + 256 * yh
        data = yield from self._next_bytes(width * height)
        if not data:
            return
        picture = Image.frombytes("1", (width * 8, height), data).convert("L")
        self._print_picture(_scaled(picture, mode & 1, mode >> 1 & 1))

    def _print_picture(self, picture: Image.Image) -> None:
        if self.page.pending:
            self._line_feed()
        for top in range(0, picture.height, LF_DOTS):
            strip = picture.crop((0, top, picture.width, min(top + LF_DOTS, picture.height)))
            self._mechanism.advance(strip.height)
            self.page.picture(strip, first=top == 0, height=picture.height)

    def _bit_image(self) -> Step:
        mode, low, high = yield from self._next_bytes(3)
        depth = 3 if mode in (32, 33) else 1
        width = low + 256 * high
        data = yield from self._next_bytes(width * depth)
        if data:
            rows = Image.frombytes("1", (depth * 8, width), data).transpose(Image.Transpose.TRANSPOSE)
            self._print_picture(rows.convert("L"))

    def _barcode(self, kind: int) -> Step:
        if kind >= 65:
            data = yield from self._next_bytes((yield))
        else:
            collected = bytearray()
            while byte := (yield):
                collected.append(byte)
            data = bytes(collected)
        if self.page.pending:
            self._line_feed()
        self._mechanism.advance(self._bar_height)
        self.page.barcode(kind, data, width=self._bar_width, height=self._bar_height, text=self._bar_text)

    def _extended(self, group: int, length_bytes: int) -> Step:
        length = int.from_bytes((yield from self._next_bytes(length_bytes)), "little")
        data = yield from self._next_bytes(length)
        if group == ord("k") and data[:1] == b"1":
            self._qr(data[1], data[2:])
        elif group == ord("L"):
            self._graphics_data(data[1] if len(data) > 1 else 0, data[2:])
        elif group not in b"ACDEHKMN":
            self._count(b"\x1d(" + bytes((group,)))

    def _qr(self, function: int, data: bytes) -> None:
        if function == 67:
            self._qr_size = data[0]
        elif function == 69:
            self._qr_level = "lmqh"[(data[0] - 48) & 3]
        elif function == 80:
            self._symbols[49] = data[1:]
        elif function == 81 and (symbol := self._symbols.get(49)):
            picture = self.page.qr(symbol, self._qr_size, self._qr_level)
            self._print_picture(picture)

    def _graphics_data(self, function: int, data: bytes) -> None:
        if function == 112:
            width, height = int.from_bytes(data[4:6], "little"), int.from_bytes(data[6:8], "little")
            size = ((width + 7) // 8 * 8, height)
            picture = Image.frombytes("1", size, data[8:]).convert("L")
            self._graphics = _scaled(picture, data[1] - 1, data[2] - 1)
        elif function in (2, 50) and self._graphics is not None:
            self._print_picture(self._graphics)
            self._graphics = None


def _scaled(picture: Image.Image, twice_wide: int, twice_high: int) -> Image.Image:
    size = (picture.width * (2 if twice_wide else 1), picture.height * (2 if twice_high else 1))
    return picture.resize(size, Image.Resampling.NEAREST) if size != picture.size else picture
