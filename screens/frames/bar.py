"""The action bar: exit on the left in red, back in the middle, the primary on the right and widest."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import structs

from kiosk.pages import Action
from kiosk.text import text
from screens import theme
from screens.buttons import button, least_height, room_beside
from screens.look import Look
from screens.panel import Panel

_ORDER = {"exit": 0, "secondary": 1, "plain": 1, "primary": 2}
_PAD = 32
_HUGE = 190
_NEXT_SHEET = "screens.read_on"
_SIZE = "large"


def action_bar(
    look: Look, turn_on: Callable[[], None] | None = None, turn_back: Callable[[], None] | None = None
) -> Panel | None:
    """The bar for the page's actions, in one or more rows; None without actions.

    ``turn_on``: the primary leads to the next sheet of this page instead. ``turn_back``: "back" to the one before.
    """
    actions = sorted(look.page.actions, key=lambda a: _ORDER[a.style])
    if not actions:
        return None
    rows = _rows(look, actions)
    height, size = look.metrics.button, _SIZE
    if look.page.layout == "full" and len(actions) == 1:
        height, size = max(_HUGE, round(height * 1.4)), "title"  # one thing to do: it cannot be missed
    bar = Panel(theme.WIDTH)
    bar.card(theme.WHITE, 2)
    y = _PAD
    for row in rows:
        x = float(theme.MARGIN)
        high = max(height, *(least_height(look, action, width, size) for action, width in row))
        for action, width in row:
            turns = turn_on is not None and action.style == "primary"
            made = button(look, _next_sheet(action) if turns else action, width, high, size)
            if turn_on is not None and turns:
                made.tapped = turn_on
            if turn_back is not None and action.id == "back":
                made.tapped = turn_back
            bar.put(made, x, y)
            x += width + theme.GUTTER
        y += high + theme.GUTTER
    bar.finish(y - theme.GUTTER + _PAD)
    return bar


def _next_sheet(action: Action) -> Action:
    return structs.replace(action, id=_NEXT_SHEET, label=text("screens.read_on"), icon="caret-right", enabled=True)


def _rows(look: Look, actions: list[Action]) -> list[list[tuple[Action, float]]]:
    """Three in a row at most, and no more than can be read on one line each; the primary then has a row of its own."""
    for fitting in (3, 2, 1):
        rows = [_widths(row) for row in _cut(actions, fitting)]
        if all(_fits(look, action, wide) for row in rows for action, wide in row):
            break
    return rows


def _fits(look: Look, action: Action, width: float) -> bool:
    """Whether it can be read there; large type stays visibly larger."""
    least = "medium" if look.metrics.elder else "body"
    words = look.words(action.label, least, bold=action.style == "primary")
    return words.width <= width - room_beside(look, action, least)


def _cut(actions: list[Action], fitting: int) -> list[list[Action]]:
    if len(actions) <= fitting:
        return [actions]
    *others, last = actions
    return [others[start : start + fitting] for start in range(0, len(others), fitting)] + [[last]]


def _widths(row: list[Action]) -> list[tuple[Action, float]]:
    weights = [{"primary": 1.9, "exit": 0.8}.get(action.style, 1.0) for action in row]
    room = theme.CONTENT - theme.GUTTER * (len(row) - 1)
    return [(action, room * weight / sum(weights)) for action, weight in zip(row, weights, strict=True)]
