"""我的待办: what is due for this person, most urgent first, each with its reason."""

from __future__ import annotations

from kiosk.pages import Action, DueItem, DueList
from kiosk.text import same
from screens import theme
from screens.look import Look
from screens.panel import Panel, Target
from screens.words import icon

_PAD = 28
_BETWEEN = 20
_TICK = 112
_SAMPLE = Action(id="", label=same("A"))
_URGENCY = {
    "overdue": (theme.RED, theme.RED_TINT, "warning-circle"),
    "soon": (theme.AMBER, theme.AMBER_TINT, "clock"),
    "later": (theme.BLUE, theme.BLUE_TINT, "calendar-blank"),
    "info": (theme.SECOND, theme.GREY_TINT, "info"),
}


def draw(block: DueList, look: Look, width: float) -> Panel:
    """A heading and one card per item; fewer items than it keeps ``room`` for share that room."""
    panel = Panel(width)
    title = look.words(block.title, "large", bold=True, width=width)
    panel.put(title, 4, 0)
    y = title.height + look.gap(14)
    kept = place(block.room, look, width) - y if len(block.items) <= block.room else 0
    if not block.items:
        y += _nothing(panel, block, look, y, kept)
    for item in block.items:
        left = _TICK + _BETWEEN if item.tick else 0
        card = _item(item, look, width - left, (kept + _BETWEEN) / len(block.items) - _BETWEEN)
        if item.tick:
            panel.put(_box(item.tick, look, card.height), 0, y)
        panel.put(card, left, y)
        y += card.height + _BETWEEN
    return panel.finish(y - _BETWEEN)


def _box(tick: Action, look: Look, height: float) -> Target:
    """What chooses an item to be done with others."""
    made = Target(_TICK, height, look.tap(tick), enabled=tick.enabled, label=look.say(tick.label))
    made.radius = 24
    made.card()
    is_on = tick.icon == "check-square"
    sign = icon(tick.icon, 64, theme.BLUE if is_on else theme.SECOND, fill=is_on)
    made.put_middle(sign, 0, 0, _TICK, height)
    return made.finish(height)


def place(room: int, look: Look, width: float) -> float:
    """How high a list of ``room`` items is, each with a reason of two lines; 0 for none."""
    if not room:
        return 0
    usual = DueItem(action=_SAMPLE, reason=same("\n"), urgency="info", urgency_label=_SAMPLE.label)
    title = look.words(_SAMPLE.label, "large", bold=True, width=width)
    return title.height + look.gap(14) + room * (_item(usual, look, width).height + _BETWEEN) - _BETWEEN


def _nothing(panel: Panel, block: DueList, look: Look, y: float, least: float) -> float:
    card = Panel(panel.width)
    card.card()
    sign = icon("check-circle", 64, theme.GREEN, fill=True)
    words = look.second(block.empty, "medium", width=panel.width - 3 * _PAD - sign.width)
    height = max(max(sign.height, words.height) + 2 * look.gap(_PAD), least)
    card.put(sign, _PAD, (height - sign.height) / 2)
    card.put(words, 2 * _PAD + sign.width, (height - words.height) / 2)
    panel.put(card.finish(height), 0, y)
    return height + _BETWEEN


def _item(item: DueItem, look: Look, width: float, least: float = 0) -> Target:
    enabled = item.action.enabled
    made = Target(width, 0, look.tap(item.action), enabled=enabled, label=look.say(item.action.label))
    made.radius = 24
    made.card()
    side = 96
    pill = _pill(item, look)
    caret = icon("caret-right", 40, theme.SECOND, bold=True)
    left = _PAD + side + 26
    right = width - _PAD - caret.width - 18
    stacked = look.metrics.elder or pill.width > 300
    room = right - left - (0 if stacked else pill.width + 16)
    ink = theme.INK if enabled else theme.DISABLED
    name = look.words(item.action.label, "medium", colour=ink, bold=True, width=room)
    why = look.second(
        item.reason if enabled or not item.action.reason else item.action.reason, "body", width=right - left
    )
    pad = look.gap(26)
    written = name.height + 4 + why.height + (pill.height + 8 if stacked else 0)
    height = max(written + 2 * pad, side + 2 * pad, least)
    y = (height - written) / 2
    if stacked:
        made.put(pill, left, y)
        y += pill.height + 8
    else:
        made.put(pill, right - pill.width, y + (name.height - pill.height) / 2)
    made.put(name, left, y)
    made.put(why, left, y + name.height + 4)
    colour, tint = theme.shades(item.line.colour)[:2] if enabled else (theme.DISABLED, theme.GREY_TINT)
    made.put(_sign(item, side, colour, tint), _PAD, (height - side) / 2)
    made.put(caret, width - _PAD - caret.width, (height - caret.height) / 2)
    return made.finish(height)


def _sign(item: DueItem, side: int, colour: theme.Colour, tint: theme.Colour) -> Panel:
    sign = Panel(side, side)
    sign.fill(tint, side // 4)
    name = item.action.icon or item.line.icon or "file-text"
    sign.put_middle(icon(name, 54, colour, fill=True), 0, 0, side, side)
    return sign.finish(side)


def _pill(item: DueItem, look: Look) -> Panel:
    colour, tint, sign_name = _URGENCY[item.urgency]
    words = look.words(item.urgency_label, "caption", colour=colour, bold=True, width=340, floor="caption")
    sign = icon(sign_name, round(look.type("caption") * 1.1), colour, fill=True)
    height = words.height + 10
    pill = Panel(words.width + sign.width + 44, height)
    pill.fill(tint, int(min(22, height // 2)))
    pill.put(sign, 16, (height - sign.height) / 2)
    pill.put(words, 16 + sign.width + 10, 5)
    return pill.finish(height)
