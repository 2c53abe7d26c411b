"""Frames of the SAM_V / SAM_A card module: bytes to frames and back, no I/O.

Host to reader ``AA AA AA 96 69 | Len | CMD PARA | data | XOR``, reader to host ``AA AA AA 96 69 | Len | SW1 SW2 SW3 |
data | XOR``. Len is two bytes, high first, and counts everything after itself including the XOR; the XOR covers
everything from Len to the last data byte. Source: the module's protocol paper (GA 467 module).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from functools import reduce
from operator import xor

PREAMBLE = bytes.fromhex("AAAAAA9669")
VENDOR_TIMEOUT = bytes.fromhex("AAAAAA96690005050505")
"""Some modules say "timed out" so: a length of 5 with three bytes behind it and no XOR."""

MIN_LEN, MAX_LEN = 4, 0x090A
"""Bounds of a reply's Len: a bare status, and text + photo + two fingerprints."""

BAUDRATES = (115200, 57600, 38400, 19200, 9600)
"""Speeds of the module; the index is the parameter of the command that sets one."""


@dataclass(frozen=True, slots=True)
class Command:
    """A request: its two bytes, the status byte of a good answer, that answer's data lengths, and how long to wait."""

    cmd: int
    para: int
    good: int
    lengths: tuple[int, ...] = (0,)
    timeout_s: float = 1.0

    def fits(self, frame: Frame) -> bool:
        """Whether ``frame`` can answer this command; a late answer to an earlier one mostly cannot."""
        if frame.sw3 == self.good:
            return len(frame.data) in self.lengths
        return not frame.data and frame.sw3 not in (OK, CARD_FOUND)


OK, CARD_FOUND, NO_CONTENT = 0x90, 0x9F, 0x91
NO_CARD, SELECT_FAILED = 0x80, 0x81
BAD_CHECKSUM, BAD_LENGTH, BAD_COMMAND, NOT_PERMITTED, UNKNOWN_ERROR = 0x10, 0x11, 0x21, 0x23, 0x24
CARD_REJECTS_SAM, SAM_REJECTS_CARD, VERIFICATION_FAILED = 0x31, 0x32, 0x33
UNKNOWN_CARD, READ_FAILED, RANDOM_NUMBER_FAILED = 0x40, 0x41, 0x47
SELF_TEST_FAILED, NOT_AUTHORISED, LINK_FAULT = 0x60, 0x66, 0xFF

RESET_SAM = Command(0x10, 0xFF, OK)
SAM_STATUS = Command(0x11, 0xFF, OK)
SAM_ID = Command(0x12, 0xFF, OK, (16,))
FIND_CARD = Command(0x20, 0x01, CARD_FOUND, (4,))
SELECT_CARD = Command(0x20, 0x02, OK, (8,))
READ_TEXT_PHOTO = Command(0x30, 0x01, OK, (0x508 - 4,), timeout_s=3.0)
READ_TEXT_PHOTO_FINGER = Command(0x30, 0x10, OK, (0x50A - 4, 0x70A - 4, 0x90A - 4), timeout_s=3.0)
READ_ADDED_ADDRESS = Command(0x30, 0x03, OK, (70, 140, 210, 280), timeout_s=3.0)
READ_CHIP_NUMBER = Command(0x30, 0x05, OK, (28,), timeout_s=3.0)

HARD_STOP_S = 5.0
"""No exchange takes longer, whatever trickles in."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A reply. Its data may be a person's: it is left out of ``repr``."""

    sw1: int
    sw2: int
    sw3: int
    data: bytes = field(default=b"", repr=False)

    @property
    def timed_out(self) -> bool:
        """Whether it is the odd frame by which some modules say that the card did not answer in time."""
        return (self.sw1, self.sw2, self.sw3) == (5, 5, 5)


def encode(cmd: int, para: int, data: bytes = b"") -> bytes:
    """The request frame of a command."""
    body = struct.pack(">HBB", len(data) + 3, cmd, para) + data
    return PREAMBLE + body + bytes([checksum(body)])


def checksum(body: bytes | bytearray) -> int:
    """XOR of all bytes."""
    return reduce(xor, body, 0)


class Decoder:
    """Finds replies in a stream of bytes that may hold anything else besides.

    Noise, absurd lengths and wrong checksums are skipped byte by byte, so a good frame is never lost to a bad one
    before it. ``damaged`` counts starts of frames that turned out to be none.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.damaged = 0

    @property
    def inside_frame(self) -> bool:
        """Whether the buffer begins with what may become a frame."""
        return self._buffer.startswith(PREAMBLE)

    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes in; returns the frames that they complete."""
        self._buffer += data
        frames = []
        while (frame := self._next()) is not None:
            frames.append(frame)
        return frames

    def stalled(self) -> list[Frame]:
        """Nothing more will come: give an unfinished frame up and look for whole ones inside what it had swallowed."""
        frames = []
        while len(self._buffer) > len(PREAMBLE):
            self._reject()
            frames += self.feed(b"")
        return frames

    def reset(self) -> None:
        """Forget what is buffered, erasing it first: it may be a person's."""
        self._drop(len(self._buffer))
        self.damaged = 0

    def _next(self) -> Frame | None:
        while True:
            start = self._buffer.find(PREAMBLE)
            if start < 0:
                self._drop(len(self._buffer) - len(PREAMBLE) + 1)
                return None
            self._drop(start)
            if self._buffer.startswith(VENDOR_TIMEOUT):
                self._drop(len(VENDOR_TIMEOUT))
                return Frame(5, 5, 5)
            if len(self._buffer) < len(PREAMBLE) + 2:
                return None
            length = int.from_bytes(self._buffer[5:7])
            if MIN_LEN <= length <= MAX_LEN:
                if len(self._buffer) < 7 + length:
                    return None
                if (frame := self._checked_frame(7 + length)) is not None:
                    return frame
            self._reject()

    def _checked_frame(self, size: int) -> Frame | None:
        body = self._buffer[5:size]
        if checksum(body):
            return None
        self._drop(size)
        return Frame(body[2], body[3], body[4], bytes(body[5:-1]))

    def _reject(self) -> None:
        self.damaged += 1
        self._drop(1)

    def _drop(self, count: int) -> None:
        if count > 0:
            self._buffer[:count] = bytes(count)
            del self._buffer[:count]


def split_read(data: bytes) -> tuple[bytes, bytes, bytes] | None:
    """Text, photo and fingerprint blocks of a read's data; None when its inner lengths do not add up.

    The lengths stand before the blocks, two bytes each, high first: two of them (30 01) or three (30 10).
    """
    for heads in (2, 3):
        if len(data) < 2 * heads:
            return None
        lengths = struct.unpack_from(f">{heads}H", data)
        if lengths[0] == 256 and 2 * heads + sum(lengths) == len(data):
            text_end = 2 * heads + lengths[0]
            photo_end = text_end + lengths[1]
            return data[2 * heads : text_end], data[text_end:photo_end], data[photo_end:]
    return None


def show_sam_id(data: bytes) -> str:
    """The SAM's number as it is printed: ``05.01-20100720-0001036050-0288634305``. ``data`` is 16 bytes."""
    first, second, day, serial_high, serial_low = struct.unpack("<HHIII", data)
    return f"{first:02d}.{second:02d}-{day:08d}-{serial_high:010d}-{serial_low:010d}"
