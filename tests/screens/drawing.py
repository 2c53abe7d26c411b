"""Parts of a page drawn alone, and what can be asked of them: words, signs, colours, places, targets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kivy.graphics import Color

from kiosk.pages import Block, Page, Settings
from kiosk.text import Text, same
from screens import blocks, theme
from screens.glyphs import Glyphs
from screens.icons import glyph
from screens.look import Look
from screens.panel import Panel, Target, absolute
from screens.words import Words
from tests.screens.harness import tree

WIDTH = theme.CONTENT


def look_of(
    page: Page | None = None,
    settings: Settings | None = None,
    *,
    values: dict[str, Any] | None = None,
    focused: str = "",
    diagonal_in: float = 27.0,
) -> Look:
    """A drawing context; ``look.answered`` and ``look.focuses`` are what was tapped."""
    settings = settings or Settings()
    answered: list[str] = []
    focuses: list[str] = []
    made = Look(
        page or Page(kind="x", title=same("x")),
        settings,
        theme.Metrics(diagonal_in=diagonal_in, elder=settings.elder),
        {} if values is None else values,
        answer=answered.append,
        focus=focuses.append,
        focused=focused,
    )
    made.answered, made.focuses = answered, focuses
    return made


class Drawn:
    """A panel, looked at."""

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        self.widgets = list(tree(panel))

    @property
    def texts(self) -> list[str]:
        """What is written, from the top to the bottom; line breaks are no part of it."""
        found = sorted((w for w in self.widgets if isinstance(w, Words)), key=lambda w: -self.top(w))
        return ["".join(w.text.split("\n")) for w in found]

    def words(self, text: str) -> Words:
        """The one text that says this."""
        found = [w for w in self.widgets if isinstance(w, Words) and w.text.replace("\n", "") == text]
        assert len(found) == 1, f"{text!r} stands {len(found)} times among {self.texts}"
        return found[0]

    def signs(self, name: str) -> list[Glyphs]:
        """The signs of this name."""
        forms = {glyph(name, fill=fill, bold=bold) for fill in (True, False) for bold in (True, False)}
        glyphs = (w for w in self.widgets if isinstance(w, Glyphs) and not isinstance(w, Words))
        return [w for w in glyphs if (w.font_name, w.text) in forms and w.opacity]

    def sign(self, name: str) -> Glyphs:
        """The one sign of this name."""
        found = self.signs(name)
        assert len(found) == 1, f"{name} is there {len(found)} times"
        return found[0]

    @property
    def targets(self) -> list[Target]:
        """What can be touched, row by row from the left."""
        found = (w for w in self.widgets if isinstance(w, Target))
        return sorted(found, key=lambda t: (-round(self.top(t)), self.left(t)))

    def target(self, label: str) -> Target:
        """The one target that is called so."""
        (found,) = [t for t in self.targets if t.a11y_label == label]
        return found

    def fills(self, of: Any = None) -> list[tuple[float, ...]]:
        """The colours with which backs and frames are drawn."""
        widgets = self.widgets if of is None else list(tree(of))
        return [colour for w in widgets for colour in _colours(w)]

    def count(self, colour: theme.Colour) -> int:
        """How many backs or frames have this colour."""
        return sum(alike(each, colour) for each in self.fills())

    def top(self, widget: Any) -> float:
        """The upper edge, px from the page's bottom."""
        return absolute(widget)[1] + widget.height

    def left(self, widget: Any) -> float:
        """The left edge, px."""
        return absolute(widget)[0]


def _colours(widget: Any) -> Iterator[tuple[float, ...]]:
    if isinstance(widget, Glyphs):
        return
    for instruction in widget.canvas.children:
        if isinstance(instruction, Color):
            yield tuple(instruction.rgba)


def alike(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Whether two colours are the same, alpha included."""
    return all(abs(a - b) < 0.004 for a, b in zip(one, other, strict=True))


def drawn(block: Block, look: Look | None = None, *, width: float = WIDTH, height: float = 0.0) -> Drawn:
    """One block, drawn alone."""
    return Drawn(blocks.draw(block, look or look_of(), width, height))


def both(zh: str, en: str = "") -> Text:
    """A text."""
    return Text(zh, en or zh)
