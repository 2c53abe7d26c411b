"""The police lines: up to four columns; more, or in large type, are rows."""

from __future__ import annotations

from kiosk.pages import LineCard, LineCards
from screens import paint, theme
from screens.look import Look
from screens.panel import Panel, Target
from screens.words import icon

_RADIUS = 24
_HEAD = 204
_COLUMNS = 4


def draw(block: LineCards, look: Look, width: float) -> Panel:
    """One card per line, all of one height."""
    if look.metrics.elder or len(block.cards) > _COLUMNS:
        return _stacked(block, look, width)
    columns = max(1, len(block.cards))
    wide = int(width - theme.GUTTER * (columns - 1)) // columns
    contents = [_column(card, look, wide) for card in block.cards]
    height = max(c.height for c in contents)
    panel = Panel(width)
    for number, (card, content) in enumerate(zip(block.cards, contents, strict=True)):
        panel.put(_framed(card, look, content, wide, height), number * (wide + theme.GUTTER), 0)
    return panel.finish(height)


def _framed(card: LineCard, look: Look, content: Panel, wide: int, height: float) -> Target:
    made = Target(wide, height, look.tap(card.action), enabled=card.action.enabled, label=look.say(card.action.label))
    made.radius = _RADIUS
    made.card(radius=_RADIUS)
    made.put(content, 0, 0)
    dark, light = theme.shades(card.line.colour)[2:] if card.action.enabled else theme.OFF
    head = Panel(wide, _HEAD)
    head.picture(paint.header(wide, _HEAD, dark, light, (_RADIUS, _RADIUS, 0, 0)))
    made.put(_head(head, card, look), 0, 0)
    return made.finish(height)


def _head(head: Panel, card: LineCard, look: Look) -> Panel:
    head.put(_sign(card, 84, 0.2), 28, 24)
    caret = icon("caret-right", 36, theme.WHITE, bold=True)
    head.put(caret, head.width - caret.width - 24, 24 + (84 - caret.height) / 2)
    title = look.words(
        card.action.label, "title", colour=theme.WHITE, bold=True, width=head.width - 50, lines=1, floor="body"
    )
    head.put(title, 28, 116 + (80 - title.height) / 2)
    return head.finish(_HEAD)


def _column(card: LineCard, look: Look, wide: float) -> Panel:
    colour = theme.shades(card.line.colour).colour
    body = Panel(wide)
    y = float(_HEAD + 20)
    for item in card.items:
        words = look.words(item, "body", width=wide - 66, lines=1, floor="caption")
        body.fill(colour, 5, (30, y + look.type("body") * 0.66, 10, 10))
        body.put(words, 52, y)
        y += words.height + 5
    foot = card.count if card.action.enabled else card.action.reason or card.count
    ink = colour if card.action.enabled else theme.DISABLED
    count = look.words(foot, "caption", colour=ink, width=wide - 56)
    body.put(count, 28, y + 6)
    return body.finish(y + 6 + count.height + 22)


def _stacked(block: LineCards, look: Look, width: float) -> Panel:
    panel = Panel(width)
    y = 0.0
    for card in block.cards:
        row = _row(card, look, width)
        panel.put(row, 0, y)
        y += row.height + theme.GUTTER
    return panel.finish(y - theme.GUTTER)


def _row(card: LineCard, look: Look, width: float) -> Target:
    enabled = card.action.enabled
    dark, light = theme.shades(card.line.colour)[2:] if enabled else theme.OFF
    title = look.words(
        card.action.label, "title", colour=theme.WHITE, bold=True, width=width - 320, lines=1, floor="medium"
    )
    said = card.count if enabled else card.action.reason or card.count
    words = look.words(said, "caption", colour=theme.WHITE, width=width - 320, lines=1, floor="caption")
    height = max(176, round(title.height + words.height + 36))
    made = Target(width, height, look.tap(card.action), enabled=enabled, label=look.say(card.action.label))
    made.radius = _RADIUS
    made.card(radius=_RADIUS)
    made.picture(paint.header(int(width), height, dark, light, (_RADIUS,) * 4))
    made.put(_sign(card, 120, 0.2), 36, (height - 120) / 2)
    top = (height - title.height - words.height - 4) / 2
    made.put(title, 192, top)
    made.put(words, 192, top + title.height + 4)
    caret = icon("caret-right", 52, theme.WHITE, bold=True)
    made.put(caret, width - caret.width - 32, (height - caret.height) / 2)
    return made.finish(height)


def _sign(card: LineCard, side: int, glass: float) -> Panel:
    sign = Panel(side, side)
    sign.fill((1, 1, 1, glass), side // 5)
    name = card.action.icon or card.line.icon or "squares-four"
    sign.put_middle(icon(name, round(side * 0.66), theme.WHITE, fill=True), 0, 0, side, side)
    return sign.finish(side)
