"""The home frame: brand header with place, clock and chips; settings bar at the bottom."""

from __future__ import annotations

from kivy.clock import Clock as Ticks

from kiosk.clock import Clock, local
from kiosk.pages import Action
from screens import paint, theme
from screens.look import Look
from screens.panel import Panel, Target
from screens.words import Words, icon

_BAND = 480
_BADGE = 92
_NAVY, _LIGHT = theme.shades("")[2:]


def header(look: Look, clock: Clock) -> tuple[Panel, float]:
    """The brand header, and where the content begins: the first card overlaps the lower part."""
    head = Panel(theme.WIDTH)
    time = Time(look, clock)
    left = theme.MARGIN + _BADGE + 24
    room = theme.WIDTH - theme.MARGIN - time.width - 24 - left
    title = look.words(look.page.title, "display", colour=theme.WHITE, bold=True, width=room, lines=1, floor="large")
    place = look.second(look.page.lead, "caption", dark=True, width=room)
    high = max(title.height + place.height, time.height, _BADGE)
    top = 34.0
    head.put(_badge(look), theme.MARGIN, top + (high - _BADGE) / 2)
    head.put(title, left, top + (high - title.height - place.height) / 2)
    head.put(place, left, top + (high + title.height - place.height) / 2)
    head.put_live(time, theme.WIDTH - theme.MARGIN - time.width, top + (high - time.height) / 2)
    y = top + high + 24
    if look.page.chips:
        from screens.frames.chips import chips_row

        chips = chips_row(look, theme.CONTENT)
        head.put(chips, theme.MARGIN, y)
        y += chips.height + 20
    if look.settings.low_reach:
        y = max(y, look.metrics.reach_top)
    band = Panel(theme.WIDTH, y if look.centred else max(_BAND, y + 60))  # nothing lies over it where a sign stands
    band.picture(paint.header(theme.WIDTH, int(band.height), _NAVY, _LIGHT))
    band.put(head.finish(y), 0, 0)
    return band.finish(band.height), y + (30 if look.centred else 0)


def settings_bar(look: Look) -> Panel | None:
    """One cell per action: icon above its word."""
    actions = look.page.actions
    if not actions:
        return None
    bar = Panel(theme.WIDTH)
    bar.card(theme.WHITE, 2)
    wide = theme.WIDTH / len(actions)
    cells = [_cell(look, action, wide) for action in actions]
    height = max(156, *(c.height for c in cells))
    for number, cell in enumerate(cells):
        bar.put(cell.finish(height), number * wide, 0)
    return bar.finish(height)


def _cell(look: Look, action: Action, width: float) -> Target:
    ink = theme.RED if action.style == "exit" or action.icon == "headset" else theme.BLUE
    ink = ink if action.enabled else theme.DISABLED
    sign = icon(action.icon or "circle", 58, ink, bold=True)
    word_ink = theme.INK if action.enabled else theme.DISABLED
    words = look.words(
        action.label, "caption", colour=word_ink, width=width - 12, lines=1, floor="caption", align="center"
    )
    cell = Target(width, 0, look.tap(action), enabled=action.enabled, label=look.say(action.label))
    cell.put(sign, (width - sign.width) / 2, 22)
    cell.put(words, (width - words.width) / 2, 22 + sign.height + 2)
    cell.height = 22 + sign.height + 2 + words.height + 16
    return cell


def _badge(look: Look) -> Panel:
    """The emblem; for who knows it, the way in for technicians."""
    brand = look.page.brand
    badge = Target(_BADGE, _BADGE, look.tap(brand), label=look.say(brand.label)) if brand else Panel(_BADGE, _BADGE)
    if isinstance(badge, Target):
        badge.rapid = True
    badge.fill((1, 1, 1, 0.16), _BADGE // 2)
    badge.put_middle(icon("shield-check", 58, theme.GOLD, fill=True), 0, 0, _BADGE, _BADGE)
    return badge.finish(_BADGE)


class Time(Panel):
    """The clock: hours and minutes, the date beneath; drawn anew once a minute."""

    def __init__(self, look: Look, clock: Clock) -> None:
        widest = max(
            look.second(_date(look, month, 28, day), "caption").width for month in (9, 12) for day in range(1, 8)
        )
        hours = Words("00:00", look.type("display"), bold=True).width
        super().__init__(max(hours, widest), look.type("display") * 1.45 + look.type("caption") * 1.5)
        self._look = look
        self._clock = clock
        self._ticking = None
        self._shown = ""
        self._draw()

    def start(self) -> None:
        """Look at the clock every second."""
        self._ticking = Ticks.schedule_interval(lambda _dt: self._draw(), 1)

    def stop(self) -> None:
        """No longer look."""
        if self._ticking is not None:
            self._ticking.cancel()

    def _draw(self) -> None:
        now = local(self._clock.now())
        # A time that nothing proves is not shown as one.
        said = now.strftime("%H:%M") if self._clock.knows_date else ""
        if said == self._shown:
            return
        self._shown = said
        self.clear_widgets()
        if not said:
            return
        time = Words(said, self._look.type("display"), colour=theme.WHITE, bold=True)
        date = _date(self._look, now.month, now.day, now.isoweekday())
        below = self._look.second(date, "caption", dark=True)
        time.pos = (self.width - time.width, self.height - time.height)
        below.pos = (self.width - below.width, time.y - below.height)
        self.hold(time)
        self.hold(below)


def _date(look: Look, month: int, day: int, weekday: int) -> str:
    weekday_name = look.ui(f"weekday_{weekday}")
    return look.ui("date", month=month, day=day, month_name=look.ui(f"month_{month}"), weekday=weekday_name)
