"""The root: a stored picture of the page, live parts above it, and one finger at a time.

Kivy repaints its whole scene for every change. The page is therefore kept as one picture (an Fbo) and only what
moves (ring, preview, ink, typed text, the pressed mark) is drawn anew: 20 ms instead of 90 in software.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import inf

from kivy.graphics import BorderImage, Canvas, Color, Fbo, PopMatrix, PushMatrix, Rectangle, Scale, Translate
from kivy.input import MotionEvent
from kivy.uix.widget import Widget

from screens import paint, theme
from screens.glyphs import Glyphs
from screens.panel import Panel, Target, absolute

_PRESSED = theme.rgb("#0A2A66", 0.2)
DEBOUNCE_S = 0.25


class Surface(Widget):
    """Scales the 1080 x 1920 page to the window, keeps its aspect, and turns touches into taps."""

    def __init__(self, touched: Callable[[], None], *, now: Callable[[], float]) -> None:
        super().__init__()
        self.page: Panel | None = None
        self.targets: list[Target] = []
        self.lives: list[Widget] = []
        self._touched = touched
        self._now = now
        self._last_tap_s = -inf
        self._seen_s = -inf
        self._held: tuple[object, Target] | None = None
        self._radius = 0
        with self.canvas:
            Color(1, 1, 1, 1)
            PushMatrix()
            self._shift = Translate(0, 0)
            self._scale = Scale(1, 1, 1)
            self._store = Fbo(size=(theme.WIDTH, theme.HEIGHT), clear_color=theme.PAGE)
            Rectangle(texture=self._store.texture, size=(theme.WIDTH, theme.HEIGHT))
            self._live = Canvas()
            self._over = Canvas()
            PopMatrix()
        self.bind(size=self._fit)

    def mount(self, page: Panel, *, fresh: bool = False) -> None:
        """Show ``page`` instead of what is there; a ``fresh`` one takes no tap that was meant for the page before."""
        self.clear()
        if fresh:
            self._seen_s = inf
        self.page = page
        self._store.add(page.canvas)
        for panel in walk(page):
            for child in panel.children:
                if isinstance(child, Glyphs):
                    child.render()
            if isinstance(panel, Target):
                self.targets.append(panel)
            for live in panel.live:
                live.pos = absolute(live)
                self._live.add(live.canvas)
                self.lives.append(live)
                if isinstance(live, Panel):
                    self.targets += [p for p in walk(live) if isinstance(p, Target)]
                if hasattr(live, "start"):
                    live.start()

    def clear(self) -> None:
        """Take the page away; timers of its live parts stop and give up their textures."""
        self._held = None
        for live in self.lives:
            if hasattr(live, "stop"):
                live.stop()
        self._over.clear()
        self._live.clear()
        if self.page is not None:
            self._store.remove(self.page.canvas)
        self.page = None
        self.targets, self.lives = [], []

    def seen(self, *_: object) -> None:
        """The glass shows what is mounted."""
        if self._seen_s == inf:
            self._seen_s = self._now()

    def blank(self) -> None:
        """Paint over the stored picture, so that no pixel of the last page stays."""
        self._store.bind()
        self._store.clear_buffer()
        self._store.release()

    def to_page(self, x: float, y: float) -> tuple[float, float]:
        """Window coordinates as page coordinates (px, y up)."""
        return (x - self._shift.x) / self._scale.x, (y - self._shift.y) / self._scale.y

    def to_glass(self, x: float, y: float) -> tuple[float, float]:
        """Page coordinates as window coordinates (y up)."""
        return x * self._scale.x + self._shift.x, y * self._scale.y + self._shift.y

    def on_touch_down(self, touch: MotionEvent) -> bool:
        self._touched()
        if self._held is not None or getattr(touch, "button", "left") != "left":
            return True
        x, y = self.to_page(*touch.pos)
        target = self._at(x, y)
        if target is not None and target.enabled:
            self._held = (touch.uid, target)
            if target.drags is not None:
                left, bottom, _, _ = target.box()
                target.drags("down", x - left, y - bottom)
            else:
                self._press(target)
        return True

    def on_touch_move(self, touch: MotionEvent) -> bool:
        if self._held is None or self._held[0] != touch.uid:
            return True
        target = self._held[1]
        x, y = self.to_page(*touch.pos)
        if target.drags is not None:
            left, bottom, _, _ = target.box()
            target.drags("move", x - left, y - bottom)
        elif self._at(x, y) is target:
            self._press(target)
        else:
            self._over.clear()
        return True

    def on_touch_up(self, touch: MotionEvent) -> bool:
        if self._held is None or self._held[0] != touch.uid:
            return True
        target, self._held = self._held[1], None
        self._over.clear()
        if target.drags is not None:
            target.drags("up", 0, 0)
        elif self._at(*self.to_page(*touch.pos)) is target and self._fresh(target):
            target.tapped()
        return True

    def _fresh(self, target: Target) -> bool:
        # A trembling hand taps twice; keys of a keyboard are meant to be struck quickly.
        now, last = self._now(), self._last_tap_s
        self._last_tap_s = now
        return target.rapid or now - max(last, self._seen_s) >= DEBOUNCE_S

    def _at(self, x: float, y: float) -> Target | None:
        for target in reversed(self.targets):
            left, bottom, width, height = target.box()
            if left <= x < left + width and bottom <= y < bottom + height:
                return target
        return None

    def _press(self, target: Target) -> None:
        if self._over.children:
            return
        x, y, width, height = target.box()
        radius = target.radius
        with self._over:
            Color(*_PRESSED)
            BorderImage(texture=paint.rounded(radius), border=(radius,) * 4, pos=(x, y), size=(width, height))

    def _fit(self, *_: object) -> None:
        scale = min(self.width / theme.WIDTH, self.height / theme.HEIGHT)
        self._scale.xyz = (scale, scale, 1)
        self._shift.xy = ((self.width - theme.WIDTH * scale) / 2, (self.height - theme.HEIGHT * scale) / 2)


def walk(panel: Widget) -> Iterator[Panel]:
    """Every panel of the tree, parents first."""
    if isinstance(panel, Panel):
        yield panel
    for child in reversed(panel.children):
        yield from walk(child)
