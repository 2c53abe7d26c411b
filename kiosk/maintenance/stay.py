"""One technician at the machine: pages, the five idle minutes, and the audit of everything done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import trio

from devices.contract import Completed
from kiosk import orders
from kiosk.machine import Machine
from kiosk.maintenance.badge import Badge
from kiosk.pages import Action, Answer, Block, Page
from kiosk.staff import Staff
from kiosk.text import NOTHING, Text, text
from kiosk.visit import ELDER_PACE, Visit

T = TypeVar("T")
IDLE_S = 300.0
REFRESH_S = 1.0
LEAVE = Action(id="exit", label=text("maintenance.leave"), style="exit", icon="sign-out")
BACK = Action(id="back", label=text("action.back"), style="secondary", icon="caret-left")


class CardAway(Exception):
    """The technician's own card did not come back after a reader test."""


class Stay:
    """What the screens of maintenance mode work with. ``signed_in`` after the right PIN."""

    def __init__(self, visit: Visit, staff: Staff) -> None:
        self.visit = visit
        self.staff = staff
        self.badge = Badge(visit.machine, staff)
        self.faults = visit.machine.faults
        self.signed_in = False
        self._touched = trio.current_time()

    @property
    def machine(self) -> Machine:
        return self.visit.machine

    # -- pages -----------------------------------------------------------------------------------------------------

    def page(
        self, kind: str, title: Text, *blocks: Block, lead: Text = NOTHING, actions: tuple = (LEAVE, BACK)
    ) -> Page:
        """A page of maintenance mode. Its time limit is the same at every pace of reading."""
        return Page(
            kind=kind,
            title=title,
            lead=lead,
            icon="wrench",
            chips=self.machine.chips(),
            blocks=blocks,
            actions=actions,
            timeout_s=IDLE_S / (ELDER_PACE if self.visit.settings.elder else 1.0),
        )

    async def show(self, page: Page) -> Answer:
        """The technician's answer to ``page``. VisitEnded passes through."""
        answer = await self.visit.show(page)
        self.touched()
        return answer

    async def show_live(self, gather: Callable[[], Awaitable[Page]]) -> Answer:
        """The page that ``gather`` makes, made anew every second while it is shown."""
        shown = await gather()

        async def follow() -> Answer:
            nonlocal shown
            while True:
                await trio.sleep(REFRESH_S)
                page = await gather()
                if page != shown:
                    shown = page
                    self.visit.update(page)

        return await self.show_while(lambda: shown, follow)

    async def show_while(self, page: Page | Callable[[], Page], work: Callable[[], Awaitable[T]]) -> Answer | T:
        """Like ``Visit.show_while``: the answer, or the result of ``work``, whichever is first."""
        found = await self.visit.show_while(page, work)
        if isinstance(found, Answer):
            self.touched()
        return found

    # -- idling ----------------------------------------------------------------------------------------------------

    @contextmanager
    def noticing_touches(self) -> Iterator[None]:
        """Touches count for the visit and for this stay."""
        presenter = self.machine.presenter
        before = presenter.on_touch

        def touched() -> None:
            before()
            self.touched()

        presenter.on_touch = touched
        try:
            yield
        finally:
            presenter.on_touch = before

    def touched(self) -> None:
        """The technician is here."""
        self._touched = trio.current_time()

    async def idle(self) -> str:
        """Returns "idle" after five minutes without a touch, whatever the page, its pace or its limit."""
        while (left_s := self._touched + IDLE_S - trio.current_time()) > 0:
            await trio.sleep(left_s)
        return "idle"

    # -- audit -----------------------------------------------------------------------------------------------------

    async def record(self, event: str, **detail: Any) -> None:
        """One row of the audit chain in the technician's name. Raises StoreError."""
        await self.machine.audit(f"maintenance_{event}", actor=self.staff.ref, **detail)

    async def order(self, name: str, **arguments: Any) -> dict[str, Any]:
        """An order of ``kiosk.orders`` in the technician's name. Raises StoreError, CannotAnswer."""
        return await orders.carry_out(self.machine, orders.By(self.staff.ref, "maintenance_"), name, arguments)

    async def tested(self, device: str, test: str, work: Callable[[], Awaitable[Completed]]) -> Completed:
        """Run a test of a device; its end is audited, also when it was broken off."""
        outcome = "interrupted"
        try:
            done = await work()
            outcome = "ok" if done.ok else done.error or done.code.value
            return done
        finally:
            with trio.CancelScope(shield=True):
                await self.record("test", device=device, test=test, outcome=outcome)
