"""The same walk through real touches on the offscreen window: every choice, key, stroke and button is a finger's.

What the script decides is done with the hand on what is drawn; the answer is the one that the screen gives. Like a
person, the hand looks at what became of a touch: what was not taken, or moved under it, is touched again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from typing import Any

import msgspec
import trio

from kiosk.citizen import Script
from kiosk.pages import Action, Answer, Choices, Field, Page, Settings, SignaturePad
from kiosk.text import Text, text
from tests.matrix.walk.walking import Walker
from tests.screens.harness import Hand, KivyPresenter, Target, frames

_BETWEEN_S = 0.35
"""A tap that comes sooner after another one is a trembling hand's."""
_AGAIN_S = 10.0
_SHEETS = 6


class NotThere(Exception):
    """What the person would touch is not on the screen: its words."""


@cache
def window() -> KivyPresenter:
    """One for all walks: each further one would be drawn beneath it, 22 ms of a processor at every frame."""
    return KivyPresenter()


class Touching(Walker):
    """A scripted citizen with a finger."""

    def __init__(self, script: Script) -> None:
        super().__init__(script, window(), None)
        self._screen.on_touch = self._felt
        self.touches = 0

    def _felt(self) -> None:
        self.on_touch()

    def values(self) -> dict[str, Any]:
        """A slow hand may have typed half of it."""
        return self._screen.values()

    async def _drawn(self, page: Page, settings: Settings) -> Answer:
        found: list[Answer] = []

        async def shown() -> None:
            found.append(await self._screen.show(page, settings))
            nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(shown)
            self.sought = ""
            await self._screen.until_drawn()
            wanted = await self._answer()
            while True:
                # What was asked of the city comes meanwhile, and what moved under the finger is touched again.
                seen = self._page or page
                if not any(action.id == wanted.action and action.enabled for action in actions(seen)):
                    wanted = await self._answer()
                with suppress(NotThere):
                    await self._do(self._page or page, wanted, settings)
                    await trio.sleep(_AGAIN_S)
                await trio.sleep(_BETWEEN_S)
        return found[0]

    async def _do(self, page: Page, wanted: Answer, settings: Settings) -> None:
        def say(words: Text) -> str:
            return words.in_language(settings.language)

        called: Counter[str] = Counter()
        for block in page.blocks:
            if isinstance(block, Choices) and (value := wanted.values.get(block.name)) is not None:
                label = next((say(option.label) for option in block.options if option.id == value), str(value))
                await self._choose(block.name, value, label, called[label])
                called.update(say(option.label) for option in block.options)
        for block in page.blocks:
            if isinstance(block, Field):
                await self._type(block, str(wanted.values.get(block.name, "")), say)
            elif isinstance(block, SignaturePad) and (strokes := wanted.values.get(block.name)):
                await self._sign(block.name, strokes, say)
        action = next((each for each in actions(page) if each.id == wanted.action), None)
        if action is None:
            raise NotThere(wanted.action)
        read_on = say(text("screens.read_on"))
        while action.style == "primary" and self._find(read_on):
            await self._tap(read_on)
        await self._tap(say(action.label))

    def _value(self, name: str) -> Any:
        """What is chosen, typed or signed so far, by what the screen would answer."""
        return self._screen.values().get(name)

    async def _choose(self, name: str, value: object, label: str, number: int) -> None:
        """``number``: how many options of other choices above it are called the same."""
        await self._tap(label, number)
        while self._value(name) != value:
            await self._tap(label, number)

    async def _tap(self, label: str, number: int = 0) -> None:
        """On whichever sheet of the page it is."""
        self.sought = label
        await trio.sleep(_BETWEEN_S)
        target = self._find(label, number)
        for sheet in range(_SHEETS):
            if target is not None:
                break
            self._screen._turn(sheet)
            await frames(2)
            target = self._find(label, number)
        await self._touch(target, label)
        await frames(1)

    async def _touch(self, target: Target | None, label: str) -> None:
        self.sought = label
        if target is None:
            raise NotThere(label)
        Hand(self._screen).tap(target)
        self.touches += 1
        await frames(2)

    def _find(self, label: str, number: int = 0) -> Target | None:
        """The one after ``number`` others, from the top, of those that are called so; the last one of fewer."""
        found = [t for t in self._screen._surface.targets if t.a11y_label == label and t.enabled]
        found.sort(key=lambda target: -target.box()[1])
        return found[min(number, len(found) - 1)] if found else None

    async def _type(self, block: Field, value: str, say: Callable[[Text], str]) -> None:
        """Key by key, with an eye on what stands there."""
        if not value or value == self._value(block.name):
            return
        await self._tap(say(block.label))
        while self._screen._focused != block.name:
            await self._tap(say(block.label))
        erase = say(text("screens.key_erase"))
        while (typed := str(self._value(block.name))) != value:
            key = value[len(typed)] if value.startswith(typed) else erase
            await self._touch(self._find(key), key)

    async def _sign(self, name: str, strokes: list[list[list[float]]], say: Callable[[Text], str]) -> None:
        """On the sheet with the pad, stroke by stroke, and anew when something came between."""
        self.sought = label = say(text("screens.sign_here"))
        while (pad := self._find(label)) is None:
            await self._tap(say(text("screens.read_on")))
        if len(self._value(name)) == len(strokes):
            return
        while self._value(name):
            await self._tap(say(text("screens.sign_again")))
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
