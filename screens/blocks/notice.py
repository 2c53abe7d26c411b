"""A banner with icon and words."""

from __future__ import annotations

from kiosk.pages import Notice
from screens import theme
from screens.blocks.due_list import place
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
    detail = look.words(block.detail, "body", colour=theme.INK, width=room) if block.detail else None
    written = words.height + (8 + detail.height if detail else 0)
    height = max(max(written, sign.height) + 2 * pad, place(block.room, look, width))
    top = (height - written) / 2 if block.room else pad
    panel.put(words, left, top)
    if detail:
        panel.put(detail, left, top + words.height + 8)
    panel.put(sign, pad, top if detail else top + (words.height - sign.height) / 2)
    return panel.finish(height)
