"""Sign with a finger. The value is the strokes: lists of ``[x, y]`` in 0..1, y down."""

from __future__ import annotations

from kivy.graphics import Color, Line

from kiosk.pages import PAD_RATIO, Action, SignaturePad
from kiosk.text import text
from screens import theme
from screens.buttons import button
from screens.look import Look
from screens.panel import Panel, Target
from screens.words import icon

LEAST = 420
_INK_WIDTH = 3.6


def draw(block: SignaturePad, look: Look, width: float, height: float) -> Panel:
    """Label and "sign again" above, the pad beneath, an error under it."""
    panel = Panel(width)
    again = Action(id="screens.clear", label=text("screens.sign_again"), icon="arrow-counter-clockwise")
    clear_wide = look.words(again.label, "body").width + 130
    clear = button(look, again, clear_wide, max(look.metrics.touch, 80), "body")
    label = look.words(block.label, "large", bold=True, width=width - clear_wide - 24)
    top = max(label.height, clear.height)
    panel.put(label, 4, (top - label.height) / 2)
    panel.put(clear, width - clear_wide, (top - clear.height) / 2)
    y = top + 18
    error = look.words(block.error, "body", colour=theme.RED, bold=True, width=width - 60) if block.error else None
    high = min(max(LEAST, height - y - (error.height + 14 if error else 0)), round(width / PAD_RATIO))
    wide = round(high * PAD_RATIO)
    paper = _paper(look, wide, high)
    panel.put(paper, (width - wide) / 2, y)
    ink = Ink(block.name, look, wide, high)
    panel.put_live(ink, (width - wide) / 2, y)
    paper.drags = ink.drag
    clear.tapped = ink.erase
    y += high
    if error:
        panel.put(icon("warning-circle", look.type("large"), theme.RED, fill=True), 4, y + 14)
        panel.put(error, 56, y + 14)
        y += 14 + error.height
    return panel.finish(y)


def _paper(look: Look, width: float, height: float) -> Target:
    paper = Target(width, height, lambda: None, label=look.ui("sign_here"))
    paper.card()
    for x in range(60, int(width) - 70, 26):
        paper.fill(theme.rgb("#B9C5D8"), 0, (x, height * 0.74, 14, 3))
    hint = look.second(look.ui("sign_here"), "body", width=width - 40, lines=1, floor="caption")
    paper.put(hint, (width - hint.width) / 2, height * 0.74 + 16)
    return paper.finish(height)


class Ink(Panel):
    """The strokes, drawn above the paper as the finger goes."""

    def __init__(self, name: str, look: Look, width: float, height: float) -> None:
        super().__init__(width, height)
        self._name = name
        self._look = look
        self._line: Line | None = None
        self.finish(height)
        for stroke in look.values.setdefault(name, []):
            self._begin()
            self._line.points = [c for x, y in stroke for c in (x * width, (1 - y) * height)]

    def drag(self, phase: str, x: float, y: float) -> None:
        """The finger at ``x, y`` (px from the pad's bottom left)."""
        strokes = self._look.values.setdefault(self._name, [])
        if phase in ("up", "cancel"):
            if phase == "cancel" and self._line is not None:  # not the finger but a palm
                strokes.pop()
                self.canvas.remove(self._line)
            self._line = None
            return
        if phase == "down" or self._line is None:
            strokes.append([])
            self._begin()
        x, y = min(max(x, 0.0), self.width), min(max(y, 0.0), self.height)
        strokes[-1].append([x / self.width, 1 - y / self.height])
        self._line.points += [x, y] if self._line.points else [x, y, x + 0.5, y]

    def erase(self) -> None:
        """Begin again on an empty pad."""
        self._look.values[self._name] = []
        self._line = None
        self.canvas.clear()

    def _begin(self) -> None:
        with self.canvas:
            Color(*theme.INK)
            self._line = Line(width=_INK_WIDTH, cap="round", joint="round")
