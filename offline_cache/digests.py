"""Digests made beside the engine: both take the same bytes at the same time, on two cores."""

from __future__ import annotations

import functools
import threading
from queue import SimpleQueue

from offline_cache.sealed import PartDigest, digest


class Digests:
    """The digests of the parts of one envelope, in their order."""

    def __init__(self) -> None:
        self._sizes: list[tuple[str, int]] = []
        self._made: SimpleQueue[str] = SimpleQueue()
        self._done: list[PartDigest] = []

    def add(self, name: str, sealed: bytes) -> None:
        """The next part; returns before its digest is made."""
        self._sizes.append((name, len(sealed)))
        _wanted().put((sealed, self._made))

    def all(self) -> list[PartDigest]:
        """One for each part, once all are made."""
        for name, size in self._sizes[len(self._done) :]:
            self._done.append(PartDigest(name, self._made.get(), size))
        return self._done


@functools.cache
def _wanted() -> SimpleQueue[tuple[bytes, SimpleQueue[str]]]:
    """What the process's one digesting thread takes from. An executor's futures would cost a tenth of a put."""
    wanted: SimpleQueue[tuple[bytes, SimpleQueue[str]]] = SimpleQueue()

    def work() -> None:
        while True:
            sealed, made = wanted.get()
            made.put(digest(sealed))

    threading.Thread(target=work, name="digests", daemon=True).start()
    return wanted
