"""The composition root: the only place that builds things, and the loop of visits."""

from __future__ import annotations

import random
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from importlib import metadata
from typing import Any

import structlog
import trio

from devices.vocabulary import DeviceState, DeviceStatus
from kiosk import doctor, lobby, maintenance, recovery, visits, wipe
from kiosk.case_watch import CaseWatch
from kiosk.catalogue.loader import CatalogueError
from kiosk.clock import Clock, local
from kiosk.config import Config
from kiosk.guide_calls import GuideCalls
from kiosk.health import WORKS
from kiosk.hub_link.audit_proof import AuditProof
from kiosk.hub_link.client import Answered, HubLink, Refused, Unreachable
from kiosk.hub_link.filing import PRIORITIES, Filing
from kiosk.hub_link.forwarder import Forwarder
from kiosk.hub_link.http import Answer
from kiosk.hub_link.identity import Identity, keep_suite
from kiosk.hub_link.known_keys import KnownKeys, apply
from kiosk.hub_link.numbers import ReceiptNumbers
from kiosk.hub_link.state import LinkState
from kiosk.hub_link.ways import carriers_for
from kiosk.journey.engine import Outcome
from kiosk.logs import place_of
from kiosk.messages.fleet import AuditHead, AuditProved, Heartbeat, HeartbeatAnswer
from kiosk.newest_catalogue import read_catalogue
from kiosk.next_card import READER, NextCard
from kiosk.pages import Chip, Page, Presenter, Settings
from kiosk.peripherals import Peripherals
from kiosk.refusals import not_filed
from kiosk.slip_tries import SlipTries
from kiosk.staff import StaffBook
from kiosk.status_socket import StatusSocket
from kiosk.timekeeping import Timekeeper
from kiosk.upkeep import Upkeep
from kiosk.vision.client import Thresholds, VisionWorker
from kiosk.visit import Visit, VisitEnded
from offline_cache.audit import Audit
from offline_cache.counters import Counters
from offline_cache.errors import StoreError
from offline_cache.journal import Journal
from offline_cache.outbox import Outbox
from offline_cache.store import Store
from offline_cache.values import Values
from offline_cache.vault import open_vault

log = structlog.get_logger()
_SETTLE_S = 0.5
_FIRST_LOOK_S = 2.0


class Machine:
    """One kiosk: devices, store, hub link, presenter, and one visit after the other."""

    def __init__(self, config: Config, presenter: Presenter, *, clock: Clock | None = None) -> None:
        self.config = config
        self.presenter = presenter
        self.ended = trio.Event()
        self.failure = ""
        """Why the machine ended itself, in words for a technician."""
        self.must_restart = False
        """It ended itself to be started anew."""
        self._serving = trio.CancelScope()
        self._refresh: Callable[[], None] | None = None
        self.came_online = trio.Event()
        self.clock = clock or Clock(config.demo.today)
        self.rng = random.Random()
        self.status = StatusSocket(config.machine.status_socket, self.clock.monotonic)
        self._open_store()
        try:
            self.catalogue = read_catalogue(config, self.values)
            self.vault = open_vault(self.store)
            self._build_hub_link()
        except (StoreError, CatalogueError):
            self.store.close()
            raise
        configured = config.device_settings()
        camera: Any = configured.pop("camera", None)
        self.peripherals = Peripherals(configured, self.clock)
        self.peripherals.listen(self._device_changed)
        self.peripherals.on_command = self._device_did
        self.guide_calls = GuideCalls(self.publish)
        self.next_card = NextCard(self.peripherals, self.clock)
        maintenance.watch(self.peripherals, self.clock)
        thresholds = Thresholds(config.vision.pass_distance, config.vision.fail_distance)
        self.vision = (
            VisionWorker(camera[1], thresholds, partial(self.peripherals.publish, "camera"), now=self.clock.now)
            if camera
            else None
        )
        if camera:
            self.peripherals.publish("camera", DeviceStatus())
        self.out_of_service = (self.values.get("machine", "out_of_service") or b"").decode()
        self.out_of_service_since = (self.values.get("machine", "out_of_service_since") or b"").decode()
        self.paper_in_doubt = False
        """Nobody knows what hangs in the printer: it is brought to a known state before the next sheet."""
        self.slip_in_doubt: tuple[int, str] | None = None
        """Intent and ``ref`` of the sheet that this process handed over last, until the printer has said its end."""
        self.is_quiet = True
        """Nobody is being served."""
        self._visit: Visit | None = None
        self.watch = CaseWatch(self.link, self.publish, self.outbox)
        self.slip_tries = SlipTries(self.clock.monotonic)

    def _open_store(self) -> None:
        store = self.config.store
        self.store = Store.open(
            store.path, now=self.clock.now, ballast_mb=store.ballast_mb, free_floor_mb=store.free_floor_mb
        )
        self.outbox = Outbox(self.store, priorities=PRIORITIES, cap_s=self.config.hub.backoff_cap_s)
        self.journal = Journal(self.store)
        self.counters = Counters(self.store)
        self.audit_log = Audit(self.store)
        self.values = Values(self.store)
        self.timekeeper = Timekeeper(self.clock, self.values, on_alarm=self.alarm, on_change=self._refreshed)

    def _build_hub_link(self) -> None:
        hub = self.config.hub
        keep_suite(self.values, self.outbox, hub.suite)
        self.staff = StaffBook(self.values, self.vault, self.clock.since_boot, self.alarm)
        self.identity = Identity.load(self.vault, self.config.machine.id, hub.suite)
        self.numbers = ReceiptNumbers(self.values, self.counters, self.config.machine.id)
        self._numbering_told = False
        """Since this start: a store that was put back from a copy has its numbers set right too."""
        keys = {"seal_key": hub.seal_key, "verify_key": hub.verify_key}
        self.hub_keys = KnownKeys(self.values, self.identity, **keys, on_alarm=self.alarm)
        self.hub_keys.on_taken = lambda keys: apply(keys, self.filing, self.forwarder, self.audit_proof, self.audit_log)
        known = self.hub_keys.keys
        who = {"kiosk_id": self.config.machine.id, "suite": hub.suite, "verify_key": known.verify_key}
        self.audit_proof = AuditProof(self.values, self.audit_log, **who)
        self.audit_is_doubted = False
        """The hub has signed another audit chain than the one that is here."""
        self.link = HubLink(
            hub,
            self.identity,
            self.clock,
            on_change=self._link_changed,
            on_alarm=self.alarm,
            describe=self._heartbeat,
            on_told=self._hub_said,
            asks_numbering=lambda: not self._numbering_told,
            rng=self.rng,
            known_keys=self.hub_keys,
        )
        carrier, self.files = carriers_for(hub, self.link.http, self.clock, self.config.machine.id)
        self.forwarder = Forwarder(
            self.outbox,
            carrier,
            files=self.files,
            verify_key=known.trusted,
            suite=hub.suite,
            monotonic=self.clock.monotonic,
            rng=self.rng,
            base_s=hub.backoff_base_s,
            cap_s=hub.backoff_cap_s,
            on_change=self._case_moved,
            on_alarm=self.alarm,
            on_idle=self.store.tidy,
        )
        self.filing = Filing(
            self.outbox,
            self.identity,
            seal_key=known.seal_key,
            clock=self.clock,
            on_filed=self.forwarder.nudge,
            key_trouble=lambda: self.hub_keys.trouble,
        )

    # -- what steps and pages ask of the machine ------------------------------------------------------------------

    def publish(self, event: str, /, **facts: Any) -> None:
        """One status line; never anything personal."""
        self.status.publish(event, **facts)

    def alarm(self, what: str, reason: str) -> None:
        """One status line that asks for a person; ``reason`` is for a technician."""
        self.publish("alarm", what=what, reason=reason)

    def published_page(self, page: Page) -> None:
        """The status line of a page that is shown."""
        self.publish("page", kind=page.kind, service=page.service)

    def chips(self) -> tuple[Chip, ...]:
        """The header's small truths."""
        return lobby.chips(self)

    def vision_ready(self) -> bool:
        """Whether a face can be compared at all; when not, a guide confirms."""
        seen = self.peripherals.status("camera").device
        return self.vision is not None and not self.vision.missing_model and seen in WORKS

    @asynccontextmanager
    async def camera_on(self) -> AsyncIterator[None]:
        """Pictures for the screen while inside; the camera rests otherwise."""
        if self.vision:
            await self.vision.preview(on=True)
        try:
            yield
        finally:
            if self.vision:
                with trio.CancelScope(shield=True):
                    await self.vision.preview(on=False)

    async def snapshot(self, *, boxes: bool = False) -> bytes | None:
        """One JPEG from the camera, or None where there is no picture."""
        return await self.vision.snapshot(boxes=boxes) if self.vision else None

    async def ask(self, kind: str, question: Any) -> Answered | Unreachable | Refused:
        """A live question to the city; how long it took is published, not what was asked.

        What is due only adds to a page, so nobody waits long for it. One about a person carries the visit's key.
        """
        began = self.clock.monotonic()
        reply = await self.link.ask(
            kind, question, decorates=kind == "due", visit=self._visit.key() if self._visit else None
        )
        seconds = round(self.clock.monotonic() - began, 4)
        self.publish("question", kind=kind, outcome=type(reply).__name__.lower(), seconds=seconds)
        return reply

    async def settle(self, device_lost: bool, device: str = "id_card_reader") -> None:
        """A breath before a device is asked again; one that is away is asked when it is back."""
        await trio.sleep(_SETTLE_S if device_lost else _SETTLE_S / 5)
        if device_lost:
            await self.peripherals.until_online(device)

    async def next_receipt_number(self) -> str:
        """A number that no other case ever had. Raises StoreError."""
        division = self.config.machine.division
        return await trio.to_thread.run_sync(self.numbers.take, division, self.clock.today())

    async def begin_intent(self, kind: str, ref: str) -> int:
        """Write down an effect before it happens."""
        return await trio.to_thread.run_sync(self.journal.begin, kind, ref)

    async def resolve_intent(self, intent: int, outcome: str) -> None:
        """Write down how it ended, by the device's own word."""
        await trio.to_thread.run_sync(self.journal.resolve, intent, outcome)

    async def resolve_intents(self, ref: str, outcome: str) -> None:
        """A person has said how the doubtful effects of ``ref`` ended."""
        for intent in await trio.to_thread.run_sync(self.journal.open_intents):
            if intent.ref == ref:
                await self.resolve_intent(intent.id, outcome)

    async def audit(self, event: str, actor: str = "machine", **detail: Any) -> None:
        """Append to the chained audit log."""
        await trio.to_thread.run_sync(self.audit_log.append, actor, event, detail)

    async def set_out_of_service(self, reason: str) -> None:
        """Take the machine out of service ("" = back), durable over restarts."""
        since = f"{local(self.clock.now()):%Y-%m-%d %H:%M}" if reason else ""
        await trio.to_thread.run_sync(self.values.put, "machine", "out_of_service_since", since.encode())
        await trio.to_thread.run_sync(self.values.put, "machine", "out_of_service", reason.encode())
        self.out_of_service, self.out_of_service_since = reason, since
        self.publish("out_of_service", reason=reason)

    def filing_trouble(self) -> str:
        """Why nothing can be filed now; "" when it can.

        ``enrol`` (the hub has never accepted this machine), ``key`` (not the hub's), ``full`` (below the free floor).
        """
        if not self.numbers.are_known:
            return "enrol"
        if self.hub_keys.trouble:
            return "key"
        return "" if self.store.has_room else "full"

    def not_filed(self, error: StoreError) -> Page:
        """What a person is told when the store fails a step."""
        return not_filed(error)

    # -- the loop ---------------------------------------------------------------------------------------------------

    async def run(self, *, visits: int | None = None, task_status: Any = trio.TASK_STATUS_IGNORED) -> None:
        """Serve visits until canceled, or ``visits`` of them. Everything built is taken down again."""
        self.status.questions.update(doctor.questions(self))
        doctor.say_whether_memory_is_safe(self)
        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(self.status.run)
                await nursery.start(self._present)
                self.peripherals.start()
                if self.vision:
                    nursery.start_soon(self.vision.run)
                nursery.start_soon(self.timekeeper.run)
                nursery.start_soon(self.link.run)
                nursery.start_soon(self.forwarder.run)
                nursery.start_soon(self.watch.run)
                nursery.start_soon(Upkeep(self).run)
                task_status.started()
                with self._serving:
                    await recovery.recover(self)
                    await self._serve(visits)
                await self.status.drained()
                nursery.cancel_scope.cancel()
        finally:
            with trio.CancelScope(shield=True), trio.move_on_after(4.0):
                await self.peripherals.stop()
            self.store.close()
            self.ended.set()

    def stop(self) -> None:
        """End the visit and wipe it, say so to everyone who listens, then end the machine."""
        self._serving.cancel()

    @property
    def is_stopping(self) -> bool:
        """Whether the end has been asked for."""
        return self._serving.cancel_called

    async def _present(self, *, task_status: Any) -> None:
        """Draw; when the window is closed by hand, or fails, the visit is wiped and the machine ends."""
        try:
            await self.presenter.run(task_status=task_status)
        except Exception as error:
            # The boundary of the screen: without one nobody can be served, but what was begun is ended in order.
            log.error("screen_failed", error=type(error).__name__, where=place_of(error))
            self.alarm("screen", f"the screen failed: {type(error).__name__}")
            self.failure = f"the screen failed ({type(error).__name__}); see the log"
        self.stop()

    async def _serve(self, visits: int | None) -> None:
        served = 0
        await self._reader_looked()
        while not self.is_stopping and (visits is None or served < visits):
            await self._one_visit()
            served += 1

    async def _one_visit(self) -> None:
        visit = self._visit = Visit(self, Settings())
        self.presenter.on_touch = visit.touched
        reason = "stopped"
        try:
            while await visits.from_home(self, visit) is Outcome.BACK:
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
            self.next_card.begin()
            self._visit = None
            # No limit cuts it: until it is done nobody is served. What ends the visit keeps where it came through.
            wipe.let_go_of_frames(sys.exception())
            with trio.CancelScope(shield=True):
                await self._wipe(visit, reason)
        if reason == "fault":
            await trio.sleep(_SETTLE_S)

    async def _say_what_is_safe(self, visit: Visit) -> None:
        if self.is_quiet:
            return
        try:
            await visits.say_what_is_safe(visit)
        except VisitEnded:
            return
        except Exception as error:
            # The screen itself may be what failed: the visit ends all the same.
            log.error("fault_not_told", visit=visit.id, error=type(error).__name__, where=place_of(error))

    async def _wipe(self, visit: Visit, reason: str) -> None:
        """Nothing that the visit knew stays (CONTRACTS §8); what only the machine's end can erase ends it."""
        self.publish("visit", visit=visit.id, state="end", reason=reason)
        holding = ", ".join(await wipe.wipe(self, visit))
        if holding:
            self.alarm("not_wiped", f"{holding}: the machine is ended, which erases it")
            if not self.is_stopping:
                self.failure, self.must_restart = f"the last visit could not be erased ({holding})", True
            self.stop()
            return
        self.publish("wiped", visit=visit.id)
        self.is_quiet = True

    async def _reader_looked(self) -> None:
        """A moment for the reader to see what lies there from before: that is not for the first visit."""
        with trio.move_on_after(_FIRST_LOOK_S):
            await self.peripherals.until(READER, frozenset(DeviceState) - {DeviceState.STARTING})

    # -- what changes by itself -------------------------------------------------------------------------------------

    def _device_changed(self, name: str, status: DeviceStatus) -> None:
        self.publish(
            "device", name=name, device=status.device, media=status.media, supply=status.supply, error=status.error
        )
        self._refreshed()

    def _device_did(self, name: str, command: str, code: str, seconds: float) -> None:
        self.publish("command", device=name, command=command, code=code, seconds=seconds)

    def _link_changed(self, state: LinkState) -> None:
        self.publish("link", online=self.link.online, state=state)
        if self.link.online:
            self.forwarder.network_up()
            self.came_online.set()
            self.came_online = trio.Event()
        self.watch.link_changed()
        self._refreshed()

    async def _hub_said(self, told: HeartbeatAnswer, answer: Answer) -> None:
        """In the hub's own signed words."""
        self.timekeeper.hub_says(told.now)
        if told.audit_proved is not None:
            await self._audit_was_proved(told.audit_proved, answer)
        if told.numbering is None:
            return
        try:
            await trio.to_thread.run_sync(self.numbers.heard, told.numbering)
            self._numbering_told = True
        except StoreError as error:
            log.error("numbers_not_kept", error=str(error))

    async def _audit_was_proved(self, proved: AuditProved, answer: Answer) -> None:
        try:
            is_ours = await trio.to_thread.run_sync(self.audit_proof.keep, proved, answer)
        except StoreError as error:
            log.error("audit_proof_not_kept", error=str(error))
            return
        if not is_ours and not self.audit_is_doubted:
            log.error("audit_chain_differs", entries=proved.entries)
            self.alarm("audit", f"the hub has another audit chain of {proved.entries} entries; keep the store's file")
        self.audit_is_doubted = not is_ours

    def _heartbeat(self) -> Heartbeat:
        waiting = self.outbox.counts()
        return Heartbeat(
            last_seq=waiting.last_seq,
            queue_depth=waiting.depth,
            held=waiting.held,
            oldest_age_s=self.outbox.oldest_age_s,
            catalogue_version=self.catalogue.version,
            software_version=metadata.version("tongban"),
            in_service=not self.out_of_service,
            devices={name: status.device.value for name, status in self.peripherals.statuses.items()},
            audit_head=AuditHead(*self.audit_log.head()),
            audit_base=self.audit_proof.base(),
        )

    def _case_moved(self, case_id: str | None, key: str, kind: str, state: str) -> None:
        self.publish("envelope", key=key, kind=kind, state=state)
        if kind != "case" or case_id is None or state not in ("delivered", "held"):
            return
        self.publish("case", case_id=case_id, state=state)
        if state == "delivered":
            self.timekeeper.receipt_kept(self.outbox.proof(key))
            self.watch.delivered(key, case_id)

    @contextmanager
    def refreshing(self, refresh: Callable[[], None]) -> Iterator[None]:
        """While inside, ``refresh`` is called whenever a device or the network changes."""
        self._refresh, before = refresh, self._refresh
        try:
            yield
        finally:
            self._refresh = before

    def _refreshed(self) -> None:
        if self._refresh is None:
            return
        try:
            self._refresh()
        except Exception as error:
            # The boundary of what changes by itself: the page stays as it was, and whoever told of the change goes on.
            log.error("page_not_refreshed", error=type(error).__name__, where=place_of(error))
