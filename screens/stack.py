"""Blocks one beneath the other: sparse pages grow into their room, crowded ones close up, too long ones are cut."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable
from dataclasses import dataclass, replace

from msgspec.structs import replace as changed

from kiosk.pages import Block, DueList, Facts, Field, Grades, Hero, LineCards, SignaturePad, Stages, Tiles
from screens import theme
from screens.blocks import ROWS, STRETCH, draw
from screens.look import Look
from screens.panel import Panel
from screens.theme import Metrics

_HERO_TYPE = 1.1  # no more, and nowhere else: large type must stay visibly larger than this
_ONE_THING = 2  # a sign with its sentence, and what belongs to it
_AIRY = (2.4, 1.7, 1.3)
_SHRINKAGE = (0.75, 0.5)
_FULL_SHARE = 0.97
_LEAST_STRETCH = 620
_MOST_SIGNATURE = 860


@dataclass(frozen=True, slots=True)
class Space:
    """The room of a screenful in px: ``keys`` of its ``height`` are taken where it has a field that is typed in."""

    width: float
    height: float
    keys: float = 0.0

    def beside(self, blocks: Iterable[Block]) -> float:
        """How high these blocks of one screenful may be."""
        return self.height - (self.keys if any(isinstance(block, Field) for block in blocks) else 0.0)

    def without(self, taken: float) -> Space:
        """The same with so much less height."""
        return replace(self, height=self.height - taken)


def sheets(look: Look, blocks: tuple[Block, ...], space: Space, pager: float) -> list[tuple[Block, ...]]:
    """The blocks cut into screenfuls; with more than one, ``pager`` px stay free for its buttons."""
    best: list[tuple[Block, ...]] = []
    before = look.metrics
    for airy in (1.0, *_SHRINKAGE):
        look.metrics = replace(before, airy=airy)
        if natural(look, blocks, space.width) <= space.beside(blocks):
            best = [blocks]
            break
        cut = _cut_up(look, blocks, space.without(pager))
        if not best or len(cut) < len(best):
            best = cut
    look.metrics = before
    return best


def arrange(look: Look, blocks: tuple[Block, ...], width: float, height: float, *, centred: bool) -> Panel:
    """One screenful, ``height`` px high, composed so that no large part stays empty."""
    _close_up(look, blocks, width, height)
    stretch = [b for b in blocks if type(b) in STRETCH]
    share = _share(look, blocks, stretch, width, height)
    _grow(look, blocks, width, height, share)
    panels = [draw(b, look, width, share) for b in blocks]
    gutter = _gutter(look)
    free = max(0.0, height - sum(p.height for p in panels) - gutter * (len(panels) - 1))
    gap = gutter + min(30.0, free / (len(panels) + 1)) if panels else 0
    free -= (gap - gutter) * max(0, len(panels) - 1)
    y = free * (0.44 if centred or any(isinstance(b, Hero | Grades) for b in blocks) else 0.0)
    sheet = Panel(width)
    for panel in panels:
        sheet.put(panel, 0, y)
        y += panel.height + gap
    return sheet.finish(height)


def holds(look: Look, cut: list[tuple[Block, ...]], space: Space) -> bool:
    """Whether each screenful fits, with the smallest distances and whatever is left for what stretches."""
    before = look.metrics
    look.metrics = replace(before, airy=_SHRINKAGE[-1])
    fit = all(natural(look, sheet, space.width, 0) <= space.beside(sheet) for sheet in cut if sheet)
    look.metrics = before
    return fit


def natural(look: Look, blocks: tuple[Block, ...], width: float, share: float = _LEAST_STRETCH) -> float:
    """The height in px that the blocks take by themselves."""
    return sum(_height(look, b, width, share) for b in blocks) + _gutter(look) * (len(blocks) - 1)


def _share(look: Look, blocks: tuple[Block, ...], stretch: list[Block], width: float, height: float) -> float:
    """What each stretching block gets of the height that the others leave."""
    if not stretch:
        return 0.0
    used = sum(_height(look, b, width) for b in blocks if type(b) not in STRETCH)
    share = (height - used - _gutter(look) * (len(blocks) - 1)) / len(stretch)
    return min(share, _MOST_SIGNATURE) if isinstance(stretch[0], SignaturePad) else share


def _gutter(look: Look) -> float:
    return theme.GUTTER * min(1.0, look.metrics.airy)


def _height(look: Look, block: Block, width: float, share: float = _LEAST_STRETCH) -> float:
    if type(block) in STRETCH:
        return share
    key = (block, width, look.metrics)
    if key not in look.heights:
        look.heights[key] = draw(block, look, width).height
    return look.heights[key]


def _close_up(look: Look, blocks: tuple[Block, ...], width: float, height: float) -> None:
    """Smaller distances, as far as needed."""
    before = look.metrics
    for airy in (1.0, *_SHRINKAGE):
        look.metrics = replace(before, airy=airy)
        if natural(look, blocks, width) <= height:
            return


def _grow(look: Look, blocks: tuple[Block, ...], width: float, height: float, share: float) -> None:
    """Larger type where a page says one thing, larger distances elsewhere, as far as everything still fits."""
    if look.metrics.airy < 1 or natural(look, blocks, width, share) > height * 0.93:
        return
    if look.centred and len(blocks) <= _ONE_THING:
        _try(look, replace(look.metrics, roomy=_HERO_TYPE), blocks, width, height, share)
        return
    for airy in _AIRY:
        _try(look, replace(look.metrics, airy=airy), blocks, width, height, share)


def _try(look: Look, metrics: Metrics, blocks: tuple[Block, ...], width: float, height: float, share: float) -> None:
    """Take ``metrics`` if the blocks still fit with them and nothing larger was taken before."""
    before = look.metrics
    if metrics.roomy < before.roomy or metrics.airy < before.airy:
        return
    stretching = share * sum(type(b) in STRETCH for b in blocks)
    growing = natural(look, blocks, width, share) - stretching
    if growing * metrics.roomy / before.roomy > height - stretching:
        return
    look.metrics = metrics
    if natural(look, blocks, width, share) > height * _FULL_SHARE:
        look.metrics = before


def _cut_up(look: Look, blocks: tuple[Block, ...], space: Space) -> list[tuple[Block, ...]]:
    done: list[tuple[Block, ...]] = []
    rest = list(blocks)
    while rest:
        taken, rest = _blocks_that_fit(look, rest, space)
        done.append(tuple(taken))
    return done


def _blocks_that_fit(look: Look, rest: list[Block], space: Space) -> tuple[list[Block], list[Block]]:
    """As many blocks as fit, the last perhaps cut; always at least one."""
    taken: list[Block] = []
    used = 0.0
    for place, block in enumerate(rest):
        room = space.beside([*taken, block])
        need = _height(look, block, space.width)
        if used + need <= room:
            taken.append(block)
            used += need + _gutter(look)
            continue
        # What is one thing stays whole if the next sheet can hold it: half of it looks like an error.
        whole = taken and _is_one_thing(block) and need <= space.beside([block])
        head, tail = (None, []) if whole else _cut(look, block, space.width, room - used)
        if head is not None:
            return [*taken, head], [*tail, *rest[place + 1 :]]
        return (taken, rest[place:]) if taken else ([block], rest[place + 1 :])
    return taken, []


def _is_one_thing(block: Block) -> bool:
    """A grid, how a case stands, the facts of one thing that has a name."""
    return isinstance(block, Tiles | LineCards | Stages) or (isinstance(block, Facts) and bool(block.title))


def _cut(look: Look, block: Block, width: float, room: float) -> tuple[Block | None, list[Block]]:
    name = ROWS.get(type(block))
    if name is None:
        return None, []
    rows = getattr(block, name)

    def head(count: int) -> Block:
        return changed(block, **{name: rows[:count]})

    # More rows are higher: of eighty, seven are tried and not seventy, and each try lays all of them out.
    counts = range(1, len(rows))
    count = bisect(counts, 0, key=lambda count: _height(look, head(count), width) > room)
    if count == 0:
        return None, []
    tail = {name: rows[count:]} | ({"room": 0} if isinstance(block, DueList) else {})
    return head(count), [changed(block, **tail)]
