"""A reader of travel documents behind a serial line: documents are laid on, or put into its feeder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from devices.simulation import SimError, SimServer
from devices.simulation_line import FaultyLine, line_parser, started_on_line


def digit(text: str) -> str:
    """The check digit of ICAO 9303 part 3."""
    letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return str(sum((7, 3, 1)[n % 3] * (letters.index(c) if c != "<" else 0) for n, c in enumerate(text)) % 10)


def passport_lines(number: str, names: str, birth: str, sex: str, expiry: str) -> list[str]:
    """A passport of two lines (TD3)."""
    head, personal = number.ljust(9, "<"), "<" * 14
    upper = f"POCHN{names}".ljust(44, "<")
    lower = f"{head}{digit(head)}CHN{birth}{digit(birth)}{sex}{expiry}{digit(expiry)}{personal}<"
    return [upper[:44], lower + digit(lower[0:10] + lower[13:20] + lower[21:43])]


def permit_lines(number: str, names: str, birth: str, sex: str, expiry: str) -> list[str]:
    """A permit as a card of three lines (TD1)."""
    head = number.ljust(9, "<")
    top = f"C<CHN{head}{digit(head)}".ljust(30, "<")
    middle = f"{birth}{digit(birth)}{sex}{expiry}{digit(expiry)}CHN".ljust(29, "<")
    return [top, middle + digit(top[5:30] + middle[0:7] + middle[8:15] + middle[18:29]), names.ljust(30, "<")[:30]]


def one_line(number: str, birth: str, expiry: str) -> list[str]:
    """A permit for Hong Kong and Macao with one line (believed)."""
    head = number.ljust(9, "<")
    body = f"CS{head}{digit(head)}<{expiry}{digit(expiry)}<{birth}{digit(birth)}<"
    return [body + digit(body)]


class ReaderSim:
    """Frames of one kind; a feeder when it has one."""

    def __init__(self, line: FaultyLine, framing: str) -> None:
        self.line, self.framing = line, framing
        self._new()

    def _new(self) -> None:
        self.feeder, self.accepting, self.jam_next, self.pushed, self.retained = "empty", False, False, 0, 0
        self.attending: tuple[str, str, str] | None = None
        self.is_taken = True

    @property
    def verbs(self) -> dict[str, Any]:
        """What people do to it, and what breaks."""
        known = (
            self.lay,
            self.passport,
            self.permit,
            self.insert,
            self.attend,
            self.leave,
            self.take,
            self.jam,
            self.free,
            self.cut,
            self.reset,
        )
        return {verb.__name__: verb for verb in known}

    def lay(self, lines: list[str]) -> None:
        """Lay a document with these lines on the glass."""
        self._push(self._framed(lines))

    def passport(
        self,
        number: str = "E99000001",
        names: str = "ZHANG<<YANGBEN",
        birth: str = "800229",
        sex: str = "F",
        expiry: str = "310101",
        wrong: int | None = None,
    ) -> None:
        """Lay a passport on the glass; ``wrong`` damages that character of its second line."""
        upper, lower = passport_lines(number, names, birth, sex, expiry)
        if wrong is not None:
            lower = lower[:wrong] + ("1" if lower[wrong] != "1" else "2") + lower[wrong + 1 :]
        self.lay([upper, lower])

    def permit(
        self,
        number: str = "C99000001",
        names: str = "ZHANG<<YANGBEN",
        birth: str = "800229",
        sex: str = "F",
        expiry: str = "310101",
        form: str = "card",
    ) -> None:
        """Lay a permit on the glass: ``card`` of three lines, or ``one_line``."""
        lines = permit_lines(number, names, birth, sex, expiry) if form == "card" else one_line(number, birth, expiry)
        self.lay(lines)

    def insert(self, number: str = "C99000001", birth: str = "800229", expiry: str = "310101") -> None:
        """Put a permit into the feeder; it is drawn in when the machine has asked for one."""
        if not self.accepting:
            raise SimError("the feeder is shut")
        self.accepting = False
        if self.jam_next:
            self._say("jammed")
            return
        self._say("inserted")
        self.lay(permit_lines(number, "ZHANG<<YANGBEN", birth, "F", expiry))

    def attend(self, number: str = "C99000001", birth: str = "800229", expiry: str = "310101") -> None:
        """Somebody stands there who puts this permit in when one is asked for, and takes it when it comes out."""
        self.attending = (number, birth, expiry)

    def leave(self) -> None:
        """That person does not take it back."""
        self.is_taken = False

    def take(self) -> None:
        """Take the permit out of the slot."""
        if self.feeder != "at_slot":
            raise SimError("nothing lies in the slot")
        # First done, then said: who hears it and asks for the state must not be told of the slot as it was.
        self.feeder = "empty"
        self._tell("taken")

    def jam(self) -> None:
        """The next movement jams."""
        self.jam_next = True

    def free(self) -> None:
        """Somebody takes the jammed permit out."""
        self.jam_next = False
        self._say("empty")

    def cut(self, lines: list[str]) -> None:
        """Break off in the middle of a document's frame."""
        frame = self._framed(lines)
        self._push(frame[: len(frame) // 2])

    def reset(self) -> None:
        """As good as new, nothing on it or in it."""
        self.line.restore()
        self._new()

    def state(self) -> Mapping[str, Any]:
        """Everything as it is now."""
        return {
            "feeder": self.feeder,
            "accepting": self.accepting,
            "pushed": self.pushed,
            "retained": self.retained,
            "framing": self.framing,
        }

    def serve(self) -> None:
        """Obey the feeder's commands for ever."""
        heard = b""
        while True:
            heard += self.line.read()
            while b"\x03\r\n" in heard:
                frame, _, heard = heard.partition(b"\x03\r\n")
                self._obey(json.loads(frame.lstrip(b"\x02")).get("Feeder"))

    def _obey(self, command: str) -> None:
        if command == "accept":
            self.accepting = self.feeder in ("empty", "taken", "retained")
            if self.attending is not None and self.accepting:
                self.insert(*self.attending)
            return
        if self.feeder not in ("inserted", "at_slot"):
            self._say("empty")
        elif self.jam_next:
            self._say("jammed")
        elif command == "eject":
            self._say("at_slot")
            if self.attending is not None and self.is_taken:
                self.take()
        elif command == "retain":
            self.retained += 1
            self._say("retained")

    def _say(self, word: str) -> None:
        self.feeder = word
        self._tell(word)

    def _tell(self, word: str) -> None:
        self.line.answer(_est({"Feeder": word}))

    def _push(self, frame: bytes) -> None:
        self.pushed += 1
        self.line.answer(frame)

    def _framed(self, lines: list[str]) -> bytes:
        text = [line.encode("ascii", "replace") for line in lines]
        if self.framing == "desko":
            return b"\x0e\x02" + b"\r".join(text) + b"\r\x03\x0f"
        if self.framing == "rte6701":
            three = [*text, b"", b"", b""][:3]
            body = b"OU\x020" + b"".join(line.replace(b"<", b"_") + b"\r" for line in three) + b"\x03"
            body = bytes((len(body),)) + body
            total = 0
            for byte in body:
                total ^= byte
            return b"\x01" + body + bytes((total,))
        return _est({"CameraData": {"data": "\r\n".join(lines), "type": "MRZ"}})


def _est(said: dict[str, Any]) -> bytes:
    return b"\x02" + json.dumps(said).encode() + b"\x03\r\n"


def started(argv: list[str]) -> tuple[SimServer, dict[str, Any]]:
    """The reader at work, its control socket, and what its ready line says besides."""
    parser = line_parser("travel_document_reader", __doc__)
    parser.add_argument("--framing", choices=("desko", "rte6701", "est"), default="est")
    options = parser.parse_args(argv)
    return started_on_line("travel_document_reader", options, lambda line: ReaderSim(line, options.framing))


def main(argv: list[str]) -> int:
    """Run until SIGTERM; prints one JSON line when ready."""
    server, where = started(argv)
    return server.run("travel_document_reader", **where)
