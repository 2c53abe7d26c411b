"""A whole page: frame, blocks, keyboard, action bar, put together for one look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kiosk.clock import Clock
from kiosk.pages import Action, Field, Hero, Paragraph
from kiosk.text import same, text
from screens import theme
from screens.buttons import button
from screens.frames import home, step
from screens.frames.bar import action_bar
from screens.frames.ring import Ring
from screens.keyboard import keyboard
from screens.look import Look
from screens.panel import Panel
from screens.stack import arrange, sheets

_PAD = 30


@dataclass
class Drawn:
    """A page ready to be mounted; ``count`` is how many sheets its blocks need."""

    root: Panel
    ring: Ring | None
    index: int
    count: int


def draw(look: Look, clock: Clock, index: int, turn: Callable[[int], None]) -> Drawn:
    """Draw sheet ``index`` of the look's page; ``turn`` is called with the number of another sheet."""
    root = Panel(theme.WIDTH, theme.HEIGHT)
    root.fill(theme.PAGE)
    at_home = look.page.layout == "home"
    ring = None
    if at_home:
        head = home.header(look, clock)
        bar = home.settings_bar(look)
        top = head.content_top
    else:
        head, ring = step.header(look, titled=_titled(look))
        bar = action_bar(look)
        top = head.height + _PAD
    keys = _keys(look)
    bottom = float(theme.HEIGHT)
    feet: list[tuple[Panel, float]] = []
    for foot in (bar, keys):
        if foot is not None:
            bottom -= foot.height
            feet.append((foot, bottom))
    root.put(head, 0, 0)
    drawn = _content(root, look, top, bottom - 24 - top, index, turn)
    for foot, y in feet:
        root.put(foot, 0, y)
    root.finish(theme.HEIGHT)
    return Drawn(root, ring, *drawn)


def _content(
    root: Panel, look: Look, top: float, height: float, index: int, turn: Callable[[int], None]
) -> tuple[int, int]:
    blocks = look.page.blocks
    if look.page.lead and look.page.layout != "home":
        blocks = (Paragraph(text=look.page.lead, size="large"), *blocks)
    high = look.metrics.button
    cut = sheets(look, blocks, theme.CONTENT, height, high + 24) if blocks else [()]
    index = min(index, len(cut) - 1)
    if len(cut) > 1:
        height -= high + 24
        root.put(_pager(look, index, len(cut), high, turn), theme.MARGIN, top + height + 24)
    if cut[index]:
        root.put(arrange(look, cut[index], theme.CONTENT, height, centred=look.page.layout == "full"), theme.MARGIN, top)
    return index, len(cut)


def _pager(look: Look, index: int, count: int, height: float, turn: Callable[[int], None]) -> Panel:
    row = Panel(theme.CONTENT)
    wide = 340
    for place, key, sign in ((0, "previous", "caret-left"), (1, "next", "caret-right")):
        target = index + (1 if place else -1)
        action = Action(
            id=f"screens.{key}", label=text(f"screens.{key}"), icon=sign, enabled=0 <= target < count, style="secondary"
        )
        made = button(look, action, wide, height)
        made.tapped = lambda target=target: turn(target)
        row.put(made, place * (theme.CONTENT - wide), 0)
    words = look.second(same(f"{index + 1} / {count}"), "large")
    row.put_middle(words, wide, 0, theme.CONTENT - 2 * wide, height)
    return row.finish(height)


def _keys(look: Look) -> Panel | None:
    fields = [b for b in look.page.blocks if isinstance(b, Field)]
    focused = next((f for f in fields if f.name == look.focused), None)
    return keyboard(look, focused) if focused else None


def _titled(look: Look) -> bool:
    heroes = [b for b in look.page.blocks if isinstance(b, Hero)]
    return not any(h.title == look.page.title for h in heroes) or bool(look.page.steps)
