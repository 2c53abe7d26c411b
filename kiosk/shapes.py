"""Plain values, JSON, MessagePack and TOML as the kinds that the house declares, from any thread.

msgspec learns a kind when it is first asked for it and lets other threads see it half learnt: two that ask at the same
time end the process with a segmentation fault (seen with 0.22.0). Here each kind is learnt by one thread at a time
before anybody uses it, so what reads foreign data goes through these functions.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import Any, TypeVar, overload

import msgspec

T = TypeVar("T")
_learning = threading.Lock()


@overload
def convert(value: Any, kind: type[T], *, builtin_types: tuple[type, ...] = ()) -> T: ...
@overload
def convert(value: Any, kind: Any, *, builtin_types: tuple[type, ...] = ()) -> Any: ...
def convert(value: Any, kind: Any, *, builtin_types: tuple[type, ...] = ()) -> Any:
    """``value`` (plain values, and what ``builtin_types`` adds to them) as ``kind``. Raises msgspec.ValidationError."""
    _learn(kind)
    return msgspec.convert(value, kind, builtin_types=builtin_types)


@overload
def from_json(raw: bytes | str, kind: type[T]) -> T: ...
@overload
def from_json(raw: bytes | str, kind: Any) -> Any: ...
def from_json(raw: bytes | str, kind: Any) -> Any:
    """A JSON text as ``kind``. Raises msgspec.DecodeError or ValidationError, UnicodeDecodeError, RecursionError."""
    _learn(kind)
    return msgspec.json.decode(raw, type=kind)


@overload
def from_msgpack(raw: bytes, kind: type[T]) -> T: ...
@overload
def from_msgpack(raw: bytes, kind: Any) -> Any: ...
def from_msgpack(raw: bytes, kind: Any) -> Any:
    """MessagePack bytes as ``kind``. Raises msgspec.DecodeError or ValidationError."""
    _learn(kind)
    return msgspec.msgpack.decode(raw, type=kind)


@overload
def from_toml(raw: bytes | str, kind: type[T]) -> T: ...
@overload
def from_toml(raw: bytes | str, kind: Any) -> Any: ...
def from_toml(raw: bytes | str, kind: Any) -> Any:
    """A TOML text as ``kind``. Raises msgspec.DecodeError or ValidationError."""
    _learn(kind)
    return msgspec.toml.decode(raw, type=kind)


@cache
def _learn(kind: Any) -> None:
    with _learning:
        msgspec.json.Decoder(kind)
