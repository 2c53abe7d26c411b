"""A fingerprint reader behind JSON lines; its fingers are drawn from a seed and belong to nobody."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from devices.simulation import SimServer
from devices.simulation_line import FaultyLine, line_parser, started_on_line

WIDTH, HEIGHT = 256, 360
RIDGE_PX = 9.0


@lru_cache(maxsize=4)
def drawn(seed: int) -> bytes:
    """Ridges around a core that lies where the seed says."""
    core_x, core_y, bend = 90 + seed * 37 % 76, 130 + seed * 53 % 90, 0.5 + seed % 7 / 10
    rows = bytearray()
    for y in range(HEIGHT):
        for x in range(WIDTH):
            dx, dy = x - core_x, (y - core_y) * bend
            wave = math.sin(2 * math.pi * (math.hypot(dx, dy) + 6 * math.atan2(dy, dx)) / RIDGE_PX)
            inside = (dx / 120) ** 2 + ((y - 180) / 175) ** 2 < 1
            rows.append(int(128 + 110 * wave) if inside else 250)
    return bytes(rows)


class FingerprintSim:
    """A glass with a finger on it or none."""

    def __init__(self, line: FaultyLine) -> None:
        self.line = line
        self.seed, self.quality, self.fault, self.looks = 0, -1, "", 0
        self.comes_and_goes = False

    @property
    def verbs(self) -> dict[str, Any]:
        """What people do to it, and what breaks."""
        known = (self.press, self.dab, self.lift, self.break_down, self.repair, self.reset)
        return {verb.__name__: verb for verb in known}

    def press(self, seed: int = 1, quality: int = 85) -> None:
        """Lay a finger on the glass: which one (a number), how clear it is (0 to 100)."""
        self.seed, self.quality, self.comes_and_goes = seed, max(0, min(100, quality)), False

    def dab(self, seed: int = 1, quality: int = 85) -> None:
        """Lay fingers down one after the other, as the pages ask: every second look finds the glass free."""
        self.press(seed, quality)
        self.comes_and_goes = True

    def lift(self) -> None:
        """Take the finger away."""
        self.quality, self.comes_and_goes = -1, False

    def break_down(self, fault: str = "glass_dirty") -> None:
        """Break: glass_dirty or reader_error."""
        self.fault = fault

    def repair(self) -> None:
        """As it should be again."""
        self.fault = ""

    def reset(self) -> None:
        """As good as new, no finger."""
        self.line.restore()
        self.seed, self.quality, self.fault, self.looks = 0, -1, "", 0
        self.comes_and_goes = False

    def state(self) -> Mapping[str, Any]:
        """Everything as it is now."""
        return {"pressed": self.quality >= 0, "quality": self.quality, "fault": self.fault, "looks": self.looks}

    def serve(self) -> None:
        """Answer for ever."""
        heard = b""
        while True:
            heard += self.line.read()
            while b"\n" in heard:
                line, _, heard = heard.partition(b"\n")
                self._obey(json.loads(line))

    def _obey(self, asked: dict[str, Any]) -> None:
        answer: dict[str, Any] = {"id": asked["id"], "ok": True}
        if asked["do"] == "state":
            answer["fault"] = self.fault
        elif asked["do"] == "look":
            self.looks += 1
            answer |= self._seen()
        else:
            answer = {"id": asked["id"], "ok": False, "error": "unknown_command"}
        self.line.answer(json.dumps(answer).encode() + b"\n")

    def _seen(self) -> dict[str, Any]:
        if self.quality < 0 or (self.comes_and_goes and self.looks % 2):
            return {"quality": None}
        pixels = base64.b64encode(drawn(self.seed)).decode()
        return {"quality": self.quality, "width_px": WIDTH, "height_px": HEIGHT, "pixels": pixels}


def started(argv: list[str]) -> tuple[SimServer, dict[str, Any]]:
    """The reader at work, its control socket, and what its ready line says besides."""
    options = line_parser("fingerprint_reader", __doc__).parse_args(argv)
    return started_on_line("fingerprint_reader", options, FingerprintSim)


def main(argv: list[str]) -> int:
    """Run until SIGTERM; prints one JSON line when ready."""
    server, where = started(argv)
    return server.run("fingerprint_reader", **where)
