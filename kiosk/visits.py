"""One visit after the other: the home page, what is due, a line, a service, and back again, until the wipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from functools import partial

import structlog
import trio

from devices.contract import Completed
from devices.id_card_reader.card import IdCard
from devices.vocabulary import Completion, DeviceState
from kiosk import lobby, maintenance, wipe
from kiosk.card_reading import reading_trouble
from kiosk.cases import unbroken
from kiosk.catalogue.model import Bundle
from kiosk.handover import Left
from kiosk.journey import engine
from kiosk.journey.engine import Journey, Outcome
from kiosk.journey.resuming import journey_of
from kiosk.journey.whole import Whole, together, whole_of_bundle
from kiosk.lobby.todo import TICK, TOGETHER
from kiosk.logs import place_of
from kiosk.machine import Machine, nobodys_key
from kiosk.messages.parked import ParkedFact
from kiosk.pages import Answer, Page, Settings
from kiosk.planning.plan import plan_of
from kiosk.roster import READER
from kiosk.text import NOTHING, text
from kiosk.visit import Visit, VisitEnded, message

log = structlog.get_logger()
BRAND_TAPS = 5
_FAULT_S = 60.0
_BREATH_S = 0.5
"""After a visit that failed: what fails at once again does not spin."""
_FIRST_LOOK_S = 2.0
HOME_RESTS_S = 30.0
"""After so long without a touch the home page is as if nobody had set anything."""


class Visits:
    """Serves whoever comes; nothing of one visit is left for the next."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    async def serve(self, most: int | None = None) -> None:
        """Visits until the machine stops, or ``most`` of them."""
        served = 0
        await self._reader_looked()
        while not self._machine.is_stopping and (most is None or served < most):
            await self.one_visit()
            served += 1

    async def _reader_looked(self) -> None:
        """A moment for the reader to see what lies there from before: that is not for the first visit."""
        with trio.move_on_after(_FIRST_LOOK_S):
            for reader in self._machine.peripherals.of_kind(READER):
                await self._machine.peripherals.until(reader, frozenset(DeviceState) - {DeviceState.STARTING})

    async def one_visit(self) -> None:
        """From the home page to the wipe, whatever happens in between."""
        machine = self._machine
        machine.catalogue_in_force.take()
        visit = Visit(machine, Settings())
        machine.visit_key, machine.presenter.on_touch = visit.key, visit.touched
        reason = "stopped"
        try:
            while await self.from_home(visit) is Outcome.BACK:
                pass
            reason = "done"
        except VisitEnded as ended:
            reason = ended.reason
        except Exception as error:
            # The boundary of a visit: whatever went wrong around the steps, the wipe comes and the next visit begins.
            reason = "fault"
            log.error("visit_crashed", visit=visit.id, error=type(error).__name__, where=place_of(error))
            await self._say_what_is_safe(visit)
        except BaseExceptionGroup as group:
            # The same while the machine is being stopped: of such a group only the cancellation goes on.
            stopped, faults = group.split(trio.Cancelled)
            if faults is not None:
                log.error("visit_crashed", visit=visit.id, error="several", where=place_of(faults))
            if stopped is not None:
                raise stopped from None
        finally:
            machine.next_card.begin()
            machine.visit_key = nobodys_key
            # No limit cuts it: until it is done nobody is served. What ends the visit keeps where it came through.
            wipe.let_go_of_frames(sys.exception())
            with trio.CancelScope(shield=True):
                await self._wipe(visit, reason)
        if reason == "fault":
            await trio.sleep(_BREATH_S)

    async def _say_what_is_safe(self, visit: Visit) -> None:
        if self._machine.is_quiet:
            return
        try:
            await _tell_what_is_safe(visit)
        except VisitEnded:
            return
        except Exception as error:
            # The screen itself may be what failed: the visit ends all the same.
            log.error("fault_not_told", visit=visit.id, error=type(error).__name__, where=place_of(error))

    async def _wipe(self, visit: Visit, reason: str) -> None:
        """Nothing that the visit knew stays (CONTRACTS §8); what only the machine's end can erase ends it."""
        machine = self._machine
        machine.publish("visit", visit=visit.id, state="end", reason=reason)
        holding = ", ".join(await wipe.wipe(machine, visit, self._home_of_the_next()))
        if holding:
            machine.alarm("not_wiped", f"{holding}: the machine is ended, which erases it")
            if not machine.is_stopping:
                machine.failure, machine.must_restart = f"the last visit could not be erased ({holding})", True
            machine.stop()
            return
        machine.publish("wiped", visit=visit.id)
        machine.is_quiet = True

    def _home_of_the_next(self) -> Page | None:
        """The page of somebody who is not there yet; none when the machine ends."""
        machine = self._machine
        if machine.is_stopping:
            return None
        return lobby.home_page(machine, Visit(machine, Settings()), card_lies_there=self._machine.next_card.is_there)

    async def from_home(self, visit: Visit) -> Outcome:
        """The home page and what the first touch leads to; BACK when that led to the home page again."""
        first = await self._attract(visit)
        if self._machine.is_quiet:
            self._machine.is_quiet = False
            self._machine.publish("visit", visit=visit.id, state="start")
        return await self._welcome(visit, first)

    async def _attract(self, visit: Visit) -> IdCard | Answer:
        """The home page until somebody touches it or puts a card down; one that lies there from before is not read.

        What the last person set is taken back after a while without a touch. Raises VisitEnded when they had begun.
        """
        lay_there = [self._machine.next_card.is_there]
        trouble = [NOTHING]
        taps: list[float] = []

        def home() -> Page:
            if not self._machine.next_card.is_there:
                lay_there[0], trouble[0] = False, NOTHING
            left = lay_there[0] or self._machine.next_card.is_left
            return lobby.home_page(self._machine, visit, card_lies_there=left, trouble=trouble[0])

        def failed(done: Completed) -> None:
            lost = done.code in (Completion.DEVICE_NOT_READY, Completion.TIME_OUT)
            trouble[0] = NOTHING if lost else reading_trouble(done)
            visit.update(home())

        while True:
            found = await visit.show_while(home, lambda: self._card_unless_rested(visit, failed))
            if found is None:
                if not self._machine.is_quiet:
                    raise VisitEnded("timeout")
                visit.settings = Settings()
            elif not (isinstance(found, Answer) and found.action == "brand" and not _brand_tapped(taps)):
                return found

    async def _card_unless_rested(self, visit: Visit, failed: Callable[[Completed], None]) -> IdCard | None:
        """The next card; None when nobody has touched for a while what somebody had set or begun."""
        found: list[IdCard] = []

        async def rest(scope: trio.CancelScope) -> None:
            await visit.untouched(HOME_RESTS_S)
            while self._machine.is_quiet and visit.settings == Settings():
                await visit.touch()
                await visit.untouched(HOME_RESTS_S)
            scope.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(rest, nursery.cancel_scope)
            found.append(await self._machine.next_card.read(failed))
            nursery.cancel_scope.cancel()
        return found[0] if found else None

    async def _welcome(self, visit: Visit, first: IdCard | Answer) -> Outcome:
        """From the first touch on: to maintenance, to a service, or to what is due. BACK leads to the home page."""
        if isinstance(first, Answer):
            if first.action == "brand":
                await maintenance.enter(visit)
                return Outcome.LEAVE
            outcome = await self._chosen(visit, first.action)
        else:
            staff = await self._machine.staff.find(first)
            if staff and staff.role == "technician" and await maintenance.run(visit, staff):
                return Outcome.LEAVE
            if self._machine.out_of_service:
                return Outcome.LEAVE
            # Whoever touched before this card came may be somebody else.
            visit.typed.clear()
            visit.take(first)
            outcome = Outcome.LEAVE
        del first
        while visit.card is not None and not visit.without_card:
            await self._todo(visit)
        # Who was recognised without a card is not left at the home page, where the next one touches.
        return Outcome.LEAVE if visit.without_card else outcome

    async def _todo(self, visit: Visit) -> None:
        """Who this is and what can be done, at once; what is due is filled in as soon as the city has answered."""
        card = visit.card
        if card is None:
            return
        told = [lobby.ASKING]
        ticked: set[str] = set()
        offered = visit.resumed

        def page() -> Page:
            return lobby.todo_page(self._machine, visit, told[0], ticked)

        async def ask() -> None:
            while told[0].items is None:
                came_online = self._machine.changes.came_online
                told[0] = await lobby.what_is_due(self._machine, card.number)
                visit.update(page())
                if told[0].items is None:
                    await came_online.wait()
            if _ready(told[0], offered) is None:
                await trio.sleep_forever()

        while True:
            answer = await visit.show_while(page, ask)
            if not isinstance(answer, Answer):
                ready = _ready(told[0], offered)
                if ready is not None and await self._resumed(visit, ready):
                    return
                continue
            what, _, key = answer.action.partition(":")
            if what != TICK.rstrip(":"):
                break
            ticked.symmetric_difference_update({key})
        if isinstance(answer, Answer):
            await self._chosen(visit, answer.action, ticked)

    async def _resumed(self, visit: Visit, parked: ParkedFact) -> bool:
        """What was laid down or left goes on, if the person wants; asked once a visit."""
        visit.resumed.add(parked.service)
        left = Left(parked.service, tuple(parked.parts))
        journey = journey_of(visit, left)
        if journey is None:
            return False
        service = journey.service
        page = partial(lobby.resume_page, self._machine, visit, service, is_left=parked.is_left)
        if (await visit.show(page)).action != "next":
            return False
        return await self._goes_on(visit, journey, left if parked.is_left else None) is not None

    async def _by_code(self, visit: Visit) -> Outcome:
        """The service that a code leads to, up to where its person puts down the card."""
        while left := await lobby.left_by_code(visit):
            journey = journey_of(visit, left)
            if journey is None:
                words = text("handover.unknown"), text("handover.unknown_lead")
                await visit.tell(message("handover_not_here", "warning-circle", "warn", *words))
            elif (outcome := await self._goes_on(visit, journey, left)) is not Outcome.BACK:
                return outcome or Outcome.BACK
        return Outcome.BACK

    async def _goes_on(self, visit: Visit, journey: Journey, left: Left | None) -> Outcome | None:
        """``left`` comes back as soon as it is known whose it is. None: this machine cannot do it now."""
        parts = journey.parts_of if isinstance(journey, Whole) else [journey]
        if left is not None and not await lobby.can_go_on(visit, journey.service, [part.service for part in parts]):
            return None
        visit.left = left
        return await engine.run_journey(journey)

    async def _chosen(self, visit: Visit, action: str, ticked: Collection[str] = ()) -> Outcome:
        """What was touched: a line, a service, or those ticked. BACK when the person came back from its first page."""
        what, _, key = action.partition(":")
        if what == TOGETHER:
            return await self._together(visit, ticked)
        if what == lobby.RESUME:
            return await self._by_code(visit)
        if what == lobby.BUNDLES:
            return await self._bundles(visit)
        if what == "bundle" and key in self._machine.catalogue.bundles:
            return await self._bundle(visit, self._machine.catalogue.bundles[key])
        if what == "line":
            return await self._line(visit, key)
        if what == "service" and key in self._machine.catalogue.services:
            return await engine.run(visit, self._machine.catalogue.services[key])
        return Outcome.LEAVE

    async def _together(self, visit: Visit, ticked: Collection[str]) -> Outcome:
        """Several services as one; one alone as itself."""
        services = [service for key, service in self._machine.catalogue.services.items() if key in ticked]
        if len(services) == 1:
            return await engine.run(visit, services[0])
        return await engine.run_journey(together(visit, plan_of(services)))

    async def _bundles(self, visit: Visit) -> Outcome:
        while True:
            answer = await visit.show(lambda: lobby.bundles_page(self._machine))
            if not answer.action.startswith(lobby.BUNDLE):
                return Outcome.BACK
            outcome = await self._chosen(visit, answer.action)
            if outcome is not Outcome.BACK:
                return outcome

    async def _bundle(self, visit: Visit, bundle: Bundle) -> Outcome:
        """What belongs to it, until the person begins it or goes back."""
        machine, wanted = self._machine, lobby.first_wanted(self._machine, visit, bundle)

        def page() -> Page:
            return lobby.bundle_page(machine, visit, bundle, wanted)

        while (answer := await visit.show(page)).action != "back":
            if answer.action.startswith(lobby.PART):
                chosen = {answer.action.removeprefix(lobby.PART)} & lobby.optional(bundle)
                wanted.symmetric_difference_update(chosen)
            elif answer.action == "next" and wanted:
                outcome = await engine.run_journey(whole_of_bundle(visit, bundle, wanted))
                if outcome is not Outcome.BACK:
                    return outcome
        return Outcome.BACK

    async def _line(self, visit: Visit, line: str) -> Outcome:
        while True:
            answer = await visit.show(lambda: lobby.line_page(self._machine, visit, line))
            if not answer.action.startswith("service:"):
                return Outcome.BACK
            outcome = await self._chosen(visit, answer.action)
            if outcome is not Outcome.BACK:
                return outcome


def _ready(due: lobby.Due, offered: Collection[str]) -> ParkedFact | None:
    """The first service that can go on and was not offered yet; None when there is none."""
    return next((each for each in due.parked if each.is_ready and each.service not in offered), None)


def _brand_tapped(taps: list[float]) -> bool:
    """Five taps on the emblem within five seconds open the way in for technicians; ``taps`` are those before."""
    now = trio.current_time()
    taps[:] = [t for t in taps if now - t < BRAND_TAPS] + [now]
    return len(taps) >= BRAND_TAPS


async def _tell_what_is_safe(visit: Visit) -> None:
    """After a surprise outside every step: what is kept and what is not, before the visit ends and is wiped."""
    numbers = " ".join(unbroken(case.receipt_number) for case in visit.filed)
    lead = text("fault.filed", number=numbers) if numbers else text("fault.nothing_filed")
    await visit.tell(message("fault", "warning-circle", "error", text("fault.title"), lead, timeout_s=_FAULT_S))
