"""The same walk through real touches on the offscreen window: every choice, key, stroke and button is a finger's.

What the script decides is done with the hand on what is drawn; the answer is the one that the screen gives.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import msgspec
import trio

from kiosk.commands.walking import Walking
from kiosk.pages import Action, Answer, Choices, Field, Page, Settings, SignaturePad
from kiosk.text import Text, text
from tests.screens.harness import Hand, KivyPresenter, Target, frames

_BETWEEN_S = 0.35
"""A tap that comes sooner after another one is a trembling hand's."""
_AGAIN_S = 10.0
_SHEETS = 6


class NotThere(Exception):
    """What the person would touch is not on the screen: its words."""


class Touching(Walking):
    """A scripted citizen with a finger."""

    def __init__(self, script: Any) -> None:
        super().__init__(script, KivyPresenter(), None)
        self.touches = 0

    async def _drawn(self, page: Page, settings: Settings) -> Answer:
        found: list[Answer] = []

        async def shown() -> None:
            found.append(await self._screen.show(page, settings))
            nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(shown)
            await self._screen.until_drawn()
            wanted = await self._answer()
            while True:
                # What was asked of the city comes meanwhile, and what moved under the finger is touched again.
                await self._do(self._page or page, wanted, settings)
                await trio.sleep(_AGAIN_S)
        return found[0]

    async def _do(self, page: Page, wanted: Answer, settings: Settings) -> None:
        say = partial(Text.in_language, language=settings.language)
        for block in page.blocks:
            if isinstance(block, Choices) and (value := wanted.values.get(block.name)) is not None:
                await self._tap(next(say(option.label) for option in block.options if option.id == value))
        for block in page.blocks:
            if isinstance(block, Field):
                await self._type(say(block.label), str(wanted.values.get(block.name, "")), block.value)
            elif isinstance(block, SignaturePad):
                await self._sign(say(text("screens.sign_here")), wanted.values[block.name])
        action = next(each for each in actions(page) if each.id == wanted.action)
        read_on = say(text("screens.read_on"))
        while action.style == "primary" and self._find(read_on):
            await self._tap(read_on)
        await self._tap(say(action.label))

    async def _tap(self, label: str) -> None:
        """On whichever sheet of the page it is."""
        target = self._find(label)
        for sheet in range(_SHEETS):
            if target is not None:
                break
            self._screen._turn(sheet)
            await frames(2)
            target = self._find(label)
        if target is None:
            raise NotThere(label)
        await trio.sleep(_BETWEEN_S)
        Hand(self._screen).tap(target)
        self.touches += 1
        await frames(3)

    def _find(self, label: str) -> Target | None:
        return next((t for t in self._screen._surface.targets if t.a11y_label == label and t.enabled), None)

    async def _type(self, label: str, value: str, before: str) -> None:
        if not value or value == before:
            return
        await self._tap(label)
        for key in value:
            Hand(self._screen).tap(self._find(key) or _missing(key))
            await frames(2)

    async def _sign(self, label: str, strokes: list[list[list[float]]]) -> None:
        """On the sheet with the pad, stroke by stroke."""
        while (pad := self._find(label)) is None:
            await self._tap(text("screens.read_on").zh)
        left, bottom, wide, high = pad.box()
        hand = Hand(self._screen)
        for stroke in strokes:
            places = [(left + x * wide, bottom + (1 - y) * high) for x, y in stroke]
            hand.down(*places[0])
            for place in places[1:]:
                hand.move(*place)
                await frames(1)
            hand.up(*places[-1])
            await frames(1)


def _missing(key: str) -> Target:
    raise NotThere(key)


def actions(page: Page) -> Iterator[Action]:
    """Everything that can be touched on it."""
    yield from _actions_in(msgspec.structs.asdict(page))


def _actions_in(value: Any) -> Iterator[Action]:
    if isinstance(value, Action):
        yield value
    elif isinstance(value, msgspec.Struct):
        yield from _actions_in(msgspec.structs.asdict(value))
    elif isinstance(value, dict):
        for each in value.values():
            yield from _actions_in(each)
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _actions_in(each)
