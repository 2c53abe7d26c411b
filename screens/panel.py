"""The building blocks of blocks: a box placed from the top down, and a button that answers on release."""

from __future__ import annotations

from collections.abc import Callable

from kivy.graphics import BorderImage, Color, PopMatrix, PushMatrix, Rectangle, SmoothLine, Translate
from kivy.graphics.texture import Texture
from kivy.uix.widget import Widget

from screens import paint, theme
from screens.glyphs import Glyphs


class Panel(Widget):
    """A box of fixed width whose children are put with ``x, y`` from its top left corner.

    Children are laid out at once, without Kivy's layouts: a page is complete when it is built, and measuring is exact.
    ``live`` children change often; the surface draws them above the stored picture of the page.
    """

    def __init__(self, width: float, height: float = 0.0) -> None:
        super().__init__(width=width, height=height)
        self.live: list[Widget] = []
        self._places: list[tuple[Widget, float, float]] = []
        with self.canvas.before:
            PushMatrix()
            self._shift = Translate(0, 0)
        with self.canvas.after:
            PopMatrix()
        self._backs: list[tuple[BorderImage | Rectangle, float, tuple[float, float, float, float] | None]] = []
        self.bind(pos=self._moved)

    def put(self, child: Widget, x: float, y: float) -> Widget:
        """Place ``child`` with its top left corner at ``x, y``; the panel grows downwards as needed."""
        self._places.append((child, x, y))
        self.add_widget(child)
        self.height = max(self.height, y + child.height)
        return child

    def lower(self, by: float) -> None:
        """Move what was put so far down, before the height is fixed."""
        self._places = [(child, x, y + by) for child, x, y in self._places]

    def put_live(self, child: Widget, x: float, y: float) -> Widget:
        """Place ``child`` above the stored picture; it may be redrawn alone."""
        self._places.append((child, x, y))
        child.owner = self
        self.live.append(child)
        return child

    def put_middle(self, child: Widget, x: float, y: float, width: float, height: float) -> Widget:
        """Place ``child`` in the middle of a box."""
        return self.put(child, round(x + (width - child.width) / 2), round(y + (height - child.height) / 2))

    def hold(self, words: Glyphs) -> None:
        """Add a text that is already placed and is seen at once: for live parts, after the page was mounted."""
        words.render()
        self.add_widget(words)

    def finish(self, height: float | None = None) -> Panel:
        """Fix the height and turn places from the top into Kivy's places from the bottom."""
        if height is not None:
            self.height = height
        for child, x, y in self._places:
            child.pos = (round(x), round(self.height - y - child.height))
        for back, grow, box in self._backs:
            x, y, w, h = box or (0, 0, self.width, self.height)
            back.pos = (x - grow, self.height - y - h - grow)
            back.size = (w + 2 * grow, h + 2 * grow)
        return self

    def fill(
        self, colour: theme.Colour, radius: int = 0, box: tuple[float, float, float, float] | None = None
    ) -> Color:
        """A flat (rounded) background; returns its colour, which may change."""
        with self.canvas:
            made = Color(*colour)
            if radius:
                self._back(BorderImage(texture=paint.rounded(radius), border=(radius,) * 4), 0, box)
            else:
                self._back(Rectangle(), 0, box)
        return made

    def frame(
        self, colour: theme.Colour, radius: int, thick: int = 3, box: tuple[float, float, float, float] | None = None
    ) -> Color:
        """A rounded frame."""
        with self.canvas:
            made = Color(*colour)
            self._back(BorderImage(texture=paint.outline(radius, thick), border=(radius,) * 4), 0, box)
        return made

    def card(
        self, colour: theme.Colour = theme.WHITE, radius: int = 24, box: tuple[float, float, float, float] | None = None
    ) -> None:
        """A rounded card with a soft shadow."""
        with self.canvas:
            Color(1, 1, 1, 1)
            edge = paint.SHADOW + radius
            self._back(BorderImage(texture=paint.shadow(radius), border=(edge,) * 4), paint.SHADOW, box)
        self.fill(colour, radius, box)

    def picture(self, texture: Texture, box: tuple[float, float, float, float] | None = None) -> None:
        """A texture stretched over ``box`` (default: the panel)."""
        with self.canvas:
            Color(1, 1, 1, 1)
            self._back(Rectangle(texture=texture), 0, box)

    def rule(self, x: float, y: float, width: float) -> None:
        """A thin horizontal line."""
        self.fill(theme.RULE, 0, (x, y, width, 2))

    def _back(self, back: BorderImage | Rectangle, grow: float, box: tuple[float, float, float, float] | None) -> None:
        self._backs.append((back, grow, box))

    def _moved(self, *_: object) -> None:
        self._shift.xy = self.pos


class Target(Panel):
    """Something that can be touched. ``tapped`` is called on release; a disabled one is drawn grey and stays silent."""

    radius = 20
    rapid = False  # may be tapped again at once (keys)
    drags: Callable[[str, float, float], None] | None = None  # takes the finger's way instead of a tap

    def __init__(
        self, width: float, height: float, tapped: Callable[[], None], *, enabled: bool = True, label: str = ""
    ) -> None:
        super().__init__(width, height)
        self.tapped = tapped
        self.enabled = enabled
        self.a11y_label = label

    def box(self) -> tuple[float, float, float, float]:
        """Left, bottom, width, height on the page, px."""
        x, y = absolute(self)
        return x, y, self.width, self.height


def absolute(widget: Widget) -> tuple[float, float]:
    """Where the widget's bottom left corner is on the page, px."""
    x, y = widget.pos
    parent = getattr(widget, "owner", None) or widget.parent
    while isinstance(parent, Panel):
        x, y = x + parent.x, y + parent.y
        parent = parent.parent
    return x, y


def ring(x: float, y: float, radius: float, thick: float, share: float = 1.0) -> SmoothLine:
    """A ring, ``share`` of it drawn, clockwise from the top."""
    return SmoothLine(circle=(x, y, radius, 0, 360 * share), width=thick / 2, cap="none", overdraw_width=1.2)
