"""What a printer says, sorted by the fixed bits of its bytes: one stream carries all kinds of answers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Literal

from devices.receipt_printer.status import is_auto_status_start, is_barrier_reply, is_dle_reply

Kind = Literal["dle", "auto", "barrier", "torn", "noise"]

PACKET_BYTES = 4
PACKET_S = 0.5
"""The four bytes of an automatic status follow each other, behind a converter in pieces; half of one is torn."""


class Ear:
    """Sorts bytes into answers to DLE EOT, automatic states (GS a, four bytes, or torn), answers to GS r, and noise."""

    def __init__(self) -> None:
        self._packet = bytearray()
        self._latest_at = 0.0

    def sort(self, data: bytes) -> Iterator[tuple[Kind, bytes]]:
        """One word after the other. Bytes 2 to 4 of an automatic state look like answers to GS r and are none."""
        for byte in data:
            one = bytes((byte,))
            if self._packet and time.monotonic() - self._latest_at > PACKET_S:
                yield self._broken()
            if is_dle_reply(byte):  # real-time: it may come in the middle of an automatic state
                yield "dle", one
            elif self._packet and is_barrier_reply(byte):
                self._packet.append(byte)
                self._latest_at = time.monotonic()
                if len(self._packet) == PACKET_BYTES:
                    packet = bytes(self._packet)
                    self._packet.clear()
                    yield "auto", packet
            else:
                if self._packet:
                    yield self._broken()
                yield from self._first(byte, one)

    def forget(self) -> None:
        """A fresh connection."""
        self._packet.clear()

    def _first(self, byte: int, one: bytes) -> Iterator[tuple[Kind, bytes]]:
        if is_auto_status_start(byte):
            self._packet[:], self._latest_at = one, time.monotonic()
        else:
            yield ("barrier" if is_barrier_reply(byte) else "noise"), one

    def _broken(self) -> tuple[Kind, bytes]:
        packet = bytes(self._packet)
        self._packet.clear()
        return "torn", packet
