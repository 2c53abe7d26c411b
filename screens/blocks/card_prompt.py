"""The white card "put your ID card on the reader", with a drawn card."""

from __future__ import annotations

from functools import cache

from kivy.graphics.texture import Texture
from PIL import Image, ImageDraw, ImageFilter

from kiosk.pages import CardPrompt
from screens import paint, theme
from screens.look import Look
from screens.panel import Panel, Target
from screens.words import icon

_PAD = 40
_ART = (290, 220)


def draw(block: CardPrompt, look: Look, width: float) -> Panel:
    """Words left, the drawn card right, buttons beneath the words, and why one of them is grey."""
    panel = Panel(width)
    panel.card(radius=28)
    room = width - 2 * _PAD - _ART[0] - 20
    title = look.words(block.title, "title", bold=True, width=room, lines=2, floor="large")
    panel.put(title, _PAD, look.gap(38))
    y = look.gap(38) + title.height + 10
    lead = look.second(block.lead, "body", width=room)
    panel.put(lead, _PAD, y)
    y += lead.height + look.gap(26)
    art_top = (y - _ART[1]) / 2 + 14
    if block.actions:
        y = _buttons(panel, block, look, y) + 4
    art = Panel(*_ART)
    art.picture(_card_art(*_ART))
    panel.put(art.finish(_ART[1]), width - _ART[0] - 26, max(18, art_top))
    return panel.finish(max(y + look.gap(34), _ART[1] + 40))


def _buttons(panel: Panel, block: CardPrompt, look: Look, y: float) -> float:
    height = max(look.metrics.touch, 88)
    x = float(_PAD)
    for action in block.actions:
        ink = theme.BLUE if action.enabled else theme.DISABLED
        words = look.words(action.label, "body", colour=ink)
        sign = icon(action.icon or "hand-pointing", round(look.type("body") * 1.2), ink, bold=True)
        wide = sign.width + words.width + 14 + 64
        if x > _PAD and x + wide > panel.width - _PAD:
            x, y = float(_PAD), y + height + 14
        made = Target(wide, height, look.tap(action), enabled=action.enabled, label=look.say(action.label))
        made.radius = height // 2
        made.fill(theme.BLUE_TINT if action.enabled else theme.GREY_TINT, height // 2)
        made.put(sign, 32, (height - sign.height) / 2)
        made.put(words, 32 + sign.width + 14, (height - words.height) / 2)
        panel.put(made.finish(height), x, y)
        x += wide + 20
    bottom = y + height
    for reason in dict.fromkeys(action.reason for action in block.actions if not action.enabled and action.reason):
        why = look.words(reason, "caption", colour=theme.DISABLED, width=panel.width - 2 * _PAD)
        if x + why.width <= panel.width - _ART[0] - 26:  # beside the last button, as long as there is room
            panel.put_middle(why, x, y, why.width, height)
            x += why.width + 20
            continue
        panel.put(why, _PAD, bottom + 8)
        bottom += 8 + why.height
    return bottom


@cache
def _card_art(width: int, height: int) -> Texture:
    over = 2
    size = (width * over, height * over)
    card = Image.new("RGBA", size, (214, 227, 252, 0))  # no dark fringe when it is turned
    draw = ImageDraw.Draw(card)
    box = (28 * over, 30 * over, (width - 28) * over, (height - 34) * over)
    draw.rounded_rectangle(box, 18 * over, fill=(214, 227, 252, 255))
    left, top = box[0] + 26 * over, box[1] + 26 * over
    for number, wide in enumerate((92, 66, 104, 150)):
        y = top + number * 30 * over
        draw.rounded_rectangle((left, y, left + wide * over, y + 12 * over), 6 * over, fill=(122, 160, 238, 255))
    right, face = box[2] - 24 * over, top - 6 * over
    draw.rounded_rectangle((right - 70 * over, face, right, face + 84 * over), 10 * over, fill=(255, 255, 255, 255))
    draw.ellipse((right - 49 * over, face + 14 * over, right - 21 * over, face + 42 * over), fill=(88, 136, 232, 255))
    draw.pieslice(
        (right - 60 * over, face + 46 * over, right - 10 * over, face + 106 * over), 180, 360, fill=(88, 136, 232, 255)
    )
    card = card.rotate(-7, Image.Resampling.BICUBIC)
    card = card.reduce(over)
    alpha = card.getchannel("A").filter(ImageFilter.GaussianBlur(9)).point(lambda a: a * 0.35)
    shade = Image.new("RGBA", card.size, (16, 42, 120, 0))
    shade.putalpha(alpha)
    base = Image.new("RGBA", card.size, (0, 0, 0, 0))
    base.alpha_composite(shade, (0, 8))
    base.alpha_composite(card)
    return paint.texture(base)
