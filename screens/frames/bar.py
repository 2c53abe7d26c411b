"""The action bar: exit on the left in red, back in the middle, the primary on the right and widest."""

from __future__ import annotations

from kiosk.pages import Action
from screens import theme
from screens.buttons import button
from screens.look import Look
from screens.panel import Panel

_ORDER = {"exit": 0, "secondary": 1, "plain": 1, "primary": 2}
_PAD = 32
_HUGE = 190


def action_bar(look: Look) -> Panel | None:
    """The bar for the page's actions, in one or more rows; None without actions."""
    actions = sorted(look.page.actions, key=lambda a: _ORDER[a.style])
    if not actions:
        return None
    rows = _rows(actions)
    height, size = look.metrics.button, "large"
    if look.page.layout == "full" and len(actions) == 1:
        height, size = max(_HUGE, round(height * 1.4)), "title"  # one thing to do: it cannot be missed
    bar = Panel(theme.WIDTH)
    bar.card(theme.WHITE, 2)
    y = _PAD
    for row in rows:
        x = float(theme.MARGIN)
        for action, width in row:
            bar.put(button(look, action, width, height, size), x, y)
            x += width + theme.GUTTER
        y += height + theme.GUTTER
    bar.finish(y - theme.GUTTER + _PAD)
    return bar


def _rows(actions: list[Action]) -> list[list[tuple[Action, float]]]:
    fitting = 3
    rows: list[list[Action]] = []
    while actions:
        rows.insert(0, actions[-fitting:])
        actions = actions[:-fitting]
    return [_widths(row) for row in rows]


def _widths(row: list[Action]) -> list[tuple[Action, float]]:
    weights = [{"primary": 1.9, "exit": 0.8}.get(action.style, 1.0) for action in row]
    room = theme.CONTENT - theme.GUTTER * (len(row) - 1)
    return [(action, room * weight / sum(weights)) for action, weight in zip(row, weights, strict=True)]
