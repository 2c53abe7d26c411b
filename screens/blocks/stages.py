"""Progress of one case: a line of marks, each with when and by whose word."""

from __future__ import annotations

from kiosk.pages import Stage, Stages
from screens import theme
from screens.blocks.receipt import number_words
from screens.look import Look
from screens.panel import Panel
from screens.words import icon

_PAD = 36
_DOT = 60
_SIGNS = {"done": "check", "now": "dots-three", "waiting": "clock", "stopped": "x"}
_COLOURS = {
    "done": (theme.GREEN, theme.WHITE), "now": (theme.BLUE, theme.WHITE),
    "waiting": (theme.GREY_TINT, theme.SECOND), "stopped": (theme.RED, theme.WHITE),
}  # fmt: skip


def draw(block: Stages, look: Look, width: float) -> Panel:
    """A vertical line; what has been reached is solid, what has not is grey."""
    panel = Panel(width)
    panel.card()
    y = look.gap(30)
    if block.title:
        title = look.words(block.title, "large", bold=True, width=width - 2 * _PAD)
        panel.put(title, _PAD, y)
        y += title.height + look.gap(6 if block.number else 22)
    if block.number:
        number = number_words(look, block.number, "medium", panel.width - 2 * _PAD)
        panel.put(number, _PAD, y)
        y += number.height + look.gap(22)
    for number, stage in enumerate(block.stages):
        last = number == len(block.stages) - 1
        y += _stage(panel, stage, look, y, last=last)
    return panel.finish(y + look.gap(8))


def _stage(panel: Panel, stage: Stage, look: Look, y: float, *, last: bool) -> float:
    back, ink = _COLOURS[stage.state]
    left = _PAD + _DOT + 28
    room = panel.width - left - _PAD
    waiting = stage.state == "waiting"
    label = look.words(
        stage.label, "medium", bold=not waiting, colour=theme.SECOND if waiting else theme.INK, width=room
    )
    detail = look.second(stage.detail, "body", width=room) if stage.detail else None
    high = max(label.height + (detail.height + 2 if detail else 0), _DOT)
    step = high + look.gap(28)
    if not last:
        panel.fill(
            theme.GREEN if stage.state == "done" else theme.RULE, 0, (_PAD + _DOT / 2 - 3, y + _DOT, 6, step - _DOT)
        )
    dot = Panel(_DOT, _DOT)
    dot.fill(back, _DOT // 2)
    dot.put_middle(icon(_SIGNS[stage.state], 34, ink, bold=True), 0, 0, _DOT, _DOT)
    panel.put(dot.finish(_DOT), _PAD, y)
    top = y + (0 if detail else (_DOT - label.height) / 2)
    panel.put(label, left, top)
    if detail:
        panel.put(detail, left, top + label.height + 2)
    return step
