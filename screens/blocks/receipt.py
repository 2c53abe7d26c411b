"""The receipt number in groups of four, and its QR code."""

from __future__ import annotations

from io import BytesIO

import segno
from PIL import Image

from kiosk.pages import Receipt
from screens import paint, theme
from screens.look import Look
from screens.panel import Panel

_PAD = 34
_QR = 236


def draw(block: Receipt, look: Look, width: float) -> Panel:
    """Number left, QR code right, a note beneath."""
    panel = Panel(width)
    panel.card()
    pad = look.gap(_PAD)
    qr = _code(block.qr, round(_QR * look.metrics.roomy)) if block.qr else None
    room = width - 2 * _PAD - (qr.width + 30 if qr else 0)
    y = pad
    label = look.second(block.label, "body", width=room)
    number = look.words(grouped(block.number), "title", bold=True, width=room)
    panel.put(label, _PAD, y)
    y += label.height + 8
    panel.put(number, _PAD, y)
    y += number.height + 8
    if block.note:
        note = look.second(block.note, "body", width=room)
        panel.put(note, _PAD, y + 4)
        y += note.height + 4
    height = max(y + pad, (qr.height + 2 * pad) if qr else 0)
    if qr:
        panel.put(qr, width - _PAD - qr.width, (height - qr.height) / 2)
    return panel.finish(height)


def grouped(number: str) -> str:
    """``number`` in groups of four, as people read and dictate it; one that has its own groups stays."""
    if any(c in number for c in " -"):
        return number
    return " ".join(number[i : i + 4] for i in range(0, len(number), 4))


def _code(content: str, side: int) -> Panel:
    stream = BytesIO()
    segno.make(content, error="m", micro=False).save(stream, kind="png", scale=1, border=2)
    image = Image.open(stream).convert("RGBA")
    times = max(1, side // image.width)
    image = image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST)
    panel = Panel(side, side)
    panel.frame(theme.RULE, 16, 3)
    offset = (side - image.width) / 2
    panel.picture(paint.texture(image), (offset, offset, image.width, image.height))
    return panel.finish(side)
