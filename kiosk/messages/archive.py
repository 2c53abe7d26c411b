"""Reading a ``tar.bz2`` that a stranger may have made: plain ustar (POSIX.1-1988), regular files, within limits.

What cannot be read costs the bzip2 stream in which it stands: reading goes on where the next one begins. Extended
headers (pax, GNU long names, sparse files) are never interpreted.
"""

from __future__ import annotations

import bz2
import os
import re
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

from kiosk.clock import Clock
from kiosk.messages.foreign import shown

BLOCK = 512
MEMBERS = 100_000
TROUBLES = 1000
_UNPACKED_BYTES, _UNPACKED_TIMES = 64 * 1024 * 1024, 16
"""So much may come out of any file, and so many times its size: sealed bytes and signatures do not compress."""
_TIME_S, _BYTES_A_SECOND = 60.0, 1024 * 1024
"""So long may any file take, and so slow a computer may be."""
_READ_BYTES = 64 * 1024
_STEP_BYTES = 256 * 1024
_SKIPPED_BYTES = 1024 * 1024
# The begin of a bzip2 stream and its first block's magic.
_STREAM = re.compile(rb"BZh[1-9]1AY&SY")
_STREAM_BYTES = 10
_ZEROS = bytes(BLOCK)
_CUT_OFF = "not readable to its end: it is cut off"


class Broken(Exception):
    """Nothing more can be read from this stream."""


class Exhausted(Exception):
    """A limit of the whole file is reached; what follows is not read."""


class Found(NamedTuple):
    """A member's name and content."""

    name: str
    content: bytes


def read_archive(
    file: BinaryIO, room: Callable[[str], int | None], told: Callable[[str], None], pause: Callable[[], None]
) -> Iterator[Found]:
    """Every member that can be read, whatever else is wrong; ``told`` hears each thing that could not be.

    ``room`` says how long a member of this name may be, None: it does not belong here. ``pause`` is called between
    small steps and may end the reading by raising. A member may come twice. Raises OSError when the disk fails.
    """
    budget = _Budget(os.fstat(file.fileno()).st_size, pause)
    start: int | None = 0
    try:
        while start is not None:
            stream = _Unpacked(file, start, budget)
            try:
                yield from _members(stream, budget, room, told)
                return
            except Broken as error:
                told(str(error))
                budget.trouble()
            # The streams in which the rest of a broken member would be may hold whole ones.
            start = _next_stream(file, stream.member_at + 1, budget)
    except Exhausted as error:
        told(f"{error}; the rest was not read")


class _Budget:
    """What one file may cost. Raises Exhausted when it is used up."""

    def __init__(self, packed_bytes: int, pause: Callable[[], None]) -> None:
        self._pause = pause
        self._now = Clock().monotonic
        self._unpacked_left = _UNPACKED_BYTES + _UNPACKED_TIMES * packed_bytes
        self._ends_at = self._now() + _TIME_S + packed_bytes / _BYTES_A_SECOND
        self._members_left, self._streams_left, self._troubles_left = MEMBERS, 2 * MEMBERS, TROUBLES

    def step(self, unpacked_bytes: int = 0) -> None:
        self._pause()
        self._unpacked_left -= unpacked_bytes
        if self._unpacked_left < 0:
            raise Exhausted("unpacks to far more than it could hold")
        if self._now() > self._ends_at:
            raise Exhausted("takes too long to read")

    def member(self) -> None:
        self._members_left -= 1
        if self._members_left < 0:
            raise Exhausted(f"more than {MEMBERS} members")

    def stream(self) -> None:
        self._streams_left -= 1
        if self._streams_left < 0:
            raise Exhausted(f"more than {2 * MEMBERS} streams")

    def trouble(self) -> None:
        self._troubles_left -= 1
        if self._troubles_left < 0:
            raise Exhausted(f"damaged in more than {TROUBLES} places")


class _Unpacked:
    """The unpacked bytes of one bzip2 stream after the other.

    ``began_at``: where the present one begins, ``member_at``: that in which the present member begins.
    """

    def __init__(self, file: BinaryIO, start: int, budget: _Budget) -> None:
        self._file, self._budget = file, budget
        self._packed = b""
        self._position = self.member_at = start
        file.seek(start)
        self._begin(b"")

    def read(self, wanted: int) -> bytes:
        """So many bytes, fewer at the end. Raises Broken, Exhausted, OSError when the disk fails."""
        return b"".join(self._pieces(wanted))

    def skip(self, unwanted: int) -> None:
        """Reads over so many bytes. Raises as ``read`` does."""
        if sum(map(len, self._pieces(unwanted))) < unwanted:
            raise Broken(_CUT_OFF)

    def _pieces(self, wanted: int) -> Iterator[bytes]:
        while wanted and self._has_more():
            try:
                got = self._decompressor.decompress(self._packed, min(wanted, _STEP_BYTES))
            except (OSError, ValueError) as error:
                raise Broken(f"damaged after byte {self.began_at}: {error}") from None
            self._packed = b""
            self._budget.step(len(got))
            wanted -= len(got)
            yield got
            if self._decompressor.eof:
                self._begin(self._decompressor.unused_data)

    def _has_more(self) -> bool:
        if self._packed or not self._decompressor.needs_input:
            return True
        self._packed = self._file.read(_READ_BYTES)
        self._position += len(self._packed)
        if not self._packed and self._position > self.began_at:
            raise Broken(_CUT_OFF)
        return bool(self._packed)

    def _begin(self, rest: bytes) -> None:
        self._budget.stream()
        self._packed = rest
        self.began_at = self._position - len(rest)
        self._decompressor = bz2.BZ2Decompressor()


def _members(
    stream: _Unpacked, budget: _Budget, room: Callable[[str], int | None], told: Callable[[str], None]
) -> Iterator[Found]:
    ended = False
    while header := stream.read(BLOCK):
        if ended := header == _ZEROS:
            stream.member_at = stream.began_at
            continue
        budget.member()
        name, size, is_folder = _judged(header)
        limit = None if is_folder else room(name)
        if limit is None and size <= _SKIPPED_BYTES:
            told(f"no part of a batch: {shown(name)}")
            stream.skip(_padded(size))
        elif limit is None or size > limit:
            raise Broken(f"{shown(name)} is longer than {limit or _SKIPPED_BYTES} bytes")
        else:
            content = stream.read(size)
            if len(content) < size:
                raise Broken(_CUT_OFF)
            stream.skip(_padded(size) - size)
            yield Found(name, content)
        stream.member_at = stream.began_at
    if not ended:
        raise Broken(_CUT_OFF)


def _judged(header: bytes) -> tuple[str, int, bool]:
    """Name, length and whether it is a folder. Raises Broken for all but plain regular files and folders."""
    if len(header) < BLOCK:
        raise Broken(_CUT_OFF)
    if header[257:265] != b"ustar\x0000":
        raise Broken("damaged, or not a plain ustar archive (tar --format=ustar makes one)")
    if _octal(header[148:156]) != sum(header[:148]) + 8 * ord(" ") + sum(header[156:]):
        raise Broken("a header whose sum is wrong")
    name, size, kind = _name(header), _octal(header[124:136]), header[156:157]
    is_folder = kind == b"5" and size == 0
    if kind not in (b"0", b"\0") and not is_folder:
        raise Broken(f"{shown(name)} is no regular file (type {kind!r})")
    return name, size, is_folder


def _name(header: bytes) -> str:
    name, prefix = (header[start:end].split(b"\0", 1)[0] for start, end in ((0, 100), (345, 500)))
    try:
        return (prefix + b"/" + name if prefix else name).decode()
    except UnicodeDecodeError:
        raise Broken("a name that is not UTF-8") from None


def _octal(field: bytes) -> int:
    digits = field.split(b"\0", 1)[0].strip(b" ")
    if not digits or digits.strip(b"01234567"):
        raise Broken("a header with a number that is none")
    return int(digits, 8)


def _padded(size: int) -> int:
    return size + -size % BLOCK


def _next_stream(file: BinaryIO, position: int, budget: _Budget) -> int | None:
    """Where the next stream begins; None: nowhere."""
    file.seek(position)
    tail = b""
    while chunk := file.read(_READ_BYTES):
        budget.step()
        window = tail + chunk
        if found := _STREAM.search(window):
            return position - len(tail) + found.start()
        position += len(chunk)
        tail = window[1 - _STREAM_BYTES :]
    return None
