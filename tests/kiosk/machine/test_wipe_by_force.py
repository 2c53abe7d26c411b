"""``wiped`` is said only when it is true: who hangs is ended, that is an alarm, and nobody is served before it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest
import trio

from devices.contract import Completed, Deadline, DriverSettings
from devices.supervisor import Supervisor
from devices.vocabulary import Completion, DeviceState, DeviceStatus
from kiosk import hardening
from kiosk.clock import Clock
from kiosk.machine import Machine
from kiosk.running import run
from kiosk.text import text
from kiosk.vision.frames import FrameReader
from kiosk.visit import message
from tests.kiosk.conftest import Finger
from tests.kiosk.machine.conftest import World
from tests.matrix.wipe import knowledge, memory
from tests.waiting import HANG_S


@pytest.fixture(autouse=True)
def vision_start() -> None:
    """As a machine starts it, never forked: what the process leaves in its memory is looked for."""


@asynccontextmanager
async def running(world: World, finger: Finger):
    """The real machine on this stage; its end is waited for."""
    machine = world.machine(finger)
    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery:
            await nursery.start(run, machine)
            yield machine
            machine.stop()


async def at_the_face_check(world: World, finger: Finger) -> None:
    """Zhao stands there, the card is read, the camera looks."""
    await finger.until("home")
    world.do("camera", "person", id="zhao")
    world.do("id_card_reader", "place", card="zhao")
    await finger.until("todo")
    world.do("id_card_reader", "lift")
    finger.touch("service:T01")
    await finger.until("face_notice")
    finger.touch("next", way="face")
    await finger.until("face")


async def leave(finger: Finger) -> None:
    """The exit button, and yes."""
    finger.touch("exit")
    await finger.until("confirm_exit")
    finger.touch("exit")


async def said(world: World, event: str, **facts: Any) -> dict[str, Any]:
    """The status line, as soon as it is there."""
    while True:
        for line in world.lines:
            if line["type"] == event and facts.items() <= line.items():
                return line
        await trio.sleep(0.02)


def order(world: World, *wanted: str) -> list[str]:
    """The lines of these types in the order in which they were said, alarms by what they say."""
    named = [line["what"] if line["type"] == "alarm" else line["type"] for line in world.lines]
    return [name for name in named if name in wanted]


async def test_hung_vision_worker_is_killed_and_only_then_the_visit_counts_as_wiped(world: World) -> None:
    finger = Finger()
    async with running(world, finger) as machine:
        await at_the_face_check(world, finger)
        pid = machine.vision.pid
        os.kill(pid, signal.SIGSTOP)
        await leave(finger)
        await said(world, "wiped")
        assert not Path(f"/proc/{pid}").exists(), "wiped was said while the hung worker held the visit"
        assert order(world, "wipe_forced", "wiped") == ["wipe_forced", "wiped"]
        await finger.until("home")
        while machine.vision.pid in (None, pid):
            await trio.sleep(0.02)
    assert machine.failure == ""


async def test_stalled_camera_takes_the_vision_worker_with_it_when_it_cannot_be_closed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in hardening.environment().items():
        monkeypatch.setenv(name, value)
    finger = Finger()
    async with running(world, finger) as machine:
        await at_the_face_check(world, finger)
        while machine.peripherals.status("camera").device is not DeviceState.ONLINE:
            await trio.sleep(0.02)
        pid = machine.vision.pid
        pictures = await shown_at_last(world, machine)
        assert what_is_left(pid, pictures), "the search must be able to find"
        await leave(finger)
        await said(world, "wiped")
        forced = "wipe_forced" in order(world, "wipe_forced")
        assert forced == (not Path(f"/proc/{pid}").exists()), "confirmed, or ended: nothing in between"
        assert not what_is_left(pid, pictures), "what was confirmed is true"


async def test_next_citizen_is_not_let_in_before_the_last_one_is_wiped(world: World) -> None:
    finger = Finger()
    async with running(world, finger) as machine:
        await at_the_face_check(world, finger)
        os.kill(machine.vision.pid, signal.SIGSTOP)
        world.do("id_card_reader", "place", card="li")
        await leave(finger)
        await said(world, "wiped")
        await finger.until("home")
        kinds = [line["type"] for line in world.lines if line["type"] in ("wiped", "visit")]
        assert kinds[:3] == ["visit", "visit", "wiped"], "start, end, wiped; then the next"


async def shown_at_last(world: World, machine: Machine) -> knowledge.Patterns:
    """The camera stalls; the last picture that it gave, as the screen and the worker have it."""
    reader = FrameReader(machine.vision.frames_name)
    while (picture := reader.latest()) is None:
        await trio.sleep(0.02)
    world.do("camera", "stall")
    while (latest := reader.latest()) is None or latest[0] != picture[0]:
        picture = latest or picture
        await trio.sleep(0.2)
    return knowledge.of_picture("picture", picture[1])


def what_is_left(pid: int, patterns: knowledge.Patterns) -> memory.Hits:
    """Where a process has any of it, the picture that it shares with the screen aside."""
    found = memory.Copy({"worker": pid}).found(memory.Search(patterns)).get("worker", {})
    return {"worker": {kind: names for kind, names in found.items() if "tongban-frames" not in kind}} if found else {}


async def test_what_still_points_to_a_visit_when_it_is_wiped_finds_it_empty(machine: Machine, finger: Finger) -> None:
    seen: list[tuple[object, object]] = []

    def publish(event: str, /, **_facts: Any) -> None:
        if event == "wiped":
            seen.append((getattr(finger.on_touch, "__self__", None), visit._behind))

    machine.status.publish = publish  # type: ignore[method-assign]
    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run, machine)
            await finger.until("home")
            visit = finger.on_touch.__self__  # type: ignore[attr-defined]
            finger.touch("service:C03")
            await finger.until("complaint_kind")
            visit._behind = message("late", "info", "info", text("help.title"))
            machine.stop()
            await machine.ended.wait()
    assert seen == [(None, None)]


class HangingSettings(DriverSettings, frozen=True, kw_only=True):
    """None."""


class HangingReader:
    """A driver that never comes back from a read, whatever is canceled: a thread in the system's hands."""

    kind: ClassVar[str] = "id_card_reader"
    Settings: ClassVar[type[DriverSettings]] = HangingSettings
    commands: ClassVar[frozenset[str]] = frozenset({"read_card", "wait_removed"})
    idle_interval_s: ClassVar[float] = 60.0

    def __init__(self, release: threading.Event, reading: threading.Event) -> None:
        self._release, self._reading = release, reading

    def setup(self) -> None:
        """Always there."""

    def idle(self) -> None:
        """Nothing to look at."""

    def teardown(self) -> None:
        """Nothing to close."""

    def read_card(self, deadline: Deadline, **_arguments: Any) -> Completed:
        del deadline
        self._reading.set()
        self._release.wait()
        return Completed(Completion.SUCCESS, True)


class Hanging:
    """The hanging reader of a test; ``reading`` is set once a command is in it."""

    def __init__(self) -> None:
        self.release, self.reading = threading.Event(), threading.Event()

    def supervisor(self, on_status: Callable[..., None]) -> Supervisor:
        """What takes the place of the machine's own."""

        def made(_publish: Callable[..., None]) -> HangingReader:
            return HangingReader(self.release, self.reading)

        return Supervisor("id_card_reader", made, on_status=on_status, now=Clock().now)


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    found = Hanging()
    yield found
    found.release.set()


async def test_machine_ends_itself_for_a_device_thread_that_holds_on(
    machine: Machine, finger: Finger, hanging: Hanging
) -> None:
    lines: list[dict[str, Any]] = []
    machine.status.publish = lambda event, /, **facts: lines.append({"type": event, **facts})  # type: ignore[method-assign]
    machine.peripherals._supervisors["id_card_reader"] = hanging.supervisor(machine.peripherals._from_thread)
    machine.peripherals.statuses["id_card_reader"] = DeviceStatus()
    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run, machine)
            while machine.peripherals.status("id_card_reader").device is not DeviceState.ONLINE:
                await trio.sleep(0.02)
            await finger.until("home")
            # Only a command that is in the driver holds on to anything.
            while not hanging.reading.is_set():
                await trio.sleep(0.02)
            finger.touch("service:C03")
            await finger.until("complaint_kind")
            finger.touch("exit")
            await machine.ended.wait()
    said_so = [line.get("what", line["type"]) for line in lines if line["type"] in ("alarm", "wiped")]
    assert said_so == ["wipe_late", "not_wiped"]
    assert machine.must_restart
    assert "id_card_reader" in machine.failure


async def test_screen_that_cannot_forget_ends_the_machine_and_the_others_forget_all_the_same(
    machine: Machine, finger: Finger
) -> None:
    forgotten: list[str] = []

    def fails(_then: Any = None) -> None:
        raise RuntimeError("no window")

    finger.forget = fails  # type: ignore[method-assign]
    lines: list[dict[str, Any]] = []
    machine.status.publish = lambda event, /, **facts: lines.append({"type": event, **facts})  # type: ignore[method-assign]

    async def let_go(_timeout_s: float) -> list[str]:
        forgotten.append("devices")
        return []

    machine.peripherals.let_go = let_go  # type: ignore[method-assign]
    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run, machine)
            await finger.until("home")
            finger.touch("service:C03")
            await finger.until("complaint_kind")
            finger.touch("exit")
            await machine.ended.wait()
    assert forgotten == ["devices"]
    assert [line["what"] for line in lines if line["type"] == "alarm"] == ["not_wiped"]
    assert "wiped" not in [line["type"] for line in lines]
    assert machine.failure == "the last visit could not be erased (screen)"


async def test_what_fails_while_the_machine_is_stopped_does_not_keep_it_from_wiping_and_ending_in_order(
    machine: Machine, finger: Finger
) -> None:
    lines: list[str] = []
    machine.status.publish = lambda event, /, **_facts: lines.append(event)  # type: ignore[method-assign]
    show = finger.show

    async def fails_when_canceled(page: Any, settings: Any) -> Any:
        try:
            return await show(page, settings)
        except trio.Cancelled:
            finger.show = show  # type: ignore[method-assign]
            raise ValueError("in the middle of being canceled") from None

    finger.show = fails_when_canceled  # type: ignore[method-assign]
    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run, machine)
            await finger.until("home")
            finger.touch("service:C03")
            await finger.until("complaint_kind")
            machine.stop()
            await machine.ended.wait()
    assert "wiped" in lines
    assert machine.failure == ""


async def test_screen_that_fails_in_the_middle_wipes_the_visit_and_ends_the_machine(world: World) -> None:
    broken = trio.Event()

    class Breaking(Finger):
        async def run(self, *, task_status: Any = trio.TASK_STATUS_IGNORED) -> None:
            task_status.started()
            await broken.wait()
            raise RuntimeError("the window system is gone")

    finger = Breaking()
    machine = world.machine(finger)
    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run, machine)
            await at_the_face_check(world, finger)
            broken.set()
            await machine.ended.wait()
    assert order(world, "screen", "wiped") == ["screen", "wiped"]
    assert machine.failure.startswith("the screen failed")
    assert not machine.must_restart
