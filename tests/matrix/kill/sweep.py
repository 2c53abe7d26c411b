"""Walk, die at a point, start again, settle: one run of the kill matrix on one stage (hub, network, devices)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import httpx
import msgspec
import trio

from kiosk import hardening
from kiosk.citizen import Control, Script, script_text
from kiosk.clock import Clock
from kiosk.demo.stage import Stage
from kiosk.demo.walking import poses
from kiosk.inserted import READER
from kiosk.status_socket import ask
from offline_cache.errors import StoreBusy
from tests.matrix.kill import evidence
from tests.matrix.kill.child import SLIP_CODE
from tests.matrix.kill.evidence import CARDS, MADE, MAKERS, After, judge
from tests.waiting import HANG_S

ROOT = Path(__file__).resolve().parents[3]


class Walk(NamedTuple):
    """Who comes for what, and what is said there; ``offline``: there is no network until the restart."""

    service: str
    person: str = "wang"
    values: Mapping[str, str] = MappingProxyType({})
    offline: bool = False


WALKS = {
    **{key: Walk(key) for key in ("T01", "H13", "E13", "C01", "C02", "C03")},
    "T01 offline": Walk("T01", offline=True),
    "H13 offline": Walk("H13", offline=True),
    # Paid at the machine, the old one swallowed, the new one made and handed out.
    "T01 made": Walk("T01", values={"delivery": "at_once"}),
    # Paid at the machine and written on the person's own permit, which goes in and comes out again.
    "E06": Walk("E06", "chen"),
    # A sealed paper of A4.
    "H08": Walk("H08"),
    # A blank card moved under the writer, written and given out.
    "H14 made": Walk("H14", "li", {"reason": "lost", "permit_collection": "at_once"}),
    # The person's permit is drawn in and read before anything is asked.
    "E11": Walk("E11", "chen"),
    # Handed out from behind a door.
    "H07": Walk("H07", "ma"),
}
SERVICES = tuple(WALKS)
PERMIT = {"number": "L99010044", "birth": "790911"}
"""Of chen: put into the reader when one is asked for, and taken when it comes out."""
WALK_S, SETTLE_S, POLL_S = 180.0, 120.0, 0.05
WALKS_TRIED = 3
"""How often a walk is begun that ends before the point it was to die at."""
PAPER_POINTS = ("printer", "journal.hand_over", "line print", "journal.resolve", "line page printing", "journal.begin")
"""Where the printer may lose its power with the machine: what it had not printed is gone."""

T = TypeVar("T")


class Result(msgspec.Struct, frozen=True):
    """One run. ``broken`` names each invariant that does not hold; ``point`` ends in "(power)" when all lost power."""

    service: str
    point: str
    broken: tuple[str, ...]


class Stuck(Exception):
    """Something that had to come did not."""


class Sweep:
    """One stage, used for all runs; between them devices and records are as on the first day, the store goes on."""

    def __init__(self, stage: Stage, child_root: Path = ROOT) -> None:
        self.stage = stage
        self._clock = Clock()
        self._runs = 0
        self._codes: dict[int, int] = {}
        self._printed: Any = None
        self._folder = stage.folder / "kill"
        self._folder.mkdir(exist_ok=True)
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.matrix.kill.child", "--serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=child_root,
            # As kiosk run gives it to itself: a restart would lose the wrappers.
            env={**os.environ, **hardening.environment()},
            text=True,
        )
        self._heard()
        self.rated_number = ""

    def close(self) -> None:
        """End the fork server."""
        self._server.terminate()
        self._server.wait()

    def points(self, service: str) -> list[str]:
        """The points of an undisturbed walk, in order; with it the first receipt number to rate is made."""
        self._reset(service)
        seen = self._fresh("points")
        with self._child("", seen, self._script(service), "1") as pid:
            self._until(lambda: self._ended(pid), WALK_S, "the end of the walk")
        found = [note["point"] for note in notes(seen) if "point" in note]
        after = self._look(seen)
        self.rated_number = self.rated_number or next(
            (r.receipt_number for r in after.rows if r.kind == "case" and r.receipt_number), ""
        )
        return found

    def run(self, service: str, point: str) -> Result:
        """Die at ``point`` ("… (power)": the printer too), start again, settle, judge. ``service``: of ``WALKS``."""
        target, _, power = point.partition(" (")
        before, seen, broken = self._die(service, target)
        if power:
            self._do("receipt_printer", "power")
        self._do("network", "restore")
        self._do("id_card_reader", "lift")
        self._do("camera", "nobody")
        self._until(self._printer_rests, SETTLE_S, "the printer's rest")
        dead = self._look(seen)
        again = self._fresh("again")
        reprint = dead.doubtful_numbers(before)
        script = self._reprint_script(reprint[0]) if reprint else self._script("")
        with self._child("", again, script, "1") as pid:
            self._settled(pid, again, reprinting=bool(reprint))
        if reprint and (WALKS[service].offline or dead.open_kinds() & MADE):
            # The copy may be out before the rest is at its end: one life more for what still waits.
            self._live_on()
        after = self._look(seen, again)
        return Result(service, point, (*broken, *judge(before, dead, after)))

    def _die(self, service: str, target: str, tries: int = WALKS_TRIED) -> tuple[After, Path, list[str]]:
        """What was before, what the machine saw until it died, and what kept it from dying at ``target``."""
        self._reset(service)
        before, seen = self._look(None), self._fresh("walk")
        with self._child(target, seen, self._script(service), "1") as pid:
            code = self._until(lambda: self._ended(pid), WALK_S, f"the death at {target}")
        if code == -signal.SIGKILL:
            return before, seen, []
        if tries == 1:
            return before, seen, [f"the point was not reached (exit code {code}); {self._errors()}"]
        # On a busy computer the city's answer can be too late: then the machine rightly goes on without it.
        self._do("network", "restore")
        self._live_on()
        return self._die(service, target, tries - 1)

    # -- the machine's processes --------------------------------------------------------------------------------------

    @contextmanager
    def _child(self, target: str, seen: Path, script: Path, count: str) -> Iterator[int]:
        arguments = [
            target,
            str(seen),
            "--config",
            str(self.stage.config),
            "walk",
            str(script),
            "--count",
            count,
        ]
        pid = self._asked({"arguments": arguments, "errors": str(self._folder / "errors.log")})["pid"]
        try:
            yield pid
        finally:
            if self._ended(pid) is None:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                self._until(lambda: self._ended(pid), 10.0, "the end of a killed process")

    def _live_on(self) -> None:
        """One life with nobody there, for what still waits."""
        rest = self._fresh("rest")
        with self._child("", rest, self._script(""), "1") as pid:
            self._settled(pid, rest, reprinting=False)

    def _settled(self, pid: int, seen: Path, *, reprinting: bool) -> None:
        """Until nothing is on its way any more and what was doubtful has been asked for; then SIGTERM."""
        self._until(lambda: "home" in pages(seen) or None, SETTLE_S, "the home page")
        if reprinting:
            self._until(lambda: any(line["type"] == "wiped" for line in lines(seen)) or None, SETTLE_S, "the copy")
        else:
            self._until(self._effects_ended, SETTLE_S, "the end of what was being made")
            self._until(lambda: evidence.money_ended(self.stage), SETTLE_S, "the end of every order")
            # Last: what is made or paid for puts its word into the queue.
            self._until(self._queue_empty, SETTLE_S, "an empty queue")
        if self._ended(pid) is None:
            os.kill(pid, signal.SIGTERM)
            self._until(lambda: self._ended(pid), 15.0, "the machine's end")

    def _queue_empty(self) -> bool | None:
        answer = trio.run(ask, str(self.stage.status_socket), "queue")
        return True if answer and not answer["queue"]["depth"] else None

    def _ended(self, pid: int) -> int | None:
        if pid in self._codes:
            return self._codes[pid]
        answer = self._asked({"wait": pid})
        if answer["ended"]:
            self._codes[pid] = answer["code"]
        return self._codes.get(pid)

    def _asked(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._server.stdin is not None
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        return self._heard()

    def _heard(self) -> dict[str, Any]:
        assert self._server.stdout is not None
        line = self._server.stdout.readline()
        if not line:
            raise Stuck("the fork server has ended")
        return json.loads(line)

    def _until(self, found: Callable[[], T | None], timeout_s: float, what: str) -> T:
        ends = self._clock.monotonic() + timeout_s
        while (value := found()) is None:
            if self._clock.monotonic() > ends:
                raise Stuck(f"{what} did not come; {self._errors()}")
            trio.run(trio.sleep, POLL_S)
        return value

    def _errors(self) -> str:
        """The last pages of the last machine, and the end of its log."""
        seen = max(self._folder.glob("*.jsonl"), default=None)
        shown = pages(seen)[-5:] if seen else []
        return f"pages: {shown}; " + (self._folder / "errors.log").read_text(errors="replace")[-500:]

    # -- around the machine -------------------------------------------------------------------------------------------

    def _do(self, device: str, verb: str, **arguments: Any) -> dict[str, Any]:
        return self.stage.controls[device].do(verb, **arguments)

    def _printer_rests(self) -> bool | None:
        """Whether it has printed what it will print; half a slip may hang there."""
        state = self._do("receipt_printer", "state")
        rests, self._printed = (
            (state["buffered_bytes"], state["lines"], state["bytes"]),
            getattr(self, "_printed", None),
        )
        same, self._printed = rests == self._printed, rests
        return True if same and not state["buffered_bytes"] else None

    def _effects_ended(self) -> bool | None:
        """Whether the machine says that it makes, holds and hands out nothing any more."""
        answer = trio.run(ask, str(self.stage.status_socket), "under_way")
        return True if answer and not {each["kind"] for each in answer["under_way"]} & MADE else None

    def _reset(self, service: str) -> None:
        evidence.forget_resumable(self.stage)
        for slip in self.stage.slips.glob("*"):
            slip.unlink()
        self._do("id_card_reader", "lift")
        self._do("receipt_printer", "reset")
        for verb, said in (("nobody", {}), ("closer", {}), ("backdrop", {"white": False})):
            self._do("camera", verb, **said)
        httpx.post(f"{self.stage.ready['hub']['url']}/demo/reset", timeout=HANG_S).raise_for_status()
        for maker in (*MAKERS, CARDS):
            self._do(maker, "reset")
            self._do(maker, "attend")
        self._do("page_printer", "reset")
        self._do("lock_board", "reset")
        self._do("lock_board", "attend")
        self._do(READER, "reset")
        self._do(READER, "attend", **PERMIT)
        self._do("network", "cut" if WALKS[service].offline else "restore")

    def _look(self, *seen: Path | None) -> After:
        said = [line for path in seen if path for line in lines(path)]
        names = ("receipt_printer", "page_printer", "lock_board", READER, CARDS, *MAKERS)
        devices = {name: self._do(name, "state") for name in names}
        return self._until(lambda: self._evidence(said, devices), SETTLE_S, "the store's lock")

    def _evidence(self, said: list[dict[str, Any]], devices: dict[str, Any]) -> After | None:
        # A child that the machine was just starting when it died holds the lock until its exec.
        with suppress(StoreBusy):
            return evidence.look(self.stage, said, devices)
        return None

    # -- scripts ------------------------------------------------------------------------------------------------------

    def _fresh(self, name: str) -> Path:
        self._runs += 1
        path = self._folder / f"{self._runs:04d}-{name}.jsonl"
        path.unlink(missing_ok=True)
        return path

    def _script(self, service: str) -> Path:
        walk = WALKS.get(service, Walk(""))
        reader, camera = (str(self.stage.folder / f"{name}.control") for name in ("id_card_reader", "camera"))
        anonymous = walk.service.startswith("C")
        comes = (
            Control(page="home", socket=reader, do="place", arguments={"card": walk.person}),
            Control(page="home", socket=camera, do="person", arguments={"id": walk.person}),
            Control(page="todo", socket=reader, do="lift"),
            *poses(self.stage.folder),
        )
        script = Script(
            services=(walk.service,) if service else (),
            values={"number": self.rated_number, "slip_code": SLIP_CODE, **walk.values},
            actions={"rate": "grade:5", "complaint_contact": "anonymous", "progress_how": "number"},
            control=comes if service and not anonymous else (),
            turn=camera,
            anonymous=anonymous,
        )
        return self._written(script)

    def _reprint_script(self, number: str) -> Path:
        actions = {"progress_how": "number", "progress": "reprint"}
        values = {"number": number, "slip_code": SLIP_CODE}
        return self._written(Script(services=("C01",), values=values, actions=actions, anonymous=True))

    def _written(self, script: Script) -> Path:
        path = self._folder / "script.toml"
        path.write_text(script_text(script), encoding="utf-8")
        return path


def with_power(points: list[str]) -> list[str]:
    """Every point once, and those near the paper once more with the printer losing its power too."""
    found = []
    for point in points:
        found.append(point)
        if any(name in point for name in PAPER_POINTS):
            found.append(f"{point} (power)")
    return found


def notes(path: Path) -> list[dict[str, Any]]:
    """What a child noted; a last line that was cut off by its death is left out."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return [json.loads(line) for line in text.split("\n")[:-1]]


def lines(path: Path) -> list[dict[str, Any]]:
    """The status lines of a child."""
    return [note["line"] for note in notes(path) if "line" in note]


def pages(path: Path) -> list[str]:
    """The kinds of the pages that a child showed."""
    return [line["kind"] for line in lines(path) if line["type"] == "page"]
