"""An image shown as it is."""

from __future__ import annotations

from io import BytesIO

from PIL import Image

from kiosk.pages import Picture
from screens import paint
from screens.look import Look
from screens.panel import Panel

LEAST = 420


def draw(block: Picture, look: Look, width: float, height: float) -> Panel:
    """The image in a white card, as large as the room allows, its words beneath."""
    words = look.second(block.label, "body", width=width - 60, align="center") if block.label else None
    foot = words.height + 16 if words else 0
    image = Image.open(BytesIO(block.data)).convert("RGBA")
    scale = min((width - 60) / image.width, (max(height, LEAST) - 60 - foot) / image.height, 3)
    wide, high = image.width * scale, image.height * scale
    panel = Panel(width)
    panel.card()
    panel.picture(paint.texture(image), ((width - wide) / 2, 30, wide, high))
    if words:
        panel.put(words, (width - words.width) / 2, 30 + high + 12)
    return panel.finish(high + 60 + foot)
