"""The receipt number in groups of four, and its QR code."""

from __future__ import annotations

from io import BytesIO

import segno
from PIL import Image

from kiosk.pages import Receipt
from screens import paint, theme
from screens.look import Look
from screens.panel import Panel
from screens.words import NO_BREAK, Words

_PAD = 34
_QR = 236
_LEAST = "caption"


def draw(block: Receipt, look: Look, width: float) -> Panel:
    """The number on one line, as large as it fits; label and note beside the QR code."""
    panel = Panel(width)
    panel.card()
    pad = look.gap(_PAD)
    qr = _code(block.qr, round(_QR * look.metrics.roomy)) if block.qr else None
    room = width - 2 * _PAD - (qr.width + 30 if qr else 0)
    label = look.second(block.label, "body", width=room)
    number = look.words(_unbroken(block.number), "title", bold=True)
    beside = number.width <= room
    if not beside:
        number = number_words(look, block.number, "large", width - 2 * _PAD)
    note = look.second(block.note, "body", width=room) if block.note else None
    y = pad
    for words in () if beside else (label, number):
        panel.put(words, _PAD, y)
        y += words.height + 8
    top = y
    for words in (label, number, note) if beside else (note,):
        if words:
            panel.put(words, _PAD, y)
            y += words.height + 8
    high = max(y - 8 - top, qr.height if qr else 0)
    if qr:
        panel.put(qr, width - _PAD - qr.width, top + (high - qr.height) / 2)
    return panel.finish(top + high + pad)


def number_words(look: Look, number: str, size: str, width: float) -> Words:
    """A receipt number in groups of four on one line: its type shrinks before it breaks."""
    return look.words(_unbroken(number), size, bold=True, width=width, lines=1, floor=_LEAST)


def _unbroken(number: str) -> str:
    return grouped(number).replace(" ", NO_BREAK)


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
