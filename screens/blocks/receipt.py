"""The receipt number in groups of four, and its QR code."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import segno
from PIL import Image

from kiosk.pages import Receipt
from screens import paint, theme
from screens.look import Look
from screens.panel import Panel
from screens.words import NO_BREAK, Words

_PAD = 34
_QR, _QR_TO_SCAN = 236, 420
_GAP, _LINE_GAP = 30, 8
_EASY, _LEAST = "body", "caption"


def draw(block: Receipt, look: Look, width: float) -> Panel:
    """The number on one line; beside the QR code if it can stand there in type that is easily read, else above it."""
    panel = Panel(width)
    panel.card()
    pad = look.gap(_PAD)
    qr = _code(block.qr, round((_QR_TO_SCAN if block.to_scan else _QR) * look.metrics.roomy)) if block.qr else None
    whole = width - 2 * _PAD
    room = whole - (qr.width + _GAP if qr else 0)
    beside = look.words(_unbroken(block.number), _EASY, bold=True).width <= room
    number = number_words(look, block.number, "title" if beside else "large", room if beside else whole)
    label = look.second(block.label, "body", width=room if beside else whole)
    note = look.second(block.note, "body", width=room) if block.note else None
    y = pad if beside else pad + _column(panel, (label, number), _PAD, pad) + _GAP / 2
    words = [w for w in ((label, number, note) if beside else (note,)) if w]
    high = max(_high(words), qr.height if qr else 0)
    # Beneath the number code and note stand together at its beginning; beside it the code stands at the card's end.
    left = _PAD if beside or not qr else _PAD + qr.width + _GAP
    _column(panel, words, left, y + (high - _high(words)) / 2)
    if qr:
        panel.put(qr, width - _PAD - qr.width if beside else _PAD, y + (high - qr.height) / 2)
    return panel.finish(y + high + pad)


def _column(panel: Panel, words: Sequence[Words], x: float, y: float) -> float:
    """Put ``words`` one beneath the other; how high they are."""
    for each in words:
        panel.put(each, x, y)
        y += each.height + _LINE_GAP
    return _high(words)


def _high(words: Sequence[Words]) -> float:
    return sum(w.height + _LINE_GAP for w in words) - _LINE_GAP if words else 0


def number_words(look: Look, number: str, size: str, width: float) -> Words:
    """A receipt number in groups of four on one line: its type shrinks before it breaks."""
    return look.words(_unbroken(number), size, bold=True, width=width, lines=1, floor=_LEAST)


def _unbroken(number: str) -> str:
    return grouped(number).replace(" ", NO_BREAK)


def grouped(number: str) -> str:
    """``number`` in groups of four, as people read and dictate it; one that has its own groups stays."""
    if any(c in number for c in " -:"):
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
