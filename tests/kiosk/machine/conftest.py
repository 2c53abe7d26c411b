"""Everything real: hub on PostgreSQL, a network switch, emulated devices on their wires, the machine in-process."""

from __future__ import annotations

import re
import shutil
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import trio

from kiosk import config as configuration
from kiosk import running, wipe
from kiosk.citizen import Control, Script
from kiosk.clock import Clock
from kiosk.commands.walking import Walking
from kiosk.config import Config
from kiosk.demo.stage import Stage, bench_sims, staged
from kiosk.demo.walking import poses
from kiosk.hub_link.client import Answered
from kiosk.machine import Machine
from kiosk.messages.questions import ProgressQuestion
from kiosk.vision import client
from kiosk.vision.client import VisionWorker, new_challenge
from tests.hub.fixtures import PLAIN
from tests.kiosk.machine import vision_forks
from tests.waiting import HANG_S, comes_true, times_slower

PACE = 4.0
"""So many times the time for turning the head: a busy computer sees few pictures a second, and the story is another."""
PATIENCE_S = 120.0
"""How long a citizen of a story waits for the department: what is told is what comes, not how fast it comes."""


class World:
    """One stage, kept for the session; each test gets it as on the first day."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.lines: list[dict[str, Any]] = []

    def do(self, device: str, verb: str, **arguments: Any) -> dict[str, Any]:
        """Operate the emulated hardware or the network switch."""
        return self.stage.controls[device].do(verb, **arguments)

    def reset(self) -> None:
        """Devices well, network up, nobody there, records and store as on the first day."""
        self.do("network", "restore")
        if not self.do("id_card_reader", "state")["plugged"]:
            self.do("id_card_reader", "replug")
        self.do("id_card_reader", "silent", on=False)
        self.do("id_card_reader", "lift")
        self.do("receipt_printer", "reset")
        for verb in ("replug", "thaw", "light", "live", "nobody", "closer"):
            self.do("camera", verb)
        self.do("camera", "backdrop", white=False)
        for kind in bench_sims():
            self.do(kind, "reset")
        hub = self.stage.ready["hub"]["url"]
        httpx.post(f"{hub}/demo/reset", verify=PLAIN, timeout=HANG_S).raise_for_status()
        with psycopg.connect(self.stage.ready["hub"]["dsn"]) as conn:
            # What somebody filed before is nobody's any more: under way, to be posted or rated for no later one.
            conn.execute("update case_file set person_ref = null")
        httpx.delete(f"{hub}/demo/faults", verify=PLAIN, timeout=HANG_S).raise_for_status()
        self.lines = []

    def script(self, person: str, *services: str, **more: Any) -> Script:
        """A citizen who puts the card down, stands before the camera, and takes the card after the reading."""
        reader, camera = self.socket("id_card_reader"), self.socket("camera")
        control = (
            Control(page="home", socket=reader, do="place", arguments={"card": person}),
            Control(page="home", socket=camera, do="person", arguments={"id": person}),
            Control(page="todo", socket=reader, do="lift"),
            *self._with_guardian(person),
            *poses(self.stage.folder),
            *more.pop("control", ()),
        )
        messages = self.stage.ready["hub"]["url"] + "/demo/messages"
        return Script(services=services, turn=camera, messages=messages, control=control, **more)

    def _with_guardian(self, person: str) -> Iterator[Control]:
        """A child's guardian puts the card down where it is asked for, and steps aside for the child's photograph."""
        known = {each["card"]["number"]: each for each in self.people()}
        number = next((each.get("guardian", "") for each in known.values() if each["id"] == person), "")
        if number:
            reader, camera, guardian = self.socket("id_card_reader"), self.socket("camera"), known[number]["id"]
            yield Control(page="second_card", socket=reader, do="place", arguments={"card": guardian})
            yield Control(page="second_card", socket=camera, do="person", arguments={"id": guardian})
            yield Control(page="face_notice", socket=reader, do="lift")
            yield Control(page="photo", socket=camera, do="person", arguments={"id": person})

    def people(self) -> list[dict[str, Any]]:
        """The synthetic people of this stage."""
        return tomllib.loads(self.stage.people.read_text(encoding="utf-8"))["person"]

    def socket(self, device: str) -> str:
        return str(self.stage.folder / f"{device}.control")

    def machine(self, presenter: Any, config: Config | None = None, clock: Clock | None = None) -> Machine:
        """The real machine on this stage; its status lines are kept in ``lines``."""
        machine = Machine(config or configuration.load(self.stage.config), presenter, clock=clock)
        publish = machine.status.publish

        def keep(event: str, /, **facts: Any) -> None:
            self.lines.append({"type": event, **facts})
            publish(event, **facts)

        machine.status.publish = keep  # type: ignore[method-assign]
        return machine

    async def walk(self, script: Script, visits: int = 1, config: Config | None = None) -> Walking:
        """One or more visits from attract page to wipe."""
        walking = Walking(script, None, None)
        machine = self.machine(walking, config=config)
        with trio.move_on_after(HANG_S) as scope:
            await running.run(machine, visits=visits)
        assert not scope.cancelled_caught, f"the walk hangs; pages: {self.pages()}, last lines: {self.lines[-5:]}"
        return walking

    async def goes_on_until(self, true: Callable[[], object], what: str) -> None:
        """The machine serves nobody until it is so: a walk may end before all that it filed is delivered."""
        machine = self.machine(Walking(self.script("wang"), None, None))
        async with trio.open_nursery() as nursery:
            await nursery.start(running.run, machine)
            await comes_true(true, what)
            nursery.cancel_scope.cancel()

    def slips(self) -> list[str]:
        """Texts of the slips that came out, in order; blank paper that was cut off between them is none."""
        texts = [p.read_text(encoding="utf-8") for p in sorted(self.stage.slips.glob("*.txt"))]
        return [text for text in texts if text.strip()]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["type"] == kind]

    def pages(self) -> list[str]:
        return [line["kind"] for line in self.of("page")]


def code_of(slip: str) -> str:
    """What a slip has besides its number."""
    found = re.search(r"查询码（[^\n]*\n\s*(\d{4}) (\d{4})\n", slip)
    assert found, "every slip of a case carries its code"
    return found[1] + found[2]


async def hub_cases(machine: Machine, slip: str) -> list[Any]:
    """What the city tells to who has this slip, by the live question."""
    found = re.search(r"\[CODE128 (\d{24})\]", slip)
    assert found
    reply = await machine.link.ask("progress", ProgressQuestion(receipt_number=found[1], slip_code=code_of(slip)))
    return reply.payload.cases if isinstance(reply, Answered) else []


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    folder = Path(tempfile.mkdtemp(prefix="tb-"))
    with staged(folder, lambda what: None) as up:
        yield up
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def vision_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of machines in this process, which are many."""
    monkeypatch.setattr(VisionWorker, "_spawn", vision_forks.spawned)


@pytest.fixture
def world(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr("kiosk.journey.steps.file.FOLLOW_S", PATIENCE_S)
    monkeypatch.setattr("kiosk.journey.face.new_challenge", lambda pace: new_challenge(PACE * pace))
    for slip in stage.slips.glob("*"):
        slip.unlink()
    found = World(stage)
    found.reset()
    return found


@pytest.fixture
def wipe_in_proportion(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wipe has as many times longer as this computer is slower by what else it does: for stories without alarms."""
    slower = times_slower()
    monkeypatch.setattr(wipe, "IN_TIME_S", slower * wipe.IN_TIME_S)
    monkeypatch.setattr(client, "FORGET_TIMEOUT_S", slower * client.FORGET_TIMEOUT_S)
