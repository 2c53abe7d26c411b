"""The steps header's dots: where one is, what is done, what comes. Number or check, and a word."""

from __future__ import annotations

from kiosk.pages import StepMark
from screens import theme
from screens.look import Look
from screens.panel import Panel
from screens.words import icon

DOT = 60
_DONE = theme.rgb("#128A58")
_WAITING = theme.rgb("#04122E", 0.28)  # darker, not lighter: the number on it is white


def dots(look: Look, width: float) -> Panel:
    """One dot per step. If the words do not all fit on one line, only the present step's word is shown."""
    marks = look.page.steps
    cell = width / len(marks)
    labels = [_label(look, mark) for mark in marks]
    every = all(label.width <= cell - 8 for label in labels)
    row = Panel(width)
    _joints(row, marks, cell)
    for number, (mark, label) in enumerate(zip(marks, labels, strict=True)):
        middle = cell * (number + 0.5)
        row.put(_dot(look, mark, number + 1), middle - DOT / 2, 0)
        if every or mark.state == "now":
            left = min(max(0.0, middle - label.width / 2), width - label.width)
            row.put(label, left, DOT + 10)
    row.finish()
    return row


def _joints(row: Panel, marks: tuple[StepMark, ...], cell: float) -> None:
    for number, mark in enumerate(marks[:-1]):
        colour = _DONE if mark.state == "done" else _WAITING
        row.fill(colour, 0, (cell * (number + 0.5) + DOT / 2 + 8, DOT / 2 - 2, cell - DOT - 16, 4))


def _dot(look: Look, mark: StepMark, number: int) -> Panel:
    dot = Panel(DOT, DOT)
    dot.fill({"done": _DONE, "now": theme.WHITE, "waiting": _WAITING}[mark.state], DOT // 2)
    if mark.state == "done":
        inner = icon("check", 34, theme.WHITE, bold=True)
    else:
        colour = theme.NAVY if mark.state == "now" else theme.WHITE
        inner = look.words(str(number), "body", colour=colour, bold=True, width=DOT - 4, lines=1, floor="caption")
    dot.put_middle(inner, 0, 0, DOT, DOT)
    dot.finish(DOT)
    return dot


def _label(look: Look, mark: StepMark) -> Panel:
    now = mark.state == "now"
    return look.words(mark.label, "caption", colour=theme.WHITE if now else theme.ON_NAVY_SECOND, bold=now)
