"""A whole page: frame, blocks, keyboard, action bar, put together for one look."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from kiosk.clock import Clock
from kiosk.pages import Action, Block, Field, Hero, Page, Paragraph
from kiosk.text import same, text
from screens import theme
from screens.buttons import button
from screens.frames import home, step
from screens.frames.bar import action_bar
from screens.frames.ring import Ring
from screens.keyboard import keyboard, keyboard_height
from screens.look import Look
from screens.panel import Panel
from screens.stack import Space, arrange, holds, natural, sheets

_PAD, _FOOT = 30, 24
_INSET = 44
_AIR = 1.5  # how much more than its natural height a form may take beside a larger keyboard
_LARGER, _SMALLER = (1.4, 1.2), (1.0, 0.9, 0.8, 0.7)  # heights of keys


@dataclass
class Drawn:
    """A page ready to be mounted; ``count`` is how many sheets its blocks need."""

    root: Panel
    ring: Ring | None
    index: int
    count: int


class _Room(NamedTuple):
    """The header of a page and what is beneath it: from where on, how high the keys are, the sheets."""

    head: Panel
    ring: Ring | None
    top: float
    growth: float
    cut: list[tuple[Block, ...]]
    pager: float
    """How high the pager is, with its distance; 0: the bar leads through the sheets."""


def draw(look: Look, clock: Clock, index: int, turn: Callable[[int], None]) -> Drawn:
    """Draw sheet ``index`` of the look's page, -1: the one with the field that is typed in.

    ``turn`` is called with the number of another sheet. The keys are for a field of the sheet that is shown: the
    look's focus goes to the first one there.
    """
    root = Panel(theme.WIDTH, theme.HEIGHT)
    root.fill(theme.PAGE)
    bar = home.settings_bar(look) if look.page.layout == "home" else action_bar(look)
    bottom = theme.HEIGHT - (bar.height if bar else 0)
    head, ring, top, growth, cut, pager = _room(look, clock, bottom)
    if look.page.layout == "full":
        root.put(step.backdrop(look, bottom), 0, 0)
    root.put(head, 0, 0)
    inset = 0
    if look.page.layout == "full":
        root.card(theme.WHITE, 36, (theme.MARGIN, top, theme.CONTENT, bottom - 44 - top))
        inset = _INSET
        top, bottom = top + inset, bottom - 44 - inset + _FOOT
    width = theme.CONTENT - 2 * inset
    index = _which(look, cut, index)
    keys = _keys(look, cut[index], growth)
    below = bottom - (keys.height if keys else 0)
    _content(root, look, (theme.MARGIN + inset, top, width, below - _FOOT - top), cut, index, pager, turn)
    if keys:
        root.put(keys, 0, below)
    if bar:
        bar = _going_on(look, bar, turn, index, len(cut), leads_back=not pager)
        root.put(bar, 0, theme.HEIGHT - bar.height)
    root.finish(theme.HEIGHT)
    return Drawn(root, ring, index, len(cut))


def _going_on(
    look: Look, bar: Panel, turn: Callable[[int], None], index: int, count: int, *, leads_back: bool
) -> Panel:
    """The bar of this sheet: nobody agrees to what stands on a later one, so forward leads there first.

    ``leads_back``: there is no pager, so that back leads to the sheet before.
    """
    turns_on = index + 1 < count and any(action.style == "primary" for action in look.page.actions)
    turns_back = leads_back and index > 0
    if not (turns_on or turns_back):
        return bar
    found = action_bar(
        look, (lambda: turn(index + 1)) if turns_on else None, (lambda: turn(index - 1)) if turns_back else None
    )
    return found.finish(bar.height) if found else bar


def _room(look: Look, clock: Clock, bottom: float) -> _Room:
    """The header, and the sheets beneath it.

    Before anything lies on something else the header leaves out its dots, then its chips; then the bar leads through
    the sheets, and the room of the pager is theirs.
    """
    first, *others = _shapes(look)
    room, is_enough = _shaped(look, clock, bottom, *first)
    for shape in others:
        if is_enough:
            break
        room, is_enough = _shaped(look, clock, bottom, *shape)
    return room


def _shaped(look: Look, clock: Clock, bottom: float, without: tuple[str, ...], pager: float) -> tuple[_Room, bool]:
    """One shape of the page, and whether everything has room in it."""
    is_full = look.page.layout == "full"
    width, around = (theme.CONTENT - 2 * _INSET, 44 + 2 * _INSET) if is_full else (theme.CONTENT, _FOOT)
    head, ring, top = _head(look, clock, crowded=bool(without), without=without)
    growth = _growth(look, bottom - top, pager)
    if growth < 1 and look.settings.low_reach:  # the header gives way before the keys do
        head, ring, top = _head(look, clock, crowded=True, without=without)
        growth = _growth(look, bottom - top, pager)
    space = Space(width, bottom - top - around, _reserved(look, growth))
    cut = _cut(look, space, pager)
    is_enough = holds(look, cut, space.without(pager if len(cut) > 1 else 0))
    return _Room(head, ring, top, growth, cut, pager), is_enough


def _shapes(look: Look) -> Iterator[tuple[tuple[str, ...], float]]:
    """What the header leaves out, and how high the pager is, in the order in which they are tried."""
    pager = _pager_height(look)
    for without in ((), ("steps",), ("steps", "chips")):
        yield without, pager
    if {"back", "primary"} <= {said for action in look.page.actions for said in (action.id, action.style)}:
        yield ("steps", "chips"), 0


def _head(
    look: Look, clock: Clock, *, crowded: bool = False, without: Collection[str] = ()
) -> tuple[Panel, Ring | None, float]:
    """The frame's header, its ring, and where the content begins."""
    if look.page.layout == "home":
        head, top = home.header(look, clock)
        return head, None, top
    head, ring = step.header(look, titled=_titled(look), crowded=crowded, without=without)
    return head, ring, head.height + _PAD


def _cut(look: Look, space: Space, pager: float) -> list[tuple[Block, ...]]:
    """The blocks in as many sheets as they need, with room for any keys of the page where something is typed."""
    blocks = _blocks(look)
    return sheets(look, blocks, space, pager) if blocks else [()]


def _which(look: Look, cut: list[tuple[Block, ...]], index: int) -> int:
    """The number of the sheet to show; what is typed in is on it, unless it has no field."""
    if index < 0:
        index = next((at for at, sheet in enumerate(cut) if _is_on(look.focused, sheet)), 0)
    index = min(index, len(cut) - 1)
    fields = [block.name for block in cut[index] if isinstance(block, Field)]
    if look.focused and fields and look.focused not in fields:
        look.focused = fields[0]
    return index


def _content(
    root: Panel,
    look: Look,
    box: tuple[float, float, float, float],
    cut: list[tuple[Block, ...]],
    index: int,
    pager: float,
    turn: Callable[[int], None],
) -> None:
    x, y, width, height = box
    if len(cut) > 1 and pager:
        height -= pager
        root.put(_pager(look, index, len(cut), width, look.metrics.button, turn), x, y + height + _FOOT)
    if cut[index]:
        root.put(arrange(look, cut[index], width, height, centred=look.page.layout == "full"), x, y)


def _pager_height(look: Look) -> float:
    return look.metrics.button + _FOOT


def _is_on(field: str, sheet: tuple[Block, ...]) -> bool:
    return any(isinstance(block, Field) and block.name == field for block in sheet)


def _blocks(look: Look) -> tuple[Block, ...]:
    page = look.page
    if page.lead and page.layout != "home":
        return (Paragraph(text=page.lead, size="large"), *page.blocks)
    return page.blocks


def _pager(look: Look, index: int, count: int, width: float, height: float, turn: Callable[[int], None]) -> Panel:
    row = Panel(width)
    wide = 340
    for place, key, sign in ((0, "previous", "caret-left"), (1, "next", "caret-right")):
        target = index + (1 if place else -1)
        action = Action(
            id=f"screens.{key}", label=text(f"screens.{key}"), icon=sign, enabled=0 <= target < count, style="secondary"
        )
        made = button(look, action, wide, height)
        made.tapped = lambda target=target: turn(target)
        row.put(made, place * (width - wide), 0)
    words = look.second(same(f"{index + 1} / {count}"), "large")
    row.put_middle(words, wide, 0, width - 2 * wide, height)
    return row.finish(height)


def _growth(look: Look, room: float, pager: float) -> float:
    """How high the keys are: higher where the whole content leaves room, lower where a field alone would not fit."""
    if not look.focused:
        return 1.0
    wanted = natural(look, _blocks(look), theme.CONTENT) * _AIR + _FOOT
    for growth in _LARGER:
        if wanted + _reserved(look, growth) <= room:
            return growth
    least = max(natural(look, (field,), theme.CONTENT) for field in _fields(look.page)) + _FOOT + pager
    return next((each for each in _SMALLER if least + _reserved(look, each) <= room), _SMALLER[-1])


def _reserved(look: Look, growth: float) -> float:
    """What the keys take at most, whichever field is typed in: turning to another one cuts nothing anew."""
    return max(keyboard_height(look, field, growth) for field in _fields(look.page)) if look.focused else 0


def _keys(look: Look, sheet: tuple[Block, ...], growth: float) -> Panel | None:
    """The keyboard of the focused field, where that can be seen."""
    focused = next((b for b in sheet if isinstance(b, Field) and b.name == look.focused), None)
    return keyboard(look, focused, growth) if focused else None


def _fields(page: Page) -> list[Field]:
    return [block for block in page.blocks if isinstance(block, Field)]


def _titled(look: Look) -> bool:
    heroes = [b for b in look.page.blocks if isinstance(b, Hero)]
    return not any(h.title == look.page.title for h in heroes) or bool(look.page.steps)
