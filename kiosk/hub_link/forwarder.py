"""Brings what was filed to the hub: every envelope once, in order per case, however often it must be tried."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import TypeVar

import structlog
import trio

from kiosk.hub_link.breaker import Breaker, full_jitter_s
from kiosk.hub_link.carriers import Carrier, Outgoing
from kiosk.hub_link.files import BATCH_ENVELOPES, FileCarrier, Reply
from kiosk.hub_link.outcome import Outcome
from kiosk.hub_link.sent import SentByFile
from kiosk.messages.encoding import BadSignature, InvalidMessage, decode_json, sha256_hex
from kiosk.messages.envelope import wire
from kiosk.messages.foreign import shown
from kiosk.messages.receipts import (
    Receipt,
    Refusal,
    parcel_named,
    parse_receipt,
    verify_answer,
    verify_receipt,
    verify_refusal,
)
from kiosk.messages.suites import DEFAULT
from kiosk.threads import in_thread
from offline_cache.errors import ParcelDamaged, StoreError
from offline_cache.outbox import Claimed, Outbox, Row, envelope_digest

T = TypeVar("T")
log = structlog.get_logger()

ALARM_SERVER_ERRORS = 20
ALARM_NO_ANSWERS = 3
_STORE_PAUSE_S = 5.0


class _Way:
    """A carrier with its own breaker and room for so many at once."""

    def __init__(self, carrier: Carrier, breaker: Breaker, in_flight: int) -> None:
        self.carrier = carrier
        self.breaker = breaker
        self.slots = trio.Semaphore(in_flight, max_value=in_flight)
        self._in_flight = in_flight

    @property
    def is_quiet(self) -> bool:
        """Nothing under way but the one who asks."""
        return self.slots.value >= self._in_flight - 1


class Forwarder:
    """``carrier`` is the way to the hub; ``monotonic`` is the machine's; ``rng`` makes a run repeatable.

    ``files``: the file carrier, when answers come by folder. It may be ``carrier`` itself; beside another one it takes
    what that one could not deliver, and whichever receipt comes first counts. What went by file stays ``sending``
    until its receipt is there, the city asks again, it is time to write it again, or the other way is open.

    ``on_change(case_id, key, kind, state)`` follows each durable change; ``on_alarm(what, reason)`` asks for a person:
    ``no_answer``, ``paused``, ``held``.
    """

    def __init__(
        self,
        outbox: Outbox,
        carrier: Carrier,
        *,
        verify_key: str | Sequence[str],
        monotonic: Callable[[], float],
        rng: Random,
        base_s: float = 2,
        cap_s: float = 300,
        in_flight: int = 4,
        suite: str = DEFAULT,
        on_change: Callable[[str | None, str, str, str], None] = lambda *_: None,
        on_alarm: Callable[[str, str], None] = lambda *_: None,
        on_idle: Callable[[], None] = lambda: None,
        files: FileCarrier | None = None,
    ) -> None:
        self._outbox = outbox
        self._files = files
        carriers: list[Carrier] = [carrier] if files is None or files is carrier else [carrier, files]
        self._ways = [
            _Way(each, Breaker(rng, base_s=base_s, cap_s=cap_s), BATCH_ENVELOPES if each is files else in_flight)
            for each in carriers
        ]
        self.verify_key = verify_key
        """The hub's key, or each by which its word counts."""
        self._monotonic = monotonic
        self._rng = rng
        self._base_s = base_s
        self._cap_s = cap_s
        self._suite = suite
        self._on_change = on_change
        self._on_alarm = on_alarm
        self._on_idle = on_idle
        self._bell = trio.Event()
        self._came_up = False
        self._untidy = False
        self._no_answers = 0
        self._passes = 0
        self._first_error: dict[int, int] = {}
        self._unanswered: dict[int, int] = {}
        self._told_alone: set[int] = set()
        self._last_failed: int | None = None
        self._stranded: dict[int, str] = {}
        self._sent = SentByFile()

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
            if self._files is not None:
                nursery.start_soon(self._read_answers, self._files)
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
            await in_thread(self._outbox.failed, seq, reason, 0.0, self._monotonic())
            del self._stranded[seq]
        if self._came_up:
            self._came_up = False
            self._ways[0].breaker.try_now(self._monotonic())
            if len(self._ways) > 1:
                self._sent.all_due(self._monotonic())
            await in_thread(self._outbox.wake)
        way = self._open_way() or self._ways[-1]
        # The slot first: while waiting for one, the way may have been given up.
        await way.slots.acquire()
        started = False
        try:
            now = self._monotonic()
            if way is not self._open_way():
                return self._closed_s(now)
            claimed = await self._claim(way, now)
            if claimed is None:
                return 0.0 if await self._take_back(way, now) else await self._idle(way, now)
            way.breaker.began()
            nursery.start_soon(self._forward, way, claimed)
            started = True
            return 0.0
        finally:
            if not started:
                way.slots.release()

    def _open_way(self) -> _Way | None:
        now = self._monotonic()
        return next((way for way in self._ways if way.breaker.wait_s(now) == 0), None)

    def _closed_s(self, now: float) -> float:
        """Until some way may be open; 0 when one is."""
        waits = [way.breaker.wait_s(now) for way in self._ways]
        return min((wait_s for wait_s in waits if wait_s is not None), default=self._cap_s)

    async def _claim(self, way: _Way, now: float) -> Claimed | None:
        """While the way is only probed, not twice in a row with the same envelope: it may be the one that fails."""
        if way.breaker.is_open and self._last_failed is not None:
            other = await in_thread(self._outbox.claim, now, avoid=(self._last_failed,))
            if other is not None:
                return other
        return await in_thread(self._outbox.claim, now)

    async def _take_back(self, way: _Way, now: float) -> bool:
        """Whether one that went by file is to be sent anew: by the first way, or by file once more."""
        seq = self._sent.due(now) if way is self._ways[0] else None
        if seq is None:
            return False
        await in_thread(self._outbox.failed, seq, "no receipt yet", 0.0, now)
        # Not before: where the store fails, or we are stopped, it is still one that waits.
        self._sent.drop(seq)
        return True

    async def _idle(self, way: _Way, now: float) -> float:
        if self._untidy and way.is_quiet:
            self._untidy = False
            await in_thread(self._on_idle)
        due_s = await in_thread(self._outbox.next_due_in_s, now)
        first = self._ways[0]
        waits = [due_s, self._sent.due_in_s(now) if way is first else first.breaker.wait_s(now)]
        return max(min((wait_s for wait_s in waits if wait_s is not None), default=self._cap_s), 0.001)

    async def _forward(self, way: _Way, claimed: Claimed) -> None:
        try:
            self._on_change(claimed.case_id, claimed.key, claimed.kind, "sending")
            await self._keep_outcome(way, claimed, self._checked(claimed, await self._carry(way, claimed)))
        except ParcelDamaged as error:
            way.breaker.good()
            # A receipt that came by the other way meanwhile has erased the parcels.
            if not await self._is_delivered(claimed.key):
                await self._hold(claimed, str(error))
        except trio.Cancelled:
            way.breaker.dropped()
            await self._give_back(claimed, "")
            raise
        except Exception as error:
            # The step boundary of DESIGN §3: a surprise with one envelope must not stop the others.
            log.exception("forwarder.crashed", seq=claimed.seq)
            way.breaker.bad(self._monotonic())
            await self._give_back(claimed, f"{type(error).__name__}: not settled")
        finally:
            way.slots.release()
            self._bell.set()

    async def _carry(self, way: _Way, claimed: Claimed) -> Outcome:
        if envelope_digest(claimed.header, claimed.signature) != claimed.sha256:
            raise ParcelDamaged(f"the header of {claimed.key} is damaged on the disk")

        async def parcel(name: str) -> bytes:
            return await in_thread(self._outbox.parcel, claimed, name)

        return await way.carrier.deliver(
            Outgoing(claimed.key, claimed.header, claimed.signature, claimed.parts, claimed.attempts > 1, parcel)
        )

    def _checked(self, claimed: Claimed, outcome: Outcome) -> Outcome:
        """A receipt, or a refusal, that is not the hub's for exactly these bytes is no answer."""
        try:
            if outcome.meaning == "receipt":
                receipt = parse_receipt(outcome.receipt)
                verify_receipt(receipt, self.verify_key, key=claimed.key, sha256=claimed.sha256, suite=self._suite)
            elif outcome.meaning == "held":
                self._check_refusal(claimed, outcome.refusal)
        except (BadSignature, InvalidMessage) as error:
            return Outcome("no_answer", f"{outcome.meaning}: {error}")
        return outcome

    def _check_refusal(self, claimed: Claimed, said: Refusal | None) -> None:
        """Raises BadSignature unless the hub has refused this envelope or one of its parcels."""
        sent = sha256_hex(wire(claimed.header, claimed.signature))
        kiosk_id = decode_json(claimed.header)["kiosk_id"]
        ours = {(claimed.key, claimed.sha256), (claimed.key, sent)}
        ours |= {("", parcel_named(kiosk_id, part.sha256)) for part in claimed.parts}
        if said is None or (said.key, said.sha256) not in ours:
            raise BadSignature("a refusal of something else")
        verify_refusal(said, self.verify_key, key=said.key, sha256=said.sha256, suite=self._suite)

    async def _keep_outcome(self, way: _Way, claimed: Claimed, outcome: Outcome) -> None:
        if outcome.meaning == "receipt":
            way.breaker.good()
            self._no_answers = 0
            await self._delivered(claimed, outcome.receipt)
        elif outcome.meaning == "sent":
            way.breaker.good()
            self._sent_by_file(claimed)
        elif outcome.meaning == "held":
            way.breaker.good()
            await self._hold(claimed, outcome.reason)
        elif way is not self._ways[-1] and self._ways[-1].breaker.wait_s(self._monotonic()) == 0:
            self._judge_destination(way, outcome)
            await self._keep_outcome(self._ways[-1], claimed, await self._carry(self._ways[-1], claimed))
        else:
            await self._again(way, claimed, outcome)

    def _sent_by_file(self, claimed: Claimed) -> None:
        wait_s = full_jitter_s(self._rng, self._base_s, self._cap_s, claimed.attempts - 1) + self._base_s
        if len(self._ways) == 1 and self._files is not None:
            wait_s = self._files.again_after_s
        self._sent.add(claimed.seq, self._monotonic() + wait_s)
        log.info("forwarder.sent", seq=claimed.seq, key=claimed.key, attempts=claimed.attempts)

    async def _delivered(self, row: Claimed | Row, receipt: bytes) -> None:
        if self._files is not None and await self._is_delivered(row.key):
            return
        await in_thread(self._outbox.delivered, row.seq, receipt)
        self._passes += 1
        self._untidy = True
        self._first_error.pop(row.seq, None)
        self._unanswered.pop(row.seq, None)
        self._told_alone.discard(row.seq)
        self._sent.drop(row.seq)
        log.info("forwarder.delivered", seq=row.seq, key=row.key, attempts=row.attempts)
        self._on_change(row.case_id, row.key, row.kind, "delivered")

    async def _is_delivered(self, key: str) -> bool:
        proof = await in_thread(self._outbox.proof, key)
        return proof is not None and proof.state == "delivered"

    async def _read_answers(self, files: FileCarrier) -> None:
        while True:
            arrived = await files.look()
            if arrived is None:
                continue
            trouble = list(arrived.trouble)
            try:
                for reply in arrived.replies:
                    await self._answered(files, reply, trouble)
                await files.settled(arrived, trouble)
                await files.clear_out(self._is_done)
            except StoreError as error:
                log.error("forwarder.store", error=str(error))
                await trio.sleep(_STORE_PAUSE_S)  # the file stays and is read again
                continue
            except Exception as error:
                # The boundary of one foreign file (DESIGN §3): the next one has its turn.
                log.exception("forwarder.answers_crashed", file=shown(arrived.name))
                trouble.append(f"could not be judged ({type(error).__name__})")
                await files.settled(arrived, trouble)
            if trouble:
                log.warning("files.trouble", file=shown(arrived.name), reasons=trouble[:10])
                self._on_alarm("file", f"{shown(arrived.name)}: {trouble[0]}")
            self._bell.set()

    def _is_done(self, key: str) -> bool:
        proof = self._outbox.proof(key)
        return proof is not None and proof.state == "delivered"

    async def _answered(self, files: FileCarrier, reply: Reply, trouble: list[str]) -> None:
        """One answer that came by file: late, twice and for an envelope that went the other way are normal."""
        said = reply.said
        proof = await in_thread(self._outbox.proof, said.key)
        if proof is None:
            trouble.append(f"{said.key} is not from this machine")
            return
        try:
            verify_answer(said, self.verify_key, key=said.key, sha256=proof.sha256, suite=self._suite)
        except BadSignature as error:
            trouble.append(f"{said.key}: {error}")
            return
        if proof.state == "delivered":
            return
        row = await in_thread(self._outbox.row, proof.seq)
        if isinstance(said, Receipt):
            await self._delivered(row, reply.content)
        elif said.status != 424:
            self._sent.drop(row.seq)
            await self._hold(row, f"{said.status} {said.reason}")
        else:
            files.ask_again(row.key)
            if row.seq in self._sent:
                await in_thread(self._outbox.failed, row.seq, f"{said.status} {said.reason}", 0.0, self._monotonic())
                # Not before: where the store fails, the file is read again, and finds one that still waits.
                self._sent.drop(row.seq)

    async def _hold(self, claimed: Claimed | Row, reason: str) -> None:
        await in_thread(self._outbox.hold, claimed.seq, reason)
        log.error("forwarder.held", seq=claimed.seq, key=claimed.key, reason=reason)
        self._on_change(claimed.case_id, claimed.key, claimed.kind, "held")
        self._on_alarm("held", reason)

    async def _again(self, way: _Way, claimed: Claimed, outcome: Outcome) -> None:
        self._last_failed = claimed.seq
        wait_s = full_jitter_s(self._rng, self._base_s, self._cap_s, claimed.attempts - 1)
        wait_s = max(wait_s, min(outcome.retry_after_s or 0.0, self._cap_s))
        self._judge_destination(way, outcome)
        self._judge_alone(claimed, outcome)
        now = self._monotonic()
        await in_thread(
            self._outbox.failed, claimed.seq, outcome.reason, wait_s, now, server_error=outcome.server_error
        )
        log.warning(
            "forwarder.failed", seq=claimed.seq, key=claimed.key, reason=outcome.reason, wait_s=round(wait_s, 1)
        )
        self._on_change(claimed.case_id, claimed.key, claimed.kind, "stored")

    def _judge_destination(self, way: _Way, outcome: Outcome) -> None:
        now = self._monotonic()
        if outcome.meaning == "paused":
            way.breaker.pause(now)
            self._on_alarm("paused", outcome.reason)
        elif outcome.meaning == "no_answer":
            self._no_answers += 1
            way.breaker.bad(now)
            if self._no_answers == ALARM_NO_ANSWERS:
                self._on_alarm("no_answer", outcome.reason)
        elif outcome.server_error or outcome.retry_after_s:
            way.breaker.server_error(now, outcome.retry_after_s)
        else:
            way.breaker.bad(now)

    def _judge_alone(self, claimed: Claimed, outcome: Outcome) -> None:
        """Once for each envelope that nobody takes while others pass: too large for a gateway, say, or not liked.

        It is tried on: no status that anybody on the way can say holds an envelope.
        """
        if outcome.meaning != "no_answer" and not outcome.server_error:
            return
        first = self._first_error.setdefault(claimed.seq, self._passes)
        tries = self._unanswered[claimed.seq] = self._unanswered.get(claimed.seq, 0) + 1
        if outcome.meaning == "no_answer":
            enough = tries >= ALARM_NO_ANSWERS
        else:
            enough = claimed.server_errors + 1 >= ALARM_SERVER_ERRORS
        if enough and self._passes > first and claimed.seq not in self._told_alone:
            self._told_alone.add(claimed.seq)
            self._on_alarm("no_answer", f"number {claimed.seq}: {outcome.reason}")

    async def _give_back(self, claimed: Claimed, reason: str) -> None:
        """Never leaves a row ``sending``: what the store refuses now is given back when it works again."""
        self._last_failed = claimed.seq
        with trio.CancelScope(shield=True):
            try:
                await in_thread(self._outbox.failed, claimed.seq, reason, 0.0, self._monotonic())
            except StoreError as error:
                log.error("forwarder.stranded", seq=claimed.seq, error=str(error))
                self._stranded[claimed.seq] = reason
