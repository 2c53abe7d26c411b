"""Three framings in which readers push the lines of a zone: Desko, 3M RTE6701, EST-100PR-NZ.

Desko (7000310001): ``STX line CR line CR [line CR] ETX``, with or without SODO/EODO (SO, SI) around. 3M RTE6701:
``SOH len "OU" STX flag line CR line CR line CR ETX BCC``, missing lines empty, ``_`` for ``<``. EST-100PR-NZ:
``02 JSON 03 0D 0A``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import reduce
from operator import xor
from typing import Any, Literal

Framing = Literal["desko", "rte6701", "est"]
Pushed = tuple[str, ...] | dict[str, Any]

SOH, STX, ETX = 0x01, 0x02, 0x03
LONGEST = 512 * 1024
LONGEST_TEXT = 512


def take(framing: Framing, heard: bytearray) -> Pushed | None:
    """Cut the next frame off ``heard``: lines of text, or the object of an EST reader. None while none is whole."""
    found = _TAKERS[framing](heard)
    if found is None and len(heard) > LONGEST:
        heard.clear()
    return found


def _desko(heard: bytearray) -> Pushed | None:
    while (start := heard.find(STX)) >= 0:
        end = heard.find(ETX, start)
        if end < 0:
            del heard[:-LONGEST_TEXT]
            return None
        # A frame that was cut off has a second STX inside: the last one counts.
        body = bytes(heard[heard.rfind(STX, start, end) + 1 : end])
        del heard[: end + 1]
        return _lines(body)
    return None


def _rte6701(heard: bytearray) -> Pushed | None:
    while (start := heard.find(SOH)) >= 0:
        del heard[:start]
        if len(heard) < 2 or len(heard) < heard[1] + 3:
            return None
        body, bcc = bytes(heard[1 : heard[1] + 2]), heard[heard[1] + 2]
        is_sound = body[1:4] == b"OU\x02" and body[-1] == ETX and reduce(xor, body, 0) == bcc
        if not is_sound:
            del heard[0]
            continue
        del heard[: len(body) + 2]
        return _lines(body[5:-1].replace(b"_", b"<"))
    heard.clear()
    return None


def _est(heard: bytearray) -> Pushed | None:
    while (start := heard.find(STX)) >= 0:
        end = heard.find(b"\x03\r\n", start)
        if end < 0:
            return None
        body = bytes(heard[start + 1 : end])
        del heard[: end + 3]
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            return found
    return None


def _lines(body: bytes) -> tuple[str, ...]:
    text = body.decode("ascii", "replace")
    return tuple(line.strip() for line in text.split("\r") if line.strip())


_TAKERS: dict[Framing, Callable[[bytearray], Pushed | None]] = {"desko": _desko, "rte6701": _rte6701, "est": _est}


def est_frame(command: dict[str, Any]) -> bytes:
    """A command to an EST reader (believed: the same frame both ways)."""
    return b"\x02" + json.dumps(command).encode() + b"\x03\r\n"


def est_lines(pushed: dict[str, Any]) -> tuple[str, ...]:
    """The zone that an EST reader pushes: ``CameraData`` of the type ``MRZ`` (believed), its lines by CR or LF."""
    data = pushed.get("CameraData")
    if not isinstance(data, dict) or not isinstance(data.get("data"), str) or data.get("type") != "MRZ":
        return ()
    return tuple(line.strip() for line in data["data"].splitlines() if line.strip())
