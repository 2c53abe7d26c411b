"""What every block needs to draw itself: language, sizes, what was typed, and whom to tell of a tap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kiosk.pages import Action, Hero, Page, Settings
from kiosk.text import Text, text
from screens.theme import ON_NAVY_SECOND, SECOND, Colour, Metrics
from screens.words import Words


class Look:
    """One page's drawing context. ``values`` are the page's fields; it dies with the visit."""

    def __init__(
        self,
        page: Page,
        settings: Settings,
        metrics: Metrics,
        values: dict[str, Any],
        *,
        answer: Callable[[str], None],
        focus: Callable[[str], None],
        focused: str = "",
        chosen: Callable[[], None] = lambda: None,
        open_frames: Callable[[str], Any] = lambda _name: None,
        redraw: Callable[[], None] = lambda: None,
        heights: dict[tuple[object, ...], float] | None = None,
    ) -> None:
        self.page = page
        self.settings = settings
        self.metrics = metrics
        self.values = values
        self.answer = answer
        self.focus = focus
        self.focused = focused
        self.chosen = chosen
        self.open_frames = open_frames
        self.redraw = redraw
        self.centred = any(isinstance(b, Hero) for b in page.blocks)  # its words then stand in the middle too
        self.heights = {} if heights is None else heights  # of blocks already measured, of this page in this language
        self.fields: dict[str, Any] = {}  # the boxes of this page's fields, by name

    def say(self, words: Text) -> str:
        """The words in this person's language."""
        return words.in_language(self.settings.language)

    def ui(self, key: str, **values: object) -> str:
        """A word of the screen itself (``screens.po``)."""
        return self.say(text(f"screens.{key}", **values))

    def words(self, words: Text | str, size: str = "body", **how: Any) -> Words:
        """A text in one of the type sizes."""
        said = words if isinstance(words, str) else self.say(words)
        if "floor" in how and isinstance(how["floor"], str):
            how["floor"] = min(self.type(how["floor"]), self.type(size))
        return Words(said, self.type(size), **how)

    def second(self, words: Text | str, size: str = "body", *, dark: bool = False, **how: Any) -> Words:
        """A text of second rank."""
        colour: Colour = ON_NAVY_SECOND if dark else SECOND
        return self.words(words, size, colour=colour, **how)

    def type(self, name: str) -> int:
        """A font size in px."""
        return self.metrics.type(name)

    def gap(self, px: int) -> int:
        """A distance that grows with the room there is."""
        return round(px * self.metrics.roomy * self.metrics.airy)

    def tap(self, action: Action) -> Callable[[], None]:
        """What a button of ``action`` calls."""
        return lambda: self.answer(action.id)
