"""One step kind after the other at a real machine with a real store; the person, hub and printer are the test's.

Time stands still for the tests that take ``mock_clock`` themselves (a clock behind another fixture is not used): no
page runs out, nothing waits for a second to pass. In the others it is the real one, and nothing in them waits for it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

import msgspec
import pytest
import trio
import trio.testing

from devices.contract import Completed
from devices.id_card_reader.card import IdCard
from devices.receipt_printer.codec import Paper
from devices.receipt_printer.job import Outcome as Ended
from devices.receipt_printer.job import PrintJob, PrintResult
from devices.receipt_printer.sim.interpreter import Interpreter
from devices.receipt_printer.sim.paper import PaperRoll
from devices.vocabulary import Completion
from kiosk.cases import receipt_number
from kiosk.catalogue.kinds import spec_type
from kiosk.hub_link.client import Answered, Unreachable
from kiosk.hub_link.state import LinkState
from kiosk.journey import engine
from kiosk.machine import Machine
from kiosk.messages.questions import CaseProgress, ProgressState
from kiosk.pages import Page, Settings
from kiosk.visit import Visit
from tests.kiosk.conftest import Finger

ZHAO = IdCard(kind="resident", name="赵德福", number="990101195801200016", birth=date(1958, 1, 20), photo=b"WLf" * 300)
LI = IdCard(kind="resident", name="李小䶮", number="990101199003070027", birth=date(1990, 3, 7), photo=b"WLg" * 300)


CODE = "20270112"
"""Of the slips of these cases."""


class Counter:
    """A person at the machine. ``answers``: what the hub says to each kind of question; nothing there = no network.

    ``printer``: how a job ends; ``papers``: what came out, as text.
    """

    def __init__(self, machine: Machine, finger: Finger, clock: trio.testing.MockClock) -> None:
        self.machine, self.finger, self.clock = machine, finger, clock
        self.visit = Visit(machine, Settings())
        self.answers: dict[str, Any] = {}
        self.asked: list[Any] = []
        self.printer = Ended.PRINTED
        self.papers: list[str] = []
        machine.ask = self._ask  # type: ignore[method-assign]
        machine.payments._ask = self._ask
        machine.peripherals.call = self._call  # type: ignore[method-assign]

    def steps(self, key: str, *steps: Mapping[str, Any] | str, **service: Any) -> None:
        """The service ``key`` has these steps, as a catalogue writes them, instead of its own; a word is a kind."""
        tables = [{"kind": step} if isinstance(step, str) else step for step in steps]
        services = self.machine.catalogue.services
        found = tuple(msgspec.convert(table, spec_type(table["kind"])) for table in tables)
        services[key] = msgspec.structs.replace(services[key], steps=found, **service)

    def online(self) -> None:
        """The city answers heartbeats; what it says to questions is in ``answers``."""
        self.machine.link.state = LinkState.ONLINE

    @asynccontextmanager
    async def doing(self, key: str) -> AsyncIterator[None]:
        """Inside, the service runs; it must have ended by itself when the test leaves."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(engine.run, self.visit, self.machine.catalogue.services[key])
            yield

    async def first(self, kind: str) -> Page:
        """The first page of the service."""
        while not self.finger.history or self.page.kind in ("checking", "printing"):
            await self.finger.change(f"the page {kind}")
        assert self.page.kind == kind, f"{self.page.kind}: {words(self.page)}"
        return self.page

    async def touch(self, action: str, then: str, **values: Any) -> Page:
        """Tap, and wait for the next page, which is of the kind ``then``."""
        before = len(self.finger.history)
        self.finger.touch(action, **values)
        while len(self.finger.history) == before or self.page.kind in ("checking", "printing"):
            await self.finger.change(f"the page {then}")
        assert self.page.kind == then, f"{self.page.kind}: {words(self.page)}"
        return self.page

    def last(self, action: str, **values: Any) -> None:
        """The tap after which the service ends."""
        self.finger.touch(action, **values)

    @property
    def page(self) -> Page:
        assert self.finger.page is not None
        return self.finger.page

    def filed(self, kind: str) -> list[Any]:
        """What was filed, by the queue."""
        return [row for row in self.machine.outbox.rows() if row.kind == kind]

    async def _ask(self, kind: str, question: Any) -> Any:
        self.asked.append(question)
        await trio.lowlevel.checkpoint()
        found = self.answers.get(kind)
        return Unreachable("offline") if found is None else Answered(found(question) if callable(found) else found)

    async def _call(self, name: str, command: str, _limit_s: float, **arguments: Any) -> Completed:
        await trio.lowlevel.checkpoint()
        job = arguments.get("job")
        if job is None:
            return Completed(Completion.SUCCESS)
        if self.printer is not Ended.NOT_PRINTED:
            self.papers.append(on_paper(job))
        return Completed(Completion.SUCCESS, PrintResult(self.printer))


class _Still:
    def advance(self, dots: int) -> None: ...
    def cut(self) -> None: ...
    def paper_status(self) -> int:
        return 0

    def auto_status(self, mask: int) -> None: ...


def on_paper(job: PrintJob) -> str:
    """The job through encoder, bytes and printer, as text."""
    slips: list[str] = []
    roll = PaperRoll(dots=576, columns=48, on_slip=lambda _picture, said: slips.append(said))
    interpreter = Interpreter(roll, _Still(), lambda _: None)
    for byte in Paper().compose(job):
        interpreter.feed(byte)
    return slips[0]


def words(page: Page, language: str = "zh") -> str:
    """Everything that stands on a page, line by line."""
    found: list[str] = []

    def look(value: Any) -> None:
        if isinstance(value, dict):
            if set(value) == {"zh", "en"}:
                found.append(value[language])
            else:
                for each in value.values():
                    look(each)
        elif isinstance(value, list | tuple):
            for each in value:
                look(each)

    look(msgspec.to_builtins(page))
    return "\n".join(found)


def number(sequence: int) -> str:
    """A receipt number of this machine."""
    return receipt_number("990101", "k-0001", date(2027, 1, 12), sequence)


def told(at: int = 1, *states: ProgressState | str, service: str = "T01", **more: Any) -> CaseProgress:
    """A case as the hub tells of it; plain states have the hour of their place."""
    line = [
        s if isinstance(s, ProgressState) else ProgressState(s, f"2027-01-12T0{i}:30:00.000Z", "traffic")
        for i, s in enumerate(states)
    ]
    return CaseProgress(number(at), service, more.pop("masked_name", "赵*福"), line, **more)


@pytest.fixture
def counter(machine: Any, finger: Any, mock_clock: Any) -> Counter:
    return Counter(machine, finger, mock_clock)
