"""Batch files of the file carrier (CONTRACTS §6, docs/file-carrier.md): envelopes with their parcels, and answers.

A batch is a ``tar.bz2`` that any tool opens. Each member is a bzip2 stream of its own, so that damage costs the members
that it hits and no others. What a member is called only says what to expect in it; nothing is believed for its name.
"""

from __future__ import annotations

import bz2
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

import msgspec

from kiosk.messages import foreign
from kiosk.messages.archive import BLOCK, read_archive
from kiosk.messages.bounds import KIOSK_ID
from kiosk.messages.envelope import ENVELOPE_BYTES, PARCEL_BYTES
from kiosk.messages.foreign import OpenFolder, Refused

SUFFIX = ".tbz"
FILE_BYTES = 4 * 1024**3
"""A batch is no longer; it is what FAT can hold."""
LIMIT_BYTES = {
    "envelopes": ENVELOPE_BYTES,
    "parcels": PARCEL_BYTES,
    "receipts": 64 * 1024,
    "refusals": 64 * 1024,
}
SPOKEN_BYTES = 64 * 1024 * 1024
"""All envelopes and answers of one batch together: they are held in memory."""
TROUBLES_TOLD = 100
_MEMBER = re.compile(r"(?:\./)?(envelopes|parcels|receipts|refusals)/[^/]{1,80}")
_NAME = re.compile(rf"(?P<kiosk_id>{KIOSK_ID})-(?P<first>\d{{1,16}})-(?P<last>\d{{1,16}})\.tbz")
_DIGITS = 16
_NOBODYS = frozenset({""})
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


def own_place(folder: OpenFolder, kiosk_id: str, seq: int, key: str, keys_in: Callable[[str], Iterable[str]]) -> str:
    """The name for one envelope, or the answer to it, by itself: its number, with zeros before it if need be.

    Each store that a machine had has its own number 1; a file that speaks of another key is not written over.
    ``keys_in`` tells of which keys the file of a name speaks. Raises OSError.
    """
    digits = len(str(seq))
    for width in range(digits, _DIGITS):
        name = batch_name(kiosk_id, f"{seq:0{width}}", f"{seq:0{width}}")
        if folder.identity(name) is None or set(keys_in(name)) <= {key}:
            return name
    raise FileExistsError(f"there are {_DIGITS - digits} files for number {seq} of {kiosk_id}")


def keys_in(source: Path | BinaryIO, pause: Callable[[], None] = lambda: None) -> frozenset[str]:
    """The keys of the envelopes, or of the answers, in a file, by the names of its members. Raises Refused, OSError."""
    found = [member.name for member in read_batch(source, lambda _: None, pause) if member.kind != "parcels"]
    return frozenset(name.removesuffix(".json") for name in found)


def keys_below(folder: OpenFolder, name: str, pause: Callable[[], None] = lambda: None) -> frozenset[str]:
    """The same by name; what is no file of ours speaks of nobody's key. Raises OSError."""
    try:
        with folder.open_file(name, FILE_BYTES) as file:
            return keys_in(file, pause)
    except Refused:
        return _NOBODYS


def named_machine(name: str) -> str | None:
    """The machine that a file name claims; None when it has another form."""
    found = _NAME.fullmatch(name)
    return found and found["kiosk_id"]


def write_batch(path: Path, members: Iterable[Member]) -> int:
    """Writes a batch by its path, where nothing is yet. Raises Refused, OSError."""
    return foreign.write(path, _packed(members))


def write_below(folder: OpenFolder, name: str, members: Iterable[Member]) -> int:
    """Writes a batch that is whole or not there, and durable; gives its bytes. Raises OSError."""
    return folder.write(name, _packed(members))


def pack(members: Iterable[Member]) -> bytes:
    """A batch that goes on at once, over the network."""
    return b"".join(_packed(members))


def _packed(members: Iterable[Member]) -> Iterator[bytes]:
    for member in members:
        yield bz2.compress(_tar(member), _LEVEL)
    yield bz2.compress(bytes(2 * BLOCK), _LEVEL)


def _tar(member: Member) -> bytes:
    info = tarfile.TarInfo(f"{member.kind}/{member.name}")
    info.size, info.mode = len(member.content), 0o644
    return info.tobuf(tarfile.USTAR_FORMAT) + member.content + bytes(-len(member.content) % BLOCK)


def members_of(envelope_wire: bytes, key: str, parcels: Iterable[tuple[str, bytes]]) -> Iterator[Member]:
    """One envelope as members: its wire form first, then its parcels by digest."""
    yield Member("envelopes", f"{key}.json", envelope_wire)
    yield from (Member("parcels", digest, sealed) for digest, sealed in parcels)


def read_batch(
    source: Path | BinaryIO, damaged: Callable[[str], None], pause: Callable[[], None] = lambda: None
) -> Iterator[Member]:
    """Every member that can be read, whatever else is wrong; ``damaged`` is told each thing that could not be.

    A path is opened as a stranger's, a file is read from its begin. ``pause`` is called between small steps and may
    end the reading by raising. A member may come twice. Raises Refused when a path is not opened, OSError when the
    disk fails.
    """
    if isinstance(source, Path):
        with foreign.opened(source, FILE_BYTES) as file:
            yield from read_batch(file, damaged, pause)
        return
    told = _at_most(TROUBLES_TOLD, damaged)
    spoken = 0
    for name, content in read_archive(source, _room, told, pause):
        kind = _kind(name)
        spoken += len(content) if kind != "parcels" else 0
        if spoken > SPOKEN_BYTES:
            told(f"more than {SPOKEN_BYTES // 2**20} MB of envelopes and answers; the rest was not read")
            return
        yield Member(kind, name.rpartition("/")[2], content)


def _room(name: str) -> int | None:
    return LIMIT_BYTES.get(_kind(name))


def _kind(name: str) -> str:
    found = _MEMBER.fullmatch(name)
    return found[1] if found else ""


def _at_most(count: int, damaged: Callable[[str], None]) -> Callable[[str], None]:
    left = count

    def told(what: str) -> None:
        nonlocal left
        left -= 1
        if left >= 0:
            damaged(what)
        elif left == -1:
            damaged("and more")

    return told
