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
_SMALL, _FINE = np.uint32(16), np.uint32(10)


class Search:
    """Patterns by name, each at least six bytes. A chunk of memory is gone over once, however many there are.

    Two sieves: a small one for each place, on four bytes; a fine one for what passes it, on up to four more. What
    passes both is compared.
    """

    def __init__(self, patterns: Mapping[str, bytes]) -> None:
        self._by_head: dict[bytes, list[tuple[str, bytes]]] = defaultdict(list)
        self._small = np.zeros(1 << 16, bool)
        self._fine: dict[int, np.ndarray] = {}
        for name, raw in patterns.items():
            second = min(_WORD, len(raw) - _WORD)
            words = np.frombuffer(raw[:_WORD] + raw[second : second + _WORD], "<u4")
            self._by_head[raw[:_LEAST]].append((name, raw))
            self._small[words[:1] * _SPREAD >> _SMALL] = True
            self._fine.setdefault(second, np.zeros(1 << 22, bool))[_mixed(words[:1], words[1:])] = True
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
            passed = np.flatnonzero(self._small[(here * _SPREAD >> _SMALL).astype(np.uint16)])
            for second, fine in self._fine.items():
                there, ahead = words[(shift + second) % _WORD], (shift + second) // _WORD
                both = passed[passed + ahead < len(there)]
                both = both[fine[_mixed(here[both], there[both + ahead])]]
                yield from (both * _WORD + shift).tolist()


def _mixed(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return (first * _SPREAD ^ second * _OTHER) * _SPREAD >> _FINE


def in_process(pid: int, search: Search) -> dict[str, set[str]]:
    """Pattern names by the kind of mapping they were found in. Only what the process can write is looked at."""
    hits: dict[str, set[str]] = defaultdict(set)
    for kind, chunk in _memory(pid, search.longest):
        for name in search.found(chunk):
            hits[kind].add(name)
    return dict(hits)


def after(pid: int, head: bytes, count: int = 6000) -> list[bytes]:
    """What follows each ``head`` in the process, ``count`` bytes at most, up to the end of the piece it is found in."""
    found = []
    for _, chunk in _memory(pid, count):
        at = chunk.find(head)
        while at >= 0:
            found.append(chunk[at : at + count])
            at = chunk.find(head, at + len(head))
    return found


def in_files(folders: Iterable[Path], search: Search) -> dict[str, set[str]]:
    """The same for every file under ``folders``, by file name."""
    hits = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and (found := search.found(path.read_bytes())):
                hits[str(path.relative_to(folder))] = found
    return hits


def _memory(pid: int, overlap: int) -> Iterator[tuple[str, bytes]]:
    """Kind of mapping and contents, of everything that the process may write."""
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
                for chunk in _chunks(memory, start, end, overlap):
                    yield last if "/" in last or "[" in last else "anonymous", chunk
    finally:
        os.close(memory)


def _chunks(memory: int, start: int, end: int, overlap: int) -> Iterator[bytes]:
    at = start
    while at < end:
        try:
            chunk = os.pread(memory, min(_CHUNK, end - at), at)
        except OSError:
            return
        if not chunk:
            return
        yield chunk
        at += len(chunk) if at + len(chunk) >= end else max(1, len(chunk) - overlap)
