"""Single choice, one row per option, or short ones side by side."""

from __future__ import annotations

from collections.abc import Callable

from kiosk.pages import Choice, Choices
from screens import theme
from screens.glyphs import Glyphs
from screens.look import Look
from screens.panel import Panel, Target
from screens.words import icon

_PAD, _GAP = 30, 16


def draw(block: Choices, look: Look, width: float) -> Panel:
    """The question, the options, and what is wrong if something is. A tap chooses; it does not answer."""
    panel = Panel(width)
    y = 0.0
    if block.label:
        label = look.words(block.label, "large", bold=True, width=width)
        panel.put(label, 4, 0)
        y = label.height + look.gap(14)
    rows: dict[str, Row] = {}

    def choose(chosen: str) -> None:
        look.values[block.name] = chosen
        for name, row in rows.items():
            row.mark(name == chosen)
        look.chosen()

    beside = _beside(block, look, width)
    wide = (width - _GAP * (beside - 1)) / beside
    for start in range(0, len(block.options), beside):
        together = block.options[start : start + beside]
        high = max(Row(option, look, wide, choose).height for option in together) if beside > 1 else 0.0
        for at, option in enumerate(together):
            row = rows[option.id] = Row(option, look, wide, choose, high)
            row.mark(look.values.get(block.name, "") == option.id)
            panel.put(row, at * (wide + _GAP), y)
        y += rows[together[0].id].height + _GAP
    y -= _GAP
    if block.error:
        y += _error(panel, block, look, y + 12) + 12
    return panel.finish(y)


def _beside(block: Choices, look: Look, width: float) -> int:
    """How many options stand side by side: as many as wanted where each name still has one line, else one."""
    wide = (width - _GAP * (block.columns - 1)) / block.columns - _left(look) - _PAD
    fits = all(look.words(o.label, "medium", bold=True).width <= wide for o in block.options)
    return block.columns if fits and block.columns <= len(block.options) else 1


def _left(look: Look) -> float:
    """Where the words of an option begin: right of its mark."""
    return _PAD + icon("circle", _mark_size(look), theme.SECOND).width + 22


def _mark_size(look: Look) -> int:
    return round(look.type("large") * 1.25)


def _error(panel: Panel, block: Choices, look: Look, y: float) -> float:
    sign = icon("warning-circle", look.type("large"), theme.RED, fill=True)
    words = look.words(block.error, "body", colour=theme.RED, width=panel.width - sign.width - 20)
    panel.put(sign, 4, y + (words.height - sign.height) / 2)
    panel.put(words, sign.width + 18, y)
    return words.height


class Row(Target):
    """One option: a round mark, its words, a detail or the reason why it is not offered."""

    def __init__(
        self, option: Choice, look: Look, width: float, choose: Callable[[str], None], least: float = 0.0
    ) -> None:
        super().__init__(width, 0, lambda: choose(option.id), enabled=option.enabled, label=look.say(option.label))
        self.rapid = True
        pad = look.gap(24)
        self.card(theme.WHITE if option.enabled else theme.GREY_TINT, 20)
        self._frame = self.frame((*theme.BLUE[:3], 0), 20, 4)
        ink = theme.INK if option.enabled else theme.DISABLED
        size = _mark_size(look)
        self._off = icon("circle", size, theme.SECOND if option.enabled else theme.DISABLED)
        self._on = icon("check-circle", size, theme.BLUE, fill=True)
        left = _left(look)
        words = look.words(option.label, "medium", colour=ink, bold=True, width=width - left - _PAD)
        said = option.detail if option.enabled else option.reason or option.detail
        more = look.second(said, "body", width=width - left - _PAD) if said else None
        below = words.height + (more.height + 4 if more else 0)
        height = max(below + 2 * pad, look.metrics.touch, look.gap(104), least)
        top = (height - below) / 2
        self.put(words, left, top)
        if more:
            self.put(more, left, top + words.height + 4)
        for sign in (self._off, self._on):
            self.put(sign, _PAD, (height - sign.height) / 2)
        self.finish(height)

    def mark(self, chosen: bool) -> None:
        """Show this option as chosen or not."""
        self._frame.a = 1 if chosen else 0
        _visible(self._on, chosen)
        _visible(self._off, not chosen)


def _visible(sign: Glyphs, shown: bool) -> None:
    sign.opacity = 1 if shown else 0
