"""A grid of services or functions: icon and name; wide ones carry a second sentence."""

from __future__ import annotations

from kiosk.pages import Tile, Tiles
from screens import theme
from screens.look import Look
from screens.panel import Panel, Target
from screens.words import icon

_PAD = 28


def draw(block: Tiles, look: Look, width: float) -> Panel:
    """Plain tiles stand together on one card; wide ones are cards of their own."""
    columns = _columns(block, look)
    panel = Panel(width)
    y = 0.0
    if not block.wide:
        panel.card()
        y = look.gap(22)
    if block.title:
        left = 0 if block.wide else _PAD + 8
        title = look.words(block.title, "large", bold=True, width=width - 2 * left)
        panel.put(title, left, y)
        y += title.height + look.gap(12)
    gap = theme.GUTTER if block.wide else 4
    room = width - (0 if block.wide else 2 * _PAD)
    wide = (room - gap * (columns - 1)) / columns
    between = theme.GUTTER if block.wide else look.gap(8)
    shape = _wide if block.wide else _beside if look.metrics.elder else _upright
    for start in range(0, len(block.tiles), columns):
        row = [shape(tile, look, wide) for tile in block.tiles[start : start + columns]]
        height = max(t.height for t in row)
        for number, tile in enumerate(row):
            if shape is not _upright:
                tile.lower((height - tile.height) / 2)
            panel.put(tile.finish(height), (0 if block.wide else _PAD) + number * (wide + gap), y)
        y += height + between
    return panel.finish(y - between + (0 if block.wide else look.gap(22)))


def _columns(block: Tiles, look: Look) -> int:
    most = block.columns
    if look.metrics.elder:
        most = min(most, 2)
    return max(1, min(most, len(block.tiles)))


def _target(tile: Tile, look: Look, width: float) -> Target:
    return Target(width, 0, look.tap(tile.action), enabled=tile.action.enabled, label=look.say(tile.action.label))


def _colours(tile: Tile) -> tuple[theme.Colour, theme.Colour]:
    return theme.shades(tile.line.colour)[:2] if tile.action.enabled else (theme.DISABLED, theme.GREY_TINT)


def _sign(tile: Tile, side: int) -> Panel:
    colour, tint = _colours(tile)
    sign = Panel(side, side)
    sign.fill(tint, side // 4)
    name = tile.action.icon or tile.line.icon or "file-text"
    sign.put_middle(icon(name, round(side * 0.56), colour, fill=True), 0, 0, side, side)
    return sign.finish(side)


def _upright(tile: Tile, look: Look, width: float) -> Target:
    made = _target(tile, look, width)
    side = round(94 * look.metrics.roomy)
    top = look.gap(14)
    made.put(_sign(tile, side), (width - side) / 2, top)
    if tile.badge:
        badge = _badge(tile, look, width / 2)
        made.put(badge, min(width - badge.width, (width + side) / 2 - 22), top - 10)
    ink = theme.INK if tile.action.enabled else theme.DISABLED
    name = look.words(tile.action.label, "body", colour=ink, width=width - 8, lines=1, floor="caption", align="center")
    made.put(name, (width - name.width) / 2, top + side + 10)
    below = top + side + 10 + name.height
    if not tile.action.enabled and tile.action.reason:
        why = look.words(tile.action.reason, "caption", colour=theme.DISABLED, width=width - 8, align="center")
        made.put(why, (width - why.width) / 2, below)
        below += why.height
    made.height = max(below + 12, look.metrics.touch)
    return made


def _beside(tile: Tile, look: Look, width: float) -> Target:
    return _row(tile, look, width, side=112, card=False)


def _wide(tile: Tile, look: Look, width: float) -> Target:
    return _row(tile, look, width, side=80, card=True)


def _row(tile: Tile, look: Look, width: float, *, side: int, card: bool) -> Target:
    made = _target(tile, look, width)
    pad = look.gap(24)
    if card:
        made.card()
    left, right = pad + side + 20, pad if card else 16
    room = width - left - right
    ink = theme.INK if tile.action.enabled else theme.DISABLED
    lines = 2 if look.metrics.elder else 1  # large type is not made small again to stay on its line
    how = {"size": "medium", "bold": True, "lines": lines} if card else {"size": "body", "lines": lines}
    name = look.words(tile.action.label, colour=ink, width=room, floor="caption", **how)
    said = tile.lead if tile.action.enabled else (tile.action.reason or tile.lead)
    lead = look.second(said, "caption", width=room) if said else None
    badge = _badge(tile, look, room) if tile.badge else None
    above = badge.height + 6 if badge else 0
    below = above + name.height + (lead.height + 2 if lead else 0)
    height = max(side, below) + 2 * pad
    made.put(_sign(tile, side), pad, (height - side) / 2)
    top = (height - below) / 2
    if badge:
        made.put(badge, left, top)
    made.put(name, left, top + above)
    if lead:
        made.put(lead, left, top + above + name.height + 2)
    made.height = max(height, look.metrics.touch)
    return made


def _badge(tile: Tile, look: Look, most: float) -> Panel:
    words = look.words(tile.badge, "caption", colour=theme.WHITE, bold=True, width=most, lines=1, floor="caption")
    badge = Panel(words.width + 26, words.height + 4)
    badge.fill(theme.RED, int(badge.height // 2))
    badge.put(words, 13, 2)
    return badge.finish(words.height + 4)
