"""Looks for many byte strings at once in the memory of a running process and in files."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

_CHUNK = 1 << 18
_WORD, _LEAST = 4, 6
_SPREAD, _OTHER = np.uint32(2654435761), np.uint32(2246822519)
_SMALL, _FINE = np.uint32(12), np.uint32(10)
"""What is left of 32 bits after it is a sieve's number of bits: the small one fits a processor's second cache."""
_ZEROS = 64
Hits = dict[str, dict[str, set[str]]]


class Search:
    """Patterns by name, each at least six bytes. A chunk of memory is gone over once, however many there are.

    Two sieves: a small one for each place, on four bytes; a fine one for what passes it, on up to four more. What
    passes both is compared.
    """

    def __init__(self, patterns: Mapping[str, bytes]) -> None:
        self._by_head: dict[bytes, list[tuple[str, bytes]]] = defaultdict(list)
        self._small = np.zeros(1 << 20, bool)
        self._fine: dict[int, np.ndarray] = {}
        by_second: dict[int, list[bytes]] = defaultdict(list)
        for name, raw in patterns.items():
            self._by_head[raw[:_LEAST]].append((name, raw))
            by_second[min(_WORD, len(raw) - _WORD)].append(raw)
        for second, raws in by_second.items():
            first, other = (np.frombuffer(b"".join(raw[at : at + _WORD] for raw in raws), "<u4") for at in (0, second))
            self._small[first * _SPREAD >> _SMALL] = True
            self._fine[second] = np.zeros(1 << 22, bool)
            self._fine[second][_mixed(first, other)] = True
        self.longest = max(map(len, patterns.values()), default=0)

    def found(self, chunk: bytes) -> set[str]:
        """Names of the patterns that are in ``chunk``."""
        if not self._by_head or not np.frombuffer(chunk, np.uint8).any():
            return set()
        padded = chunk + bytes(2 * _WORD)
        hits = set()
        for at in self._places(padded):
            for name, pattern in self._by_head.get(padded[at : at + _LEAST], ()):
                if name not in hits and chunk.startswith(pattern, at):
                    hits.add(name)
        return hits

    def _places(self, chunk: bytes) -> Iterator[int]:
        words = [np.frombuffer(chunk, "<u4", (len(chunk) - n) // _WORD, n) for n in range(_WORD)]
        for shift, here in enumerate(words):
            passed = np.flatnonzero(self._small.take(here * _SPREAD >> _SMALL))
            if not passed.size:
                continue
            for second, fine in self._fine.items():
                there, ahead = words[(shift + second) % _WORD], (shift + second) // _WORD
                both = passed[passed + ahead < len(there)]
                both = both[fine[_mixed(here[both], there[both + ahead])]]
                yield from (both * _WORD + shift).tolist()


def _mixed(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return (first * _SPREAD ^ second * _OTHER) * _SPREAD >> _FINE


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
    hits: dict[str, set[str]] = defaultdict(set)
    for kind, raw in regions:
        for at in range(0, len(raw), _CHUNK):
            for name in search.found(raw[at : at + _CHUNK + search.longest]):
                hits[kind].add(name)
    return dict(hits)


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
