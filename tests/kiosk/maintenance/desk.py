"""A technician at a real machine in virtual time: real store, staff book and audit; scripted screen and devices."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import argon2
import msgspec
import pytest
import trio
import trio.testing

from devices.contract import Completed
from devices.drivers import Configured
from devices.id_card_reader.card import IdCard
from devices.vocabulary import Completion, DeviceState, DeviceStatus, MediaState
from kiosk import machine as machine_module
from kiosk import maintenance
from kiosk.clock import Clock
from kiosk.config import Config
from kiosk.faults import Faults
from kiosk.machine import Machine
from kiosk.next_card import NextCard
from kiosk.pages import Answer, Board, Page, Settings, Tiles
from kiosk.roster import Roster
from kiosk.visit import Visit, VisitEnded
from offline_cache.audit import AuditRow
from tests.waiting import HANG_S

TECHNICIAN = "990101199001150513"
OTHER_TECHNICIAN = "990101199506010421"
CITIZEN = "110101195803170150"
TEST_CARD = "99000019900307101X"
PIN = "739164"
READER, PRINTER, CAMERA = "id_card_reader", "receipt_printer", "camera"
_PAUSE = threading.Event()


class VirtualClock(Clock):
    """Wall and monotonic time move with trio's mock clock, also as seen from worker threads."""

    def __init__(self, mock: trio.testing.MockClock) -> None:
        super().__init__()
        self._mock = mock
        self.shift = timedelta(0)

    def now(self) -> datetime:
        return datetime(2027, 1, 12, 1, tzinfo=UTC) + self.shift + timedelta(seconds=self._mock.current_time())

    def monotonic(self) -> float:
        return self._mock.current_time()

    def since_boot(self) -> tuple[str, float]:
        return "boot", self._mock.current_time()


def card_of(number: str, name: str = "高技术", kind: str = "resident") -> IdCard:
    """What the reader gives for a card."""
    return IdCard(kind=kind, name=name, number=number)


class Screen:
    """A presenter whose person is the test."""

    def __init__(self) -> None:
        self.on_touch: Callable[[], None] = lambda: None
        self.page: Page | None = None
        self.seen: list[Page] = []
        self._reply: Answer | None = None
        self._replied = trio.Event()

    async def show(self, page: Page, settings: Settings) -> Answer:
        self._replied, self._reply = trio.Event(), None
        self.update(page)
        try:
            await self._replied.wait()
            return self._reply
        finally:
            self.page = None

    def update(self, page: Page) -> None:
        self.page = page
        self.seen.append(page)

    def touch(self, action: str, **values: Any) -> None:
        """A tap on what is there; a grey or missing button is an error of the test."""
        assert action in offered(self.page), f"{action} is not on {self.page.kind}: {offered(self.page)}"
        self.on_touch()
        self._reply = Answer(action=action, values=values)
        self._replied.set()

    def values(self) -> dict[str, Any]:
        return {}

    def tick(self, left_s: float, total_s: float) -> None:
        pass

    def forget(self, then: Page | None = None) -> None:
        self.page = None


def offered(page: Page) -> set[str]:
    found = [*page.actions, *([page.help] if page.help else [])]
    for block in page.blocks:
        if isinstance(block, Board):
            found += [action for row in block.rows for action in row.actions]
        elif isinstance(block, Tiles):
            found += [tile.action for tile in block.tiles]
    return {action.id for action in found if action.enabled}


def said(page: Page) -> str:
    """Everything on a page as one text, pictures and all."""
    return msgspec.json.encode(page).decode()


class Devices(Roster):
    """The machine's devices in virtual time. The reader reads a card once and not again before it was lifted."""

    def __init__(self, configured: dict[str, Configured]) -> None:
        super().__init__(configured)
        self.listeners: list[Callable[[str, DeviceStatus], None]] = []
        self.calls: list[tuple[str, str]] = []
        self.print_result: Completed = Completed(Completion.SUCCESS)
        self.can_notice = True
        self._card: IdCard | None = None
        self._unread = False
        self._changed = trio.Event()
        for name in configured:
            self.say(name)

    def say(self, name: str, device: DeviceState = DeviceState.ONLINE, error: str = "", **more: Any) -> None:
        """A device reports its status."""
        status = DeviceStatus(device, error=error, since=datetime(2027, 1, 12, 1, tzinfo=UTC), **more)
        self.take_over(name, status)
        for listener in self.listeners:
            listener(name, status)
        self._wake()

    def can_restart(self, name: str) -> bool:
        """Every one lives in this process."""
        return name in self.kinds

    def restart(self, name: str) -> bool:
        """Noted, and done."""
        self.calls.append((name, "restart"))
        return True

    def place(self, number: str, name: str = "高技术", kind: str = "resident") -> None:
        """A card is laid on the reader."""
        self._card, self._unread = card_of(number, name, kind), True
        self.say(READER, media=MediaState.PRESENT)

    def lift(self) -> None:
        """The card is taken away."""
        self._card, self._unread = None, False
        self.say(READER, media=MediaState.NOT_PRESENT)

    def lie_read(self, number: str) -> None:
        """A card that has been read already lies there."""
        self.place(number)
        self._unread = False

    # what the machine uses

    def listen(self, listener: Callable[[str, DeviceStatus], None]) -> None:
        self.listeners.append(listener)

    async def ready(self, name: str) -> None:
        await trio.sleep(0.2)
        while self.statuses[name].device is not DeviceState.ONLINE:
            await self._changed.wait()

    async def call(self, name: str, command: str, timeout_s: float, **arguments: Any) -> Completed:
        self.calls.append((name, command))
        with trio.move_on_after(timeout_s):
            if name == READER and command in ("wait_removed", "read_card"):
                return await self._at_reader(command)
            return self.print_result if name == PRINTER else Completed(Completion.SUCCESS)
        return Completed(Completion.TIME_OUT, error="no_card")

    async def _at_reader(self, command: str) -> Completed:
        while True:
            if self.statuses[READER].device is not DeviceState.ONLINE:
                return Completed(Completion.DEVICE_NOT_READY, error="unplugged")
            if command == "wait_removed" and not self.can_notice:
                return Completed(Completion.UNSUPPORTED, error="removal_unknown")
            if command == "wait_removed" and self._card is None:
                return Completed(Completion.SUCCESS)
            if command == "read_card" and self._unread:
                self._unread = False
                return Completed(Completion.SUCCESS, value=self._card)
            await self._changed.wait()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


class Desk:
    """One machine, its screen and its devices, and the technician's hands."""

    def __init__(self, config: Config, mock: trio.testing.MockClock) -> None:
        self.screen, self.devices, self.mock = Screen(), Devices(config.device_settings()), mock
        self.machine = Machine(config, self.screen)
        self.machine.staff._hasher = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        self.machine.peripherals = self.devices
        self.machine.next_card = NextCard(self.devices, self.machine.clock)
        self.machine.faults = Faults(self.devices, self.machine.clock)
        self.visit = Visit(self.machine, Settings())
        self.screen.on_touch = self.visit.touched
        self.ended: str | None = None

    async def page(self, kind: str) -> Page:
        """The page of this kind, as soon as it is up."""
        return await self.until(
            lambda: self.screen.page if self.screen.page and self.screen.page.kind == kind else None
        )

    async def until(self, true: Callable[[], Any]) -> Any:
        clock = Clock()
        ends = clock.monotonic() + HANG_S
        while not (value := true()):
            kind = self.screen.page and self.screen.page.kind
            assert clock.monotonic() < ends, f"it did not happen; page {kind}, {self.ended=}"
            await breath()
        return value

    async def end(self) -> str:
        """How maintenance ended: ``returned``, ``citizen`` or the reason of VisitEnded."""
        return await self.until(lambda: self.ended)

    async def pass_time(self, seconds: float) -> None:
        """Let everybody react to what has happened, then virtual time go by, then everybody react to that."""
        for _ in range(20):
            await breath()
        self.mock.jump(seconds)
        for _ in range(20):
            await breath()

    async def tap(self, kind: str, action: str, **values: Any) -> None:
        """Wait for the page, then touch it."""
        await self.page(kind)
        self.screen.touch(action, **values)

    async def open_board(self) -> Page:
        """From the offer to the board."""
        await self.tap("maintenance_offer", "maintenance")
        await self.tap("maintenance_pin", "next", pin=PIN)
        return await self.page("maintenance")

    @asynccontextmanager
    async def technician(self, number: str = TECHNICIAN) -> AsyncIterator[None]:
        """A technician's card has just been read on the home page."""
        self.devices.lie_read(number)
        staff = await self.machine.staff.find(card_of(number))

        async def run() -> None:
            try:
                self.ended = "returned" if await maintenance.run(self.visit, staff) else "citizen"
            except VisitEnded as ended:
                self.ended = ended.reason

        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            yield
            nursery.cancel_scope.cancel()

    @asynccontextmanager
    async def emblem_tapped(self) -> AsyncIterator[None]:
        """Somebody tapped the emblem five times."""

        async def run() -> None:
            try:
                await maintenance.enter(self.visit)
                self.ended = "returned"
            except VisitEnded as ended:
                self.ended = ended.reason

        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            yield
            nursery.cancel_scope.cancel()

    def audit(self) -> list[AuditRow]:
        """All rows, after the chain was found whole."""
        assert self.machine.audit_log.verify() is None
        return self.machine.audit_log.rows()

    def events(self) -> list[str]:
        """What was audited, in order; everything by the technician except a refusal."""
        rows = self.audit()
        assert {r.actor for r in rows if r.event != "maintenance_refused"} <= {"tech-1", "tech-2"}
        return [r.event.removeprefix("maintenance_") for r in rows]


async def breath() -> None:
    """Real time for worker threads; virtual time stands still."""
    await trio.to_thread.run_sync(_PAUSE.wait, 0.002)


def config_in(folder: Path) -> Config:
    return msgspec.convert(
        {
            "machine": {
                "id": "test-0001",
                "hall": "测试大厅",
                "division": "990101",
                "status_socket": str(folder / "status.sock"),
                "log_folder": str(folder),
            },
            "store": {"path": str(folder / "store.sqlite"), "ballast_mb": 1, "free_floor_mb": 1},
            "hub": {"url": "http://127.0.0.1:9", "seal_key": "A" * 43, "verify_key": "A" * 43},
            "devices": {
                READER: {"driver": "sam_v", "port": "/dev/null"},
                PRINTER: {"driver": "escpos", "transport": "tcp", "host": "127.0.0.1"},
                CAMERA: {"driver": "opencv", "source": "none"},
            },
        },
        Config,
    )


@pytest.fixture
async def open_desk(
    tmp_path: Path, mock_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[[], Desk]]:
    """Opens the machine; a second call is a restart on the same store."""
    open_now: list[Desk] = []
    clock = VirtualClock(mock_clock)
    monkeypatch.setattr(machine_module, "Clock", lambda _today: clock)

    def open_() -> Desk:
        while open_now:
            open_now.pop().machine.store.close()
        open_now.append(Desk(config_in(tmp_path), mock_clock))
        book = open_now[0].machine.staff
        book.enrol(TECHNICIAN, "technician", "tech-1", PIN)
        book.enrol(OTHER_TECHNICIAN, "technician", "tech-2", PIN)
        return open_now[0]

    yield open_
    while open_now:
        open_now.pop().machine.store.close()


@pytest.fixture
async def desk(open_desk: Callable[[], Desk]) -> Desk:
    return open_desk()
