"""Blocks one beneath the other: sparse pages grow into their room, full ones are cut into pages."""

from __future__ import annotations

from dataclasses import replace
from math import inf

from msgspec.structs import replace as changed

from kiosk.pages import Block, CardPrompt, Grades, Hero, LineCards, Tiles
from screens import theme
from screens.blocks import ROWS, STRETCH, draw
from screens.look import Look
from screens.panel import Panel

_ROOMY = (1.4, 1.25, 1.12)
_LEAST_STRETCH = 620
_KEEP_SIZE = (CardPrompt, LineCards, Tiles)  # the home page's blocks have their own proportions


def sheets(look: Look, blocks: tuple[Block, ...], width: float, height: float, pager: float) -> list[tuple[Block, ...]]:
    """The blocks cut into screenfuls of ``height`` px; with more than one, ``pager`` px stay free for its buttons."""
    if _total(look, blocks, width) <= height:
        return [blocks]
    room = height - pager
    done: list[tuple[Block, ...]] = []
    rest = list(blocks)
    while rest:
        taken, rest = _take(look, rest, width, room)
        done.append(tuple(taken))
    return done


def arrange(look: Look, blocks: tuple[Block, ...], width: float, height: float, *, centred: bool) -> Panel:
    """One screenful, ``height`` px high, composed so that no large part stays empty."""
    stretch = [b for b in blocks if type(b) in STRETCH]
    if not stretch and not any(isinstance(b, _KEEP_SIZE) for b in blocks):
        look.metrics = _grown(look, blocks, width, height)
    fixed = {id(b): draw(b, look, width) for b in blocks if type(b) not in STRETCH}
    gaps = theme.GUTTER * (len(blocks) - 1)
    used = sum(p.height for p in fixed.values()) + gaps
    share = (height - used) / len(stretch) if stretch else 0
    panels = [fixed.get(id(b)) or draw(b, look, width, share) for b in blocks]
    free = max(0.0, height - sum(p.height for p in panels) - gaps)
    centred = centred or any(isinstance(b, Hero | Grades) for b in blocks)
    gap = theme.GUTTER + min(22.0, free / (len(panels) + 1)) if panels else 0
    free -= (gap - theme.GUTTER) * max(0, len(panels) - 1)
    y = free * (0.42 if centred else 0.0)
    sheet = Panel(width)
    for panel in panels:
        sheet.put(panel, 0, y)
        y += panel.height + gap
    return sheet.finish(height)


def _total(look: Look, blocks: tuple[Block, ...] | list[Block], width: float) -> float:
    return sum(_height(look, b, width) for b in blocks) + theme.GUTTER * (len(blocks) - 1)


def _height(look: Look, block: Block, width: float) -> float:
    return float(_LEAST_STRETCH) if type(block) in STRETCH else draw(block, look, width).height


def _take(look: Look, rest: list[Block], width: float, room: float) -> tuple[list[Block], list[Block]]:
    taken: list[Block] = []
    left = room
    for place, block in enumerate(rest):
        need = _height(look, block, width)
        if need <= left:
            taken.append(block)
            left -= need + theme.GUTTER
            continue
        head, tail = _cut(look, block, width, left)
        if head is not None:
            return [*taken, head], [*tail, *rest[place + 1 :]]
        if taken:
            return taken, rest[place:]
        return [block], rest[place + 1 :]
    return taken, []


def _cut(look: Look, block: Block, width: float, room: float) -> tuple[Block | None, list[Block]]:
    name = ROWS.get(type(block))
    rows = getattr(block, name) if name else ()
    for count in range(len(rows) - 1, 0, -1):
        head = changed(block, **{name: rows[:count]})
        if _height(look, head, width) <= room:
            return head, [changed(block, **{name: rows[count:]})]
    return None, []


def _grown(look: Look, blocks: tuple[Block, ...], width: float, height: float) -> theme.Metrics:
    metrics = look.metrics
    natural = _total(look, blocks, width) or inf
    for roomy in _ROOMY:
        if natural * roomy <= height and (not metrics.elder or roomy < 1.2):
            look.metrics = replace(metrics, roomy=roomy)
            grown = _total(look, blocks, width)
            if grown <= height * 0.96:
                return look.metrics
    return metrics
