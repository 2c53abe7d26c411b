"""Live camera picture, already mirrored by its source, with what to do in large words."""

from __future__ import annotations

from typing import Any, Protocol

from kivy.clock import Clock
from kivy.graphics import BorderImage, Color, Rectangle, SmoothLine
from kivy.graphics.texture import Texture

from kiosk.pages import Preview
from screens import paint, theme
from screens.look import Look
from screens.panel import Panel
from screens.words import Words, icon

LEAST = 520
_RATE_HZ = 30
_ARROW = 150
_EDGE, _RADIUS = 16, 24
_BACK = theme.rgb("#16233F")


class FrameSource(Protocol):
    """What the vision worker's shared memory offers (``kiosk.vision.frames.FrameReader``)."""

    def latest(self) -> tuple[int, Any] | None: ...


def draw(block: Preview, look: Look, width: float, height: float) -> Panel:
    """A dark card with the picture; everything on it is live."""
    height = max(LEAST, height)
    panel = Panel(width)
    panel.card(_BACK, 32)
    panel.put_live(Live(block, look, width, height), 0, 0)
    return panel.finish(height)


class Live(Panel):
    """Picture, guide, instruction, arrow: redrawn as frames and updates come."""

    def __init__(self, block: Preview, look: Look, width: float, height: float) -> None:
        super().__init__(width, height)
        self._look = look
        self._source: FrameSource | None = None
        self._polling: Any = None
        self._seq = -1
        self._texture: Texture | None = None
        self._arrows: dict[str, Any] = {}
        self._top = height - max(150, round(look.type("title") * 3.2))
        with self.canvas:
            self._colour = Color(1, 1, 1, 0)
            # A rounded rectangle would stretch the whole frame over itself, whatever part of it was asked for.
            box = {"pos": (_EDGE, _EDGE), "size": (width - 2 * _EDGE, self._top - _EDGE)}
            self._picture = Rectangle(**box)
            Color(*_BACK)
            BorderImage(texture=paint.corners(_RADIUS), border=(_RADIUS,) * 4, **box)
        still = "file-text" if block.of == "paper" else "user-focus"
        self._waiting = icon("video-camera" if block.frames else still, 200, theme.rgb("#8FA6D8"))
        self._waiting.pos = ((width - self._waiting.width) / 2, _EDGE + (self._top - _EDGE - self._waiting.height) / 2)
        self.hold(self._waiting)
        self._guide = _Sheet(width, self._top) if block.of == "paper" else _Guide(width, self._top)
        if not block.show_box:
            self.canvas.add(self._guide.canvas)
        self._words: Words | None = None
        self.finish(height)
        self.block = block
        self.apply(block)

    def apply(self, block: Preview) -> None:
        """Take a new instruction, progress or arrow."""
        self.block = block
        if self._words is not None:
            self.remove_widget(self._words)
        self._words = self._look.words(
            block.instruction,
            "title",
            colour=theme.WHITE,
            bold=True,
            width=self.width - 60,
            lines=2,
            floor="body",
            align="center",
        )
        room = self.height - self._top
        self._words.pos = ((self.width - self._words.width) / 2, self._top + (room - self._words.height) / 2)
        self.hold(self._words)
        self._guide.progress(block.progress)
        for side in ("left", "right"):
            self._arrow(side, shown=block.arrow == side)

    def start(self) -> None:
        """Begin to take frames."""
        if self.block.frames:
            self._polling = Clock.schedule_interval(self._poll, 1 / _RATE_HZ)

    def stop(self) -> None:
        """Give the source up and overwrite the last picture."""
        if self._polling is not None:
            self._polling.cancel()
        if self._texture is not None:
            width, height = self._texture.size
            self._texture.blit_buffer(bytes(width * height * 3), colorfmt="bgr", bufferfmt="ubyte")
        closing = getattr(self._source, "close", None)
        if closing is not None:
            closing()
        self._source = self._texture = None
        self._picture.texture = None
        self._colour.a = 0

    def _poll(self, _dt: float) -> None:
        if self._source is None:
            try:
                self._source = self._look.open_frames(self.block.frames)
            except OSError:  # the camera's owner is gone or not there yet
                return
        found = self._source.latest() if self._source is not None else None
        if found is None or found[0] == self._seq:
            return
        self._seq, frame = found
        self._blit(frame)

    def _blit(self, frame: Any) -> None:
        height, width = frame.shape[:2]
        if self._texture is None or self._texture.size != (width, height):
            self._texture = Texture.create(size=(width, height), colorfmt="rgb")
            self._picture.texture = self._cropped(width, height)
            self._colour.a = 1
            self._waiting.opacity = 0
        self._texture.blit_buffer(frame.reshape(-1), colorfmt="bgr", bufferfmt="ubyte")
        self.canvas.ask_update()

    def _cropped(self, width: int, height: int) -> Texture:
        """The middle part of the frame that has the proportions of its place; of a paper the whole of it."""
        if self.block.of == "paper":
            self._fit_whole(width / height)
        wanted = self._picture.size[0] / self._picture.size[1]
        wide, high = min(width, height * wanted), min(height, width / wanted)
        part = self._texture.get_region((width - wide) / 2, (height - high) / 2, wide, high)
        part.flip_vertical()
        return part

    def _fit_whole(self, ratio: float) -> None:
        wide, high = self.width - 2 * _EDGE, self._top - _EDGE
        size = min(wide, high * ratio), min(high, wide / ratio)
        self._picture.pos = (_EDGE + (wide - size[0]) / 2, _EDGE + (high - size[1]) / 2)
        self._picture.size = size

    def _arrow(self, side: str, *, shown: bool) -> None:
        if shown and side not in self._arrows:
            made = icon(f"arrow-fat-line-{side}", _ARROW, theme.GOLD, fill=True)
            x = 50 if side == "left" else self.width - made.width - 50
            made.pos = (x, _EDGE + (self._top - _EDGE - made.height) / 2)
            self._arrows[side] = made
            self.hold(made)
        if side in self._arrows:
            self._arrows[side].opacity = 1 if shown else 0


class _Guide(Panel):
    """An oval for the face; its rim fills as the check goes on."""

    def __init__(self, width: float, height: float) -> None:
        super().__init__(width, height)
        high = min(height * 0.78, width * 0.8)
        wide = high * 0.76
        self._oval = ((width - wide) / 2, _EDGE + (height - _EDGE - high) / 2, wide, high)
        with self.canvas:
            Color(1, 1, 1, 0.55)
            SmoothLine(ellipse=(*self._oval, 0, 360), width=4)
            Color(*theme.rgb("#3CD28B"))
            self._rim = SmoothLine(ellipse=(*self._oval, 0, 0), width=8, cap="none")

    def progress(self, share: float) -> None:
        """Fill the rim to ``share`` (0..1)."""
        self._rim.ellipse = (*self._oval, 0, 360 * min(1.0, max(0.0, share)))


class _Sheet(_Guide):
    """Four corners between which the paper belongs; a bar below them fills as the picture is taken."""

    def __init__(self, width: float, height: float) -> None:
        Panel.__init__(self, width, height)
        wide = min((height - _EDGE) * 4 / 3, width - 2 * _EDGE) * 0.9
        high = wide * 0.72
        left, bottom = (width - wide) / 2, _EDGE + (height - _EDGE - high) / 2
        self._bar = (left + wide / 4, bottom + 12, wide / 2, 16)
        arm = wide * 0.08
        with self.canvas:
            Color(1, 1, 1, 0.8)
            for x, y, right, up in ((left, bottom, 1, 1), (left + wide, bottom, -1, 1),
                                    (left, bottom + high, 1, -1), (left + wide, bottom + high, -1, -1)):  # fmt: skip
                SmoothLine(points=[x + right * arm, y, x, y, x, y + up * arm], width=4)
            Color(*theme.rgb("#3CD28B"))
            self._filled = Rectangle(pos=self._bar[:2], size=(0, self._bar[3]))

    def progress(self, share: float) -> None:
        """Fill the bar to ``share`` (0..1)."""
        self._filled.size = (self._bar[2] * min(1.0, max(0.0, share)), self._bar[3])
