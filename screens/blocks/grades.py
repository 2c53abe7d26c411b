"""Five grades, none chosen beforehand; a tap answers at once."""

from __future__ import annotations

from kiosk.pages import Action, Grades
from screens import theme
from screens.look import Look
from screens.panel import Panel, Target
from screens.words import icon

_FACES = ("emoticon-excited", "smiley", "smiley-meh", "smiley-sad", "emoticon-frown")
_COLOURS = (
    (theme.GREEN, theme.GREEN_TINT), (theme.GREEN, theme.GREEN_TINT), (theme.BLUE, theme.BLUE_TINT),
    (theme.AMBER, theme.AMBER_TINT), (theme.RED, theme.RED_TINT),
)  # fmt: skip


def draw(block: Grades, look: Look, width: float) -> Panel:
    """One wide row per grade, best first: readable, and easy to hit."""
    panel = Panel(width)
    y = 0.0
    if block.label:
        label = look.words(block.label, "title", bold=True, width=width)
        panel.put(label, 4, 0)
        y = label.height + look.gap(20)
    for number, action in enumerate(block.actions):
        row = _row(action, number, look, width)
        panel.put(row, 0, y)
        y += row.height + 18
    return panel.finish(y - 18)


def _row(action: Action, number: int, look: Look, width: float) -> Target:
    place = min(number, len(_FACES) - 1)
    colour, tint = _COLOURS[place]
    words = look.words(action.label, "large", bold=True, width=width - 260)
    height = max(words.height + 40, look.gap(132))
    side = height - 36
    made = Target(width, height, look.tap(action), enabled=action.enabled, label=look.say(action.label))
    made.radius = 24
    made.card()
    disc = Panel(side, side)
    disc.fill(tint, int(side // 2))
    disc.put_middle(icon(action.icon or _FACES[place], round(side * 0.66), colour, fill=True), 0, 0, side, side)
    made.put(disc.finish(side), 30, 18)
    made.put(words, 30 + side + 34, (height - words.height) / 2)
    caret = icon("caret-right", 40, theme.SECOND, bold=True)
    made.put(caret, width - caret.width - 30, (height - caret.height) / 2)
    return made.finish(height)
