"""A whole page: frame, blocks, keyboard, action bar, put together for one look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kiosk.clock import Clock
from kiosk.pages import Action, Block, Field, Hero, Paragraph
from kiosk.text import same, text
from screens import theme
from screens.buttons import button
from screens.frames import home, step
from screens.frames.bar import action_bar
from screens.frames.ring import Ring
from screens.keyboard import keyboard
from screens.look import Look
from screens.panel import Panel
from screens.stack import arrange, natural, sheets

_PAD, _FOOT = 30, 24
_INSET = 44
_AIR = 1.5  # how much more than its natural height a form may take beside a larger keyboard


@dataclass
class Drawn:
    """A page ready to be mounted; ``count`` is how many sheets its blocks need."""

    root: Panel
    ring: Ring | None
    index: int
    count: int


def draw(look: Look, clock: Clock, index: int, turn: Callable[[int], None]) -> Drawn:
    """Draw sheet ``index`` of the look's page, -1: the one with the field that is typed in.

    ``turn`` is called with the number of another sheet.
    """
    root = Panel(theme.WIDTH, theme.HEIGHT)
    root.fill(theme.PAGE)
    head, ring, top = _head(look, clock)
    bar = home.settings_bar(look) if look.page.layout == "home" else action_bar(look)
    bottom = theme.HEIGHT - (bar.height if bar else 0)
    keys = _keys(look, bottom - top)
    if look.page.layout == "full":
        root.put(step.backdrop(look, bottom), 0, 0)
    root.put(head, 0, 0)
    inset = 0
    if look.page.layout == "full":
        root.card(theme.WHITE, 36, (theme.MARGIN, top, theme.CONTENT, bottom - 44 - top))
        inset = _INSET
        top, bottom = top + inset, bottom - 44 - inset + _FOOT
    below = bottom - (keys.height if keys else 0)
    content = _content(
        root, look, (theme.MARGIN + inset, top, theme.CONTENT - 2 * inset, below - _FOOT - top), index, turn
    )
    if keys:
        root.put(keys, 0, below)
    if bar:
        index, count = content
        root.put(_going_on(look, bar, turn, index, count), 0, theme.HEIGHT - bar.height)
    root.finish(theme.HEIGHT)
    return Drawn(root, ring, *content)


def _going_on(look: Look, bar: Panel, turn: Callable[[int], None], index: int, count: int) -> Panel:
    """The bar of this sheet: nobody agrees to what stands on a later one, so forward leads there first."""
    if index + 1 >= count or not any(action.style == "primary" for action in look.page.actions):
        return bar
    found = action_bar(look, lambda: turn(index + 1))
    return found.finish(bar.height) if found else bar


def _head(look: Look, clock: Clock) -> tuple[Panel, Ring | None, float]:
    """The frame's header, its ring, and where the content begins."""
    if look.page.layout == "home":
        head, top = home.header(look, clock)
        return head, None, top
    head, ring = step.header(look, titled=_titled(look))
    return head, ring, head.height + _PAD


def _content(
    root: Panel, look: Look, box: tuple[float, float, float, float], index: int, turn: Callable[[int], None]
) -> tuple[int, int]:
    x, y, width, height = box
    blocks = _blocks(look)
    high = look.metrics.button
    cut = sheets(look, blocks, width, height, high + _FOOT) if blocks else [()]
    if index < 0:
        index = next((at for at, sheet in enumerate(cut) if _is_on(look.focused, sheet)), 0)
    index = min(index, len(cut) - 1)
    if len(cut) > 1:
        height -= high + _FOOT
        root.put(_pager(look, index, len(cut), width, high, turn), x, y + height + _FOOT)
    if cut[index]:
        root.put(arrange(look, cut[index], width, height, centred=look.page.layout == "full"), x, y)
    return index, len(cut)


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


def _keys(look: Look, room: float) -> Panel | None:
    """The keyboard of the focused field, with keys as high as the content leaves room for."""
    fields = [b for b in look.page.blocks if isinstance(b, Field)]
    focused = next((f for f in fields if f.name == look.focused), None)
    if focused is None:
        return None
    wanted = natural(look, _blocks(look), theme.CONTENT) * _AIR + _FOOT
    for growth in (1.4, 1.2):
        keys = keyboard(look, focused, growth)
        if wanted + keys.height <= room:
            return keys
    return keyboard(look, focused)


def _titled(look: Look) -> bool:
    heroes = [b for b in look.page.blocks if isinstance(b, Hero)]
    return not any(h.title == look.page.title for h in heroes) or bool(look.page.steps)
