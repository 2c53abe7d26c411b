"""Frames of the CRT-571 and CRT-591-M: ``F2 ADDR LenHi LenLo 43 CM PM data 03 BCC``; BCC over all from F2 to 03.

The length counts from the 43 to the last byte of data. The device first sends ``06`` (or ``15``), then its answer:
``50 CM PM st0 st1 st2 data`` or ``45|4E CM PM e1 e0``; the host ends with ``06``. ``04`` clears the line.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import xor

STX, ETX, EOT, ACK, NAK = 0xF2, 0x03, 0x04, 0x06, 0x15
COMMAND, GOOD, BAD = 0x43, 0x50, (0x45, 0x4E)
LONGEST = 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer's body. ``states`` are st0 st1 st2 of a good one; ``error`` the two characters of a bad one."""

    command: int
    parameter: int
    states: bytes = b""
    data: bytes = b""
    error: str = ""


Heard = Answer | int
"""An answer, or one of the bytes ACK, NAK, EOT between frames."""


def encode(address: int, command: int, parameter: int, data: bytes = b"") -> bytes:
    """One command's frame."""
    body = bytes((COMMAND, command, parameter)) + data
    frame = bytes((STX, address)) + len(body).to_bytes(2, "big") + body + bytes((ETX,))
    return frame + bytes((reduce(xor, frame, 0),))


def take(heard: bytearray) -> Heard | None:
    """Cut the next frame or control byte off ``heard``; None while there is no whole one."""
    while heard:
        if heard[0] in (ACK, NAK, EOT):
            return heard.pop(0)
        if heard[0] == STX:
            if len(heard) < 4:
                return None
            length = int.from_bytes(heard[2:4], "big")
            if length <= LONGEST:
                if len(heard) < length + 6:
                    return None
                frame = bytes(heard[: length + 6])
                if answer := _answer(frame):
                    del heard[: len(frame)]
                    return answer
        del heard[0]
    return None


def _answer(frame: bytes) -> Answer | None:
    body = frame[4:-2]
    if frame[-2] != ETX or reduce(xor, frame, 0) != 0 or len(body) < 3:
        return None
    kind, command, parameter = body[:3]
    if kind == GOOD:
        return Answer(command, parameter, body[3:6], body[6:])
    if kind in BAD and len(body) >= 5:
        return Answer(command, parameter, error=body[3:5].decode("ascii", "replace"))
    return None
