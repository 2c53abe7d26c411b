"""Plain words."""

from __future__ import annotations

from kiosk.pages import Paragraph
from screens import theme
from screens.look import Look
from screens.panel import Panel

_SIZES = {"body": "body", "large": "large", "caption": "caption"}


def draw(block: Paragraph, look: Look, width: float) -> Panel:
    """One paragraph over the whole width."""
    colour = theme.SECOND if block.size == "caption" else theme.INK
    panel = Panel(width)
    panel.put(look.words(block.text, _SIZES[block.size], colour=colour, width=width), 0, 0)
    return panel.finish()
