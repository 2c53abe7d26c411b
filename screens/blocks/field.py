"""One typed field: label, box, hint or error. The box is live: a key redraws it and nothing else."""

from __future__ import annotations

from kivy.graphics import Color, Rectangle

from kiosk.pages import Field
from screens import theme
from screens.look import Look
from screens.panel import Panel, Target
from screens.words import Words, icon

_PAD = 30
_LONG = 12  # digits: more can only be read in groups
_GROUPS = {
    "code": (4,),
    "id_number": (6, 8, 4),
    "phone": (3, 4, 4),
    "receipt": (4,) * 12,
    "date": (4, 2, 2),
    "plate": (2, 6),
}


def draw(block: Field, look: Look, width: float) -> Panel:
    """Label above, box, then the error (with its sign) or the hint."""
    panel = Panel(width)
    label = look.words(block.label, "body", bold=True, width=width)
    panel.put(label, 4, 0)
    y = label.height + 8
    height = max(round(104 * look.metrics.roomy), look.metrics.touch, round(look.type("large") * 2.2))
    target = Target(width, height, lambda: look.focus(block.name), label=look.say(block.label))
    target.rapid = True
    target.card(radius=20)
    panel.put(target.finish(height), 0, y)
    box = Box(block, look, width, height)
    look.fields[block.name] = box
    panel.put_live(box, 0, y)
    y += height
    said, colour, name = (
        (block.error, theme.RED, "warning-circle") if block.error else (block.hint, theme.SECOND, "info")
    )
    if said:
        sign = icon(name, round(look.type("caption") * 1.2), colour, fill=True)
        words = look.words(said, "caption", colour=colour, width=width - sign.width - 24)
        panel.put(sign, 6, y + 10 + look.type("caption") * 0.72 - sign.height / 2)
        panel.put(words, sign.width + 18, y + 10)
        y += 10 + words.height
    return panel.finish(y)


class Box(Panel):
    """Frame, typed text and caret."""

    def __init__(self, block: Field, look: Look, width: float, height: float) -> None:
        super().__init__(width, height)
        self.block = block
        self._look = look
        self._words: Words | None = None
        focused = look.focused == block.name
        if focused or block.error:
            self.frame(theme.RED if block.error else theme.BLUE, 20, 4)
        with self.canvas:
            self._caret_colour = Color(*theme.BLUE[:3], 1 if focused else 0)
            self._caret = Rectangle(size=(3, height * 0.46))
        self.finish(height)
        self.show(str(look.values.get(block.name, block.value)))

    def show(self, value: str) -> None:
        """Draw ``value``: grouped as people read it, hidden for a PIN."""
        if self._words is not None:
            self.remove_widget(self._words)
        long_number = self.block.keys == "digits" and self.block.max_length >= _LONG
        said = (
            "●" * len(value)
            if self.block.keys == "pin"
            else grouped(value, "receipt" if long_number else self.block.keys)
        )
        room = self.width - 2 * _PAD
        self._words = Words(said, self._look.type("large"), width=room, lines=1, floor=self._look.type("caption"))
        if self._words.height > self.height:  # a long text: its end is what is being typed
            self._words = Words(_tail(said), self._look.type("caption"), width=room, lines=2)
        self._words.pos = (_PAD, (self.height - self._words.height) / 2)
        self.hold(self._words)
        self._caret.pos = (_PAD + (self._words.width if said else 0) + 4, self.height * 0.27)


def grouped(value: str, keys: str) -> str:
    """``value`` in the groups that its kind is read in."""
    parts, start = [], 0
    for size in _GROUPS.get(keys, (len(value) or 1,)):
        parts.append(value[start : start + size])
        start += size
    return " ".join(p for p in [*parts, value[start:]] if p)


def _tail(said: str) -> str:
    return "…" + said[-40:]
