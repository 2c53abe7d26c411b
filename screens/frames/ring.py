"""The countdown ring: how long the page waits. Amber, with a larger number, below 20 s."""

from __future__ import annotations

from math import ceil

from kivy.graphics import Color

from screens import theme
from screens.panel import Panel, ring
from screens.words import Words

SIDE = 104
_URGENT_S = 20


class Ring(Panel):
    """A live part; nothing but its line and its number changes."""

    def __init__(self, size: int) -> None:
        super().__init__(SIDE, SIDE)
        self._size = size
        self._shown: tuple[int, bool] | None = None
        self._number: Words | None = None
        middle, radius = SIDE / 2, SIDE / 2 - 6
        with self.canvas:
            self._track = Color(1, 1, 1, 0)
            ring(middle, middle, radius, 9)
            self._colour = Color(1, 1, 1, 0)
            self._line = ring(middle, middle, radius, 9)

    def tick(self, left_s: float, total_s: float) -> None:
        """Draw ``left_s`` of ``total_s``; nothing for a page without a limit."""
        seconds = ceil(max(0.0, left_s))
        state = (seconds, total_s > 0)
        if state == self._shown:
            return
        self._shown = state
        if self._number is not None:
            self.remove_widget(self._number)
            self._number = None
        self._track.a = 0.22 if total_s > 0 else 0
        self._colour.a = 1.0 if total_s > 0 else 0
        if total_s <= 0:
            return
        urgent = seconds < _URGENT_S
        self._colour.rgb = theme.GOLD[:3] if urgent else (1, 1, 1)
        share = min(1.0, left_s / total_s)
        self._line.circle = (SIDE / 2, SIDE / 2, SIDE / 2 - 6, 0, 360 * share)
        size = self._size + (6 if urgent else 0)
        self._number = Words(str(seconds), size, colour=theme.GOLD if urgent else theme.WHITE, bold=True)
        self._number.pos = ((SIDE - self._number.width) / 2, (SIDE - self._number.height) / 2)
        self.hold(self._number)
