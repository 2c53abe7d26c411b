"""Chips: small truths in the header, never buttons."""

from __future__ import annotations

from kiosk.pages import Chip
from screens import theme
from screens.look import Look
from screens.panel import Panel
from screens.words import icon

_SIGNS = {"ok": theme.rgb("#7BE0B0"), "warn": theme.GOLD, "error": theme.rgb("#FFC2BC"), "info": theme.WHITE}
_BACKS = {"warn": theme.rgb("#5B3A00", 0.75), "error": theme.rgb("#6E1510", 0.85)}


def chips_row(look: Look, width: float) -> Panel:
    """The page's chips, wrapped into as many rows as they need."""
    row = Panel(width)
    x, y = 0.0, 0.0
    for chip in look.page.chips:
        made = _chip(look, chip, width)
        if x and x + made.width > width:
            x, y = 0.0, y + made.height + 12
        row.put(made, x, y)
        x += made.width + 16
    row.finish()
    return row


def _chip(look: Look, chip: Chip, width: float) -> Panel:
    size = look.type("caption")
    sign = icon(chip.icon or theme.LEVEL_ICONS[chip.level], round(size * 1.15), _SIGNS[chip.level], bold=True)
    words = look.words(chip.text, "caption", colour=theme.WHITE, width=width - sign.width - 70, floor="caption")
    height = max(58, words.height + 16)
    made = Panel(24 + sign.width + 12 + words.width + 26, height)
    made.fill(_BACKS.get(chip.level, (1, 1, 1, 0.14)), 29)
    made.put(sign, 24, (height - sign.height) / 2)
    made.put(words, 24 + sign.width + 12, (height - words.height) / 2)
    made.finish(height)
    return made
