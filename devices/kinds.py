"""Plain values that a wire has brought as the kinds that a driver declares, from any thread.

msgspec learns a kind when it is first asked for it and lets other threads see it half learnt: the drivers of two
machines, asked for their state at the same start, ended the process with a segmentation fault (seen with 0.22.0). Here
one thread at a time learns a kind before anybody uses it.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

import msgspec

_learning = threading.Lock()


def convert(value: Any, kind: Any) -> Any:
    """``value`` as ``kind``. Raises msgspec.ValidationError."""
    _learn(kind)
    return msgspec.convert(value, kind)


@cache
def _learn(kind: Any) -> None:
    with _learning:
        msgspec.json.Decoder(kind)
