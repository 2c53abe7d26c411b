"""Batch files of the file carrier (CONTRACTS §6, docs/file-carrier.md): envelopes with their parcels, and answers.

A batch is a ``tar.bz2`` that any tool opens. Each member is a bzip2 stream of its own, so that damage costs the members
that it hits and no others. What a member is called only says what to expect in it; nothing is believed for its name.
"""

from __future__ import annotations

import bz2
import io
import os
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

SUFFIX = ".tbz"
MEMBER_LIMIT_BYTES = 64 * 1024 * 1024
_MEMBER = re.compile(r"(?:\./)?(envelopes|parcels|receipts|refusals)/[^/]{1,80}")
_NAME = re.compile(r"(?P<kiosk_id>[A-Za-z0-9_.-]{1,64})-(?P<first>\d{1,16})-(?P<last>\d{1,16})\.tbz")
# The begin of a bzip2 stream and its first block's magic.
_STREAM = re.compile(rb"BZh[1-9]1AY&SY")
_DIGITS = 16
_READ_BYTES = 1024 * 1024
_BLOCK = tarfile.BLOCKSIZE
# Sealed bytes do not compress: the least effort costs the least time and memory.
_LEVEL = 1


class BatchResult(msgspec.Struct, frozen=True):
    """One envelope of ``POST /v1/batches``; ``receipt`` is the hub's, as JSON text, where there is one."""

    result: Literal["accepted", "known", "rejected"]
    reason: str
    kiosk_id: str
    seq: int
    key: str
    receipt: str | None = None


class BatchAnswer(msgspec.Struct, frozen=True):
    """What became of a batch that one machine brought for others; ``trouble`` is what could not be read."""

    results: list[BatchResult]
    trouble: list[str]


class Member(NamedTuple):
    """One member: ``kind`` is ``envelopes``, ``parcels``, ``receipts`` or ``refusals``, ``name`` a hint at most."""

    kind: str
    name: str
    content: bytes


def batch_name(kiosk_id: str, first: int | str, last: int | str) -> str:
    """``<kiosk_id>-<first seq>-<last seq>.tbz``."""
    return f"{kiosk_id}-{first}-{last}{SUFFIX}"


def own_place(folder: Path, kiosk_id: str, seq: int, key: str, keys_in: Callable[[Path], Iterable[str]]) -> Path:
    """Where one envelope, or the answer to it, goes by itself: under its number, with zeros before it if need be.

    Each store that a machine had has its own number 1; a file that speaks of another key is not written over.
    ``keys_in`` tells of which keys a file speaks. Raises OSError.
    """
    digits = len(str(seq))
    for width in range(digits, _DIGITS):
        place = folder / batch_name(kiosk_id, f"{seq:0{width}}", f"{seq:0{width}}")
        if not place.exists() or set(keys_in(place)) <= {key}:
            return place
    raise FileExistsError(f"{folder} has {_DIGITS - digits} files for number {seq} of {kiosk_id}")


def keys_in(path: Path) -> frozenset[str]:
    """The keys of the envelopes, or of the answers, in a file, by the names of its members. Raises OSError."""
    found = [member.name for member in read_batch(path, lambda _: None) if member.kind != "parcels"]
    return frozenset(name.removesuffix(".json") for name in found)


def named_machine(name: str) -> str | None:
    """The machine that a file name claims; None when it has another form."""
    found = _NAME.fullmatch(name)
    return found and found["kiosk_id"]


def write_batch(path: Path, members: Iterable[Member]) -> int:
    """Writes a batch that is whole or not there: ``.tmp``, synced, renamed, the folder synced. Gives its bytes."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("wb") as file:
            for member in members:
                file.write(bz2.compress(_tar(member), _LEVEL))
            file.write(bz2.compress(bytes(2 * _BLOCK), _LEVEL))
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
    return size


def sync_folder(folder: Path) -> None:
    """A name is durable only after its folder is."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class FileIdentity(NamedTuple):
    """Which file it was, whatever has its name now."""

    inode: int
    bytes: int
    modified_ns: int


def identity_of(path: Path) -> FileIdentity:
    """Raises OSError."""
    found = path.stat()
    return FileIdentity(found.st_ino, found.st_size, found.st_mtime_ns)


def take_away(path: Path, identity: FileIdentity) -> None:
    """Removes a file that was read, but not one that has taken its name meanwhile. Raises OSError."""
    if path.exists() and identity_of(path) == identity:
        path.unlink(missing_ok=True)


def put_aside(path: Path, folder: Path, trouble: list[str]) -> None:
    """Copies a file into ``folder`` with its reasons beside it; nothing that was not understood is thrown away."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / path.name
    (kept.parent / f"{kept.name}.txt").write_text("\n".join(trouble) + "\n", "utf-8")
    temporary = kept.with_name(kept.name + ".tmp")
    temporary.write_bytes(path.read_bytes())
    temporary.replace(kept)
    sync_folder(folder)


def members_of(envelope_wire: bytes, key: str, parcels: Iterable[tuple[str, bytes]]) -> Iterator[Member]:
    """One envelope as members: its wire form first, then its parcels by digest."""
    yield Member("envelopes", f"{key}.json", envelope_wire)
    yield from (Member("parcels", digest, sealed) for digest, sealed in parcels)


def read_batch(path: Path, damaged: Callable[[str], None]) -> Iterator[Member]:
    """Every member that can be read, whatever else is wrong; ``damaged`` is told each thing that could not be.

    A member may come twice. Raises OSError when the disk fails.
    """
    with path.open("rb") as file:
        source = _Unpacked(file)
        try:
            yield from _members(source, damaged)
        except (tarfile.TarError, EOFError, ValueError) as error:
            damaged(f"not readable to its end: {error}")
        else:
            if source.trouble is None:
                return
            damaged(f"not readable to its end: {source.trouble}")
        for start in _streams_after(path, source.stream_start):
            yield from _alone(file, start)


def _tar(member: Member) -> bytes:
    info = tarfile.TarInfo(f"{member.kind}/{member.name}")
    info.size, info.mode = len(member.content), 0o644
    padding = bytes(-len(member.content) % _BLOCK)
    return info.tobuf(tarfile.USTAR_FORMAT) + member.content + padding


def _members(source: io.RawIOBase, damaged: Callable[[str], None]) -> Iterator[Member]:
    with tarfile.open(fileobj=io.BufferedReader(source, _READ_BYTES), mode="r|") as archive:
        for info in archive:
            found = _MEMBER.fullmatch(info.name)
            if info.isdir():
                continue
            if found is None or not info.isfile():
                damaged(f"no part of a batch: {info.name[:80]!r}")
            elif info.size > MEMBER_LIMIT_BYTES:
                damaged(f"{info.name} is longer than {MEMBER_LIMIT_BYTES} bytes")
            else:
                yield _read(archive, info, found[1])


def _read(archive: tarfile.TarFile, info: tarfile.TarInfo, kind: str) -> Member:
    opened = archive.extractfile(info)
    content = opened.read() if opened else b""
    if len(content) != info.size:
        raise EOFError(f"{info.name} is cut off")
    return Member(kind, info.name.rpartition("/")[2], content)


def _alone(file: io.BufferedReader, start: int) -> Iterator[Member]:
    """The members of the one stream that begins at ``start``; nothing when it is damaged itself."""
    file.seek(start)
    try:
        yield from _members(_Unpacked(file, start, one=True), lambda _: None)
    except (tarfile.TarError, EOFError, ValueError):
        return


def _streams_after(path: Path, position: int) -> Iterator[int]:
    """Where a stream begins after ``position``."""
    with path.open("rb") as file:
        file.seek(position)
        base, tail = position, b""
        while chunk := file.read(_READ_BYTES):
            window = tail + chunk
            for found in _STREAM.finditer(window):
                if base + found.start() > position:
                    yield base + found.start()
            keep = 9
            tail = window[-keep:]
            base += len(window) - len(tail)


class _Unpacked(io.RawIOBase):
    """The unpacked bytes of one bzip2 stream after the other; ends at damage, which ``trouble`` then names."""

    def __init__(self, file: io.BufferedReader, start: int = 0, *, one: bool = False) -> None:
        self._file = file
        self._one = one
        self._position = start
        self._packed = b""
        self._decompressor: bz2.BZ2Decompressor | None = bz2.BZ2Decompressor()
        self.stream_start = start
        self.trouble: str | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        got = self._next(len(buffer))
        buffer[: len(got)] = got
        return len(got)

    def _next(self, limit: int) -> bytes:
        while self._decompressor is not None:
            if not self._packed and self._decompressor.needs_input:
                self._packed = self._file.read(_READ_BYTES)
                self._position += len(self._packed)
                if not self._packed:
                    return self._end()
            try:
                got = self._decompressor.decompress(self._packed, limit)
            except (OSError, ValueError) as error:
                return self._end(str(error))
            self._packed = b""
            if self._decompressor.eof:
                self._begin(self._decompressor.unused_data)
            if got:
                return got
        return b""

    def _begin(self, rest: bytes) -> None:
        self._packed = rest
        self.stream_start = self._position - len(rest)
        self._decompressor = None if self._one else bz2.BZ2Decompressor()

    def _end(self, trouble: str | None = None) -> bytes:
        begun = self._position - len(self._packed) > self.stream_start
        self.trouble = trouble or ("it is cut off" if begun or not self._position else None)
        self._decompressor = None
        return b""
