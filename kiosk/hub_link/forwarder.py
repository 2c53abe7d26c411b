"""Brings what was filed to the hub: every envelope once, in order per case, however often it must be tried."""

from __future__ import annotations

import functools
from collections.abc import Callable
from random import Random
from typing import Any, TypeVar

import structlog
import trio

from kiosk.hub_link.breaker import Breaker, full_jitter_s
from kiosk.hub_link.carriers import Carrier, Outgoing
from kiosk.hub_link.outcome import Outcome
from kiosk.messages.encoding import BadSignature, InvalidMessage
from kiosk.messages.receipts import parse_receipt, verify_receipt
from kiosk.messages.suites import DEFAULT
from offline_cache.errors import ParcelDamaged, StoreError
from offline_cache.outbox import Claimed, Outbox, envelope_digest

T = TypeVar("T")
log = structlog.get_logger()

POISON_SERVER_ERRORS = 20
ALARM_NO_ANSWERS = 3
_STORE_PAUSE_S = 5.0


class Forwarder:
    """One destination. ``monotonic`` is the machine's; ``rng`` makes a run repeatable.

    ``on_change(case_id, key, kind, state)`` follows each durable change; ``on_alarm(what, reason)`` asks for a person:
    ``no_answer``, ``paused``, ``held``.
    """

    def __init__(
        self,
        outbox: Outbox,
        carrier: Carrier,
        *,
        verify_key: str,
        monotonic: Callable[[], float],
        rng: Random,
        base_s: float = 2,
        cap_s: float = 300,
        in_flight: int = 4,
        suite: str = DEFAULT,
        on_change: Callable[[str | None, str, str, str], None] = lambda *_: None,
        on_alarm: Callable[[str, str], None] = lambda *_: None,
        on_idle: Callable[[], None] = lambda: None,
    ) -> None:
        self._outbox = outbox
        self._carrier = carrier
        self._verify_key = verify_key
        self._monotonic = monotonic
        self._rng = rng
        self._base_s = base_s
        self._cap_s = cap_s
        self._suite = suite
        self._on_change = on_change
        self._on_alarm = on_alarm
        self._on_idle = on_idle
        self._breaker = Breaker(rng, base_s=base_s, cap_s=cap_s)
        self._slots = trio.Semaphore(in_flight, max_value=in_flight)
        self._in_flight = in_flight
        self._bell = trio.Event()
        self._came_up = False
        self._untidy = False
        self._no_answers = 0
        self._passes = 0
        self._first_error: dict[int, int] = {}
        self._last_failed: int | None = None
        self._stranded: dict[int, str] = {}

    def nudge(self) -> None:
        """Something was filed or released: look again."""
        self._bell.set()

    def network_up(self) -> None:
        """The hub was seen: one probe now, and what waits for a time no longer does."""
        self._came_up = True
        self._bell.set()

    async def run(self) -> None:
        """Forwards until canceled. What is under way then is sent again after the next start, the same bytes."""
        async with trio.open_nursery() as nursery:
            while True:
                self._bell = trio.Event()
                try:
                    wait_s = await self._step(nursery)
                except StoreError as error:
                    log.error("forwarder.store", error=str(error))
                    wait_s = _STORE_PAUSE_S
                if wait_s:
                    with trio.move_on_after(wait_s):
                        await self._bell.wait()

    async def _step(self, nursery: trio.Nursery) -> float:
        """Starts at most one delivery; the seconds until there may be something to do (0: at once)."""
        for seq, reason in list(self._stranded.items()):
            await _in_thread(self._outbox.failed, seq, reason, 0.0, self._monotonic())
            del self._stranded[seq]
        if self._came_up:
            self._came_up = False
            self._breaker.try_now(self._monotonic())
            await _in_thread(self._outbox.wake)
        # The slot first: while waiting for one, the way may have been given up.
        await self._slots.acquire()
        started = False
        try:
            now = self._monotonic()
            wait_s = self._breaker.wait_s(now)
            if wait_s != 0:
                return self._cap_s if wait_s is None else wait_s
            claimed = await self._claim(now)
            if claimed is None:
                return await self._idle(now)
            self._breaker.began()
            nursery.start_soon(self._forward, claimed)
            started = True
            return 0.0
        finally:
            if not started:
                self._slots.release()

    async def _claim(self, now: float) -> Claimed | None:
        """While the way is only probed, not twice in a row with the same envelope: it may be the one that fails."""
        if self._breaker.is_open and self._last_failed is not None:
            other = await _in_thread(self._outbox.claim, now, avoid=(self._last_failed,))
            if other is not None:
                return other
        return await _in_thread(self._outbox.claim, now)

    async def _idle(self, now: float) -> float:
        if self._untidy and self._slots.value == self._in_flight - 1:
            self._untidy = False
            await _in_thread(self._on_idle)
        due_s = await _in_thread(self._outbox.next_due_in_s, now)
        return self._cap_s if due_s is None else max(due_s, 0.001)

    async def _forward(self, claimed: Claimed) -> None:
        try:
            self._on_change(claimed.case_id, claimed.key, claimed.kind, "sending")
            await self._settle(claimed, self._checked(claimed, await self._carry(claimed)))
        except ParcelDamaged as error:
            self._breaker.good()
            await self._hold(claimed, str(error))
        except trio.Cancelled:
            self._breaker.dropped()
            await self._give_back(claimed, "stopped")
            raise
        except Exception as error:
            # The step boundary of DESIGN §3: a surprise with one envelope must not stop the others.
            log.exception("forwarder.crashed", seq=claimed.seq)
            self._breaker.bad(self._monotonic())
            await self._give_back(claimed, f"{type(error).__name__}: not settled")
        finally:
            self._slots.release()
            self._bell.set()

    async def _carry(self, claimed: Claimed) -> Outcome:
        if envelope_digest(claimed.header, claimed.signature) != claimed.sha256:
            raise ParcelDamaged(f"the header of {claimed.key} is damaged on the disk")

        async def parcel(name: str) -> bytes:
            return await _in_thread(self._outbox.parcel, claimed, name)

        return await self._carrier.deliver(
            Outgoing(claimed.key, claimed.header, claimed.signature, claimed.parts, claimed.attempts > 1, parcel)
        )

    def _checked(self, claimed: Claimed, outcome: Outcome) -> Outcome:
        """A receipt that is not the hub's for exactly these bytes is no answer."""
        if outcome.meaning != "receipt":
            return outcome
        try:
            receipt = parse_receipt(outcome.receipt)
            verify_receipt(receipt, self._verify_key, key=claimed.key, sha256=claimed.sha256, suite=self._suite)
        except (BadSignature, InvalidMessage) as error:
            return Outcome("no_answer", f"receipt: {error}")
        return outcome

    async def _settle(self, claimed: Claimed, outcome: Outcome) -> None:
        if outcome.meaning == "receipt":
            await self._delivered(claimed, outcome.receipt)
        elif outcome.meaning == "held":
            self._breaker.good()
            await self._hold(claimed, outcome.reason)
        else:
            await self._again(claimed, outcome)

    async def _delivered(self, claimed: Claimed, receipt: bytes) -> None:
        await _in_thread(self._outbox.delivered, claimed.seq, receipt)
        self._breaker.good()
        self._no_answers = 0
        self._passes += 1
        self._untidy = True
        self._first_error.pop(claimed.seq, None)
        log.info("forwarder.delivered", seq=claimed.seq, key=claimed.key, attempts=claimed.attempts)
        self._on_change(claimed.case_id, claimed.key, claimed.kind, "delivered")

    async def _hold(self, claimed: Claimed, reason: str) -> None:
        await _in_thread(self._outbox.hold, claimed.seq, reason)
        log.error("forwarder.held", seq=claimed.seq, key=claimed.key, reason=reason)
        self._on_change(claimed.case_id, claimed.key, claimed.kind, "held")
        self._on_alarm("held", reason)

    async def _again(self, claimed: Claimed, outcome: Outcome) -> None:
        self._last_failed = claimed.seq
        if outcome.server_error and self._is_poison(claimed):
            self._breaker.good()
            await self._hold(claimed, f"{POISON_SERVER_ERRORS} server errors while others pass: {outcome.reason}")
            return
        wait_s = full_jitter_s(self._rng, self._base_s, self._cap_s, claimed.attempts - 1)
        wait_s = max(wait_s, outcome.retry_after_s or 0.0)
        self._judge_destination(outcome)
        now = self._monotonic()
        fail = functools.partial(self._outbox.failed, server_error=outcome.server_error)
        await _in_thread(fail, claimed.seq, outcome.reason, wait_s, now)
        log.warning(
            "forwarder.failed", seq=claimed.seq, key=claimed.key, reason=outcome.reason, wait_s=round(wait_s, 1)
        )
        self._on_change(claimed.case_id, claimed.key, claimed.kind, "stored")

    def _judge_destination(self, outcome: Outcome) -> None:
        now = self._monotonic()
        if outcome.meaning == "paused":
            self._breaker.pause(now)
            self._on_alarm("paused", outcome.reason)
        elif outcome.meaning == "no_answer":
            self._no_answers += 1
            self._breaker.bad(now)
            if self._no_answers == ALARM_NO_ANSWERS:
                self._on_alarm("no_answer", outcome.reason)
        elif outcome.server_error or outcome.retry_after_s:
            self._breaker.server_error(now, outcome.retry_after_s)
        else:
            self._breaker.bad(now)

    def _is_poison(self, claimed: Claimed) -> bool:
        first = self._first_error.setdefault(claimed.seq, self._passes)
        return claimed.server_errors + 1 >= POISON_SERVER_ERRORS and self._passes > first

    async def _give_back(self, claimed: Claimed, reason: str) -> None:
        """Never leaves a row ``sending``: what the store refuses now is given back when it works again."""
        self._last_failed = claimed.seq
        with trio.CancelScope(shield=True):
            try:
                await _in_thread(self._outbox.failed, claimed.seq, reason, 0.0, self._monotonic())
            except StoreError as error:
                log.error("forwarder.stranded", seq=claimed.seq, error=str(error))
                self._stranded[claimed.seq] = reason


async def _in_thread(work: Callable[..., T], *values: Any, **named: Any) -> T:
    return await trio.to_thread.run_sync(functools.partial(work, *values, **named))
