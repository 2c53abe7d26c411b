"""Follows delivered cases until the department has spoken, so that a state is known without anybody asking."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date

import msgspec
import structlog
import trio

from kiosk.cases import CaseState
from kiosk.hub_link.client import Answered, HubLink, Refused
from kiosk.messages.questions import MOST_NUMBERS, CaseProgress, ProgressQuestion
from kiosk.threads import in_thread
from offline_cache.errors import StoreError
from offline_cache.outbox import Outbox, Proof

log = structlog.get_logger()

FIRST_LOOK_S = 0.3
SLOWER = 1.5
SLOWEST_S = 60.0
GIVE_UP_S = 3600.0
TOGETHER_S = 1.0
"""Who is due so soon is asked for in the same question."""
_REMEMBERED = 1000


class Word(msgspec.Struct, frozen=True):
    """What is proved of a case: its state, the promised date if accepted, and codes of reasons."""

    state: CaseState
    promised_on: date | None = None
    notes: tuple[str, ...] = ()
    promised_by: str = ""


class _Followed(msgspec.Struct):
    """A case that waits for its department; times are trio's."""

    number: str
    key: str
    case_id: str
    due: float
    pause_s: float
    gives_up: float


class CaseWatch:
    """One per machine: one question for all cases that wait. ``words`` holds receipt numbers and states, no person.

    The receipt and the number of an envelope are looked up in ``outbox``, in a thread.
    """

    def __init__(
        self,
        link: HubLink,
        publish: Callable[..., None],
        outbox: Outbox,
        on_receipt: Callable[[Proof | None], None] = lambda _proof: None,
    ) -> None:
        self.words: dict[str, Word] = {}
        self._link = link
        self._publish = publish
        self._outbox = outbox
        self._on_receipt = on_receipt
        self._fresh: list[tuple[str, str]] = []
        self._followed: dict[str, _Followed] = {}
        self._bell = trio.Event()
        self._moved = trio.Event()

    def envelope_moved(self, case_id: str | None, key: str, kind: str, state: str) -> None:
        """The forwarder's word on an envelope: said to whoever listens; a case that was delivered is followed."""
        self._publish("envelope", key=key, kind=kind, state=state)
        if kind != "case" or case_id is None or state not in ("delivered", "held"):
            return
        self._publish("case", case_id=case_id, state=state)
        if state == "delivered":
            self.delivered(key, case_id)

    def delivered(self, key: str, case_id: str) -> None:
        """The hub has this envelope: from now on its department is asked."""
        self._fresh.append((key, case_id))
        self._bell.set()

    def link_changed(self) -> None:
        """Who waits for a word is told; with the hub back all that wait are asked for."""
        if self._link.online:
            for each in self._followed.values():
                each.due, each.pause_s = trio.current_time(), FIRST_LOOK_S
            self._bell.set()
        self._tell()

    async def next_word(self, number: str, known: CaseState) -> Word | None:
        """Waits until something else than ``known`` is proved of a case; None when the hub goes away meanwhile."""
        while True:
            moved = self._moved
            word = self.words.get(number)
            if word is not None and word.state is not known:
                return word
            if not self._link.online:
                return None
            await moved.wait()

    async def run(self) -> None:
        """Follow every case that is told, until canceled."""
        while True:
            self._bell = trio.Event()
            while self._fresh:
                await self._begin(*self._fresh.pop(0))
            now = trio.current_time()
            soonest = sorted(self._followed.values(), key=lambda each: each.due)[:MOST_NUMBERS]
            if soonest and soonest[0].due <= now:
                await self._ask([each for each in soonest if each.due <= now + TOGETHER_S])
                continue
            with trio.move_on_at(soonest[0].due if soonest else math.inf):
                await self._bell.wait()

    async def _begin(self, key: str, case_id: str) -> None:
        try:
            rows = await in_thread(self._outbox.find, key=key)
            proof = await in_thread(self._outbox.proof, key)
        except StoreError as error:
            log.error("case_watch.store", key=key, error=str(error))
            return
        self._on_receipt(proof)
        number = rows[0].receipt_number if rows else None
        if number is None:
            return
        now = trio.current_time()
        self._followed[number] = _Followed(number, key, case_id, now + FIRST_LOOK_S, FIRST_LOOK_S, now + GIVE_UP_S)
        self._know(number, Word(CaseState.DELIVERED))

    async def _ask(self, due: list[_Followed]) -> None:
        answered = await self._answers(due)
        now = trio.current_time()
        for each in due:
            word = answered.get(each.number)
            if word is not None and not CaseState.before_acceptance(word.state):
                self._know(each.number, word)
                self._publish("case", case_id=each.case_id, state=word.state)
            if (word is not None and not CaseState.before_acceptance(word.state)) or now >= each.gives_up:
                self._followed.pop(each.number, None)
                continue
            each.due = now + each.pause_s
            each.pause_s = min(each.pause_s * SLOWER, SLOWEST_S)

    async def _answers(self, due: list[_Followed]) -> dict[str, Word]:
        """What the hub proves of these cases. One that is a version older knows them by their numbers only."""
        words = await self._words(ProgressQuestion(keys=[each.key for each in due]))
        if words is None:
            words = await self._words(ProgressQuestion(receipt_numbers=[each.number for each in due]))
        return words or {}

    async def _words(self, question: ProgressQuestion) -> dict[str, Word] | None:
        """None when the hub does not know this question."""
        reply = await self._link.ask("progress", question)
        if isinstance(reply, Refused):
            return None
        cases: list[CaseProgress] = reply.payload.cases if isinstance(reply, Answered) else []
        words = {case.receipt_number: word_of(case) for case in cases if case.states}
        return {number: word for number, word in words.items() if word is not None}

    def _know(self, number: str, word: Word) -> None:
        self.words[number] = word
        while len(self.words) > _REMEMBERED:
            del self.words[next(iter(self.words))]
        self._tell()

    def _tell(self) -> None:
        self._moved.set()
        self._moved = trio.Event()


def word_of(case: CaseProgress) -> Word | None:
    """The last state of an answer, or None for one that a newer hub knows and we do not."""
    last = case.states[-1]
    if last.state not in set(CaseState):
        return None
    return Word(CaseState(last.state), case.promised_date, tuple(last.reasons), case.promised_by)
