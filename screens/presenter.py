"""The Kivy presenter: shows pages on the kiosk's screen and waits for what the person does."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
import trio

from kiosk.clock import Clock
from kiosk.config import ConfigError
from kiosk.pages import Answer, Choices, Field, Page, Preview, Settings, SignaturePad
from screens.environment import prepare
from screens.glass import Glass
from screens.screenshot import desktop_size

log = structlog.get_logger(__name__)

_LOOK_S = 1 / 240
_ACTIVE_LOOKS, _IDLE_LOOKS = 4, 12  # a frame: 60 and 20 a second
_IDLE_AFTER_S = 20.0
_COLLECTED_AFTER = (50_000, 20, 20)
"""Python's own 700 looked through everything eighty times a page: two thirds of what drawing it cost. A visit's end
collects all."""
_FRAMES_UNTIL_DRAWN = 4

_WHERE_FOCUSED = -1
"""As the number of a sheet: the one with the field that is typed in."""


class KivyPresenter:
    """``kiosk.pages.Presenter`` on Kivy 2.3.1, in the machine's own trio loop.

    The keywords are those of ``[screen]``. The page is laid out on 1080 x 1920 and scaled to the window. Raises
    ConfigError for a panel on which text or keys would be too small.
    """

    def __init__(
        self,
        *,
        width_px: int = 1080,
        height_px: int = 1920,
        diagonal_in: float = 27.0,
        bottom_height_mm: float = 700.0,
        fullscreen: bool = False,
        clock: Clock | None = None,
        open_frames: Callable[[str], Any] | None = None,
    ) -> None:
        self.on_touch: Callable[[], None] = lambda: None
        self._size = (desktop_size() if fullscreen else None) or (width_px, height_px)
        self._glass = Glass(*self._size, diagonal_in, bottom_height_mm)
        if self._glass.problem:
            raise ConfigError(self._glass.problem)
        self._fullscreen = fullscreen
        self._clock = clock or Clock()
        self._open_frames = open_frames or _open_frames
        self._surface: Any = None
        self._fingers: Any = None
        self._cover: Any = None
        self._window: Any = None
        self._frames = 0
        self._forgotten()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Draw until canceled; returns when the window is closed by hand. May be run again afterwards.

        ``App.async_run`` would close the window for good when canceled and keep exceptions from the machine, so the
        same loop is turned here.
        """
        self._open()
        from kivy.base import EventLoop
        from kivy.clock import Clock as Ticks

        Ticks.init_async_lib("trio")
        Ticks._max_fps = 0  # the pace is kept by _rest
        EventLoop.quit = False
        if EventLoop.status != "started":
            EventLoop.add_input_provider(self._fingers)
            EventLoop.start()
        task_status.started()
        while not EventLoop.quit:
            await self._rest()
            self._show_press()
            await EventLoop.async_idle()
            self._frames += 1

    async def _rest(self) -> None:
        """Until the next frame is due, or the glass is touched: that is looked for more often than frames are drawn."""
        for _ in range(self._looks_a_frame()):
            self._window.mainloop()
            if self._fingers.waiting:
                return
            await trio.sleep(_LOOK_S)

    def _show_press(self) -> None:
        """What was just pressed is seen at once, before anything else of the frame is made."""
        from kivy.base import EventLoop

        from screens import repaint

        still = self._surface.mark is None and not self._window.canvas.needs_redraw
        if still and self._fingers.just_pressed and repaint.is_software():
            EventLoop.dispatch_input()
            if self._surface.mark is not None:
                repaint.part(self._window, self._surface.mark)

    async def show(self, page: Page, settings: Settings) -> Answer:
        """Put ``page`` up and wait for its one answer. The same page in other settings keeps what was typed."""
        self._put(page, settings)
        waiting = trio.Event()
        self._answer, self._waiting = None, waiting
        try:
            await waiting.wait()
            assert self._answer is not None
            return self._answer
        finally:
            self._answer = None
            if self._waiting is waiting:
                self._waiting = None

    def update(self, page: Page) -> None:
        """Replace the page that is shown; typed values stay. A new instruction or progress redraws only itself."""
        before, self._page, self._heights = self._page, page, {}
        self._values = {**_initial(page), **{k: v for k, v in self._values.items() if k in _initial(page)}}
        if before is not None and self._only_live_changed(before, page):
            return
        if self._focused not in self._values:
            self._focused = _first_field(page, self._values)
        self._draw(unasked=True)

    def values(self) -> dict[str, Any]:
        """What has been typed, chosen and signed so far."""
        return dict(self._values)

    def tick(self, left_s: float, total_s: float) -> None:
        """Draw the countdown."""
        self._left = (left_s, total_s)
        if self._drawn is not None and self._drawn.ring is not None:
            self._drawn.ring.tick(left_s, total_s)

    def forget(self, then: Page | None = None) -> None:
        """Drop every value, widget, texture and cached text of the visit; ``then`` or the cover takes its place."""
        self._forgotten()
        if self._surface is None:
            return
        from screens import repaint
        from screens.frames.cover import cover
        from screens.wipe import forget_everything

        self._fingers.forget()
        self._surface.forget()
        if then is not None:
            self._put(then, Settings())
        else:
            self._cover = self._cover or cover(self._metrics())
            self._surface.mount(self._cover, fresh=True)
        repaint.every_buffer(self._window)
        forget_everything()

    async def until_drawn(self) -> None:
        """Until what was shown last stands on the screen: texts and layout take a few frames."""
        wanted = self._frames + _FRAMES_UNTIL_DRAWN
        while self._frames < wanted:
            await trio.sleep(0.01)

    def screenshot(self, path: str | Path) -> None:
        """Write what the window shows as PNG."""
        from screens.screenshot import save

        save(self._window, Path(path))

    def _put(self, page: Page, settings: Settings) -> None:
        kept = self._values if page == self._page and settings != self._settings else {}
        self._values = {**_initial(page), **kept}
        self._page, self._settings, self._index, self._heights = page, settings, 0, {}
        self._focused = _first_field(page, self._values) if not kept else self._focused
        if any(isinstance(block, Field) and block.error for block in page.blocks):
            self._index = _WHERE_FOCUSED
        self._draw(fresh=True)

    def _forgotten(self) -> None:
        self._page: Page | None = None
        self._settings = Settings()
        self._values: dict[str, Any] = {}
        self._index = 0
        self._focused = ""
        self._heights: dict[tuple[object, ...], float] = {}
        self._left = (0.0, 0.0)
        self._drawn: Any = None
        self._answer: Answer | None = None
        self._waiting: trio.Event | None = None
        self._touched_s = 0.0

    def _open(self) -> None:
        if self._window is not None:
            return
        size = self._size if self._fullscreen else _fitting(*self._size)
        prepare(*size, fullscreen=self._fullscreen)
        from kivy.base import EventLoop
        from kivy.core.window import Window

        EventLoop.ensure_window()
        from screens import theme
        from screens.surface import Surface
        from screens.touch import Fingers

        Window.clearcolor = theme.PAGE
        self._window = Window
        self._fingers = Fingers.on(Window)
        self._surface = Surface(self._touched, now=self._clock.monotonic)
        Window.add_widget(self._surface)
        Window.bind(on_flip=self._surface.seen)
        # What is there before the first visit stays: a full collection then takes 10 ms instead of 150.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_COLLECTED_AFTER)

    def _draw(self, *, fresh: bool = False, unasked: bool = False) -> None:
        self._open()
        from screens.frames.page import draw
        from screens.look import Look

        assert self._page is not None
        look = Look(
            self._page,
            self._settings,
            self._metrics(),
            self._values,
            answer=self._answered,
            focus=self._focus,
            chosen=self._chosen,
            focused=self._focused,
            open_frames=self._open_frames,
            redraw=self._draw,
            heights=self._heights,
        )
        self._drawn = draw(look, self._clock, self._index, self._turn)
        self._index, self._focused = self._drawn.index, look.focused
        self._surface.mount(self._drawn.root, fresh=fresh, unasked=unasked)
        self.tick(*self._left)

    def _metrics(self) -> Any:
        from screens.theme import Metrics

        return Metrics(self._glass.page_diagonal_in, self._glass.page_bottom_mm, elder=self._settings.elder)

    def _answered(self, action: str) -> None:
        if self._waiting is None or self._answer is not None:
            return
        self._surface.keep_mark()
        self._answer = Answer(action=action, values=dict(self._values))
        self._waiting.set()

    def _focus(self, name: str) -> None:
        if name != self._focused:
            self._focused, self._index = name, _WHERE_FOCUSED
            self._draw()

    def _chosen(self) -> None:
        """Everything is chosen and something is left to type: its keyboard comes up by itself."""
        assert self._page is not None
        name = _first_field(self._page, self._values)
        if not self._focused and name and not self._values[name]:
            self._focus(name)

    def _turn(self, index: int) -> None:
        self._index = index
        self._draw()

    def _touched(self) -> None:
        self._touched_s = self._clock.monotonic()
        self.on_touch()

    def _looks_a_frame(self) -> int:
        idle = self._clock.monotonic() - self._touched_s > _IDLE_AFTER_S
        at_rest = self._page is None or self._page.layout == "home"
        return _IDLE_LOOKS if idle and at_rest else _ACTIVE_LOOKS

    def _only_live_changed(self, before: Page, page: Page) -> bool:
        from screens.blocks.preview import Live

        if _without_preview(before) != _without_preview(page):
            return False
        lives = [live for live in self._surface.lives if isinstance(live, Live)]
        previews = [b for b in page.blocks if isinstance(b, Preview)]
        if len(lives) != len(previews) or any(x.block.frames != b.frames for x, b in zip(lives, previews, strict=True)):
            return False
        for live, block in zip(lives, previews, strict=True):
            live.apply(block)
        return True


def _without_preview(page: Page) -> tuple[Any, ...]:
    facts = (page.title, page.lead, page.layout, page.steps, page.chips, page.actions, page.icon, page.line)
    return (*facts, *(Preview if isinstance(b, Preview) else b for b in page.blocks))


def _initial(page: Page) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for block in page.blocks:
        if isinstance(block, Field):
            values[block.name] = block.value
        elif isinstance(block, Choices):
            values[block.name] = block.selected
        elif isinstance(block, SignaturePad):
            values[block.name] = [list(stroke) for stroke in block.strokes]
    return values


def _first_field(page: Page, values: dict[str, Any]) -> str:
    """What the keyboard is for at first: what is wrong, else the first that is empty; none while a choice is open."""
    fields = [b for b in page.blocks if isinstance(b, Field)]
    wanted = [f for f in fields if f.error] or [f for f in fields if not values.get(f.name)] or fields
    is_open = any(isinstance(b, Choices) and b.must_choose and not values.get(b.name) for b in page.blocks)
    return wanted[0].name if wanted and (wanted[0].error or not is_open) else ""


def _fitting(width: int, height: int) -> tuple[int, int]:
    """The window's size: the screen at hand may be smaller than the kiosk's."""
    desk = desktop_size()
    scale = min(1.0, desk[0] / width, desk[1] / height * 0.94) if desk else 1.0
    return round(width * scale), round(height * scale)


def _open_frames(name: str) -> Any:
    from kiosk.vision.frames import FrameReader

    return FrameReader(name)
