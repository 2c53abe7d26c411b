"""A big sign with a sentence: success, waiting, an error, a thing to do with one's hands."""

from __future__ import annotations

from kivy.clock import Clock
from kivy.graphics import Color, PopMatrix, PushMatrix, Rotate

from kiosk.pages import Hero
from screens import theme
from screens.look import Look
from screens.panel import Panel, ring
from screens.words import icon

_DISC = 208


def draw(block: Hero, look: Look, width: float) -> Panel:
    """Everything centred: sign in a tinted disc, title, lead."""
    colour, tint = theme.LEVELS[block.level]
    side = round(_DISC * look.metrics.roomy)
    panel = Panel(width)
    disc = Panel(side, side)
    disc.fill(tint, side // 2)
    disc.put_middle(icon(block.icon or theme.LEVEL_ICONS[block.level], side // 2, colour, fill=True), 0, 0, side, side)
    edge = 26
    panel.put(disc.finish(side), (width - side) / 2, edge)
    if block.busy:
        panel.put_live(Spinner(side + 2 * edge), (width - side) / 2 - edge, 0)
    y = side + 2 * edge + look.gap(24)
    title = look.words(block.title, "title", bold=True, width=width - 40, align="center")
    panel.put(title, (width - title.width) / 2, y)
    y += title.height
    if block.lead:
        lead = look.second(block.lead, "large", width=width - 80, align="center")
        panel.put(lead, (width - lead.width) / 2, y + look.gap(18))
        y += look.gap(18) + lead.height
    return panel.finish(y)


class Spinner(Panel):
    """A turning arc: one of the three things on a page that may move."""

    def __init__(self, side: float) -> None:
        super().__init__(side, side)
        self._turning = None
        with self.canvas:
            Color(*theme.BLUE)
            PushMatrix()
            self._turn = Rotate(angle=0, origin=(side / 2, side / 2))
            ring(side / 2, side / 2, side / 2 - 6, 10, 0.28)
            PopMatrix()

    def start(self) -> None:
        """Begin to turn."""
        self._turning = Clock.schedule_interval(self._step, 1 / 20)

    def stop(self) -> None:
        """Stand still."""
        if self._turning is not None:
            self._turning.cancel()

    def _step(self, dt: float) -> None:
        self._turn.angle = (self._turn.angle - 300 * dt) % 360
