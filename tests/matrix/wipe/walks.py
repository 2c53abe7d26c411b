"""Visits of one machine, each another person's and with another end, and what can be read of them afterwards."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import trio

from devices.fingerprint_reader.driver import Capture
from devices.fingerprint_reader.sim.emulator import HEIGHT, WIDTH
from devices.fingerprint_reader.sim.emulator import drawn as drawn_finger
from kiosk import hardening
from kiosk.citizen import Control, Script
from kiosk.clock import Clock
from kiosk.demo.stage import Stage
from kiosk.demo.walking import poses
from kiosk.demo.watch import MachineWatch
from kiosk.vision.frames import FrameReader
from tests.matrix.wipe import knowledge, memory
from tests.matrix.wipe.child import Coming
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = ("kiosk", "devices", "offline_cache", "screens")
WAIT_S = 120.0
"""For anything that must come on a busy machine."""
PICTURES_S = 20.0
JPEG_HEAD = b"\xff\xd8\xff\xe0\x00\x10JFIF"
JPEG_TABLES = 1024
"""At the head of a JPEG file, the same in all."""
IDLE_S = 40.0
"""Longer than the machine stands still while it is looked at."""

_GLASS, _PAPERS, _PAGES = "fingerprint_reader", "document_camera", "page_printer"
TYPED = {"address", "invoice_number", "post_address", "post_phone"}
_FINGER = Capture("right_thumb", 85, WIDTH, HEIGHT, drawn_finger(1))


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One visit. At page ``at`` what was planted must be found; then it goes on to its ``end``."""

    person: str
    end: str
    at: str = "rate"
    services: tuple[str, ...] = ("T01",)
    actions: dict[str, str] = {}
    values: dict[str, str] = {}
    camera: bool = True
    """Whether the person comes to stand before a camera that looks."""
    breaks: str = ""
    steps: tuple[dict[str, Any], ...] = ()
    beside: str = ""
    """Who comes along and lays a second card down, and acts; with ``steps`` of its own fingers and a photo follow."""
    lays: bool = False
    """Whether a paper is laid under the document camera when it is asked for."""


# On a slow computer the check may be over before the machine has been looked at.
_LEAVES_AT_FACE = {"at": "face", "actions": {"face": "exit", "face_again": "exit", "guide": "exit"}}
_GUIDE = {"values": {"way": "guide"}, "camera": False}
PLANS = (
    Plan(person="zhao", end="done"),
    Plan(person="wang", end="left at the face check", **_LEAVES_AT_FACE),
    Plan(person="li", end="time-out", at="todo", actions={"todo": "wait", "still_there": "wait"}, camera=False),
    Plan(person="chen", end="hung vision worker", **_LEAVES_AT_FACE),
    Plan(person="sun", end="confirmed by a guide", at="guide_confirm", **_GUIDE),
    Plan(person="zhou", end="a step fails", at="face_notice", breaks="step", camera=False),
    Plan(person="li", end="the visit crashes", at="todo", breaks="step", camera=False),
    Plan(person="ho", end="stalled camera", **_LEAVES_AT_FACE),
    Plan(
        person="technician",
        end="maintenance",
        services=(),
        at="maintenance",
        actions={"maintenance_offer": "maintenance", "maintenance": "exit"},
        camera=False,
    ),
    Plan(person="wang", end="the store fails", services=("H13",), at="sign", breaks="store", **_GUIDE),
    Plan(person="ma", end="SIGTERM", **_LEAVES_AT_FACE),
)
_THINGS = ("identify", "second_card", "photo", "fingerprint", "sign", "file", "slip", "rate")
THINGS = (
    Plan(
        person="zhao",
        end="second card, photo, fingers",
        at="sign",
        services=("E16",),
        steps=tuple({"kind": kind, **({"role": "agent"} if kind == "second_card" else {})} for kind in _THINGS),
        beside="wang",
        camera=False,
    ),
    Plan(person="wang", end="an agent acts", services=("H13",), at="sign", values={"way": "agent"}, beside="li"),
)
"""What a visit knows besides the card, the face and what is typed."""
PAPERS = (
    Plan(person="wang", end="a certificate is printed", services=("H08",), **_GUIDE),
    Plan(
        person="sun",
        end="left with a paper captured",
        at="sign",
        services=("T15",),
        actions={"sign": "exit"},
        values={"invoice_number": "27990101", "way": "guide"},
        camera=False,
        lays=True,
    ),
    Plan(
        person="li",
        end="an address is typed",
        at="sign",
        services=("H11",),
        values={"address": "示范街6号 1204", "way": "guide"},
        camera=False,
    ),
    Plan(
        person="wang",
        end="sent by post",
        services=("H02",),
        values={
            "card_collection": "post",
            "post_address": "通办市试点区演示路12号3单元401室",
            "post_phone": "13955550142",
            "way": "guide",
        },
        camera=False,
    ),
)
"""What comes out of the machine, is laid into it, and where it is sent."""
LAST = ("SIGTERM", "the screen fails")
"""Ends of the process, not only of the visit."""
SHORT = tuple(plan for plan in PLANS if plan.person in ("zhao", "chen", "ma"))
"""The visits of the suite: one to its end, a hung worker, SIGTERM."""
AND_BESIDES = (Plan(person="garcia", end="the screen fails", breaks="screen", **_LEAVES_AT_FACE),)
"""What needs a machine of its own, because it ends it."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One visit's line of the table. ``hits``: process or folder, then mapping or file, then names of patterns."""

    number: int
    person: str
    end: str
    reason: str
    planted: int
    unseen: tuple[str, ...]
    """Kinds of patterns of which nothing was found in the middle of the visit."""
    searched: int
    hits: dict[str, dict[str, list[str]]]
    around: tuple[str, ...]
    """The bytes around the first hits."""
    alarms: tuple[str, ...]
    exit_code: int | None
    """Of the machine, when the visit's end was its end."""
    wiped_s: float
    """Seconds from the end of the visit to ``wiped``."""


class Stuck(Exception):
    """Something that had to come did not."""


class Walks:
    """One machine process on ``stage``, with the environment that ``kiosk run`` gives itself."""

    def __init__(self, stage: Stage, plans: Iterable[Plan], *, screen: bool, root: Path = ROOT, seed: int = 0) -> None:
        self._stage, self._clock, self._chance = stage, Clock(), random.Random(seed)
        self._people = {p["id"]: p for p in stage_people(stage)}
        self._expected = {who for plan in plans for who in (plan.person, plan.beside) if who} | {"guide"}
        self._known: knowledge.Patterns = {}
        self._planted: knowledge.Patterns = {}
        self._rows = self._start = self._pages = 0
        self._guide_here = True
        self._before: set[bytes] = set()
        self._watch = MachineWatch(stage.status_socket)
        self._door = socket.socket(socket.AF_UNIX)
        path = stage.folder / "citizens.sock"
        path.unlink(missing_ok=True)
        self._door.bind(str(path))
        self._door.listen(1)
        script = stage.folder / "nobody.toml"
        script.write_text("services = []\n", encoding="utf-8")
        config = stage.folder / "wipe.toml"
        config.write_text(f"{stage.config.read_text('utf-8')}\n[screen]\nidle_timeout_s = {IDLE_S}\n", encoding="utf-8")
        argv = [sys.executable, "-m", "tests.matrix.wipe.child", str(path), "walk", str(script), "--count", "99"]
        self._folders = [stage.folder / name for name in ("state", "logs", "home", "tmp", "said")]
        for folder in self._folders:
            folder.mkdir(exist_ok=True)
        *_, home, temporary, said = map(str, self._folders)
        surroundings = {"TONGBAN_CONFIG": str(config), "SDL_VIDEODRIVER": "offscreen"}
        surroundings |= {"HOME": home, "TMPDIR": temporary}
        self._said = Path(said) / "child.log"
        self._log = self._said.open("wb")
        self.process = subprocess.Popen(
            [*argv, *(["--screen"] if screen else [])],
            env={**os.environ, **hardening.environment(), **surroundings},
            cwd=root,
            stdout=self._log,
            stderr=self._log,
        )
        self._watch.start()
        self._door.settimeout(WAIT_S)
        self._line, _ = self._door.accept()
        self._line.settimeout(0.2)
        self._pending, self._ending = b"", ""

    def close(self) -> None:
        """End the machine, stopped or not."""
        self._watch.stop()
        self._line.close()
        self._door.close()
        with suppress(ProcessLookupError):
            self.process.terminate()
            self._signal(signal.SIGCONT)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._log.close()

    def visit(self, plan: Plan) -> Row:
        """One visit: plant, look in the middle, end it, wait for ``wiped``, look again for everything ever planted."""
        self._expect("next")
        self._ending = plan.end
        self._planted = self._card(plan.person) | self._card("guide")
        if plan.beside:
            self._planted |= self._card(plan.beside)
        if plan.steps:
            self._planted |= knowledge.of_finger(_FINGER)
        script = self._script(plan)
        if not self._rows:
            self._first_look()
        self._planted = {n: raw for n, raw in self._planted.items() if raw not in self._before}
        start = self._start = len(self._watch.lines)
        self._guide_here = False
        coming = Coming(script=script, hold=(plan.at,), breaks=plan.breaks, steps=plan.steps)
        self._line.sendall(msgspec.json.encode(coming) + b"\n")
        self._do("camera", "person", id=plan.person)
        if plan.camera:
            eventually(self._camera_works, "the camera works")
        self._do("id_card_reader", "place", card=plan.person)
        self._wait("page", start, kind="todo" if plan.services else "maintenance_offer")
        if plan.services:
            self._do("id_card_reader", "lift")
        middle = self._middle(plan)
        self._end(plan)
        ended = self._wait("visit", start, state="end")
        wiped = self._wait("wiped", start)
        after = self._copy()
        self._after(plan)
        self._rows += 1
        unseen = self._unseen(middle)
        self._known |= {f"{self._rows} {n}": raw for n, raw in self._planted.items()}
        hits = after.found(memory.Search(self._known))
        return Row(
            number=self._rows,
            person=plan.person,
            end=plan.end,
            reason=ended["reason"],
            planted=len(self._planted),
            unseen=unseen,
            searched=len(self._known),
            hits={where: {k: sorted(v) for k, v in found.items()} for where, found in hits.items()},
            around=tuple(str(raw) for name in sorted(_names(hits))[:5] for raw in after.around(self._known[name])),
            alarms=tuple(x["what"] for x in self._watch.lines[start:] if x["type"] == "alarm"),
            exit_code=self._exit_code() if plan.end in LAST else None,
            wiped_s=round(wiped["mono"] - ended["mono"], 3),
        )

    # -- before ---------------------------------------------------------------------------------------------------

    def _first_look(self) -> None:
        """What stands in a machine that has served nobody betrays nobody, nor what the program brings along.

        Pieces of its own pictures, common words, the words that its compression begins with.
        """
        everybody = {n: raw for who in self._expected for n, raw in self._card(who).items()}
        copy, search = self._copy(), memory.Search(everybody)
        program = memory.Copy({}, (ROOT / name for name in PROGRAM))
        known = _names(copy.found(search)) | _names(program.found(search))
        self._signal(signal.SIGCONT)
        self._before = {everybody[name] for name in known} | set(self._pictures_in(copy).values())

    def _card(self, who: str) -> knowledge.Patterns:
        person = self._people[who]
        found = knowledge.of_person(person, knowledge.photo_of(person, self._stage.people))
        return {f"{who} {name}": raw for name, raw in found.items()}

    def _script(self, plan: Plan) -> Script:
        """The citizen of this visit; what is typed and signed is nobody else's."""
        phone = f"139{self._chance.randrange(10**8):08d}"
        strokes = [[[self._chance.random() for _ in "xy"] for _ in range(4)] for _ in range(5)]
        self._planted |= knowledge.forms("typed phone", phone) | knowledge.of_strokes(strokes)
        for name in sorted(TYPED & plan.values.keys()):
            self._planted |= knowledge.forms(f"typed {name}", plan.values[name])
        pin = self._people[plan.person].get("pin", "")
        values: dict[str, Any] = {"phone": phone, "signature": strokes, "pin": pin, **plan.values}
        values["guide_pin"] = self._people["guide"]["pin"]
        turn = str(self._stage.folder / "camera.control")
        actions = {"rate": "skip", **plan.actions}
        control = tuple(self._controls(plan))
        return Script(services=plan.services, values=values, actions=actions, control=control, turn=turn)

    def _controls(self, plan: Plan) -> Iterator[Control]:
        """What people do with their hands and bodies."""
        reader, camera, papers = (self._stage.ready[name]["control"] for name in ("id_card_reader", "camera", _PAPERS))
        yield from poses(self._stage.folder)
        if plan.lays:
            yield Control(page="capture", socket=papers, do="lay")
        if not plan.beside:
            return
        yield Control(page="second_card", socket=reader, do="place", arguments={"card": plan.beside})
        if not plan.steps:
            yield Control(page="second_card", socket=camera, do="person", arguments={"id": plan.beside})
            yield Control(page="face_notice", socket=reader, do="lift", after=1)
            return
        yield Control(page="photo", socket=reader, do="lift")

    # -- in the middle --------------------------------------------------------------------------------------------

    def _middle(self, plan: Plan) -> memory.Copy:
        if plan.camera:
            self._wait("page", self._start, kind="face")
            self._camera_pictures()
        self._guide_here = False
        self._expect(plan.at)
        if not self._guide_here:
            self._planted = {n: raw for n, raw in self._planted.items() if not n.startswith("guide")}
        # Whoever asks for a guide from now on is on the way out.
        self._guide_here = True
        copy = self._copy()
        self._planted |= self._pictures_in(copy) | self._printed_pages()
        return copy

    def _printed_pages(self) -> knowledge.Patterns:
        """The sheets that came out of the A4 printer during this visit, as the bytes that were sent to it."""
        pages = [Path(page) for page in self._stage.controls[_PAGES].do("pages")["pages"]]
        new, self._pages = pages[self._pages :], len(pages)
        found = [knowledge.windows(f"certificate {n}", page.read_bytes()) for n, page in enumerate(new)]
        return {name: raw for each in found for name, raw in each.items() if raw not in self._before}

    def _unseen(self, middle: memory.Copy) -> tuple[str, ...]:
        found = _names(middle.found(memory.Search(self._planted)))
        return tuple(sorted({_kind(name) for name in self._planted} - {_kind(name) for name in found}))

    def _camera_pictures(self) -> None:
        """What the camera shows now, as the machine shares it with its screen."""
        links = Path(f"/proc/{self.process.pid}/fd").iterdir()
        reader = FrameReader(next(str(link) for link in links if "tongban-frames" in str(link.readlink())))
        ends = self._clock.monotonic() + PICTURES_S
        while (latest := reader.latest()) is None and self._clock.monotonic() < ends:
            trio.run(trio.sleep, 0.02)
        if latest is not None:
            self._planted |= knowledge.of_picture("picture", latest[1])

    def _pictures_in(self, copy: memory.Copy) -> knowledge.Patterns:
        """The pictures that the machine has taken itself are known to nobody else."""
        raw = copy.after("machine", JPEG_HEAD)
        pieces = [knowledge.windows(f"snapshot {n}", each[JPEG_TABLES:]) for n, each in enumerate(raw)]
        return {n: raw for each in pieces for n, raw in each.items() if raw not in self._before}

    # -- the end --------------------------------------------------------------------------------------------------

    def _end(self, plan: Plan) -> None:
        """Everything is on its way before the machine goes on."""
        if plan.end == "stalled camera":
            self._do("camera", "stall")
        if plan.end == "SIGTERM":
            self.process.terminate()
        else:
            self._go_on()
        self._signal(signal.SIGCONT, workers=plan.end != "hung vision worker")

    def _signal(self, number: int, *, workers: bool = True) -> None:
        for pid in (self.process.pid, *(memory.children(self.process.pid) if workers else ())):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _copy(self) -> memory.Copy:
        """The machine, its children, the files that it may write. They stand still from then on, as at that moment."""
        self._signal(signal.SIGSTOP)
        below = {f"child {n}": pid for n, pid in enumerate(memory.children(self.process.pid), 1)}
        return memory.Copy({"machine": self.process.pid, **below}, self._folders)

    def _after(self, plan: Plan) -> None:
        self._signal(signal.SIGCONT)
        done = (
            ("camera", "thaw"),
            ("camera", "nobody"),
            ("id_card_reader", "lift"),
            (_GLASS, "lift"),
            (_PAPERS, "reset"),
        )
        for device, verb in done:
            self._do(device, verb)

    def _camera_works(self) -> bool:
        said = [x["device"] for x in self._watch.lines if (x["type"], x.get("name")) == ("device", "camera")]
        return said[-1:] == ["online"]

    def _exit_code(self) -> int:
        return self.process.wait(WAIT_S)

    # -- talk -----------------------------------------------------------------------------------------------------

    def _do(self, device: str, verb: str, **arguments: Any) -> None:
        self._stage.controls[device].do(verb, **arguments)

    def _wait(self, event: str, start: int, **wanted: Any) -> dict[str, Any]:
        facts = {"type": event, **wanted}
        line = self._watch.wait_for(lambda x: facts.items() <= x.items(), WAIT_S, start)
        if line is None:
            seen = [_brief(x) for x in self._watch.lines[start:]]
            raise Stuck(
                f"{self._ending}: no line {facts}; seen: {seen}; {memory.state_of(self.process)}; {self._errors()}"
            )
        return line

    def _heard(self) -> str:
        ends = self._clock.monotonic() + WAIT_S
        while b"\n" not in self._pending:
            if self._clock.monotonic() > ends:
                seen = [_brief(x) for x in self._watch.lines[-20:]]
                raise Stuck(f"the citizen waits at no page; seen: {seen}; {self._errors()}")
            self._guide_comes()
            with suppress(TimeoutError):
                self._pending += self._line.recv(65536)
        line, _, self._pending = self._pending.partition(b"\n")
        return json.loads(line)

    def _guide_comes(self) -> None:
        """Once a guide is asked for, by the plan or because a busy machine was too slow for the face check."""
        asked = any(x["type"] == "page" and x["kind"] == "guide" for x in self._watch.lines[self._start :])
        if asked and not self._guide_here:
            self._guide_here = True
            self._do("id_card_reader", "place", card="guide")

    def _expect(self, what: str) -> None:
        if (said := self._heard()) != what:
            raise Stuck(f"{what} was expected, {said} came")

    def _go_on(self) -> None:
        self._line.sendall(b"{}\n")

    def _errors(self) -> str:
        return self._said.read_text(errors="replace")[-800:]


@contextmanager
def walks(stage: Stage, plans: Iterable[Plan], *, screen: bool, root: Path = ROOT) -> Iterator[Walks]:
    """A machine for some visits."""
    found = Walks(stage, plans, screen=screen, root=root)
    try:
        yield found
    finally:
        found.close()


def stage_people(stage: Stage) -> list[dict[str, Any]]:
    """The synthetic people of this stage."""
    return tomllib.loads(stage.people.read_text(encoding="utf-8"))["person"]


def _names(hits: dict[str, dict[str, set[str]]]) -> set[str]:
    return {name for found in hits.values() for names in found.values() for name in names}


def _kind(name: str) -> str:
    """ "card name utf-8" is a kind of its own; of a picture's many pieces all are one."""
    return name.partition("@")[0].strip() if "@" in name else name.rpartition(" ")[0]


def _brief(line: dict[str, Any]) -> str:
    return " ".join(str(line[k]) for k in ("type", "kind", "name", "state", "what") if k in line)
