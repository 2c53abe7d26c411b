"""Rows of label and value, on one card."""

from __future__ import annotations

from kiosk.pages import Fact, Facts
from screens import theme
from screens.buttons import button
from screens.look import Look
from screens.panel import Panel

_PAD = 34


def draw(block: Facts, look: Look, width: float) -> Panel:
    """A card; labels share one column, values the rest, a rule between rows."""
    panel = Panel(width)
    panel.card()
    y = look.gap(20)
    if block.title:
        title = look.words(block.title, "medium", bold=True, width=width - 2 * _PAD)
        panel.put(title, _PAD, y)
        y += title.height + look.gap(8)
    column = _column(block, look, width)
    for number, row in enumerate(block.rows):
        if number or block.title:
            panel.rule(_PAD, y, width - 2 * _PAD)
        y += _row(panel, row, look, column, y)
    return panel.finish(y + look.gap(20))


def _column(block: Facts, look: Look, width: float) -> float:
    widest = max((look.second(row.label, "body").width for row in block.rows), default=0)
    return min(widest, (width - 2 * _PAD) * 0.42)


def _row(panel: Panel, row: Fact, look: Look, column: float, y: float) -> float:
    pad = look.gap(20)
    change = None
    right = panel.width - _PAD
    if row.action is not None:
        wide = max(look.words(row.action.label, "body").width + 60, look.metrics.touch * 1.4)
        change = button(look, row.action, wide, look.metrics.touch, "body")
        right -= wide + theme.GUTTER
    left = _PAD + column + theme.GUTTER
    label = look.second(row.label, "body", width=column)
    value = look.words(row.value, "body", bold=True, width=right - left)
    high = max(label.height, value.height, change.height if change else 0)
    panel.put(label, _PAD, y + pad + (0 if value.height > label.height * 1.4 else (high - label.height) / 2))
    panel.put(value, left, y + pad + (high - value.height) / 2)
    if change:
        panel.put(change, panel.width - _PAD - change.width, y + pad + (high - change.height) / 2)
    return high + 2 * pad
