"""The composition root: builds the parts, and answers what steps and pages ask of the machine."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager, asynccontextmanager
from functools import partial
from typing import Any, NamedTuple

import trio

from devices.drivers import Configured
from kiosk.case_watch import CaseWatch
from kiosk.catalogue.loader import CatalogueError
from kiosk.catalogue.model import Catalogue, Service
from kiosk.changes import Changes
from kiosk.chips import header_chips
from kiosk.clock import Clock, local
from kiosk.config import Config
from kiosk.faults import Faults
from kiosk.guide_calls import GuideCalls
from kiosk.health import Offer, offer
from kiosk.holds import Holds
from kiosk.hub_link.audit_proof import AuditProof
from kiosk.hub_link.client import Answered, HubLink, Refused, Unreachable
from kiosk.hub_link.filing import PRIORITIES, Filing
from kiosk.hub_link.forwarder import Forwarder
from kiosk.hub_link.hub_words import HubWords, heartbeat
from kiosk.hub_link.identity import Identity, keep_suite
from kiosk.hub_link.known_keys import KnownKeys, apply
from kiosk.hub_link.numbers import ReceiptNumbers
from kiosk.hub_link.state import LinkState
from kiosk.hub_link.ways import carriers_for
from kiosk.messages.fleet import Heartbeat
from kiosk.messages.places import NearbyQuestion
from kiosk.messages.visits import VisitKey
from kiosk.nearby import Nearby
from kiosk.newest_catalogue import CatalogueInForce
from kiosk.next_card import NextCard
from kiosk.pages import Chip, Page, Presenter
from kiosk.payments import Payments
from kiosk.peripherals import Peripherals
from kiosk.roster import CAMERA, DOCUMENT_CAMERA
from kiosk.slip_tries import SlipTries
from kiosk.staff import StaffBook
from kiosk.status_socket import StatusSocket
from kiosk.threads import in_thread
from kiosk.timekeeping import Timekeeper
from kiosk.vision.client import WORKER_LOST, Thresholds, VisionWorker
from offline_cache.audit import Audit
from offline_cache.counters import Counters
from offline_cache.errors import StoreError
from offline_cache.journal import Journal
from offline_cache.outbox import Outbox
from offline_cache.stock import Stock
from offline_cache.store import Store
from offline_cache.values import Values
from offline_cache.vault import open_vault

_SETTLE_S = 0.5


class SlipInDoubt(NamedTuple):
    """A sheet that was handed over: its intent, its ``ref`` and the printer that got it."""

    intent: int
    ref: str
    printer: str


class Machine:
    """One kiosk: devices, store, hub link, presenter. ``kiosk.running`` runs it."""

    def __init__(self, config: Config, presenter: Presenter, *, clock: Clock | None = None) -> None:
        self.config = config
        self.presenter = presenter
        self.ended = trio.Event()
        self.failure = ""
        """Why the machine ended itself, in words for a technician."""
        self.must_restart = False
        """It ended itself to be started anew."""
        self.serving = trio.CancelScope()
        """Visits are served inside; ``stop`` cancels it."""
        self.clock = clock or Clock(config.demo.today)
        self.rng = random.Random()
        self.status = StatusSocket(config.machine.status_socket, self.clock.monotonic)
        self.changes = Changes(self.publish)
        self._open_store()
        try:
            self.catalogue_in_force = CatalogueInForce(config, self.values, self.clock)
            self.vault = open_vault(self.store)
            self._build_hub_link()
        except (StoreError, CatalogueError):
            self.store.close()
            raise
        configured = config.device_settings()
        self.camera = next((name for name, device in configured.items() if device.kind == CAMERA), "")
        """The camera that sees the person, "" when there is none; no other one is ever looked through for a face."""
        self.peripherals = Peripherals(configured, self.clock, elsewhere=frozenset({self.camera}))
        self.peripherals.listen(self.changes.device_changed)
        self.peripherals.on_command = self.changes.device_did
        self.guide_calls = GuideCalls(self.publish)
        self.next_card = NextCard(self.peripherals, self.clock)
        self.faults = Faults(self.peripherals, self.clock)
        self._build_vision(configured)
        self.out_of_service = (self.values.get("machine", "out_of_service") or b"").decode()
        self.out_of_service_since = (self.values.get("machine", "out_of_service_since") or b"").decode()
        self.paper_in_doubt: set[str] = set()
        """Printers of which nobody knows what hangs in them: brought to a known state before the next sheet there."""
        self.slip_in_doubt: SlipInDoubt | None = None
        """The sheet that this process handed over last, until the printer has said its end."""
        self.is_quiet = True
        """Nobody is being served."""
        self.visit_key: Callable[[], VisitKey | None] = nobodys_key
        """What a question about the person carries who is being served."""
        self.slip_tries = SlipTries(self.clock.monotonic)
        in_force = self.catalogue_in_force
        in_force.fetch, in_force.on_alarm = self._hubs_catalogue, self.alarm
        in_force.is_quiet, in_force.on_switch = (lambda: self.is_quiet), self._catalogue_switched

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
        self.stock = Stock(self.store)
        self.nearby = Nearby(self.clock, self._ask_around, lambda: self.link.online, self.values)
        self.timekeeper = Timekeeper(self.clock, self.values, on_alarm=self.alarm, on_change=self.changes.refresh_page)

    def _build_vision(self, configured: Mapping[str, Configured]) -> None:
        limits, on_lost = self.config.vision, partial(self.alarm, WORKER_LOST)
        self.vision = (
            VisionWorker(
                configured[self.camera].settings,  # type: ignore[arg-type]
                Thresholds(limits.pass_distance, limits.fail_distance),
                partial(self.peripherals.publish, self.camera),
                now=self.clock.now,
                on_lost=on_lost,
            )
            if self.camera
            else None
        )
        papers = self.peripherals.of_kind(DOCUMENT_CAMERA)
        self.papers = (
            VisionWorker(
                configured[papers[0]].settings,  # type: ignore[arg-type]
                now=self.clock.now,
                looks_at="papers",
                on_lost=on_lost,
            )
            if papers
            else None
        )
        """Looks at what lies under the first document camera, in a process of its own; its status is the driver's."""

    def _build_hub_link(self) -> None:
        hub = self.config.hub
        keep_suite(self.values, self.outbox, hub.suite)
        self.staff = StaffBook(self.values, self.vault, self.clock.since_boot, self.alarm)
        self.identity = Identity.load(self.vault, self.config.machine.id, hub.suite)
        self.numbers = ReceiptNumbers(self.values, self.counters, self.config.machine.id)
        keys = {"seal_key": hub.seal_key, "verify_key": hub.verify_key}
        self.hub_keys = KnownKeys(self.values, self.identity, **keys, on_alarm=self.alarm)
        self.hub_keys.on_taken = lambda keys: apply(keys, self.filing, self.forwarder, self.audit_proof, self.audit_log)
        known = self.hub_keys.keys
        who = {"kiosk_id": self.config.machine.id, "suite": hub.suite, "verify_key": known.verify_key}
        self.audit_proof = AuditProof(self.values, self.audit_log, **who)
        self.hub_words = HubWords(self.timekeeper, self.numbers, self.audit_proof, self.alarm)
        self.link = HubLink(
            hub,
            self.identity,
            self.clock,
            on_change=self._link_changed,
            on_alarm=self.alarm,
            describe=self.heartbeat,
            on_told=self.hub_words.heard,
            asks_numbering=self.hub_words.asks_numbering,
            rng=self.rng,
            known_keys=self.hub_keys,
        )
        self.watch = CaseWatch(self.link, self.publish, self.outbox, on_receipt=self.timekeeper.receipt_kept)
        self.payments = Payments(self.journal, self.outbox, self.ask, self.publish)
        self.holds = Holds(self.outbox, self.ask)
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
            on_change=self.watch.envelope_moved,
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

    @property
    def catalogue(self) -> Catalogue:
        """The one in force: another only when nobody is served."""
        return self.catalogue_in_force.now

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
        return header_chips(is_online=self.link.online, help_phone=self.catalogue.help_phone)

    def refreshing(self, refresh: Callable[[], None]) -> AbstractContextManager[None]:
        """While inside, ``refresh`` is called whenever a device or the network changes."""
        return self.changes.refreshing(refresh)

    @property
    def lookers(self) -> tuple[VisionWorker, ...]:
        """The processes that see something of a visit."""
        return tuple(each for each in (self.vision, self.papers) if each is not None)

    def vision_ready(self) -> bool:
        """Whether a face can be compared at all; when not, a guide confirms."""
        is_usable = self.peripherals.is_usable(CAMERA)
        return self.vision is not None and not self.vision.missing_model and is_usable

    @asynccontextmanager
    async def camera_on(self, looker: VisionWorker | None = None) -> AsyncIterator[None]:
        """Pictures for the screen while inside, of people if not said otherwise; the camera rests otherwise."""
        looker = looker or self.vision
        if looker:
            await looker.preview(on=True)
        try:
            yield
        finally:
            if looker:
                with trio.CancelScope(shield=True):
                    await looker.preview(on=False)

    async def snapshot(self, *, boxes: bool = False) -> bytes | None:
        """One JPEG from the camera, or None where there is no picture."""
        return await self.vision.snapshot(boxes=boxes) if self.vision else None

    async def ask(self, kind: str, question: Any) -> Answered | Unreachable | Refused:
        """A live question to the city; how long it took is published, not what was asked.

        What is due only adds to a page, so nobody waits long for it. One about a person carries the visit's key.
        """
        began = self.clock.monotonic()
        reply = await self.link.ask(kind, question, decorates=kind == "due", visit=self.visit_key())
        seconds = round(self.clock.monotonic() - began, 4)
        self.publish("question", kind=kind, outcome=type(reply).__name__.lower(), seconds=seconds)
        return reply

    async def _ask_around(self, question: NearbyQuestion) -> Answered | Unreachable | Refused:
        """About nobody, so without the key of a visit; it only adds to pages, so nobody waits long for it."""
        return await self.link.ask("nearby", question, decorates=True)

    async def pause_before_retry(self, device_lost: bool, device: str) -> None:
        """A breath before a device is asked again; one that is away is asked when it is back."""
        await trio.sleep(_SETTLE_S if device_lost else _SETTLE_S / 5)
        if device_lost:
            await self.peripherals.until_online(device)

    async def next_receipt_number(self) -> str:
        """A number that no other case ever had. Raises StoreError."""
        division = self.config.machine.division
        return await in_thread(self.numbers.take, division, self.clock.today())

    async def begin_intent(self, kind: str, ref: str) -> int:
        """Write down an effect before it happens."""
        return await in_thread(self.journal.begin, kind, ref)

    async def resolve_intent(self, intent: int, outcome: str) -> None:
        """Write down how it ended, by the device's own word."""
        await in_thread(self.journal.resolve, intent, outcome)

    async def resolve_intents(self, ref: str, outcome: str) -> None:
        """A person has said how the doubtful effects of ``ref`` ended."""
        for intent in await in_thread(self.journal.open_intents):
            if intent.ref == ref:
                await self.resolve_intent(intent.id, outcome)

    async def audit(self, event: str, actor: str = "machine", **detail: Any) -> None:
        """Append to the chained audit log."""
        await in_thread(self.audit_log.append, actor, event, detail)

    async def set_out_of_service(self, reason: str, written: Callable[[], object] = lambda: None) -> None:
        """Take the machine out of service ("" = back), durable over restarts, in one transaction with ``written``."""
        since = f"{local(self.clock.now()):%Y-%m-%d %H:%M}" if reason else ""

        def keep() -> None:
            written()
            self.values.put("machine", "out_of_service_since", since.encode())
            self.values.put("machine", "out_of_service", reason.encode())

        await in_thread(self.store.write, keep)
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

    # -- its end ----------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """End the visit and wipe it, say so to everyone who listens, then end the machine."""
        self.serving.cancel()

    @property
    def is_stopping(self) -> bool:
        """Whether the end has been asked for."""
        return self.serving.cancel_called

    # -- what the parts ask of each other -----------------------------------------------------------------------------

    def _link_changed(self, state: LinkState) -> None:
        if self.link.online:
            self.forwarder.network_up()
            self.payments.nudge()
            self.holds.nudge()
        self.watch.link_changed()
        self.changes.link_changed(state, is_online=self.link.online)

    async def _hubs_catalogue(self, tag: str) -> bytes | None:
        return await self.link.catalogue(tag) if self.link.online else None

    def _catalogue_switched(self) -> None:
        self.publish("catalogue", version=self.catalogue.version)
        self.changes.refresh_page()

    def heartbeat(self) -> Heartbeat:
        """How this machine is, for the city."""
        return heartbeat(
            self.outbox,
            self.audit_log,
            self.audit_proof.base(),
            catalogue_version=self.catalogue.version,
            in_service=not self.out_of_service,
            devices=self.peripherals.statuses,
            cannot=[service.key for service in self.catalogue.services.values() if not self.offers(service).available],
        )

    def offers(self, service: Service) -> Offer:
        """Whether anybody can begin this service here now, as far as the network is no question."""
        trouble, knows_date = self.filing_trouble(), self.clock.knows_date
        return offer(service, self.peripherals, online=True, knows_date=knows_date, filing_trouble=trouble)


def nobodys_key() -> None:
    """Whose key a question carries while nobody is served."""
