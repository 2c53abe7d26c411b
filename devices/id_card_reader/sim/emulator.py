"""A simulated SAM_V card reader on a pty: own process, real frames, the pace of the line, faults on request.

Written from the module's protocol paper and not from the driver: it frames, checks and lays out cards by itself.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import threading
import time
import tomllib
from collections.abc import Callable, Mapping
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from devices.simulation import PtyPort, SimError, SimServer, control_path, fail

PREAMBLE = b"\xaa\xaa\xaa\x96\x69"
SPEEDS = (115200, 57600, 38400, 19200, 9600)
SAM_ID = bytes.fromhex("05000100 70B63201 12CF0F00 C1353411")
WLT_HEAD = bytes.fromhex("574C66007E00320000FF85")
PHOTO_BYTES = 1024
TEST_CARD = {
    "kind": "resident",
    "name": "测试卡",
    "sex": "2",
    "nation": "01",
    "birth": "19900101",
    "address": "通办市试点区演示路1号",
    "number": "990101199001010027",
    "authority": "通办市公安局",
    "valid_from": "20200101",
    "valid_to": "20400101",
}
"""What lies on the reader without a people file."""


# -- cards ---------------------------------------------------------------------------------------------------------


def build_card(card: Mapping[str, Any], padding: str = "space") -> bytes:
    """The 256-byte text block of a person's ``[person.card]`` table, laid out as the chip has it."""
    fill = {"space": b" \0", "nul": b"\0\0"}[padding]
    put = partial(_put, fill=fill)
    english = str(card.get("english_name", ""))
    name, sex, number = put(card.get("name", ""), 30), put(card["sex"], 2), put(card["number"], 36)
    birth, since, until = put(card["birth"], 16), put(card.get("valid_from", ""), 16), put(card.get("valid_to", ""), 16)
    nation, authority = str(card.get("nation", "")), put(card.get("authority", ""), 30)
    times = put(card.get("times_issued", ""), 4)
    kind = card.get("kind", "resident")
    if kind == "resident":
        front = name + sex + put(_nation_code(nation), 4) + birth + put(card["address"], 70) + number + authority
        block = front + since + until + put("", 36)
    elif kind == "hk_macao_taiwan":
        front = name + sex + put("", 4) + birth + put(card["address"], 70) + number + authority + since + until
        block = front + put(card.get("pass_number", ""), 18) + times + put("", 6) + put("J", 2) + put("", 6)
    elif kind == "foreigner_2017":
        front = put(english, 120) + sex + put(card["number"], 30) + put(card.get("nationality", nation), 6) + name
        version, office = put(card.get("version", ""), 4), put(card.get("authority", ""), 8)
        block = front + since + until + birth + version + office + put("I", 2) + put("", 6)
    elif kind == "foreigner_2023":
        front = name + sex + times + birth + put(english[:35], 70) + number + put("", 30) + since + until
        rest = put(english[35:], 22) + put(card.get("nationality", nation), 6)
        block = front + rest + put("Y", 2) + put(card.get("old_number_link", ""), 6)
    else:
        raise SimError(f"no card is of the kind {kind}")
    if len(block) != 256:
        raise AssertionError(f"a text block of {len(block)} bytes")
    return block


def _put(text: Any, width: int, *, fill: bytes) -> bytes:
    raw = str(text).encode("utf-16-le")[:width]
    return raw + fill * ((width - len(raw)) // 2)


def _nation_code(nation: str) -> str:
    if nation.isdigit():
        return nation
    table = tomllib.loads((files("devices.id_card_reader") / "nations.toml").read_text(encoding="utf-8"))
    return next((code for code, name in table.items() if name == nation), "97")


def load_people(path: Path | None) -> dict[str, dict[str, Any]]:
    """Person id to ``[person]`` table with ``photo_bytes``; without a file, one person ``test``."""
    if path is None:
        return {"test": {"id": "test", "card": TEST_CARD, "photo_bytes": b""}}
    people = {}
    for person in tomllib.loads(path.read_text(encoding="utf-8"))["person"]:
        photo = path.parent / str(person.get("photo", ""))
        people[person["id"]] = {**person, "photo_bytes": photo.read_bytes() if photo.is_file() else b""}
    return people


def photo_block(person: Mapping[str, Any], kind: str) -> bytes:
    """The 1024-byte photo block: the person's own picture (``auto``), something that begins as WLT does, or zeros."""
    own = person["photo_bytes"]
    if kind == "auto" and own and len(own) <= PHOTO_BYTES:
        return own.ljust(PHOTO_BYTES, b"\0")
    if kind == "none":
        return bytes(PHOTO_BYTES)
    return (WLT_HEAD + random.Random(person["id"]).randbytes(PHOTO_BYTES))[:PHOTO_BYTES]


# -- the line ------------------------------------------------------------------------------------------------------


def _xor(data: bytes) -> int:
    value = 0
    for byte in data:
        value ^= byte
    return value


def reply(sw3: int, data: bytes = b"") -> bytes:
    """The frame that the module sends: SW1 and SW2 are zero."""
    body = (len(data) + 4).to_bytes(2) + bytes([0, 0, sw3]) + data
    return PREAMBLE + body + bytes([_xor(body)])


def take_request(buffer: bytearray) -> bytes | None:
    """Cut the next whole request out of ``buffer``: Len to XOR, unchecked; None when there is none yet."""
    while True:
        at = buffer.find(PREAMBLE)
        if at < 0:
            del buffer[: max(0, len(buffer) - 4)]
            return None
        del buffer[:at]
        if len(buffer) < 7:
            return None
        length = int.from_bytes(buffer[5:7])
        if 3 <= length <= 64:
            if len(buffer) < 7 + length:
                return None
            request = bytes(buffer[5 : 7 + length])
            del buffer[: 7 + length]
            return request
        del buffer[0]


# -- the module ----------------------------------------------------------------------------------------------------


class Module:
    """The reader's state: which card lies there, how far the sequence has come, which faults were asked for."""

    def __init__(self, port: PtyPort, people: dict[str, dict[str, Any]], options: argparse.Namespace) -> None:
        self.port, self.people, self.options = port, people, options
        self.baudrate: int = options.baud
        self.card: dict[str, Any] | None = None
        self.silent = False
        self.noise_percent = self.garble_percent = 0
        self.garble_command = self.mute_command = ""
        self.counts: dict[str, int] = dict.fromkeys(("garble", "truncate", "misread", "odd", "noise", "error"), 0)
        self.error_sw3, self.error_command = 0x41, ""
        self.requests = 0
        self.answered: dict[str, int] = {}
        self._random = random.Random(options.seed)
        self._busy = threading.Lock()
        self._forget_card()

    def _forget_card(self) -> None:
        self._found = self._selected = self._was_read = self._spoiled = False

    # what a person does with it

    def place(self, card: str) -> dict[str, Any]:
        """Lay the card of a person on the reader."""
        if card not in self.people:
            raise SimError(f"nobody is called {card}; there are: {', '.join(sorted(self.people))}")
        self._forget_card()
        self.card = self.people[card]
        return {"card": card}

    def lift(self) -> None:
        """Take the card away."""
        self.card = None
        self._forget_card()

    def unplug(self) -> None:
        """Pull the cable out."""
        self.port.unplug()
        self._forget_card()

    def replug(self) -> dict[str, Any]:
        """Plug the cable in again: a new pty behind the link."""
        self.port.plug()
        return {"port": self.port.path}

    def restart(self) -> None:
        """Lose the power for a moment and forget the card that lies there, with the cable in its place."""
        self._forget_card()

    def go_silent(self, on: bool = True) -> None:
        """Answer nothing, or answer again."""
        self.silent = on

    def garble(self, count: int = 0, percent: int = 0, command: str = "") -> None:
        """Damage bytes of the next answers, or of so many in a hundred; ``command`` limits it as in ``error``."""
        self.counts["garble"], self.garble_percent, self.garble_command = count, percent, command

    def mute(self, command: str) -> None:
        """Say nothing to requests whose two bytes are these: a module of a maker that does not know them."""
        self.mute_command = command

    def noise(self, count: int = 0, percent: int = 0) -> None:
        """Send rubbish before the next answers, or before so many in a hundred."""
        self.counts["noise"], self.noise_percent = count, percent

    def truncate(self, count: int = 1) -> None:
        """Break the next answers off half-way."""
        self.counts["truncate"] = count

    def odd_timeout(self, count: int = 1) -> None:
        """Answer next with the odd frame that some modules send when they time out."""
        self.counts["odd"] = count

    def misread(self, count: int = 1) -> None:
        """Fail the next reads of the card."""
        self.counts["misread"] = count

    def error(self, sw3: int | str, count: int = 1, command: str = "") -> None:
        """Answer the next requests with this status byte, a number or hexadecimal text.

        ``command`` limits that to requests whose two bytes begin so, such as "30" for all reads.
        """
        self.error_sw3 = int(sw3, 16) if isinstance(sw3, str) else sw3
        self.error_command = command
        self.counts["error"] = count

    def state(self) -> dict[str, Any]:
        """Everything that can be known about the reader."""
        return {
            "card": self.card["id"] if self.card else None,
            "cards": sorted(self.people),
            "was_read": self._was_read,
            "silent": self.silent,
            "plugged": self.port.plugged,
            "port": self.port.path,
            "baudrate": self.baudrate,
            "requests": self.requests,
            "answered": dict(self.answered),
            "pending": dict(self.counts),
            "garble_percent": self.garble_percent,
            "noise_percent": self.noise_percent,
        }

    # what it does itself

    def serve(self) -> None:
        """Answer requests for ever."""
        buffer = bytearray()
        while True:
            data = self.port.read(0.5)
            unplugged = self.port.unplugged
            if not self.port.plugged:
                buffer.clear()
            if data and self.port.host_baudrate not in (None, self.baudrate):
                continue
            buffer += data
            while (request := take_request(buffer)) is not None:
                self._serve_one(request, unplugged)

    def _serve_one(self, request: bytes, unplugged: int) -> None:
        """``unplugged``: how often the cable had been pulled out when the request came."""
        self.requests += 1
        if self.silent or request[2:4].hex() == self.mute_command:
            return
        answer = self._answer(request)
        if self.port.unplugged != unplugged:
            # Without power it forgets what it was doing, and nothing of it comes out after the next plugging in.
            self._forget_card()
            return
        if answer is not None and not self.silent:
            command = request[2:4].hex()
            self.answered[command] = self.answered.get(command, 0) + 1
            self.port.write(self._spoil(answer, command))
        if request[2] == 0x60 and answer is not None and answer[9] == 0x90:
            self.baudrate = SPEEDS[request[3]]
            if self.port.baudrate:
                self.port.baudrate = self.baudrate

    def _answer(self, request: bytes) -> bytes | None:
        if _xor(request):
            return reply(0x10) if self.options.bad_xor == "answer" else None
        if self._due("odd"):
            return PREAMBLE + bytes.fromhex("0005050505")
        if request[2:4].hex().startswith(self.error_command) and self._due("error"):
            return reply(self.error_sw3)
        command = (request[2], request[3])
        if request[2] == 0x60:
            return reply(0x90 if request[3] < len(SPEEDS) else 0x21)
        if request[2] == 0x61:
            return reply(0x90 if len(request) == 6 else 0x11)
        if len(request) != 5:
            return reply(0x11)
        return self._commands().get(command, partial(reply, 0x21))()

    def _commands(self) -> dict[tuple[int, int], Callable[[], bytes]]:
        extras = {(0x30, 0x03): self._added_address, (0x30, 0x05): self._chip_number}
        return ({} if self.options.plain else extras) | {
            (0x10, 0xFF): partial(reply, 0x90),
            (0x11, 0xFF): partial(reply, 0x90),
            (0x12, 0xFF): partial(reply, 0x90, SAM_ID),
            (0x20, 0x01): self._find,
            (0x20, 0x02): self._select,
            (0x30, 0x01): partial(self._read, finger=False),
            (0x30, 0x10): partial(self._read, finger=True),
        }

    def _find(self) -> bytes:
        self._take_time(self.options.find_ms)
        hidden = self.options.find_after_read == "80" and (self._was_read or self._spoiled)
        if self.card is None or hidden:
            return reply(0x80)
        self._found, self._selected = True, False
        return reply(0x9F, bytes(4))

    def _select(self) -> bytes:
        self._take_time(self.options.select_ms)
        if self.card is None or not self._found:
            return reply(0x81)
        self._selected = True
        return reply(0x90, bytes(8))

    def _read(self, *, finger: bool) -> bytes:
        person = self.card
        # The module reads the chip first and sends then: a card that is lifted meanwhile was not read.
        self._take_time(self.options.read_ms)
        if self._due("misread") or person is None or self.card is not person or not self._selected:
            self._spoiled, self._selected = self.card is not None, False
            return reply(0x41)
        self._was_read = True
        photo = photo_block(person, self.options.photo)
        data = build_card(person["card"], self.options.padding) + photo
        lengths = (256).to_bytes(2) + len(photo).to_bytes(2)
        if finger:
            prints = random.Random(person["id"] + "finger").randbytes(self.options.finger)
            return reply(0x90, lengths + len(prints).to_bytes(2) + data + prints)
        return reply(0x90, lengths + data)

    def _added_address(self) -> bytes:
        if self.card is None or not self._selected:
            return reply(0x41)
        texts = self.card["card"].get("added_addresses", [])[:4]
        return reply(0x90, b"".join(_put(text, 70, fill=b" \0") for text in texts)) if texts else reply(0x91)

    def _chip_number(self) -> bytes:
        if self.card is None or not self._selected:
            return reply(0x41)
        return reply(0x90, hashlib.sha256(self.card["id"].encode()).digest()[:28])

    def _spoil(self, answer: bytes, command: str) -> bytes:
        if self._due("truncate"):
            answer = answer[: len(answer) // 2]
        is_meant = command.startswith(self.garble_command)
        if (is_meant and self._due("garble")) or self._random.randrange(100) < self.garble_percent:
            damaged = bytearray(answer)
            damaged[self._random.randrange(5, len(damaged))] ^= self._random.randrange(1, 256)
            answer = bytes(damaged)
        if self._due("noise") or self._random.randrange(100) < self.noise_percent:
            answer = self._random.randbytes(self._random.randrange(1, 40)) + answer
        return answer

    def _due(self, fault: str) -> bool:
        with self._busy:
            due = self.counts[fault] > 0
            self.counts[fault] -= due
            return due

    def _take_time(self, milliseconds: float) -> None:
        if not self.options.unthrottled:
            time.sleep(milliseconds / 1000)


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m devices.id_card_reader.sim", description="A simulated SAM_V identity card reader on a pty."
    )
    parser.add_argument("--people", type=Path, help="people file with the cards; without it there is one card: test")
    parser.add_argument("--link", type=Path, help="symlink that hosts open; follows the pty when it is plugged again")
    parser.add_argument("--control", help="control socket; default: a fresh one")
    parser.add_argument("--baud", type=int, default=115200, choices=SPEEDS, help="speed of the module")
    parser.add_argument("--unthrottled", action="store_true", help="no pace of the line, no time of the device")
    parser.add_argument("--find-ms", type=float, default=20, help="time that a search takes")
    parser.add_argument("--select-ms", type=float, default=30, help="time that a selection takes")
    parser.add_argument("--read-ms", type=float, default=400, help="time that reading the chip takes")
    parser.add_argument(
        "--find-after-read", choices=("80", "9F"), default="80", help="what a search says until a read card is lifted"
    )
    parser.add_argument("--plain", action="store_true", help="no command for chip number or appended address")
    parser.add_argument("--bad-xor", choices=("answer", "silent"), default="answer", help="on a damaged request")
    parser.add_argument("--photo", choices=("auto", "wlt", "none"), default="auto", help="what is in the photo block")
    parser.add_argument("--padding", choices=("space", "nul"), default="space", help="what fills fields up")
    parser.add_argument("--finger", type=int, choices=(1024, 512, 0), default=1024, help="bytes of fingerprints")
    parser.add_argument("--place", metavar="PERSON", help="begin with this person's card on the reader")
    parser.add_argument("--seed", type=int, default=1, help="seed of everything that is random")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    """Run the sim until SIGTERM; see ``--help``."""
    options = _arguments(argv)
    try:
        people = load_people(options.people)
    except (OSError, KeyError, tomllib.TOMLDecodeError) as fault:
        return fail(f"--people {options.people}: {fault}")
    port = PtyPort(baudrate=None if options.unthrottled else options.baud, link=options.link)
    module = Module(port, people, options)
    if options.place:
        module.place(options.place)
    verbs = {
        **{verb: getattr(module, verb) for verb in ("place", "lift", "unplug", "replug", "restart", "garble", "noise")},
        **{verb: getattr(module, verb) for verb in ("truncate", "odd_timeout", "misread", "error", "mute")},
        "silent": module.go_silent,
    }
    server = SimServer(control_path(options.control, "id_card_reader"), verbs, module.state)
    threading.Thread(target=module.serve, name="line", daemon=True).start()
    try:
        return server.run("id_card_reader", port=port.path, baudrate=options.baud)
    finally:
        port.close()
