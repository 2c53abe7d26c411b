"""Looks for planted values in the memory of a running process, in every form they could have (CONTRACTS §8)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO

_CHUNK = 1 << 24


def forms(value: str) -> dict[str, bytes]:
    """``value`` as UTF-8, UTF-16, UTF-32, Latin-1 narrow copy, GB18030 and JSON escapes."""
    found = {
        "utf-8": value.encode(),
        "utf-16-le": value.encode("utf-16-le"),
        "utf-16-be": value.encode("utf-16-be"),
        "utf-32-le": value.encode("utf-32-le"),
        "gb18030": value.encode("gb18030"),
        "json": json.dumps(value)[1:-1].encode(),
    }
    return {name: raw for name, raw in found.items() if name == "utf-8" or raw != found["utf-8"]}


def hits(pid: int, planted: dict[str, bytes]) -> dict[str, list[str]]:
    """Which planted byte strings are readable in the process, and in which kind of mapping.

    Only what the process can write is looked at: a read-only mapping of a file holds what the file held.
    """
    found: dict[str, list[str]] = {}
    longest = max(map(len, planted.values()))
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            where, rights, *_, last = line.split()
            if not rights.startswith("rw"):
                continue
            start, end = (int(x, 16) for x in where.split("-"))
            for chunk in _chunks(memory, start, end, longest):
                for name, raw in planted.items():
                    if raw in chunk:
                        found.setdefault(name, []).append(last if "/" in last or "[" in last else "anonymous")
    return found


def _chunks(memory: IO[bytes], start: int, end: int, overlap: int) -> Iterator[bytes]:
    at = start
    while at < end:
        try:
            memory.seek(at)
            chunk = memory.read(min(_CHUNK, end - at))
        except OSError:
            return
        if not chunk:
            return
        yield chunk
        at += len(chunk) if at + len(chunk) >= end else max(1, len(chunk) - overlap)
