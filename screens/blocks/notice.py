"""A banner with icon and words."""

from __future__ import annotations

from kiosk.pages import Notice
from screens import theme
from screens.look import Look
from screens.panel import Panel
from screens.words import icon

_PAD = 28


def draw(block: Notice, look: Look, width: float) -> Panel:
    """Icon left, words and detail right, on the tint of its level."""
    colour, tint = theme.LEVELS[block.level]
    pad = look.gap(_PAD)
    sign = icon(block.icon or theme.LEVEL_ICONS[block.level], round(look.type("large") * 1.4), colour, fill=True)
    left = pad + sign.width + 22
    room = width - left - pad
    panel = Panel(width)
    panel.fill(tint, 20)
    words = look.words(block.text, "medium", colour=theme.INK, bold=bool(block.detail), width=room)
    panel.put(words, left, pad)
    bottom = pad + words.height
    if block.detail:
        detail = look.words(block.detail, "body", colour=theme.INK, width=room)
        panel.put(detail, left, bottom + 8)
        bottom += 8 + detail.height
    panel.put(sign, pad, pad + (words.height - sign.height) / 2 if not block.detail else pad)
    return panel.finish(max(bottom, pad + sign.height) + pad)
