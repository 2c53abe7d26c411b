"""Buttons of the action bar and of blocks, drawn from an ``Action``."""

from __future__ import annotations

from kiosk.pages import Action
from screens import theme
from screens.look import Look
from screens.panel import Target
from screens.words import Words, icon

_STYLES = {
    "primary": (theme.BLUE, theme.WHITE),
    "secondary": (theme.BLUE_TINT, theme.BLUE),
    "exit": (theme.WHITE, theme.RED),
    "plain": (theme.BLUE_TINT, theme.BLUE),
}
_EDGES, _GAP = 36, 14


def button(look: Look, action: Action, width: float, height: float | None = None, size: str = "medium") -> Target:
    """A button with its words in the middle, its icon before them, and, when disabled, the reason beneath."""
    height = max(height or look.metrics.button, least_height(look, action, width, size))
    back, ink = _STYLES[action.style] if action.enabled else (theme.GREY_TINT, theme.DISABLED)
    made = Target(width, height, look.tap(action), enabled=action.enabled, label=look.say(action.label))
    if action.style == "primary" and action.enabled:
        made.card(back, 20)
    else:
        made.fill(back, 20)
    if action.style == "exit":
        made.frame(theme.rgb("#E6C4C1"), 20, 2)
    caption = _reason(look, action, width)
    _label(look, made, action, ink, size, caption.height if caption else 0)
    if caption:
        made.put(caption, (width - caption.width) / 2, height - caption.height - 6)
    made.finish(height)
    return made


def least_height(look: Look, action: Action, width: float, size: str) -> float:
    """What the words take, and beneath them the reason why it cannot be touched, px."""
    caption = _reason(look, action, width)
    return look.type(size) * 1.5 + caption.height + 6 if caption else 0


def _reason(look: Look, action: Action, width: float) -> Words | None:
    if action.enabled or not action.reason:
        return None
    return look.words(
        action.reason, "caption", colour=theme.DISABLED, width=width - 32, lines=1, floor="caption", align="center"
    )


def room_beside(look: Look, action: Action, size: str) -> float:
    """What a button needs beside its words: edges and icon, px."""
    return _EDGES + (icon(action.icon, _sign_px(look, size), theme.INK, bold=True).width + _GAP if action.icon else 0)


def _sign_px(look: Look, size: str) -> int:
    return round(look.type(size) * 1.15)


def _label(look: Look, made: Target, action: Action, ink: theme.Colour, size: str, below: float) -> None:
    sign = icon(action.icon, _sign_px(look, size), ink, bold=True) if action.icon else None
    beside = sign.width + _GAP if sign else 0
    bold = action.style == "primary"
    words = look.words(
        action.label,
        size,
        colour=ink,
        bold=bold,
        width=made.width - _EDGES - beside,
        lines=1,
        floor="caption",
        align="center",
    )
    left = (made.width - words.width - beside) / 2
    height = made.height - below
    if sign:
        made.put(sign, left, (height - sign.height) / 2)
    made.put(words, left + beside, (height - words.height) / 2)
