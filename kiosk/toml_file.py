"""TOML files as people hand them over: from whichever editor and system, judged before they are believed."""

from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path
from typing import Any

LIMIT_BYTES = 1024 * 1024
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_WINDOWS = "in the editor choose UTF-8 when saving"


class TomlTrouble(ValueError):
    """The file cannot be used: one line that names it, why, and what to do."""


def read_toml(path: Path, *, private: bool = False) -> dict[str, Any]:
    """The tables of a UTF-8 file, a byte-order mark allowed. Raises TomlTrouble.

    ``private``: a file that every user of the computer may write is refused.
    """
    raw = _bytes_of(path, private=private)
    try:
        return tomllib.loads(_decoded(path, raw))
    except tomllib.TOMLDecodeError as error:
        raise TomlTrouble(f"{path}: not TOML: {error}; correct it there") from error
    except RecursionError:
        raise TomlTrouble(f"{path}: nested too deeply; correct it") from None


def _bytes_of(path: Path, *, private: bool) -> bytes:
    try:
        # Opened without waiting: a pipe in place of a file would otherwise hold the program for ever.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise TomlTrouble(f"{path}: no such file") from None
    except PermissionError:
        raise TomlTrouble(f"{path}: this user may not read it; give it the right, or run as its owner") from None
    except (OSError, ValueError) as error:
        raise TomlTrouble(f"{path}: cannot be opened: {getattr(error, 'strerror', None) or error}") from error
    try:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            raise TomlTrouble(f"{path}: is not a regular file; name the TOML file itself")
        if about.st_size > LIMIT_BYTES:
            raise TomlTrouble(f"{path}: larger than {LIMIT_BYTES // 1024} KB; this is no such file")
        if private and about.st_mode & stat.S_IWOTH:
            raise TomlTrouble(f"{path}: every user may write it; take that right away (chmod o-w)")
        return _read(handle)
    finally:
        os.close(handle)


def _read(handle: int) -> bytes:
    raw = b""
    while (piece := os.read(handle, LIMIT_BYTES)) and len(raw) <= LIMIT_BYTES:
        raw += piece
    return raw


def _decoded(path: Path, raw: bytes) -> str:
    if raw.startswith(_UTF16) or b"\0" in raw[:4]:
        raise TomlTrouble(f"{path}: is UTF-16, not UTF-8; {_WINDOWS}")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        if _is_gb18030(raw):
            raise TomlTrouble(f"{path}: is GBK or GB 18030, not UTF-8 (line {line}); {_WINDOWS}") from None
        raise TomlTrouble(f"{path}: is not UTF-8 (line {line}); {_WINDOWS}") from None


def _is_gb18030(raw: bytes) -> bool:
    try:
        raw.decode("gb18030")
    except UnicodeDecodeError:
        return False
    return True
