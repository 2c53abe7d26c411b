"""What stands on the glass between a visit's end and the next page: nothing of anyone, and not nothing."""

from __future__ import annotations

from kiosk.text import text
from screens import paint, theme
from screens.panel import Panel
from screens.theme import Metrics
from screens.words import Words, icon

_DISC = 240


def cover(metrics: Metrics) -> Panel:
    """The house colours, the emblem, and in every language that this visit is being erased."""
    page = Panel(theme.WIDTH)
    page.picture(paint.gradient(*theme.shades("")[2:]))
    disc = Panel(_DISC, _DISC)
    disc.fill((1, 1, 1, 0.16), _DISC // 2)
    disc.put_middle(icon("shield-check", _DISC // 2, theme.GOLD, fill=True), 0, 0, _DISC, _DISC)
    y = theme.HEIGHT * 0.32
    page.put(disc.finish(_DISC), (theme.WIDTH - _DISC) / 2, y)
    y += _DISC + 60
    for language in ("zh", "en"):
        for key, size in (("wiping", "title"), ("wiping_lead", "body")):
            said = text(f"screens.{key}").in_language(language)
            words = Words(
                said,
                metrics.type(size),
                colour=theme.WHITE,
                bold=size == "title",
                width=theme.CONTENT,
                align="center",
            )
            page.put(words, (theme.WIDTH - words.width) / 2, y)
            y += words.height + 12
        y += 40
    return page.finish(theme.HEIGHT)
