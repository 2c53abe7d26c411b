"""Follows delivered cases until the department has spoken, so that a state is known without anybody asking."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import msgspec
import trio

from kiosk.cases import CaseState
from kiosk.hub_link.client import Answered, HubLink
from kiosk.messages.questions import CaseProgress, ProgressQuestion

FIRST_LOOK_S = 0.4
SLOWER = 1.5
SLOWEST_S = 60.0
GIVE_UP_S = 3600.0
_WAITING = frozenset({CaseState.STORED, CaseState.DELIVERED})


class Word(msgspec.Struct, frozen=True):
    """What is proved of a case: its state, the promised date if accepted, and codes of reasons."""

    state: CaseState
    promised_on: date | None = None
    notes: tuple[str, ...] = ()


class CaseWatch:
    """One per machine. ``words`` holds receipt numbers and states, nothing of the person."""

    def __init__(self, link: HubLink, publish: Callable[..., None]) -> None:
        self.words: dict[str, Word] = {}
        self._link = link
        self._publish = publish
        self._send, self._receive = trio.open_memory_channel[tuple[str, str]](float("inf"))

    def delivered(self, receipt_number: str, case_id: str) -> None:
        """The hub has this case: from now on its department is asked."""
        self.words[receipt_number] = Word(CaseState.DELIVERED)
        self._send.send_nowait((receipt_number, case_id))

    async def run(self) -> None:
        """Follow every case that is told, until canceled."""
        async with trio.open_nursery() as nursery:
            async for number, case_id in self._receive:
                nursery.start_soon(self._follow, number, case_id)

    async def _follow(self, number: str, case_id: str) -> None:
        pause_s = FIRST_LOOK_S
        with trio.move_on_after(GIVE_UP_S):
            while (word := await self._look(number)) is None:
                await trio.sleep(pause_s)
                pause_s = min(pause_s * SLOWER, SLOWEST_S)
            self.words[number] = word
            self._publish("case", case_id=case_id, state=word.state)

    async def _look(self, number: str) -> Word | None:
        reply = await self._link.ask("progress", ProgressQuestion(receipt_number=number))
        cases: list[Any] = reply.payload.cases if isinstance(reply, Answered) else []
        found = next((c for c in cases if c.receipt_number == number and c.states), None)
        word = word_of(found) if found else None
        return None if word is None or word.state in _WAITING else word


def word_of(case: CaseProgress) -> Word | None:
    """The last state of an answer, or None for one that a newer hub knows and we do not."""
    last = case.states[-1]
    if last.state not in set(CaseState):
        return None
    return Word(CaseState(last.state), case.promised_date, tuple(last.reasons))
