"""A screen without a display: real GL offscreen, touches pushed into SDL's own queue."""

from __future__ import annotations

import ctypes
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

os.environ.setdefault("SDL_VIDEODRIVER", "offscreen")

import trio

from kiosk.pages import Answer, Page, Settings
from screens.panel import Panel, Target
from screens.presenter import KivyPresenter
from screens.screenshot import loaded_sdl
from tests.waiting import HANG_S

_DOWN, _UP, _MOVE = 0x401, 0x402, 0x400
_FINGER = {"down": 0x700, "up": 0x701, "move": 0x702}


_HEAD = [(name, ctypes.c_uint32) for name in ("type", "timestamp", "window", "which")]
_PLACE = [("x", ctypes.c_int32), ("y", ctypes.c_int32)]


class _Button(ctypes.Structure):
    _fields_ = (*_HEAD, *((name, ctypes.c_uint8) for name in ("button", "state", "clicks", "padding")), *_PLACE)


class _Motion(ctypes.Structure):
    _fields_ = (*_HEAD, ("state", ctypes.c_uint32), *_PLACE, ("xrel", ctypes.c_int32), ("yrel", ctypes.c_int32))


class _Finger(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_uint32),
        ("timestamp", ctypes.c_uint32),
        ("panel", ctypes.c_int64),
        ("finger", ctypes.c_int64),
        *((name, ctypes.c_float) for name in ("x", "y", "dx", "dy", "pressure")),
        ("window", ctypes.c_uint32),
    )


class Hand:
    """A finger on the glass. Coordinates are the page's, px from the bottom left."""

    def __init__(self, presenter: KivyPresenter) -> None:
        self.presenter = presenter
        self._sdl = loaded_sdl()

    def down(self, x: float, y: float) -> None:
        self._push(_Button, _DOWN, x, y, button=1, state=1, clicks=1)

    def up(self, x: float, y: float) -> None:
        self._push(_Button, _UP, x, y, button=1, state=0, clicks=1)

    def move(self, x: float, y: float) -> None:
        self._push(_Motion, _MOVE, x, y, state=1)

    def tap(self, target: Target) -> None:
        x, y = middle(target)
        self.down(x, y)
        self.up(x, y)

    def finger(self, number: int, phase: str, x: float, y: float) -> None:
        """What a touch panel tells of finger ``number``: ``down``, ``move`` or ``up``, in shares of the glass."""
        wide, high = self.presenter._window.system_size
        left, bottom = self.presenter._surface.to_glass(x, y)
        place = {"x": left / wide, "y": 1 - bottom / high}
        self._send(_Finger(type=_FINGER[phase], panel=1, finger=number, pressure=1.0, window=1, **place))

    def _push(self, kind: type, event: int, x: float, y: float, **more: int) -> None:
        window = self.presenter._window
        left, bottom = self.presenter._surface.to_glass(x, y)
        self._send(kind(type=event, window=1, x=round(left), y=round(window.system_size[1] - 1 - bottom), **more))

    def _send(self, made: ctypes.Structure) -> None:
        assert ctypes.sizeof(made) <= 56
        buffer = ctypes.create_string_buffer(bytes(made), 56)
        assert self._sdl.SDL_PushEvent(buffer) == 1


def middle(target: Target) -> tuple[float, float]:
    x, y, width, height = target.box()
    return x + width / 2, y + height / 2


def tree(widget: object) -> Iterator[object]:
    """Every widget that is shown, live ones too."""
    yield widget
    for child in [*widget.children, *(widget.live if isinstance(widget, Panel) else ())]:
        yield from tree(child)


@asynccontextmanager
async def running(presenter: KivyPresenter) -> AsyncIterator[trio.Nursery]:
    """The presenter drawing in the background."""
    async with trio.open_nursery() as nursery:
        await nursery.start(presenter.run)
        presenter._surface._now = lambda: MOMENT[0]
        yield nursery
        nursery.cancel_scope.cancel()


MOMENT = [1000.0]  # the screen's clock in these tests: it stands still unless someone waits


class Showing:
    """A page that is up; ``answer`` is None until the person has answered."""

    def __init__(self, presenter: KivyPresenter) -> None:
        self.presenter = presenter
        self.hand = Hand(presenter)
        self.answer: Answer | None = None

    async def show(self, page: Page, settings: Settings) -> None:
        self.answer = await self.presenter.show(page, settings)

    def target(self, label: str) -> Target:
        return next(t for t in self.presenter._surface.targets if t.a11y_label == label)

    async def tap(self, label: str) -> None:
        self.hand.tap(self.target(label))
        await frames(3)

    async def tap_after_a_moment(self, label: str) -> None:
        """Tap when the last tap is long enough ago to be meant."""
        MOMENT[0] += 1
        await self.tap(label)


async def frames(count: int) -> None:
    """Let the loop turn ``count`` frames."""
    from kivy.clock import Clock

    until = Clock.frames + count
    with trio.fail_after(HANG_S):
        while Clock.frames < until:
            await trio.sleep(0.005)


@asynccontextmanager
async def showing(presenter: KivyPresenter, page: Page, settings: Settings | None = None) -> AsyncIterator[Showing]:
    """``page`` on the screen, drawn, with a finger at hand."""
    async with running(presenter) as nursery:
        shown = Showing(presenter)
        nursery.start_soon(shown.show, page, settings or Settings())
        await frames(3)
        MOMENT[0] += 1
        yield shown
