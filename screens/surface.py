"""The root: a stored picture of the page, live parts above it, and one finger at a time.

Kivy repaints its whole scene for every change. The page is therefore kept as one picture (an Fbo) and only what
moves (ring, preview, ink, typed text, the pressed mark) is drawn anew: 20 ms instead of 90 in software.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from math import inf
from typing import NamedTuple

from kivy.graphics import BorderImage, Canvas, Color, Fbo, PopMatrix, PushMatrix, Rectangle, Scale, Translate
from kivy.input import MotionEvent
from kivy.uix.widget import Widget

from screens import paint, theme
from screens.glyphs import Glyphs
from screens.panel import Panel, Target, absolute

_PRESSED = theme.rgb("#0A2A66", 0.2)
_SAME_SPOT = 40  # px
_SPOTS = 8
_TREMBLES = 12  # px
DEBOUNCE_S = 0.25
_MOVED_S = 0.5  # a finger that was already on its way meant what stood there before


class _Hold(NamedTuple):
    """A finger, and what it was put down on."""

    uid: object
    target: Target


class Surface(Widget):
    """Scales the 1080 x 1920 page to the window, keeps its aspect, and turns touches into taps."""

    def __init__(self, touched: Callable[[], None], *, now: Callable[[], float]) -> None:
        super().__init__()
        self.page: Panel | None = None
        self.targets: list[Target] = []
        self.lives: list[Widget] = []
        self._touched = touched
        self._now = now
        self._last_tap_s = self._taken_s = -inf
        self._last_place: object = None
        self._left_s = -inf  # the last tap on the page before
        self._seen_s = -inf
        self._moved: set[Target] = set()
        self._moved_s = -inf
        self._held: _Hold | None = None
        self._before: _Hold | None = None
        self._spots: deque[tuple[float, float]] = deque(maxlen=_SPOTS)
        self._drawn_at: tuple[float, float] | None = None
        self._tapped: Target | None = None
        self._keeps_mark = False
        self._marked = False
        self._marked_box: tuple[float, float, float, float] | None = None
        with self.canvas:
            Color(1, 1, 1, 1)
            PushMatrix()
            self._shift = Translate(0, 0)
            self._store = Fbo(size=(theme.WIDTH, theme.HEIGHT), clear_color=theme.PAGE)
            self._picture = Rectangle()
            self._scale = Scale(1, 1, 1)
            self._live = Canvas()
            self._over = Canvas()
            PopMatrix()
        with self._store:
            PushMatrix()
            self._zoom = Scale(1, 1, 1)
            self._paper = Canvas()
            PopMatrix()
        self._fit()
        self.bind(size=self._fit)

    def mount(self, page: Panel, *, fresh: bool = False, unasked: bool = False) -> None:
        """Show ``page`` instead of what is there; a ``fresh`` one takes no tap that was meant for the page before.

        One that came ``unasked`` takes none at first, from when it is seen, where something else stood.
        """
        held, tapped = (None, None) if fresh else (self._held, self._tapped)
        stood = {(t.a11y_label, t.box()) for t in self.targets}
        self.clear()
        if fresh:
            self._seen_s, self._left_s = inf, self._last_tap_s
        self.page = page
        self._paper.add(page.canvas)
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
        self._moved = {t for t in self.targets if (t.a11y_label, t.box()) not in stood} if unasked else set()
        self._moved_s = inf  # until it is seen
        if held is not None and (same := self._same(held.target)):
            self._moved.discard(same)
            self._held = held._replace(target=same)
            if same.drags is None:
                self._press(same)
        if tapped is not None and (same := self._same(tapped)):
            self._tapped = same
            self._press(same)

    def _same(self, before: Target) -> Target | None:
        """The page was drawn anew under a finger: what stands now where ``before`` stood, if it is the same thing."""
        left, bottom, width, height = before.box()
        now = self._at(left + width / 2, bottom + height / 2)
        return now if now is not None and now.enabled and now.a11y_label == before.a11y_label else None

    def clear(self) -> None:
        """Take the page away; timers of its live parts stop and give up their textures."""
        self._held = self._before = self._tapped = None
        for live in self.lives:
            if hasattr(live, "stop"):
                live.stop()
        self._over.clear()
        self._live.clear()
        if self.page is not None:
            self._paper.remove(self.page.canvas)
        self.page = None
        self.targets, self.lives, self._moved = [], [], set()

    def seen(self, *_: object) -> None:
        """The glass shows what is mounted, and what is pressed."""
        if self._seen_s == inf:
            self._seen_s = self._now()
        if self._moved_s == inf:
            self._moved_s = self._now()
        self._marked = bool(self._over.children)
        if self._tapped is not None:
            target, self._tapped = self._tapped, None
            self._act(target)

    def forget(self) -> None:
        """Take the page away and paint over its stored picture, so that no pixel and no tap of it stays."""
        self.clear()
        self._last_tap_s = self._taken_s = -inf
        self._last_place = self._drawn_at = None
        self._spots.clear()
        self._store.bind()
        self._store.clear_buffer()
        self._store.release()

    @property
    def mark(self) -> tuple[float, float, float, float] | None:
        """Where something is marked as pressed: left, bottom, width, height in px of the window."""
        if not self._over.children or self._marked_box is None:
            return None
        x, y, width, height = self._marked_box
        return *self.to_glass(x, y), width * self._scale.x, height * self._scale.y

    def to_page(self, x: float, y: float) -> tuple[float, float]:
        """Window coordinates as page coordinates (px, y up)."""
        return (x - self._shift.x) / self._scale.x, (y - self._shift.y) / self._scale.y

    def to_glass(self, x: float, y: float) -> tuple[float, float]:
        """Page coordinates as window coordinates (y up)."""
        return x * self._scale.x + self._shift.x, y * self._scale.y + self._shift.y

    def keep_mark(self) -> None:
        """The tap was an answer: what was pressed stays marked until the next page."""
        self._keeps_mark = True

    def on_touch_down(self, touch: MotionEvent) -> bool:
        """A new press ends an older one, whose release may never come."""
        if (getattr(touch, "button", None) or "left") != "left":
            return True
        self._step_back()
        x, y = self.to_page(*touch.pos)
        target = self._at(x, y)
        if target is None or not target.enabled:
            self._touched_nothing(x, y)
            return True
        self._spots.clear()
        self._drawn_at = None
        self._held = _Hold(touch.uid, target)
        if target.drags is not None:
            target.drags("down", *_within(target, x, y))
        else:
            self._press(target)
        return True

    def on_touch_move(self, touch: MotionEvent) -> bool:
        """Ink goes on; a finger that leaves its button takes the mark with it."""
        if self._before is not None and self._before.uid == touch.uid:
            self._come_back()
        if self._held is None or self._held.uid != touch.uid:
            return True
        target = self._held.target
        x, y = self.to_page(*touch.pos)
        if target.drags is not None:
            self._drawn(x, y)
            target.drags("move", *_within(target, x, y))
        elif self._at(x, y) is target:
            self._press(target)
        else:
            self._over.clear()
        return True

    def on_touch_up(self, touch: MotionEvent) -> bool:
        """A tap, if finger and button are still the same; the end of a finger that was given up is none."""
        if self._held is None or self._held.uid != touch.uid:
            return True
        target, self._held = self._held.target, None
        self._before = None
        stale = getattr(touch, "stale", False)
        if target.drags is not None:
            target.drags("up", 0, 0)
        elif not stale and self._at(*self.to_page(*touch.pos)) is target:
            self._tap(target)
        else:
            self._over.clear()
        return True

    def _tap(self, target: Target) -> None:
        if not self._fresh(target):
            self._over.clear()
            return
        self._touched()
        if target.rapid or self._marked:
            self._act(target)
        else:  # quicker than a frame: what was pressed is seen first, then comes its page
            self._press(target)
            self._tapped = target

    def _act(self, target: Target) -> None:
        self._keeps_mark = False
        if not target.rapid:
            self._seen_s = inf  # what becomes of it is seen first: drawing may take longer than a trembling hand
        target.tapped()
        if not self._keeps_mark:
            self._over.clear()

    def _step_back(self) -> None:
        """What was held gives way. Ink may come back: a palm laid down beside the finger is a press, too."""
        held, self._held = self._held, None
        self._before = held if held is not None and held.target.drags is not None else None
        self._over.clear()

    def _come_back(self) -> None:
        """The older finger has moved, so it is there and the newer press was a palm's."""
        if self._held is not None and self._held.target.drags is not None:
            self._held.target.drags("cancel", 0, 0)
        self._held, self._before = self._before, None
        self._over.clear()

    def _touched_nothing(self, x: float, y: float) -> None:
        # A person taps beside a button once or twice; dirt, water or a broken panel taps at one spot for hours, and
        # must not keep a visit open.
        is_known = any(max(abs(x - at), abs(y - up)) < _SAME_SPOT for at, up in self._spots)
        self._spots.append((x, y))
        if not is_known:
            self._touched()

    def _drawn(self, x: float, y: float) -> None:
        # A finger that lies or trembles on the pad, or dirt, draws nothing and must not keep a visit open.
        is_here = self._drawn_at and max(abs(x - self._drawn_at[0]), abs(y - self._drawn_at[1])) < _TREMBLES
        if not is_here:
            self._drawn_at = (x, y)
            self._touched()

    def _fresh(self, target: Target) -> bool:
        # A trembling hand taps twice; keys are meant to be struck quickly, but not through the page before.
        # What trembles at one place for ever, a drop of water, does not bar the other places.
        now, place = self._now(), (target.a11y_label, target.box())
        is_again = place == self._last_place and now - self._last_tap_s < DEBOUNCE_S
        self._last_tap_s, self._last_place = now, place
        if target in self._moved and now - self._moved_s < _MOVED_S:
            return False
        if target.rapid:
            return now - self._left_s >= DEBOUNCE_S
        if is_again or now - max(self._taken_s, self._seen_s) < DEBOUNCE_S:
            return False
        self._taken_s = now
        return True

    def _at(self, x: float, y: float) -> Target | None:
        for target in reversed(self.targets):
            left, bottom, width, height = target.box()
            if left <= x < left + width and bottom <= y < bottom + height:
                return target
        return None

    def _press(self, target: Target) -> None:
        if self._over.children:
            return
        self._marked = False
        self._marked_box = x, y, width, height = target.box()
        radius = target.radius
        with self._over:
            Color(*_PRESSED)
            BorderImage(texture=paint.rounded(radius), border=(radius,) * 4, pos=(x, y), size=(width, height))

    def _fit(self, *_: object) -> None:
        """The page as large as the window allows, stored and lettered in the window's own pixels: it is sharp."""
        scale = min(self.width / theme.WIDTH, self.height / theme.HEIGHT)
        size = (round(theme.WIDTH * scale), round(theme.HEIGHT * scale))
        self._scale.xyz = self._zoom.xyz = (scale, scale, 1)
        self._shift.xy = (round((self.width - size[0]) / 2), round((self.height - size[1]) / 2))
        self._store.size = self._picture.size = size
        self._picture.texture = self._store.texture
        # Pixel upon pixel: smoothing would change nothing and takes half of the time of a frame drawn in software.
        self._picture.texture.mag_filter = self._picture.texture.min_filter = "nearest"
        Glyphs.scale = scale


def _within(target: Target, x: float, y: float) -> tuple[float, float]:
    left, bottom, _, _ = target.box()
    return x - left, y - bottom


def walk(panel: Widget) -> Iterator[Panel]:
    """Every panel of the tree, parents first."""
    if isinstance(panel, Panel):
        yield panel
    for child in reversed(panel.children):
        yield from walk(child)
