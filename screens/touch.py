"""Fingers as SDL tells of them: each with an id of its own, ended by a new press, harmless when they come in halves.

Kivy's own mouse provider swallows a press near a touch whose release was lost, and a release whose press was lost
ends its loop. Fingers are taken as fingers, not as SDL's mouse: SDL makes no mouse of any finger for as long as it
waits for the release of one that is gone (a panel that was unplugged).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from kivy.base import EventLoop
from kivy.input.motionevent import MotionEvent
from kivy.input.provider import MotionEventProvider

_PHASES = {
    "mousebuttondown": "begin", "mousemotion": "update", "mousebuttonup": "end",
    "fingerdown": "begin", "fingermotion": "update", "fingerup": "end",
}  # fmt: skip
_MOUSE = "mouse"
_LEFT = 1
_MOST = 10  # more fingers at once are a fault of the panel; the oldest is given up


class Touch(MotionEvent):
    """One finger; ``stale`` when its release never came, so that its end is no tap."""

    stale = False

    def depack(self, args: tuple[float, float]) -> None:
        self.sx, self.sy = args
        self.profile = ("pos",)
        super().depack(args)


class Fingers(MotionEventProvider):
    """Kivy's input provider for the glass of ``window``."""

    def __init__(self, window: Any) -> None:
        super().__init__("glass", "")
        self._window = window
        self._down: dict[object, Touch] = {}
        self._waiting: deque[tuple[str, Touch, tuple[float, float]]] = deque()
        self._made = 0

    @classmethod
    def on(cls, window: Any) -> Fingers:
        """The fingers on ``window``: one and the same provider for as long as the window lives."""
        if not isinstance(window._win, _Tapped):
            window._win = _Tapped(window._win, cls(window))
        return window._win.fingers

    @property
    def waiting(self) -> bool:
        """Whether something was touched since the last frame."""
        return bool(self._waiting)

    @property
    def just_pressed(self) -> bool:
        """Whether one finger came down (and perhaps up again), and nothing else happened."""
        return bool(self._waiting) and [p for p, *_ in self._waiting if p != "end"] == ["begin"] == [
            self._waiting[0][0]
        ]

    def start(self) -> None:
        """Nothing to open: SDL has it."""

    def stop(self) -> None:
        """Nothing to close."""

    def update(self, dispatch_fn: Callable[[str, MotionEvent], None]) -> None:
        """Hand on what came since the last frame, each event at its own place.

        Kivy's queue would drop all but one move of a finger and report its press where it went later.
        """
        while self._waiting:
            phase, touch, place = self._waiting.popleft()
            touch.move(place)
            EventLoop.post_dispatch_input(phase, touch)

    def forget(self) -> None:
        """No finger is down, nothing waits: how a visit ends."""
        self._down.clear()
        self._waiting.clear()

    def take(self, event: tuple[Any, ...]) -> bool:
        """Keep ``event`` of SDL's queue if it is one of fingers or mouse; whether it was."""
        phase = _PHASES.get(event[0])
        if phase is None:
            return event[0].startswith("mousewheel")
        if event[0].startswith("finger"):
            _, key, x, y, *_ = event
            self._happened(phase, key, (x, 1 - y))
        elif phase == "update" or event[3] == _LEFT:
            x, y = self._window.to_normalized_pos(*event[1:3])
            self._happened(phase, _MOUSE, (x, 1 - y))
        return True

    def _happened(self, phase: str, key: object, place: tuple[float, float]) -> None:
        if phase == "begin":
            if key in self._down:
                self._give_up(key)
            while len(self._down) >= _MOST:
                self._give_up(next(iter(self._down)))
            self._made += 1
            self._down[key] = Touch(self.device, self._made, place, is_touch=True, type_id="touch")
        touch = self._down.get(key)
        if touch is None:
            return  # a release or a way whose press was lost
        if phase == "end":
            del self._down[key]
        self._waiting.append((phase, touch, place))

    def _give_up(self, key: object) -> None:
        touch = self._down.pop(key)
        touch.stale = True
        self._waiting.append(("end", touch, (touch.sx, touch.sy)))


class _Tapped:
    """Kivy's hold on SDL, with the fingers taken out of its queue."""

    def __init__(self, sdl: Any, fingers: Fingers) -> None:
        self._sdl = sdl
        self.fingers = fingers

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sdl, name)

    def poll(self) -> Any:
        """The next event; None for one that is dealt with already, False when there is none."""
        event = self._sdl.poll()
        return None if event and self.fingers.take(event) else event
