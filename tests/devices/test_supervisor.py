"""One worker per device: completions, restarts, statuses, and nothing kept. The drivers here fail as they are told."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from devices import supervisor as supervisor_module
from devices.contract import Completed, Deadline, Permanent, TryAgain
from devices.supervisor import QUEUE_LIMIT, Supervisor
from devices.vocabulary import Completion, DeviceState, DeviceStatus, MediaState

READY, NOT_READY = Completion.SUCCESS, Completion.DEVICE_NOT_READY


class Secret:
    """Stands for what a person brings along."""


class FakeDriver:
    kind = "fake"
    commands = frozenset({"echo", "block", "crash", "vanish", "wait", "ruin"})
    idle_interval_s = 0.02

    def __init__(self, publish: Callable[[DeviceStatus], None], plan: dict[str, Any]) -> None:
        self.publish, self.plan = publish, plan
        plan["made"] = plan.get("made", 0) + 1

    def setup(self) -> None:
        self.plan["setups"] = self.plan.get("setups", 0) + 1
        if faults := self.plan.get("setup_faults"):
            raise faults.pop(0)

    def idle(self) -> None:
        self.plan["idles"] = self.plan.get("idles", 0) + 1
        if faults := self.plan.get("idle_faults"):
            raise faults.pop(0)
        if status := self.plan.get("status"):
            self.publish(status)

    def teardown(self) -> None:
        self.plan["teardowns"] = self.plan.get("teardowns", 0) + 1

    def echo(self, deadline: Deadline, value: Any = None) -> Completed:
        return Completed(READY, value=value)

    def wait(self, deadline: Deadline) -> Completed:
        self.plan["waiting"] = True
        deadline.pause(60)
        return Completed(Completion.TIME_OUT, error="nothing_came")

    def block(self, deadline: Deadline) -> Completed:
        self.plan["blocking"] = True
        self.plan["release"].wait(20)
        return Completed(READY)

    def crash(self, deadline: Deadline, value: Any = None) -> Completed:
        raise KeyError(value)

    def vanish(self, deadline: Deadline) -> Completed:
        raise TryAgain("unplugged", "gone")

    def ruin(self, deadline: Deadline) -> Completed:
        raise Permanent("worn_out")


@pytest.fixture
def start(wait_for: Callable[..., Any]) -> Iterator[Callable[..., Supervisor]]:
    running: list[Supervisor] = []

    def start(online: bool = True, **plan: Any) -> Supervisor:
        plan.setdefault("release", threading.Event())
        said: list[DeviceStatus] = []
        supervisor = Supervisor(
            "fake",
            lambda publish: FakeDriver(publish, plan),
            on_status=lambda _, status: said.append(status),
            now=lambda: datetime.now(UTC),
            backoff_base_s=0.01,
            backoff_cap_s=0.05,
        )
        supervisor.plan, supervisor.said = plan, said
        running.append(supervisor)
        supervisor.start()
        if online:
            wait_for(lambda: said and said[-1].device is DeviceState.ONLINE)
        return supervisor

    yield start
    for supervisor in running:
        supervisor.plan["release"].set()
        supervisor.stop()
        assert not supervisor._worker.is_alive()


def test_command_completes_with_the_drivers_word(start: Any) -> None:
    ticket = start().submit("echo", 1, value=7)
    assert ticket.future.result(1) == Completed(READY, value=7)


@pytest.mark.parametrize(
    ("error", "device"),
    [
        ("unplugged", DeviceState.NO_DEVICE),
        ("no_device", DeviceState.NO_DEVICE),
        ("silent", DeviceState.OFFLINE),
        ("port_busy", DeviceState.OFFLINE),
    ],
)
def test_what_is_not_there_is_told_apart_from_what_does_not_work(
    start: Any, wait_for: Any, error: str, device: DeviceState
) -> None:
    supervisor = start(idle_faults=[])
    supervisor.plan["idle_faults"].append(TryAgain(error))
    wait_for(lambda: supervisor.plan["setups"] == 2)
    assert (device, error) in [(status.device, status.error) for status in supervisor.said]


def test_statuses_are_said_once_per_change(start: Any, wait_for: Any) -> None:
    device = start(status=DeviceStatus(DeviceState.ONLINE, MediaState.PRESENT))
    idles = device.plan["idles"]
    wait_for(lambda: device.plan["idles"] > idles + 3)
    assert [(said.device, said.media) for said in device.said] == [
        (DeviceState.STARTING, MediaState.NONE),
        (DeviceState.ONLINE, MediaState.PRESENT),
    ]
    assert device.status.since.tzinfo is UTC


def test_missing_device_comes_up_when_it_is_there_and_absence_is_said_once(start: Any) -> None:
    faults = [TryAgain("no_device", f"attempt {number}") for number in range(4)]
    device = start(setup_faults=faults)
    assert [said.device for said in device.said] == [DeviceState.STARTING, DeviceState.NO_DEVICE, DeviceState.ONLINE]
    assert (device.plan["setups"], device.plan["teardowns"]) == (5, 4)


def test_device_that_fails_the_probe_after_its_handshake_never_seems_online(start: Any) -> None:
    device = start(idle_faults=[TryAgain("silent")] * 3)
    states = [said.device for said in device.said]
    assert states == [DeviceState.STARTING, DeviceState.OFFLINE, DeviceState.ONLINE]


def test_commands_complete_at_once_while_not_online(start: Any, wait_for: Any) -> None:
    device = start(online=False, setup_faults=[TryAgain("silent")] * 10_000)
    wait_for(lambda: device.status.device is DeviceState.OFFLINE)
    assert device.submit("echo", 60).future.result(0) == Completed(NOT_READY, error="silent")


def test_permanent_fault_stays_a_hardware_error(start: Any, wait_for: Any) -> None:
    device = start(online=False, setup_faults=[Permanent("no_library")])
    wait_for(lambda: device.status.device is DeviceState.HARDWARE_ERROR)
    device._worker.join(2)
    assert device.plan["setups"] == 1
    assert device.submit("echo", 60).future.result(0) == Completed(NOT_READY, error="no_library")


def test_device_gone_in_a_command_strands_nobody(start: Any, wait_for: Any) -> None:
    device = start()
    block = device.submit("block", 10)
    wait_for(lambda: device.plan.get("blocking"))
    others = [device.submit("vanish", 10), device.submit("echo", 10), device.submit("echo", 10)]
    device.plan["release"].set()
    assert block.future.result(1).ok
    assert [other.future.result(1).error for other in others] == ["unplugged"] * 3
    assert [other.future.result(1).refused for other in others] == [False, True, True], "what it had done is not known"
    wait_for(lambda: device.status.device is DeviceState.ONLINE and device.plan["setups"] == 2)
    assert device.submit("echo", 1, value=1).future.result(1).ok


def test_permanent_fault_in_a_command(start: Any, wait_for: Any) -> None:
    device = start()
    assert device.submit("ruin", 1).future.result(1).code is Completion.HARDWARE_ERROR
    wait_for(lambda: device.status.error == "worn_out")


def test_surprise_is_logged_without_values_and_the_driver_is_made_anew(start: Any, wait_for: Any) -> None:
    with structlog.testing.capture_logs() as logs:
        device = start()
        done = device.submit("crash", 1, value="990101199001010027").future.result(1)
        assert (done.code, done.error) == (Completion.INTERNAL_ERROR, "driver_fault")
        wait_for(lambda: device.status.device is DeviceState.ONLINE and device.plan["made"] == 2)
    fault = next(line for line in logs if line["event"] == "driver_fault")
    assert (fault["device"], fault["fault"]) == ("fake", "KeyError")
    assert "990101199001010027" not in repr(logs)


def test_time_out_is_a_completion(start: Any) -> None:
    assert start().submit("wait", 0.05).future.result(1) == Completed(Completion.TIME_OUT, error="nothing_came")


def test_waiting_command_times_out_behind_a_slow_one(start: Any, wait_for: Any) -> None:
    device = start()
    slow = device.submit("block", 10)
    wait_for(lambda: device.plan.get("blocking"))
    assert device.submit("echo", 0.05).future.result(1).code is Completion.TIME_OUT
    device.plan["release"].set()
    assert slow.future.result(1).ok


def test_cancellation_of_running_and_of_waiting_commands(start: Any, wait_for: Any) -> None:
    device = start()
    running, waiting = device.submit("wait", 60), device.submit("echo", 60)
    wait_for(lambda: device.plan.get("waiting"))
    waiting.cancel()
    assert waiting.future.result(0).code is Completion.CANCELED
    running.cancel()
    assert running.future.result(1).code is Completion.CANCELED
    assert not running.future.cancel(), "nobody cancels behind the driver's back"


def test_full_queue_refuses_as_busy(start: Any, wait_for: Any) -> None:
    device = start()
    device.submit("block", 10)
    wait_for(lambda: device.plan.get("blocking"))
    waiting = [device.submit("echo", 10) for _ in range(QUEUE_LIMIT)]
    assert device.submit("echo", 10).future.result(0) == Completed(NOT_READY, error="busy")
    device.plan["release"].set()
    assert all(ticket.future.result(1).ok for ticket in waiting)


def test_hanging_driver_does_not_hang_its_caller(start: Any, wait_for: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor_module, "GRACE_S", 0.05)
    device = start()
    ticket = device.submit("block", 0.05)
    assert ticket.future.result(2).code is Completion.TIME_OUT
    wait_for(lambda: (device.status.device, device.status.error) == (DeviceState.OFFLINE, "not_responding"))
    assert device.submit("echo", 1).future.result(0).code is NOT_READY
    device.plan["release"].set()
    wait_for(lambda: device.status.device is DeviceState.ONLINE)
    assert ticket.future.result(0).code is Completion.TIME_OUT, "one completion, the first"


def test_unknown_command_is_unsupported(start: Any) -> None:
    assert start().submit("setup", 1).future.result(1).code is Completion.UNSUPPORTED


def test_stop_completes_what_is_open(start: Any, wait_for: Any) -> None:
    device = start()
    running, waiting = device.submit("wait", 60), device.submit("echo", 60)
    wait_for(lambda: device.plan.get("waiting"))
    device.stop()
    assert {running.future.result(0).code, waiting.future.result(0).code} == {Completion.CANCELED}
    assert device.submit("echo", 1).future.result(0).code is NOT_READY
    assert device.plan["teardowns"] >= 1


@pytest.mark.parametrize("command", ["echo", "crash"])
def test_nothing_of_a_command_is_kept(start: Any, wait_for: Any, command: str) -> None:
    device = start()
    secret = Secret()
    gone = weakref.ref(secret)
    ticket = device.submit(command, 1, value=secret)
    ticket.future.result(1)
    del secret
    if command == "echo":
        del ticket  # it alone holds the result

    def released() -> bool:
        gc.collect()
        return gone() is None

    wait_for(released, timeout_s=2)


def test_every_ticket_completes_once_under_disturbance(start: Any) -> None:
    device = start()
    completions: list[Completed] = []
    tickets = []
    for number in range(300):
        ticket = (
            device.submit(("echo", "crash", "vanish", "wait")[number % 4], 0.01, value=number % 4 or None)
            if (number % 4 < 2)
            else device.submit(("vanish", "wait")[number % 2], 0.01)
        )
        ticket.future.add_done_callback(lambda future: completions.append(future.result()))
        tickets.append(ticket)
        if number % 7 == 0:
            ticket.cancel()
    assert all(ticket.future.result(5) for ticket in tickets)
    assert len(completions) == len(tickets)


def test_restarted_device_has_a_new_driver_after_what_it_is_at(start: Any, wait_for: Any) -> None:
    device = start()
    made = []
    make, device._make_driver = device._make_driver, lambda publish: made.append(1) or make(publish)
    ticket = device.submit("block", 20)
    wait_for(lambda: device.plan.get("blocking"))
    threading.Timer(0.1, device.plan["release"].set).start()
    assert device.restart(20)
    assert ticket.future.result(1) == Completed(READY), "the command that it was at has ended in order"
    wait_for(lambda: device.status.device is DeviceState.ONLINE)
    assert (made, device.submit("echo", 5, value=3).future.result(5).value) == ([1], 3)


def test_restart_tries_a_device_again_that_had_been_given_up_for_good(start: Any, wait_for: Any) -> None:
    device = start()
    device.submit("ruin", 5)
    wait_for(lambda: device.status.device is DeviceState.HARDWARE_ERROR and not device._worker.is_alive())
    assert device.restart(20)
    wait_for(lambda: device.status.device is DeviceState.ONLINE)


def test_driver_that_hangs_is_not_restarted(start: Any, wait_for: Any) -> None:
    device = start()
    device.submit("block", 20)
    wait_for(lambda: device.plan.get("blocking"))
    assert not device.restart(0.1)
