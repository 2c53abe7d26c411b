"""Plain words."""

from __future__ import annotations

from kiosk.pages import Paragraph
from screens import theme
from screens.look import Look
from screens.panel import Panel


def draw(block: Paragraph, look: Look, width: float) -> Panel:
    """One paragraph over the whole width."""
    colour = theme.SECOND if block.size == "caption" else theme.INK
    panel = Panel(width)
    align = "center" if look.centred else "left"
    words = look.words(block.text, block.size, colour=colour, width=width, align=align)
    panel.put(words, (width - words.width) / 2 if look.centred else 0, 0)
    return panel.finish()
