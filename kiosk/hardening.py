"""Starts the machine with freed memory overwritten: CPython does not erase the strings it frees (CONTRACTS §8)."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import resource
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

_MARK = "TONGBAN_HARDENED"
_PR_GET_DUMPABLE, _PR_SET_DUMPABLE = 3, 4
_SIZES = (200, 3_000, 40_000)
_ROUNDS, _TOGETHER = 4, 8
_STATM_DATA = 5
"""proc_pid_statm(5): data and stack, in pages."""
_HEAD = 64
"""What a freed block may hold at its beginning is the allocator's own, and a shrunk one is still in use there."""


def environment() -> dict[str, str]:
    """The environment under which freed memory is overwritten; empty where the library was not built.

    The library's memory comes from glibc, and so must Python's: its own allocator gives nothing back to be overwritten.
    """
    built = importlib.util.find_spec("kiosk._erasing")
    if built is None or built.origin is None:
        return {}
    return {"LD_PRELOAD": built.origin, "PYTHONMALLOC": "malloc", _MARK: "1"}


def restart_hardened(arguments: list[str]) -> None:
    """Replace this process by the same command under ``environment()``, once; returns where that is done already."""
    if environment() and not os.environ.get(_MARK):
        start_anew(arguments)


def start_anew(arguments: list[str]) -> NoReturn:
    """Replace this process, with all that its memory holds, by the same command under ``environment()``."""
    command = [sys.executable, "-m", "kiosk", *arguments]
    os.execve(sys.executable, command, os.environ | environment())  # noqa: S606


def no_core_dumps() -> None:
    """A crash must not write a visit to the disk, nor may another process of the same user read this one.

    Each program begins without it (execve(2)): every process that knows persons or keys asks for itself.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def bound_memory(more_bytes: int) -> None:
    """Let this process have so much more memory of its own than it has now; a narrower bound is left as it is.

    What libraries take when they are loaded goes by the computer's processors.
    """
    has_pages = int(Path("/proc/self/statm").read_text("ascii").split()[_STATM_DATA])
    most = has_pages * resource.getpagesize() + more_bytes
    _, allowed = resource.getrlimit(resource.RLIMIT_DATA)
    most = most if allowed == resource.RLIM_INFINITY else min(most, allowed)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def is_closed() -> bool:
    """Whether ``no_core_dumps`` is in force in this process, by the system's own word."""
    is_undumpable = ctypes.CDLL(None).prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0) == 0
    return is_undumpable and resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)


def overwrites() -> dict[str, bool]:
    """Whether memory of this process is overwritten when a buffer is freed, grows out of its place, or shrinks.

    Measured, on buffers of Python and of the C library: an environment variable tells what was asked for, not what is.
    """
    ways: dict[str, tuple[Callable[[bytes, int], tuple[int, int]], ...]] = {
        "freed": (_freed, _c_freed),
        "grown": (_grown, _c_grown),
        "shrunk": (_shrunk, _c_shrunk),
    }
    return {
        name: not any(_stays(leave, size) for leave in leaving for size in _SIZES for _ in range(_ROUNDS))
        for name, leaving in ways.items()
    }


def missing() -> list[str]:
    """What does not protect this process, measured: ways in which memory stays readable, and ``closed_memory``."""
    open_to_others = [] if is_closed() else ["closed_memory"]
    return [f"{way}_memory_overwritten" for way, is_so in overwrites().items() if not is_so] + open_to_others


def _stays(leave: Callable[[bytes, int], tuple[int, int]], size: int) -> bool:
    """Whether a random mark can be read where ``leave`` says that a buffer of it was."""
    mark = secrets.token_bytes(16)
    start, end = leave(mark, size)
    return mark in _peek(start + _HEAD, end - start - _HEAD)


def _peek(start: int, count: int) -> bytes:
    """Memory of this process; b"" where it is no longer mapped.

    Not by /proc/self/mem, which ``no_core_dumps`` closes to a machine that is not run by root.
    """
    into = ctypes.create_string_buffer(count)
    ours, theirs = _Span(ctypes.addressof(into), count), _Span(start, count)
    read = ctypes.CDLL(None).process_vm_readv
    read.restype = ctypes.c_ssize_t
    got = read(os.getpid(), ctypes.byref(ours), 1, ctypes.byref(theirs), 1, 0)
    return into.raw if got == count else b""


class _Span(ctypes.Structure):
    """``struct iovec``."""

    _fields_ = (("base", ctypes.c_size_t), ("bytes", ctypes.c_size_t))


def _filled(mark: bytes, size: int) -> tuple[bytearray, int]:
    buffer = bytearray(mark * (size // len(mark)))
    return buffer, ctypes.addressof(ctypes.c_char.from_buffer(buffer))


def _freed(mark: bytes, size: int) -> tuple[int, int]:
    # Of several that are freed together the first is the last to be used again.
    *others, (buffer, start) = (_filled(mark, size) for _ in range(_TOGETHER))
    del buffer, others
    return start, start + size


def _grown(mark: bytes, size: int) -> tuple[int, int]:
    buffer, start = _filled(mark, size)
    wall = bytearray(size)
    buffer.extend(bytes(8 * size))
    del wall
    moved = ctypes.addressof(ctypes.c_char.from_buffer(buffer)) != start
    return start, start + (size if moved else _HEAD)


def _shrunk(mark: bytes, size: int) -> tuple[int, int]:
    buffer, start = _filled(mark, size)
    del buffer[_HEAD:]
    return start, start + size


def _c_block(mark: bytes, size: int) -> tuple[ctypes.CDLL, int]:
    library = ctypes.CDLL(None)
    for name in ("malloc", "realloc"):
        getattr(library, name).restype = ctypes.c_size_t
    block = library.malloc(ctypes.c_size_t(size))
    ctypes.memmove(block, mark * (size // len(mark)), size // len(mark) * len(mark))
    return library, block


def _c_freed(mark: bytes, size: int) -> tuple[int, int]:
    library, block = _c_block(mark, size)
    library.free(ctypes.c_size_t(block))
    return block, block + size


def _c_grown(mark: bytes, size: int) -> tuple[int, int]:
    library, block = _c_block(mark, size)
    wall = library.malloc(ctypes.c_size_t(size))
    moved = library.realloc(ctypes.c_size_t(block), ctypes.c_size_t(8 * size))
    library.free(ctypes.c_size_t(wall))
    library.free(ctypes.c_size_t(moved))
    return block, block + (size if moved != block else _HEAD)


def _c_shrunk(mark: bytes, size: int) -> tuple[int, int]:
    library, block = _c_block(mark, size)
    shrunk = library.realloc(ctypes.c_size_t(block), ctypes.c_size_t(_HEAD))
    found = (block, block + size)
    library.free(ctypes.c_size_t(shrunk))
    return found
