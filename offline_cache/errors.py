"""What can go wrong with the store, each a name that the caller can act on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from offline_cache.engine import sqlite

_FULL = {"SQLITE_FULL"}
_BUSY = {"SQLITE_BUSY", "SQLITE_LOCKED"}
_DAMAGED = {"SQLITE_CORRUPT", "SQLITE_NOTADB"}
_BROKEN = {"SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PROTOCOL"}


class StoreError(Exception):
    """The store cannot do what was asked; nothing of the action was kept unless the subclass says otherwise."""


class StoreFull(StoreError):
    """No room: nothing of the action was kept. What waits is safe."""


class StoreBroken(StoreError):
    """The disk answered with an error: whether the action was kept is unknown until it is looked up by its key."""


class StoreDamaged(StoreBroken):
    """A page of the file is not what was written: reading it again will not help."""


class StoreBusy(StoreError):
    """Another process has this store: one machine, one writer."""


class StoreForeign(StoreError):
    """The file is not ours, or from a newer version. It was not touched."""


class StoreMissing(StoreError):
    """The folder of the store, or the store itself, is not there. Nothing was made in its place."""


class KeyTaken(StoreError):
    """The key was used before for other parts; ``known`` is the outbox's proof of what was kept under it."""

    def __init__(self, known: Any) -> None:
        super().__init__(f"key {known.key} was used for other parts, number {known.seq}")
        self.known = known


class ParcelDamaged(StoreError):
    """Stored bytes no longer have the digest that was signed."""


@contextmanager
def named_errors() -> Iterator[None]:
    """Turns the engine's errors into ours; programming errors pass as they are."""
    try:
        yield
    except sqlite.DatabaseError as error:
        # The names of extended codes begin with that of their class: SQLITE_IOERR_FSYNC.
        name = "_".join((getattr(error, "sqlite_errorname", None) or "").split("_")[:2])
        if name in _FULL:
            raise StoreFull(f"the disk is full: {error}") from error
        if name in _BUSY:
            raise StoreBusy(f"the store is in use by another process: {error}") from error
        if name in _DAMAGED:
            raise StoreDamaged(f"the store is damaged: {error}") from error
        if name in _BROKEN:
            raise StoreBroken(f"the disk failed: {error}") from error
        raise
    except OSError as error:
        raise StoreBroken(f"the disk failed: {error}") from error
