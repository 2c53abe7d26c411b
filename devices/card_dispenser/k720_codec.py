"""Frames of the K720: ``02 addrH addrL LenHi LenLo text 03 BCC`` (exclusive-or from 02 to 03).

The device answers ``06 addr``, the host asks with ``05 addr`` for the result, which comes as a frame of the same form
whose text begins with ``P``. The length is that of the text, high byte times 256.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import xor

STX, ETX, ENQ, ACK, NAK = 0x02, 0x03, 0x05, 0x06, 0x15
LONGEST = 256


@dataclass(frozen=True, slots=True)
class Text:
    """The text of an answer, without the address."""

    text: str


Heard = Text | int
"""An answer, or ACK or NAK (their address is dropped)."""


def address_bytes(address: int) -> bytes:
    """Two digits, as the device has them on its switches."""
    return f"{address:02d}".encode("ascii")


def encode(address: int, command: str) -> bytes:
    """One command's frame."""
    text = command.encode("ascii")
    frame = bytes((STX,)) + address_bytes(address) + len(text).to_bytes(2, "big") + text + bytes((ETX,))
    return frame + bytes((reduce(xor, frame, 0),))


def take(heard: bytearray) -> Heard | None:
    """Cut the next frame or control byte off ``heard``; None while there is no whole one."""
    while heard:
        if heard[0] in (ACK, NAK):
            if len(heard) < 3:
                return None
            found = heard[0]
            del heard[:3]
            return found
        if heard[0] == STX:
            if len(heard) < 5:
                return None
            length = int.from_bytes(heard[3:5], "big")
            if length <= LONGEST:
                if len(heard) < length + 7:
                    return None
                frame = bytes(heard[: length + 7])
                if frame[-2] == ETX and reduce(xor, frame, 0) == 0:
                    del heard[: len(frame)]
                    return Text(frame[5:-2].decode("ascii", "replace"))
        del heard[0]
    return None
