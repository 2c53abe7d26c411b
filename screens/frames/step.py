"""The header of a step: icon and title, countdown ring, chips, dots. In the colour of its police line."""

from __future__ import annotations

from collections.abc import Collection

from kiosk.pages import Action
from screens import paint, theme
from screens.frames.chips import chips_row
from screens.frames.ring import SIDE, Ring
from screens.frames.steps import dots
from screens.look import Look
from screens.panel import Panel, Target
from screens.words import icon

_SIGN = 88
_HELP = 112
_LEAST_LARGE = 0.92


def header(
    look: Look, *, titled: bool = True, crowded: bool = False, without: Collection[str] = ()
) -> tuple[Panel, Ring]:
    """The header and its ring; in low reach it grows until everything beneath is within a seated person's reach.

    It grows a little more for the look of it, unless the page is ``crowded``. ``without``: ``steps``, ``chips``.
    """
    page = look.page
    head = Panel(theme.WIDTH)
    ring = Ring(look.type("body"))
    left = theme.MARGIN + _SIGN + 24
    right = theme.WIDTH - theme.MARGIN - SIDE
    aid = _help(look, page.help) if page.help else None
    if aid:
        right -= aid.width + 20
    room = right - 24 - left
    top = 34.0
    named = page.line.name and not (titled and page.line.name == page.title)
    line = look.second(page.line.name, "caption", dark=True, width=room) if named else None
    # Large type takes a second line rather than becoming small again.
    least = round(look.type("title") * _LEAST_LARGE) if look.metrics.elder else "large"
    title = (
        look.words(page.title, "title", colour=theme.WHITE, bold=True, width=room, lines=1, floor=least)
        if titled
        else None
    )
    block = (line.height if line else 0) + (title.height if title else 0)
    high = max(block, SIDE, aid.height if aid else 0)
    y = top + (high - block) / 2
    for words in (line, title):
        if words:
            head.put(words, left, y)
            y += words.height
    head.put(_sign(look), theme.MARGIN, top + (high - _SIGN) / 2)
    if aid:
        head.put(aid, right, top + (high - aid.height) / 2)
    head.put_live(ring, theme.WIDTH - theme.MARGIN - SIDE, top + (high - SIDE) / 2)
    y = top + high + 24
    if page.chips and "chips" not in without:
        chips = chips_row(look, theme.CONTENT)
        head.put(chips, theme.MARGIN, y)
        y += chips.height + 24
    if page.steps and "steps" not in without:
        row = dots(look, theme.CONTENT)
        head.put(row, theme.MARGIN, y + 4)
        y += row.height + 28
    head.finish(y)
    if look.settings.low_reach:
        y = max(y, look.metrics.reach_top, 0 if crowded else theme.HEIGHT * 0.3)
    band = Panel(theme.WIDTH, y)
    if page.layout != "full":
        band.picture(paint.header(theme.WIDTH, int(y), *theme.shades(page.line.colour)[2:]))
    band.put(head, 0, y - head.height)
    return band.finish(y), ring


def backdrop(look: Look, height: float) -> Panel:
    """What a full page stands on: the header's colours all the way down."""
    panel = Panel(theme.WIDTH, height)
    panel.picture(paint.header(theme.WIDTH, int(height), *theme.shades(look.page.line.colour)[2:]))
    return panel.finish(height)


def _help(look: Look, action: Action) -> Target:
    """The way to settings and to a human being, on every page at the same place."""
    sign = icon(action.icon, 46, theme.WHITE, bold=True)
    words = look.words(action.label, "caption", colour=theme.WHITE, width=160, lines=1, floor="caption", align="center")
    height = max(SIDE, sign.height + words.height + 16)
    made = Target(max(_HELP, words.width + 24), height, look.tap(action), label=look.say(action.label))
    made.fill((1, 1, 1, 0.14), 24)
    gap = (height - sign.height - words.height) / 2
    made.put(sign, (made.width - sign.width) / 2, gap)
    made.put(words, (made.width - words.width) / 2, gap + sign.height)
    made.finish(height)
    return made


def _sign(look: Look) -> Panel:
    sign = Panel(_SIGN, _SIGN)
    sign.fill((1, 1, 1, 0.18), 20)
    name = look.page.icon or look.page.line.icon or "shield-check"
    sign.put_middle(icon(name, 54, theme.WHITE, fill=True), 0, 0, _SIGN, _SIGN)
    return sign.finish(_SIGN)
