"""A card dispenser behind a serial line, as a CRT-571/591-M or as a K720."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from devices.card_dispenser.sim.mechanism import Mechanism
from devices.simulation import SimError, SimServer
from devices.simulation_line import FaultyLine, line_parser, started_on_line

ERRORS = ("00", "01", "02", "10", "12", "13", "14", "16", "40", "45", "50", "51", "60", "69", "A0", "A1", "B0")


def total(data: bytes) -> int:
    """Exclusive-or of all bytes."""
    value = 0
    for byte in data:
        value ^= byte
    return value


class DispenserSim:
    """What both families have: people, cards, faults."""

    def __init__(self, line: FaultyLine, machine: Mechanism) -> None:
        self.line, self.machine = line, machine
        self.commands: list[str] = []

    @property
    def verbs(self) -> dict[str, Any]:
        """What people do to it, and what breaks."""
        hands = (self.put, self.take, self.attend)
        known = (*hands, self.refill, self.jam, self.break_down, self.repair, self.fill_bin, self.reset)
        return {verb.__name__: verb for verb in known}

    def attend(self, on: bool = True) -> None:
        """Somebody stands there who takes what comes to the gate."""
        self.machine.attended = on

    def put(self) -> None:
        """Put a card into the gate; it is drawn in when the entry is open."""
        if not self.machine.entry_open or self.machine.place != "nowhere":
            raise SimError("the entry is shut")
        self.machine.place = "gate"

    def take(self) -> None:
        """Take the card out of the gate."""
        if self.machine.place != "gate":
            raise SimError("no card at the gate")
        self.machine.place, self.machine.taken = "nowhere", self.machine.taken + 1

    def refill(self, cards: int) -> None:
        """So many cards in the stacker."""
        self.machine.cards = cards

    def jam(self) -> None:
        """The next movement jams."""
        self.machine.jam_next = True

    def break_down(self, error: str) -> None:
        """Answer every movement with this CRT error (two characters)."""
        if error not in ERRORS:
            raise SimError(f"error is one of {', '.join(ERRORS)}")
        self.machine.error = error

    def repair(self) -> None:
        """As it should be again; a jammed card is taken out."""
        self.machine.error, self.machine.place = "", "nowhere"

    def fill_bin(self) -> None:
        """The bin is full."""
        self.machine.kept = self.machine.bin_size

    def reset(self) -> None:
        """As good as new."""
        self.line.restore()
        self.machine.reset()
        self.commands.clear()

    def state(self) -> Mapping[str, Any]:
        """Everything as it is now."""
        machine = self.machine
        return {
            "place": machine.place,
            "cards": machine.cards,
            "stacker": machine.stacker,
            "kept": machine.kept,
            "taken": machine.taken,
            "entry_open": machine.entry_open,
            "error": machine.error,
            "commands": list(self.commands),
        }

    def serve(self) -> None:
        """Answer for ever."""
        heard = b""
        while True:
            heard = self.hear(heard + self.line.read())

    def hear(self, heard: bytes) -> bytes:
        """Obey every whole frame; what is left over."""
        raise NotImplementedError


class CrtSim(DispenserSim):
    """CRT frames (the maker's table)."""

    def hear(self, heard: bytes) -> bytes:
        """See ``DispenserSim``."""
        while heard:
            if heard[0] != 0xF2:
                heard = heard[1:]
                continue
            length = heard[2] * 256 + heard[3] if len(heard) >= 4 else 0
            if len(heard) < 4 or len(heard) < length + 6:
                return heard
            frame, heard = heard[: length + 6], heard[length + 6 :]
            if frame[-2] != 3 or total(frame) != 0:
                self.line.answer(b"\x15")
                continue
            self.line.answer(b"\x06")
            self._obey(frame[1], frame[5], frame[6])
        return heard

    def _obey(self, address: int, command: int, parameter: int) -> None:
        self.commands.append(f"{command:02X}{parameter:02X}")
        error = ""
        if command == 0x32:
            error = self.machine.move(
                {0x30: "gate", 0x31: "reader", 0x32: "reader", 0x33: "bin", 0x39: "gate"}[parameter]
            )
        elif command == 0x33:
            self.machine.entry_open = parameter == 0x30
        elif command not in (0x30, 0x31):
            error = "00"
        if error:
            body = b"\x4e" + bytes((command, parameter)) + error.encode()
        else:
            place = {"nowhere": 0x30, "gate": 0x31, "reader": 0x32}[self.machine.place]
            stacker = {"empty": 0x30, "few": 0x31, "enough": 0x32}[self.machine.stacker]
            body = bytes((0x50, command, parameter, place, stacker, 0x31 if self.machine.bin_full else 0x30))
        frame = bytes((0xF2, address, len(body) // 256, len(body) % 256)) + body + b"\x03"
        self.line.answer(frame + bytes((total(frame),)))


MOVES = {"FC4": "gate", "FC7": "reader", "CP": "bin", "DC": "gate", "FC0": "gate"}


class K720Sim(DispenserSim):
    """K720 frames (public drivers)."""

    def __init__(self, line: FaultyLine, machine: Mechanism) -> None:
        super().__init__(line, machine)
        self._result = "P"

    def hear(self, heard: bytes) -> bytes:
        """See ``DispenserSim``."""
        while heard:
            if heard[0] == 5 and len(heard) >= 3:
                self._answer(heard[1:3])
                heard = heard[3:]
                continue
            if heard[0] == 5:
                return heard
            if heard[0] != 2:
                heard = heard[1:]
                continue
            length = heard[3] * 256 + heard[4] if len(heard) >= 5 else 0
            if len(heard) < 5 or len(heard) < length + 7:
                return heard
            frame, heard = heard[: length + 7], heard[length + 7 :]
            is_sound = frame[-2] == 3 and total(frame) == 0
            self.line.answer((b"\x06" if is_sound else b"\x15") + frame[1:3])
            if is_sound:
                self._obey(frame[5:-2].decode())
        return heard

    def _obey(self, command: str) -> None:
        self.commands.append(command)
        if command in MOVES:
            error = self.machine.move(MOVES[command])
            if error and error not in ("A0", "A1"):
                self.machine.error = error
        elif command == "FC8":
            self.machine.entry_open = True
        elif command == "RS":
            self.machine.entry_open = False
        self._result = f"PAP{self._bits():04X}" if command == "AP" else f"P{command}"

    def _bits(self) -> int:
        machine = self.machine
        bits = {"nowhere": 0, "gate": 1, "reader": 2}[machine.place]
        bits |= {"empty": 0x08, "few": 0x10, "enough": 0}[machine.stacker]
        return bits | (0x20 if machine.error == "10" else 0) | (0x80 if machine.bin_full else 0)

    def _answer(self, address: bytes) -> None:
        text = self._result.encode()
        frame = b"\x02" + address + bytes((len(text) // 256, len(text) % 256)) + text + b"\x03"
        self.line.answer(frame + bytes((total(frame),)))


def started(argv: list[str]) -> tuple[SimServer, dict[str, Any]]:
    """The dispenser at work, its control socket, and what its ready line says besides."""
    parser = line_parser("card_dispenser", __doc__)
    parser.add_argument("--protocol", choices=("crt", "k720"), default="crt")
    parser.add_argument("--cards", type=int, default=50, help="cards in the stacker")
    parser.add_argument("--bin-size", type=int, default=20, help="cards that fit into the bin")
    parser.add_argument("--move-s", type=float, default=0.8, help="seconds for a movement")
    options = parser.parse_args(argv)
    machine = Mechanism(options.cards, options.move_s, options.bin_size)
    family = CrtSim if options.protocol == "crt" else K720Sim
    return started_on_line("card_dispenser", options, lambda line: family(line, machine))


def main(argv: list[str]) -> int:
    """Run until SIGTERM; prints one JSON line when ready."""
    server, where = started(argv)
    return server.run("card_dispenser", **where)
