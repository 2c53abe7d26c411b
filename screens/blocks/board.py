"""Rows with state and buttons, for the technician."""

from __future__ import annotations

from kiosk.pages import Board, BoardRow
from screens import theme
from screens.buttons import button
from screens.look import Look
from screens.panel import Panel
from screens.words import icon

_PAD = 28
_SIDE = 76


def draw(block: Board, look: Look, width: float) -> Panel:
    """One card; each row: icon, name and detail, state in words with its sign, buttons."""
    panel = Panel(width)
    panel.card()
    y = look.gap(16)
    if block.title:
        title = look.words(block.title, "medium", bold=True, width=width - 2 * _PAD)
        panel.put(title, _PAD, y + 4)
        y += title.height + 14
    for number, row in enumerate(block.rows):
        if number or block.title:
            panel.rule(_PAD, y, width - 2 * _PAD)
        y += _row(panel, row, look, y)
    return panel.finish(y + look.gap(10))


def _row(panel: Panel, row: BoardRow, look: Look, y: float) -> float:
    pad = look.gap(18)
    colour, tint = theme.LEVELS[row.level]
    state = _state(row, look)
    left = _PAD + _SIDE + 22
    right = panel.width - _PAD
    name = look.words(row.name, "body", bold=True, width=right - left - state.width - 16)
    panel.put(name, left, y + pad)
    panel.put(state, right - state.width, y + pad + (name.height - state.height) / 2)
    below = y + pad + max(name.height, state.height) + 2
    if row.detail:
        detail = look.second(row.detail, "caption", width=right - left)
        panel.put(detail, left, below)
        below += detail.height
    if row.actions:
        below = _buttons(panel, row, look, left, below + 10)
    below = max(below, y + pad + _SIDE)
    sign = Panel(_SIDE, _SIDE)
    sign.fill(tint, 18)
    sign.put_middle(icon(row.icon, 42, colour, fill=True), 0, 0, _SIDE, _SIDE)
    panel.put(sign.finish(_SIDE), _PAD, y + pad)
    return below + pad - y


def _buttons(panel: Panel, row: BoardRow, look: Look, left: float, y: float) -> float:
    x = left
    height = look.metrics.touch
    for action in row.actions:
        wide = max(look.words(action.label, "body").width + 64, height * 1.6) + (54 if action.icon else 0)
        if x > left and x + wide > panel.width - _PAD:
            x, y = left, y + height + 12
        panel.put(button(look, action, min(wide, panel.width - _PAD - left), height, "body"), x, y)
        x += wide + 14
    return y + height


def _state(row: BoardRow, look: Look) -> Panel:
    colour, tint = theme.LEVELS[row.level]
    words = look.words(row.state, "caption", colour=colour, bold=True, width=420)
    sign = icon(theme.LEVEL_ICONS[row.level], round(look.type("caption") * 1.1), colour, fill=True)
    height = words.height + 10
    pill = Panel(words.width + sign.width + 42, height)
    pill.fill(tint, int(min(22, height // 2)))
    pill.put(sign, 16, (height - sign.height) / 2)
    pill.put(words, 26 + sign.width, 5)
    return pill.finish(height)
