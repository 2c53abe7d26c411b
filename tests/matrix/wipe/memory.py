"""Looks for many byte strings at once in the memory of a running process and in files."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import hyperscan

_CHUNK = 1 << 18
_ZEROS = 64
_FLAGS = hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_DOTALL
Hits = dict[str, dict[str, set[str]]]


class Search:
    """Patterns by name. Memory is gone over once, however many they are."""

    def __init__(self, patterns: Mapping[str, bytes]) -> None:
        self._names = list(patterns)
        self._database = hyperscan.Database()
        if patterns:
            # As expressions: what is taken as it stands would end at its first zero byte.
            written = ["".join(f"\\x{byte:02x}" for byte in raw).encode() for raw in patterns.values()]
            numbers = range(len(written))
            self._database.compile(
                expressions=written, ids=numbers, elements=len(written), flags=[_FLAGS] * len(written)
            )

    def found(self, raw: bytes) -> set[str]:
        """Names of the patterns that are in ``raw``."""
        hits: set[str] = set()
        if self._names and raw:
            self._database.scan(raw, match_event_handler=lambda number, *_: hits.add(self._names[number]))
        return hits


class Copy:
    """What stood in some processes and files at one moment, taken quickly and searched afterwards.

    Of a process only what it can write is taken, without what it never touched.
    """

    def __init__(self, pids: Mapping[str, int], folders: Iterable[Path] = ()) -> None:
        self._processes = {name: list(_regions(pid)) for name, pid in pids.items()}
        paths = (path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file())
        self._files = [(f"{path.parent.name}/{path.name}", path.read_bytes()) for path in paths]

    def found(self, search: Search) -> Hits:
        """Where anything is found: process or "files", then mapping or file, then names of patterns."""
        places = {**self._processes, "files": self._files}
        hits = {name: _found(regions, search) for name, regions in places.items()}
        return {name: found for name, found in hits.items() if found}

    def after(self, name: str, head: bytes, count: int = 6000) -> list[bytes]:
        """What follows each ``head`` in a process, ``count`` bytes at most."""
        found = []
        for _, raw in self._processes[name]:
            at = raw.find(head)
            while at >= 0:
                found.append(raw[at : at + count])
                at = raw.find(head, at + len(head))
        return found

    def around(self, pattern: bytes, count: int = 48) -> list[bytes]:
        """The bytes around each place of ``pattern``, to see what kept it."""
        everything = [*(region for regions in self._processes.values() for region in regions), *self._files]
        return [raw[max(0, at - count) : at + count] for _, raw in everything if (at := raw.find(pattern)) >= 0]


def _found(regions: Iterable[tuple[str, bytes]], search: Search) -> dict[str, set[str]]:
    hits: dict[str, set[str]] = {}
    for kind, raw in regions:
        if found := search.found(raw):
            hits.setdefault(kind, set()).update(found)
    return hits


def _regions(pid: int) -> Iterator[tuple[str, bytes]]:
    """Kind of mapping and contents; a stretch that was never touched parts two regions."""
    try:
        lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
        memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    except (FileNotFoundError, ProcessLookupError):
        return
    try:
        for line in lines:
            where, rights, *_, last = line.split()
            if rights.startswith("rw"):
                start, end = (int(x, 16) for x in where.split("-"))
                for raw in _touched(memory, start, end):
                    yield last if "/" in last or "[" in last else "anonymous", raw
    finally:
        os.close(memory)


def _touched(memory: int, start: int, end: int) -> Iterator[bytes]:
    whole = bytearray()
    for at in range(start, end, _CHUNK):
        try:
            chunk = os.pread(memory, min(_CHUNK, end - at), at)
        except OSError:
            chunk = b""
        if chunk.strip(b"\0"):
            whole += chunk
        elif whole:
            # What ends in zeros may reach into the stretch that was never touched.
            yield bytes(whole + bytes(_ZEROS))
            whole = bytearray()
    if whole:
        yield bytes(whole)


def children(pid: int) -> list[int]:
    """All processes below ``pid``."""
    try:
        own = [int(x) for t in Path(f"/proc/{pid}/task").iterdir() for x in (t / "children").read_text().split()]
    except FileNotFoundError:
        return []
    return own + [below for each in own for below in children(each)]


def state_of(process: subprocess.Popen[bytes]) -> str:
    """How it ended, or what the kernel says of it and of all below it."""
    if (code := process.poll()) is not None:
        return f"the machine ended with {code}"
    found = []
    for pid in (process.pid, *children(process.pid)):
        with suppress(FileNotFoundError, ProcessLookupError):
            said = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            found.append(f"{pid} {said[0]} {Path(f'/proc/{pid}/wchan').read_text()} {said[11]} ticks")
    return ", ".join(found)
