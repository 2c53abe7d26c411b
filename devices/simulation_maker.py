"""A simulated machine that writes documents on numbered blanks, behind JSON lines: two sims are made of it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from devices.simulation import SimError, SimServer
from devices.simulation_line import FaultyLine, line_parser, started_on_line

FAULTS = ("", "jammed", "cover_open", "box_full", "ribbon_out", "printer_error")


class MakerSim:
    """Stock, journal, mouth and slot. ``needs_document``: what is written is the person's own, drawn in before.

    ``carries`` False: another device moves the cards, and each number is reserved before its card is moved.
    """

    def __init__(
        self, line: FaultyLine, prefix: str, stock: int, write_s: float, *, needs_document: bool, carries: bool = True
    ) -> None:
        self.line, self.prefix, self.stock, self.write_s = line, prefix, stock, write_s
        self.needs_document, self.carries = needs_document, carries
        self._new(stock)

    def _new(self, stock: int) -> None:
        self.next, self.left = 1, stock
        self.place, self.fault, self.mouth_open, self.holder = "nowhere", "", False, ""
        self.swallowed = self.retracted = self.taken = 0
        self.journal: dict[str, dict[str, str]] = {}
        self.fields: dict[str, Any] = {}
        self.void_next = self.die_next = ""
        self.attended = False

    @property
    def verbs(self) -> dict[str, Any]:
        """What people do to it, and what breaks."""
        hands = (self.put, self.take, self.attend)
        known = (*hands, self.refill, self.break_down, self.repair, self.spoil, self.die, self.reset)
        return {verb.__name__: verb for verb in known}

    def attend(self, on: bool = True, holder: str = "") -> None:
        """Somebody stands there who puts a document in as soon as the mouth opens, and takes what comes out."""
        self.attended, self.holder = on, holder

    def put(self, holder: str = "") -> None:
        """Put a document, of the person with the number ``holder``, into the mouth, which draws it in when open."""
        if not self.mouth_open:
            raise SimError("the mouth is shut")
        self.mouth_open, self.place, self.holder = False, "inside", holder

    def take(self) -> None:
        """Take the document out of the slot."""
        if self.place != "slot":
            raise SimError("nothing lies in the slot")
        self.place, self.taken = "nowhere", self.taken + 1

    def refill(self, count: int) -> None:
        """Put a new pack of blanks in."""
        self.left = count

    def break_down(self, fault: str) -> None:
        """Break: jammed, cover_open, box_full, ribbon_out or printer_error."""
        if fault not in FAULTS:
            raise SimError(f"fault is one of {', '.join(FAULTS[1:])}")
        self.fault = fault

    def repair(self) -> None:
        """As it should be again."""
        self.fault = ""

    def spoil(self, reason: str = "jammed") -> None:
        """The next blank is spoiled while it is written, and voided."""
        self.void_next = reason

    def die(self, end: str = "written") -> None:
        """Lose power at the next blank, before any answer: its journal then says ``written``, ``voided`` or nothing."""
        self.die_next = end or "nothing"

    def reset(self) -> None:
        """As good as new."""
        self.line.restore()
        self._new(self.stock)

    def state(self) -> Mapping[str, Any]:
        """Everything as it is now."""
        more = {"taken": self.taken, "mouth_open": self.mouth_open, "journal": dict(self.journal)}
        return {**self._state(), **more, "fields": dict(self.fields)}

    def serve(self) -> None:
        """Answer for ever."""
        heard = b""
        while True:
            heard += self.line.read()
            while b"\n" in heard:
                line, _, heard = heard.partition(b"\n")
                self._obey(line)

    def _obey(self, line: bytes) -> None:
        try:
            asked = json.loads(line)
            number, verb = asked.pop("id"), asked.pop("do")
        except (ValueError, KeyError, AttributeError):
            return
        known = {
            "state": self._state,
            "write": lambda: self._write(**asked),
            "end_of": lambda: {"made": self.journal.get(asked["key"])},
            "present": lambda: self._go("slot"),
            "retract": self._retract,
            "accept_old": self._accept,
            "swallow_old": self._swallow,
            "shut": self._shut,
        }
        if not self.carries:
            known = {verb: known[verb] for verb in ("state", "write", "end_of")}
            known |= {"reserve": lambda: self._reserve(**asked), "settle": lambda: self._settle(**asked)}
            known["retract"] = self._count_retracted
        try:
            answer = {"ok": True, **(known[verb]() or {})}
        except (SimError, KeyError, TypeError) as fault:
            answer = {"ok": False, "error": str(fault).strip("'")}
        if answer.pop("dead", False):
            self.line.unplug()
            return
        self.line.answer(json.dumps({"id": number, **answer}).encode() + b"\n")

    def _state(self) -> dict[str, Any]:
        return {
            "next_serial": self._serial(),
            "left": self.left,
            "place": self.place,
            "fault": self.fault,
            "swallowed": self.swallowed,
            "retracted": self.retracted,
        }

    def _serial(self) -> str:
        return f"{self.prefix}{self.next:08d}"

    def _write(self, key: str, serial: str, fields: dict[str, str], picture: str) -> dict[str, Any]:
        if self.journal.get(key, {}).get("end", "unknown") != "unknown":
            return self.journal[key]
        self._must(self.carries or key in self.journal, "not_reserved")
        self._must(not self.fault, self.fault)
        self._must(self.left > 0, "stock_out")
        self._must(serial == self._serial(), "serial_changed")
        self._must((self.place == "inside") == self.needs_document, "document_inside")
        self._must(not self.needs_document or self.holder in ("", fields.get("number")), "wrong_document")
        time.sleep(self.write_s)
        self.fields = fields
        end = self.die_next or ("voided" if self.void_next else "written")
        if end == "nothing":
            self.die_next = ""
            return {"dead": True}
        self._use_up(key, serial, end, self.void_next if end == "voided" else "")
        if end == "written" and self.carries:
            self.place = "inside"
        dead, self.die_next, self.void_next = bool(self.die_next), "", ""
        return {"dead": True} if dead else self.journal[key]

    def _use_up(self, key: str, serial: str, end: str, reason: str) -> None:
        self.next, self.left = self.next + 1, self.left - 1
        self.journal[key] = {"end": end, "key": key, "serial": serial, "reason": reason}

    def _reserve(self, key: str, serial: str) -> None:
        self._must(not self.fault, self.fault)
        self._must(self.left > 0, "stock_out")
        self._must(serial == self._serial(), "serial_changed")
        under_way = [other for other, made in self.journal.items() if made["end"] == "unknown"]
        self._must(under_way in ([], [key]), "in_doubt")
        self.journal.setdefault(key, {"end": "unknown", "key": key, "serial": serial, "reason": ""})

    def _settle(self, key: str, end: str, reason: str) -> dict[str, str]:
        made = self.journal[key]
        if made["end"] == "unknown" and end == "voided":
            self._use_up(key, made["serial"], end, reason)
        elif made["end"] == "unknown":
            self.journal[key] = {"end": end, "key": key, "serial": "", "reason": reason}
        return self.journal[key]

    def _go(self, place: str) -> None:
        self._must(self.place != "nowhere", "nothing_inside")
        self._must(self.fault != "jammed", "jammed")
        self.place = place
        if place == "slot" and self.attended:
            self.take()

    def _retract(self) -> None:
        self._go("nowhere")
        self.retracted += 1

    def _count_retracted(self) -> None:
        self.retracted += 1

    def _accept(self) -> None:
        self._must(self.place == "nowhere", "document_inside")
        self._must(not self.fault, self.fault)
        self.mouth_open = True
        if self.attended:
            self.put(self.holder)

    def _shut(self) -> None:
        self.mouth_open = False

    def _swallow(self) -> None:
        self._must(self.place == "inside" and not self.needs_document, "nothing_inside")
        self._must(self.fault not in ("jammed", "box_full"), self.fault)
        self.place, self.swallowed = "nowhere", self.swallowed + 1

    @staticmethod
    def _must(true: bool, error: str) -> None:
        if not true:
            raise SimError(error)


def started_maker(
    kind: str, about: str | None, argv: list[str], prefix: str, *, needs_document: bool, carries: bool = True
) -> tuple[SimServer, dict[str, Any]]:
    """Such a machine at work, its control socket, and what its ready line says besides."""
    parser = line_parser(kind, about)
    parser.add_argument("--prefix", default=prefix, help="letters before the numbers of its blanks")
    parser.add_argument("--stock", type=int, default=50, help="blanks at the start")
    parser.add_argument("--write-s", type=float, default=3.0, help="seconds for one document")
    options = parser.parse_args(argv)

    def make(line: FaultyLine) -> MakerSim:
        how = {"needs_document": needs_document, "carries": carries}
        return MakerSim(line, options.prefix, options.stock, options.write_s, **how)

    return started_on_line(kind, options, make)
