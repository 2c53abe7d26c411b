"""The machine's side of money: what was begun is written down first, and every order comes to an end at the hub.

The machine holds no secret of any account and no word about who paid. An order is ended when its visit is over, or,
when the machine died in the middle, at the next start: by what journal and outbox prove of each case.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import structlog

from kiosk.hub_link.client import Answered, Refused, Unreachable
from kiosk.messages.questions import PaymentAnswer, PaymentEnd, PaymentItem, PaymentQuestion
from kiosk.rounds import Rounds
from kiosk.text import Text
from kiosk.threads import in_thread
from offline_cache.errors import StoreError
from offline_cache.journal import Intent, Journal
from offline_cache.outbox import Outbox

log = structlog.get_logger()
PAY, PRODUCE, LOCKER = "pay", "produce", "locker"
"""Intents. ``ref`` of a payment is its order, of what is made or handed out its case."""
MADE = frozenset({"produced", "handed_over", "retained"})
"""The outcomes after which what was paid for is there: in the person's hand, or kept for them by staff."""
SETTLED = frozenset({"paid", "closed"})
Ask = Callable[[str, Any], Awaitable[Answered | Unreachable | Refused]]


class DueItem(msgspec.Struct, frozen=True):
    """One fee that is due now. ``is_made_here``: it pays for something that comes out of this machine.

    ``bills``: the department's numbers of what else it pays.
    """

    case_id: str
    service: str
    amount_fen: int
    name: Text
    is_made_here: bool = False
    bills: tuple[str, ...] = ()


class Payments(Rounds):
    """One per machine; ``run`` ends what no visit holds any more."""

    def __init__(self, journal: Journal, outbox: Outbox, ask: Ask, publish: Callable[..., None]) -> None:
        super().__init__()
        self._journal, self._outbox, self._ask, self._publish = journal, outbox, ask, publish
        self._held: set[str] = set()

    async def begin(self, order: str, items: tuple[DueItem, ...]) -> None:
        """An order is wanted; durable when this returns, so that it is ended whatever happens next."""
        self._held.add(order)
        due = [[item.case_id, item.is_made_here] for item in items]
        await in_thread(self._journal.begin, PAY, order, {"items": due})

    async def open(self, order: str, id_number: str, items: tuple[DueItem, ...]) -> PaymentAnswer | None:
        """Have the order made; None when the city does not answer."""
        asked = [PaymentItem(item.case_id, item.service, item.amount_fen, [*item.bills]) for item in items]
        return self._read(await self._ask("payment", PaymentQuestion(order, "open", id_number, asked)))

    async def look(self, order: str) -> PaymentAnswer | None:
        """How the order stands; None when the city does not answer."""
        return self._read(await self._ask("payment", PaymentQuestion(order, "ask")))

    def _read(self, reply: Answered | Unreachable | Refused) -> PaymentAnswer | None:
        if isinstance(reply, Refused):
            log.error("payment_refused", reason=reply.reason)
            return PaymentAnswer("unavailable", reason="refused")
        return reply.payload if isinstance(reply, Answered) else None

    async def stop_waiting(self, order: str) -> str:
        """Have the order closed before anybody is told "not paid": ``closed``, ``paid`` or ``unknown``."""
        ends = [intent for intent in await in_thread(self._journal.open_intents, PAY) if intent.ref == order]
        reply = self._read(await self._ask("payment", PaymentQuestion(order, "end")))
        state = reply.state if reply and reply.state in SETTLED else "unknown"
        if state == "closed":
            for intent in ends:
                await in_thread(self._journal.resolve, intent.id, "closed")
        return state

    def release(self) -> None:
        """The visit is over: whatever it has ordered is ended by what came of it."""
        self._held.clear()
        self.nudge()

    async def settle(self) -> int:
        """End every order that no visit holds; how many are left."""
        try:
            found = await in_thread(self._journal.open_intents, PAY)
            waiting = [intent for intent in found if intent.ref not in self._held]
            return sum([not await self._end(intent) for intent in waiting])
        except StoreError as error:
            log.error("payments_unread", error=type(error).__name__)
            return 1

    async def _end(self, intent: Intent) -> bool:
        ends = await in_thread(self._ends, intent)
        if ends is None:
            return False
        broke_off = all(end.outcome == "none" for end in ends) and not await in_thread(self._was_tried, intent)
        question = PaymentQuestion(intent.ref, "end", ends=ends, interrupted=broke_off)
        reply = self._read(await self._ask("payment", question))
        if reply is None or reply.state not in SETTLED:
            return False
        await in_thread(self._journal.resolve, intent.id, reply.state)
        self._publish("payment", order=intent.ref, state=reply.state, items=[item.state for item in reply.items])
        return True

    def _ends(self, intent: Intent) -> list[PaymentEnd] | None:
        """What is proved of each case; None while an effect has no end yet."""
        ends = []
        for case_id, is_made_here in intent.detail["items"]:
            outcomes = self._effects(case_id)
            if None in outcomes:
                return None
            if MADE & set(outcomes):
                ends.append(PaymentEnd(case_id, "produced"))
            elif not is_made_here and self._outbox.proof(case_id) is not None:
                ends.append(PaymentEnd(case_id, "filed"))
            else:
                ends.append(PaymentEnd(case_id, "none"))
        return ends

    def _effects(self, case_id: str) -> list[str | None]:
        return [outcome for kind in (PRODUCE, LOCKER) for _, outcome in self._journal.outcomes(kind, case_id)]

    def _was_tried(self, intent: Intent) -> bool:
        return any(self._effects(case_id) for case_id, _ in intent.detail["items"])
