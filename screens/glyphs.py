"""Letters on the screen: a text of known size whose picture is made only when the page is shown.

Kivy's own ``Label`` costs 1 ms each, most of it for properties and rules that a kiosk page never uses, and pages are
measured several times before they are drawn.
"""

from __future__ import annotations

from functools import cache

from kivy.core.text import Label as CoreLabel
from kivy.core.text.markup import MarkupLabel
from kivy.graphics import Color, Rectangle
from kivy.uix.widget import Widget
from kivy.utils import escape_markup

from screens import fonts
from screens.theme import Colour


class Glyphs(Widget):
    """``text`` (its lines already broken) in one size and colour; characters that ``font`` lacks come from others."""

    scale = 1.0  # pixels of the window per pixel of the page: letters are made in the size in which they are seen

    def __init__(self, text: str, font: str, font_size: int, colour: Colour, align: str = "left") -> None:
        rows = [_box(row, font_size, font) for row in text.split("\n")]
        super().__init__(width=max(width for width, _ in rows), height=sum(height for _, height in rows))
        self.text = text
        self.font_name = font
        self.font_size = font_size
        self.colour = colour
        self.texture_size = (0, 0)
        self._align = align
        self._back: Rectangle | None = None

    def render(self) -> None:
        """Make the picture, once."""
        if self._back is not None or not self.text:
            return
        parts = list(fonts.runs(self.text, self.font_name))
        how = {"font_size": round(self.font_size * self.scale), "font_name": self.font_name, "halign": self._align}
        if any(found != self.font_name for found, _ in parts):
            label = MarkupLabel(text="".join(_marked(found, part, self.font_name) for found, part in parts), **how)
        else:
            label = CoreLabel(text="".join(part for _, part in parts), **how)
        label.refresh()
        self.texture_size = (label.texture.width / self.scale, label.texture.height / self.scale)
        with self.canvas:
            Color(*self.colour)
            self._back = Rectangle(texture=label.texture, size=self.texture_size)
        self.bind(pos=self._moved)
        self._moved()

    def _moved(self, *_: object) -> None:
        if self._back is not None:
            self._back.pos = (round(self.x), round(self.top - self.texture_size[1]))


def extent(words: str, size: int, font: str) -> float:
    """The width in px of ``words`` on one line."""
    return sum(_ruler(size, found).get_extents(part)[0] for found, part in fonts.runs(words, font))


def _box(row: str, size: int, font: str) -> tuple[float, float]:
    """Width and height in px of one line; an empty one is as high as a space."""
    parts = [_ruler(size, found).get_extents(part) for found, part in fonts.runs(row or " ", font)]
    return sum(width for width, _ in parts) if row else 0, max((height for _, height in parts), default=0)


def _marked(found: str, part: str, font: str) -> str:
    return escape_markup(part) if found == font else f"[font={found}]{escape_markup(part)}[/font]"


@cache
def _ruler(size: int, font: str) -> CoreLabel:
    # Measures without keeping what it measured; making one costs more than using it.
    return CoreLabel(font_size=size, font_name=font)
